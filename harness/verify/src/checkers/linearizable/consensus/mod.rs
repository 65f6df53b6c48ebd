//! Consensus in one pass, online: each key has one answer, somebody asked for it in time, and it
//! stays (docs/internals/checkers.md). It never searches: a register that is written once is
//! explained exactly when all answers are equal and some proposal of that value, not known to have
//! failed, was asked before the first answer returned.

use std::collections::HashMap;

use foldhash::fast::FixedState;

use super::open;
use crate::checkers::told::Told;
use crate::checkers::{CheckResult, Monitor};
use crate::history::{Event, History, Name, Process, Type, Value};
use crate::models::consensus::asked;
use crate::verdict::{Anomaly, Kind, Verdict};

/// The model's name, and the algorithm's.
pub(super) const NAME: &str = "consensus";

/// Why a proposal cannot be what was decided: its process knew the decision.
const BEHIND: &str = "came after an answer to the process that made it";

/// What follows where a decision was asked for once it was made.
const LATER: &str = " before; it was asked for only later";

#[derive(Default)]
pub struct ConsensusMonitor {
    open: open::Open<Open>,
    keys: HashMap<Option<Value>, Decision, FixedState>,
    told: Told,
    operations: u64,
    /// The first event that could not be understood.
    malformed: Option<String>,
}

struct Open {
    key: Option<Value>,
    value: Value,
    index: u64,
    /// It was asked before the first answer for its key returned.
    in_time: bool,
}

#[derive(Default)]
struct Decision {
    /// Who asked for each value.
    asked: HashMap<Value, Asked, FixedState>,
    first: Option<Answer>,
    by_node: Vec<(Name, Value, u64)>,
    unasked: Option<Unasked>,
}

/// Nobody had asked for what was decided.
struct Unasked {
    /// The anomaly that says so.
    anomaly: Anomaly,
    /// Where it is told. None: enough of them are told already.
    told: Option<usize>,
    /// Somebody asked for it since.
    later: bool,
}

#[derive(Clone, Copy, Default)]
struct Asked {
    /// So many that were asked before the first answer returned did not fail.
    in_time: u64,
    /// Events: the first proposal, and the last that failed.
    first: Option<u64>,
    failed: Option<u64>,
    /// The last whose process had been answered before, though at the time at which it asked.
    behind: Option<u64>,
}

struct Answer {
    value: Value,
    process: Process,
    index: u64,
    time: Option<u64>,
}

impl ConsensusMonitor {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn take(&mut self, event: &Event, process: u64) -> Result<Vec<Anomaly>, String> {
        if event.kind == Type::Invoke {
            self.operations += 1;
            let (key, value) = (event.key().cloned(), asked(event)?.clone());
            let decision = self.keys.entry(key.clone()).or_default();
            let in_time = decision.asks(&value, event.index);
            if let (Some(unasked), Some(first)) = (&mut decision.unasked, &decision.first)
                && first.value == value
                && !std::mem::replace(&mut unasked.later, true)
                && let Some(at) = unasked.told
            {
                self.told.refine(at, Kind::Validity, LATER);
            }
            self.open.invoke(process, Open { key, value, index: event.index, in_time });
            return Ok(Vec::new());
        }
        let Open { key, value, in_time, .. } = self.open.ret(process)?;
        let decision = self.keys.get_mut(&key).expect("a proposal was noted when it was asked");
        Ok(match event.kind {
            Type::Ok => {
                let answer = event.value.clone().unwrap_or(value);
                if answer == Value::Null {
                    return Err("the ok propose answers null, which is no decision".into());
                }
                let mut found = Vec::new();
                for open in self.open.rest(process).filter(|open| open.key == key) {
                    if std::mem::take(&mut open.in_time) {
                        found.extend(decision.answered_before(event, &open.value, open.index));
                    }
                }
                found.extend(decision.answers(event, answer));
                found
            }
            Type::Fail => decision.fails(event, &value, in_time).into_iter().collect(),
            Type::Invoke | Type::Info => Vec::new(),
        }
        .into_iter()
        .map(|anomaly| open::named(anomaly, key.as_ref()))
        .collect())
    }

    /// Keeps what was found; says the first that is told.
    fn keep(&mut self, event: &Event, key: Option<&Value>, found: Vec<Anomaly>) -> Option<Anomaly> {
        let mut first = None;
        for anomaly in found {
            let unasked = anomaly.kind == Kind::Integrity && anomaly.events == [event.index];
            let decision = self.keys.get_mut(&key.cloned()).filter(|decision| {
                decision.first.as_ref().is_some_and(|first| unasked && first.index == event.index)
            });
            let told = if let Some(decision) = decision {
                let told = self.told.add_open(anomaly.clone());
                let anomaly = anomaly.clone();
                decision.unasked = Some(Unasked { anomaly, told, later: false });
                told
            } else {
                self.told.add(anomaly.clone())
            };
            if told.is_some() {
                first.get_or_insert(anomaly);
            }
        }
        first
    }
}

impl Monitor for ConsensusMonitor {
    fn observe(&mut self, event: &Event) -> Option<Anomaly> {
        let Process::Client(process) = event.process() else { return None };
        let key = self.key_of(event, process);
        match self.take(event, process) {
            Ok(found) => self.keep(event, key.as_ref(), found),
            Err(message) => {
                self.malformed.get_or_insert(format!("event {}: {message}", event.index));
                None
            }
        }
    }

    fn finish(mut self: Box<Self>) -> Verdict {
        let unasked = self.keys.into_values().filter_map(|decision| decision.unasked);
        let mut untold: Vec<_> = unasked.filter(|unasked| unasked.told.is_none()).collect();
        untold.sort_unstable_by(|one, other| one.anomaly.events.cmp(&other.anomaly.events));
        self.told.settle();
        for Unasked { mut anomaly, later, .. } in untold {
            if later {
                anomaly.kind = Kind::Validity;
                anomaly.explanation.push_str(LATER);
            }
            self.told.add(anomaly);
        }
        open::verdict(self.told.into_anomalies(), self.malformed)
    }
}

impl ConsensusMonitor {
    /// The key an event is about: a return is about what its process asked first.
    fn key_of(&self, event: &Event, process: u64) -> Option<Value> {
        if event.kind == Type::Invoke {
            return event.key().cloned();
        }
        self.open.first(process).and_then(|open| open.key.clone())
    }
}

impl Decision {
    /// Whether it was asked in time to be the source of a decision.
    fn asks(&mut self, value: &Value, index: u64) -> bool {
        let asked = self.asked.entry(value.clone()).or_default();
        asked.first.get_or_insert(index);
        asked.in_time += u64::from(self.first.is_none());
        self.first.is_none()
    }

    fn answers(&mut self, event: &Event, answer: Value) -> Vec<Anomaly> {
        let mut found = Vec::new();
        let says = |kind, explanation, events: Vec<u64>| Anomaly {
            kind,
            explanation,
            events,
            time_ns: event.time(),
        };
        let by = |process: Process| format!("{process} was told");
        let asked = self.asked.get(&answer).copied().unwrap_or_default();
        if asked.first.is_none() && self.first.as_ref().is_none_or(|first| first.value != answer) {
            let told = format!("{} {answer}, which nobody had proposed", by(event.process()));
            found.push(says(Kind::Integrity, told, vec![event.index]));
        }
        match &self.first {
            Some(first) if first.value != answer => {
                let told = format!(
                    "{} {}, and {} {answer}",
                    by(first.process),
                    first.value,
                    by(event.process())
                );
                found.push(says(Kind::Agreement, told, vec![first.index, event.index]));
            }
            Some(_) => {}
            None => {
                let late = asked.failed.map(|failed| (failed, "had failed for certain"));
                let late = late.or(asked.behind.map(|behind| (behind, BEHIND)));
                if let Some((late, why)) = late.filter(|_| asked.in_time == 0) {
                    let told = format!(
                        "{} {answer}, though every proposal of it {why}",
                        by(event.process())
                    );
                    let events = [late.min(event.index), late.max(event.index)];
                    found.push(says(Kind::Validity, told, events.into()));
                }
                self.first = Some(Answer {
                    value: answer.clone(),
                    process: event.process(),
                    index: event.index,
                    time: event.time(),
                });
            }
        }
        found.extend(self.once(event, answer));
        found
    }

    /// No node answers with two decisions.
    fn once(&mut self, event: &Event, answer: Value) -> Option<Anomaly> {
        let node = event.node.as_ref()?;
        let before = self.by_node.iter().find(|(known, ..)| known == node);
        let Some((_, value, index)) = before else {
            self.by_node.push((node.clone(), answer, event.index));
            return None;
        };
        (*value != answer).then(|| Anomaly {
            kind: Kind::Integrity,
            explanation: format!("{node} decided twice: it answered {value}, and later {answer}"),
            events: vec![*index, event.index],
            time_ns: event.time(),
        })
    }

    fn fails(&mut self, event: &Event, value: &Value, in_time: bool) -> Option<Anomaly> {
        let asked = self.asked.get_mut(value)?;
        asked.failed = Some(event.index);
        asked.in_time -= u64::from(in_time);
        let is_last = in_time && asked.in_time == 0;
        is_last.then(|| self.without_source(event, value, "by then failed for certain"))?
    }

    /// One that asks for this value, in an event of this index, comes after an answer to its own
    /// process: it cannot be what was decided.
    fn answered_before(&mut self, event: &Event, value: &Value, index: u64) -> Option<Anomaly> {
        let asked = self.asked.get_mut(value)?;
        asked.behind = Some(index);
        asked.in_time -= 1;
        let is_last = asked.in_time == 0;
        is_last.then(|| self.without_source(event, value, BEHIND))?
    }

    /// No proposal of this value is left that can be what was decided.
    fn without_source(&self, event: &Event, value: &Value, why: &str) -> Option<Anomaly> {
        let first = self.first.as_ref().filter(|first| first.value == *value)?;
        Some(Anomaly {
            kind: Kind::Validity,
            explanation: format!(
                "{} was told {value}, though every proposal of it {why}",
                first.process
            ),
            events: vec![first.index, event.index],
            time_ns: event.time().or(first.time),
        })
    }
}

/// Judges a whole history whose operations can all be read.
pub(super) fn find(history: &History) -> CheckResult {
    let mut monitor = Box::new(ConsensusMonitor::new());
    for event in history.events() {
        monitor.observe(event);
    }
    let operations = monitor.operations;
    CheckResult {
        model: Some("consensus"),
        algorithm: Some(NAME),
        verdict: monitor.finish(),
        ..CheckResult::new(operations)
    }
}

#[cfg(test)]
mod tests;
