//! How long the system took to come back after each heal, and when nothing was acknowledged.
//! It never says whether that was good enough.

use std::collections::{BTreeMap, BTreeSet};

use crate::history::{Event, History, Level, Name, Type, Value, nemesis};
use crate::models::consensus;

/// One heal, and what came after it.
#[derive(Clone, PartialEq, Debug)]
pub struct Recovery {
    /// The fault's kind.
    pub fault: Name,
    /// The overlay that was healed.
    pub overlay: u64,
    /// The plan's strike it belonged to.
    pub strike: Option<u64>,
    /// When it was applied, on the history's clock.
    pub started_ns: u64,
    /// When the heal was confirmed, on the history's clock.
    pub healed_ns: u64,
    /// From the heal to the first ok of an operation invoked after it. None: none came.
    pub first_ok_ms: Option<f64>,
}

/// A window in which nothing was acknowledged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Silence {
    /// The last ok before it (or the first invocation), on the history's clock.
    pub from_ns: u64,
    /// The first ok after it (or the last event of a client).
    pub to_ns: u64,
}

/// Median, 95th percentile and maximum of the recoveries of one kind of fault, in milliseconds.
#[derive(Clone, PartialEq, Debug)]
pub struct Summary {
    /// The fault's kind.
    pub fault: Name,
    /// How many heals were followed by an ok.
    pub count: u64,
    /// Median.
    pub p50_ms: f64,
    /// 95th percentile.
    pub p95_ms: f64,
    /// Maximum.
    pub max_ms: f64,
}

/// Every heal of the history, in order, with its recovery.
pub fn measure(history: &History) -> Vec<Recovery> {
    let oks = Acknowledged::of(history);
    let mut recoveries: Vec<Recovery> = nemesis::strikes(history)
        .into_iter()
        .filter_map(|strike| {
            let healed_ns = strike.healed_ns?;
            let first = oks.first_invoked_after(healed_ns);
            Some(Recovery {
                fault: strike.fault,
                overlay: strike.overlay,
                strike: strike.strike,
                started_ns: strike.started_ns,
                healed_ns,
                first_ok_ms: first.map(|ok| (ok - healed_ns) as f64 / 1e6),
            })
        })
        .collect();
    recoveries.sort_by_key(|recovery| recovery.healed_ns);
    recoveries
}

/// Recoveries by kind of fault, in the order of their names.
pub fn summarize(recoveries: &[Recovery]) -> Vec<Summary> {
    let mut kinds: BTreeMap<Name, Vec<f64>> = BTreeMap::new();
    for recovery in recoveries {
        kinds.entry(recovery.fault.clone()).or_default().extend(recovery.first_ok_ms);
    }
    kinds.retain(|_, times| !times.is_empty());
    let summary = |(fault, mut times): (Name, Vec<f64>)| {
        times.sort_by(f64::total_cmp);
        // The nearest rank: the smallest value that at least this share does not exceed.
        let rank = |share: f64| times[((share * times.len() as f64).ceil() as usize).max(1) - 1];
        let (p50_ms, p95_ms, max_ms) = (rank(0.5), rank(0.95), rank(1.0));
        Summary { fault, count: times.len() as u64, p50_ms, p95_ms, max_ms }
    };
    kinds.into_iter().map(summary).collect()
}

/// Every window of at least `min_ns` without an ok, while clients were at work.
pub fn silences(history: &History, min_ns: u64) -> Vec<Silence> {
    let oks = Acknowledged::of(history);
    let operations = history.operations();
    let work: Vec<u64> = operations
        .iter()
        .filter(|op| history.invoke(op).level() != Some(Level::Local))
        .flat_map(|op| [history.invoke(op).time(), history.ret(op).and_then(Event::time)])
        .flatten()
        .collect();
    let (Some(&first), Some(&last)) = (work.iter().min(), work.iter().max()) else {
        return Vec::new();
    };
    let mut moments = vec![first];
    moments.extend(&oks.returns);
    moments.push(last);
    let windows = moments.windows(2).map(|pair| Silence { from_ns: pair[0], to_ns: pair[1] });
    windows.filter(|window| window.to_ns - window.from_ns >= min_ns.max(1)).collect()
}

/// The ok operations that prove progress: all but local reads, which need nobody else. Of decisions
/// the first answer for each key: what is decided can be repeated by anyone who knows it.
pub(crate) struct Acknowledged {
    /// Times of return, ascending.
    pub returns: Vec<u64>,
    /// (time of invocation, earliest return of any operation invoked then or later), ascending.
    first_after: Vec<(u64, u64)>,
}

impl Acknowledged {
    pub fn of(history: &History) -> Self {
        let decided = consensus::is_asked(history).then(|| first_answers(history));
        let mut spans: Vec<(u64, u64)> = history
            .operations()
            .iter()
            .filter(|op| history.outcome(op) == Type::Ok)
            .filter(|op| history.invoke(op).level() != Some(Level::Local))
            .filter(|op| decided.as_ref().is_none_or(|first| first.contains(&op.ret())))
            .filter_map(|op| Some((history.invoke(op).time()?, history.ret(op)?.time()?)))
            .collect();
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

/// The place of the first ok for each key.
fn first_answers(history: &History) -> BTreeSet<Option<usize>> {
    let mut first: BTreeMap<Option<&Value>, usize> = BTreeMap::new();
    for op in history.operations() {
        if let (Type::Ok, Some(ret)) = (history.outcome(op), op.ret()) {
            let earliest = first.entry(history.invoke(op).key()).or_insert(ret);
            *earliest = ret.min(*earliest);
        }
    }
    first.into_values().map(Some).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(lines: &str) -> History {
        History::parse(lines.as_bytes()).unwrap().0
    }

    const RUN: &str = r#"
{"time":0,"process":0,"type":"invoke","f":"tail"}
{"time":5,"process":0,"type":"ok","f":"tail","tail":0}
{"time":10,"process":"nemesis","type":"info","f":"crash","value":{"phase":"start","overlay":1,"strike":0}}
{"time":11,"process":0,"type":"invoke","f":"tail"}
{"time":20,"process":"nemesis","type":"info","f":"crash","value":{"phase":"heal","overlay":1,"effective":true}}
{"time":21,"process":1,"type":"invoke","f":"tail"}
{"time":22,"process":0,"type":"ok","f":"tail","tail":0}
{"time":25,"process":2,"type":"invoke","f":"tail"}
{"time":26,"process":3,"type":"invoke","f":"read","level":"local"}
{"time":27,"process":3,"type":"ok","f":"read","value":[],"level":"local"}
{"time":30,"process":2,"type":"ok","f":"tail","tail":0}
{"time":40,"process":1,"type":"ok","f":"tail","tail":0}
"#;

    #[test]
    fn recovery_counts_operations_invoked_after_the_heal() {
        let measured = measure(&history(RUN));
        assert_eq!(measured.len(), 1);
        assert_eq!((measured[0].started_ns, measured[0].healed_ns), (10, 20));
        assert_eq!(measured[0].first_ok_ms, Some(10.0 / 1e6));
        let summary = &summarize(&measured)[0];
        assert_eq!((&*summary.fault, summary.count, summary.p95_ms), ("crash", 1, 10.0 / 1e6));
    }

    #[test]
    fn silences_are_between_acknowledgements() {
        let found = silences(&history(RUN), 10);
        let expected = [Silence { from_ns: 5, to_ns: 22 }, Silence { from_ns: 30, to_ns: 40 }];
        assert_eq!(found, expected);
        assert_eq!(silences(&History::default(), 1), []);
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
        let found = silences(&history(&(known.clone() + &both(40, "b"))), 15);
        assert_eq!(found, [Silence { from_ns: 11, to_ns: 41 }]);
        assert_eq!(silences(&history(&known), 15), [Silence { from_ns: 11, to_ns: 31 }]);
    }
}
