//! How long the system took to come back after each heal.

use std::collections::BTreeSet;

use crate::history::nemesis::{Said, Strike};
use crate::history::{Event, History, Level, Name, Operation, Type};
use crate::models::{Model, Proves};

#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Recovery {
    pub fault: Name,
    pub overlay: u64,
    /// When the heal was confirmed, on the history's clock.
    pub healed_ns: u64,
    /// From the heal to the first ok of an operation invoked after it. None: none came.
    pub first_ok_ns: Option<u64>,
}

/// Every heal of the history, in order, with its recovery.
pub(crate) fn measure(history: &History, oks: &Acknowledged) -> Vec<Recovery> {
    let recovery = |strike: &Strike<'_>| {
        let (healed_ns, overlay) = (strike.healed.as_ref()?.0.time()?, strike.start.overlay?);
        let first_ok_ns = oks.first_invoked_after(healed_ns).map(|ok| ok - healed_ns);
        Some(Recovery { fault: strike.fault.clone(), overlay, healed_ns, first_ok_ns })
    };
    let said = Said::of(history.events());
    let mut recoveries: Vec<Recovery> = said.strikes.iter().filter_map(recovery).collect();
    recoveries.sort_by_key(|recovery| recovery.healed_ns);
    recoveries
}

/// The ok operations that prove progress, as the model's row says. Of decisions the first answer
/// for each key: what is decided can be repeated by anyone who knows it. Only where nothing is left
/// to decide, such an answer is all that can be had. Where no model is known, all but local reads,
/// which need nobody else.
pub struct Acknowledged {
    /// Times of return, ascending.
    pub returns: Vec<u64>,
    /// (time of invocation, earliest return of any operation invoked then or later), ascending.
    first_after: Vec<(u64, u64)>,
}

impl Acknowledged {
    pub fn of(history: &History, model: Option<&Model>) -> Self {
        let telling = telling_answers(history, model);
        let spans = history
            .operations()
            .iter()
            .filter(|op| history.outcome(op) == Type::Ok)
            .filter(|op| match proves(model, history.invoke(op)) {
                Proves::Nothing => false,
                Proves::Progress => true,
                Proves::ProgressOnce => telling.contains(&op.ret()),
            })
            .filter_map(|op| Some((history.invoke(op).time()?, history.ret(op)?.time()?)));
        Self::new(spans.collect())
    }

    pub fn new(mut spans: Vec<(u64, u64)>) -> Self {
        let mut returns: Vec<u64> = spans.iter().map(|span| span.1).collect();
        returns.sort_unstable();
        spans.sort_unstable();
        let mut earliest = u64::MAX;
        for span in spans.iter_mut().rev() {
            earliest = earliest.min(span.1);
            span.1 = earliest;
        }
        Acknowledged { returns, first_after: spans }
    }

    /// The first return of an operation invoked after this time.
    pub fn first_invoked_after(&self, time: u64) -> Option<u64> {
        let at = self.first_after.partition_point(|(invoke, _)| *invoke <= time);
        self.first_after.get(at).map(|(_, ret)| *ret)
    }
}

/// What an ok to this question proves of progress.
pub fn proves(model: Option<&Model>, asked: &Event) -> Proves {
    match model {
        Some(model) => model.proves(asked),
        None if asked.level() == Some(Level::Local) => Proves::Nothing,
        None => Proves::Progress,
    }
}

/// Of what proves progress once for each key: the places of the first ok for each, and of those
/// that come while all that was asked for is decided.
fn telling_answers(history: &History, model: Option<&Model>) -> BTreeSet<Option<usize>> {
    let mut events = Vec::new();
    let once = |op: &&Operation| proves(model, history.invoke(op)) == Proves::ProgressOnce;
    for op in history.operations().iter().filter(once) {
        let key = history.invoke(op).key();
        events.push((op.invoke(), false, key));
        if let (Type::Ok, Some(ret)) = (history.outcome(op), op.ret()) {
            events.push((ret, true, key));
        }
    }
    events.sort_unstable_by_key(|(at, ..)| *at);
    let (mut asked, mut decided) = (BTreeSet::new(), BTreeSet::new());
    let mut telling = BTreeSet::new();
    for (at, answers, key) in events {
        if !answers {
            asked.insert(key);
        } else if decided.insert(key) || decided.len() == asked.len() {
            telling.insert(Some(at));
        }
    }
    telling
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models;

    fn history(lines: &str) -> History {
        History::parse(lines.as_bytes()).unwrap().0
    }

    const RUN: &str = r#"
{"time":0,"process":0,"type":"invoke","f":"append","value":1}
{"time":5,"process":0,"type":"ok","f":"append","offset":0}
{"time":10,"process":"nemesis","type":"info","f":"crash","value":{"phase":"start","overlay":1,"strike":0}}
{"time":11,"process":0,"type":"invoke","f":"append","value":2}
{"time":20,"process":"nemesis","type":"info","f":"crash","value":{"phase":"heal","overlay":1,"effective":true}}
{"time":21,"process":1,"type":"invoke","f":"append","value":3}
{"time":22,"process":0,"type":"ok","f":"append","offset":1}
{"time":25,"process":2,"type":"invoke","f":"append","value":4}
{"time":26,"process":3,"type":"invoke","f":"read","level":"local"}
{"time":27,"process":3,"type":"ok","f":"read","value":[],"level":"local"}
{"time":28,"process":4,"type":"invoke","f":"tail"}
{"time":29,"process":4,"type":"ok","f":"tail","tail":2}
{"time":30,"process":2,"type":"ok","f":"append","offset":2}
{"time":40,"process":1,"type":"ok","f":"append","offset":3}
"#;

    #[test]
    fn recovery_counts_operations_invoked_after_the_heal() {
        let history = history(RUN);
        let measured = measure(&history, &Acknowledged::of(&history, models::asked(&history)));
        assert_eq!(measured.len(), 1);
        assert_eq!((&*measured[0].fault, measured[0].healed_ns), ("crash", 20));
        assert_eq!(measured[0].first_ok_ns, Some(10));
    }

    #[test]
    fn what_is_decided_already_is_no_progress() {
        let line = |time: u64, kind: &str, key: &str| {
            format!(
                r#"{{"time":{time},"process":1,"type":"{kind}","f":"propose","key":"{key}","value":1}}"#
            )
        };
        let both = |time: u64, key: &str| {
            format!("{}\n{}\n", line(time, "invoke", key), line(time + 1, "ok", key))
        };
        let known = both(10, "a") + &both(20, "a") + &both(30, "a");
        let waits = line(5, "invoke", "b").replace(r#""process":1"#, r#""process":2"#) + "\n";
        let answered = line(45, "ok", "b").replace(r#""process":1"#, r#""process":2"#);
        let returns = |text: &str| {
            let history = history(text);
            Acknowledged::of(&history, models::asked(&history)).returns
        };
        assert_eq!(returns(&(waits.clone() + &known)), [11], "somebody waits for a decision");
        assert_eq!(returns(&(waits + &known + &answered)), [11, 45]);
        assert_eq!(returns(&known), [11, 21, 31], "nothing is left to decide");
    }
}
