//! After everything was healed, every proposal is answered within the recovery window. Judged on
//! the end of a run, where every key is proposed for once more at every node.
//! It never judges time in which nothing was owed, or in which the machine itself stood still.

use std::collections::{BTreeMap, BTreeSet};

use crate::checkers::time::{Span, Stalls, can_progress, ms};
use crate::checkers::told::Told;
use crate::checkers::{CheckResult, Checker, Sees};
use crate::evidence::{Evidence, Settings, finals, is_run};
use crate::history::nemesis::{Said, final_reads_at};
use crate::history::{Event, History, Type, Value};
use crate::models::Ending;
use crate::verdict::{Anomaly, Kind};

pub(crate) const CHECKER: Checker = Checker {
    name: "termination",
    about: "after everything is healed, every proposal is answered",
    sees: Sees::Outside,
    applies: |evidence, settings| {
        let history = &evidence.history;
        settings.ends(history, Ending::AskEveryKey) && is_run(history)
    },
    run,
};

/// One key at one node: what became of proposing it again at the end.
struct Wait<'a> {
    first: &'a Event,
    /// The last that is known of it; the answer, if there is one.
    last: &'a Event,
    answered: bool,
}

/// (node, key).
type Place<'a> = (&'a str, Option<&'a Value>);

fn run(evidence: &Evidence, settings: &Settings) -> CheckResult {
    let history = &evidence.history;
    let Some(start) = final_reads_at(history) else {
        return CheckResult::unknown(0, "no key was proposed for again at the end".into());
    };
    let waits = waits(history, start);
    let said = Said::of(history.events());
    let spans = can_progress(&said);
    let stalls = Stalls::of(&said);
    let bound = settings.recovery_ns;
    let mut told = Told::default();
    let mut doubts = missing(history, &said, settings, start, &waits);
    for ((node, key), wait) in &waits {
        let (Some(from), Some(to)) = (wait.first.time(), wait.last.time()) else {
            doubts.push("the history has no times".into());
            break;
        };
        let took = to - from;
        let what = key.map_or("the decision".into(), |key| format!("key {key}"));
        if wait.answered && took <= bound {
            continue;
        }
        if took < bound {
            doubts.push(format!("{node} was asked for {what} for {} ms only", ms(took)));
            continue;
        }
        let until = from.saturating_add(bound);
        if !spans.iter().any(|span| span.from <= from && until <= span.to) {
            doubts.push(format!("{node} gave no answer for {what}, but none could be demanded"));
            continue;
        }
        let explanation = format!(
            "{node} gave no answer to a proposal for {what} within {} ms, though everything was \
             healed",
            ms(bound)
        );
        if let Some(why) = stalls.within(Span { from, to: until }, bound / 10) {
            doubts.push(format!("{explanation}; but {why}"));
            continue;
        }
        let mut events = vec![wait.first.index, wait.last.index];
        events.dedup();
        told.add(Anomaly { kind: Kind::Termination, explanation, events, time_ns: Some(until) });
    }
    doubts.dedup();
    CheckResult::weigh(waits.len() as u64, told.into_anomalies(), doubts)
}

fn waits(history: &History, start: usize) -> BTreeMap<Place<'_>, Wait<'_>> {
    let mut waits: BTreeMap<Place<'_>, Wait<'_>> = BTreeMap::new();
    for operation in history.operations().iter().filter(|operation| operation.invoke() > start) {
        let invoke = history.invoke(operation);
        let last = history.ret(operation).unwrap_or(invoke);
        let node = invoke.node.as_deref().unwrap_or("a node");
        let first = Wait { first: invoke, last, answered: false };
        let wait = waits.entry((node, invoke.key())).or_insert(first);
        if !wait.answered {
            (wait.last, wait.answered) = (last, last.kind == Type::Ok);
        }
    }
    waits
}

/// Why not every key was proposed for again at every node.
fn missing(
    history: &History,
    said: &Said<'_>,
    settings: &Settings,
    start: usize,
    waits: &BTreeMap<Place<'_>, Wait<'_>>,
) -> Vec<String> {
    let before = history.operations().iter().filter(|operation| operation.invoke() < start);
    let keys: BTreeSet<_> = before.map(|op| history.invoke(op).key()).collect();
    let mut doubts = Vec::new();
    for node in settings.nodes.iter().map(String::as_str) {
        match said.final_reads.iter().find(|end| end.node.to_string() == node) {
            None => doubts.push(format!("{node} was not asked at the end")),
            Some(end) if !end.complete => {
                let why = end.why.as_deref().unwrap_or("it was not asked for everything");
                doubts.push(finals::unread(node, why));
            }
            Some(_) => {
                let left = keys.iter().filter(|key| !waits.contains_key(&(node, **key))).count();
                if left > 0 {
                    doubts.push(format!("{node} was not asked again for {left} keys"));
                }
            }
        }
    }
    doubts
}
