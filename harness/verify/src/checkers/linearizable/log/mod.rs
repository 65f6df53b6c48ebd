//! Linearizability of the log in O(n log n), online (docs/internals/checkers.md).
//! It never searches: the log only grows, so operations constrain only when it reached each length
//! and what stands at each position.

mod bounds;
#[cfg(test)]
mod brute;
mod certificate;
mod content;
mod holes;
mod ops;
mod state;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use foldhash::fast::FixedState;
use schism_facts::Acks;

use super::open;
use crate::checkers::{CheckResult, Monitor};
use crate::history::{Event, History, Process, Type, Value};
use crate::models::log;
use crate::progress::Progress;
use crate::verdict::{Anomaly, Verdict};
use state::{Core, Open};

/// The log checker as a monitor: fed with every event of a history in the order of real time.
/// Each key is a log of its own.
#[derive(Default)]
pub struct LogMonitor {
    /// Each with the place of its log.
    open: open::Open<(usize, Open)>,
    logs: Vec<(Option<Value>, Core)>,
    keys: HashMap<Value, usize, FixedState>,
    /// The first event that could not be understood.
    malformed: Option<String>,
    rank: u32,
    acks: Acks,
}

impl LogMonitor {
    /// A log nobody has used yet, whose acknowledgements stay.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same, of which acknowledgements promise this.
    #[must_use]
    pub fn promising(acks: Acks) -> Self {
        LogMonitor { acks, ..Self::default() }
    }

    pub fn operations(&self) -> u64 {
        self.logs.iter().map(|(_, log)| log.ops.len()).sum()
    }

    /// What was left out of the judgement, in sentences.
    pub fn notes(&self) -> Vec<String> {
        let silent: u64 = self.logs.iter().map(|(_, log)| log.silent_conflicts).sum();
        let why = match self.acks {
            Acks::Stay => "did not say the log's length, so nothing follows from them",
            Acks::UntilFailover => {
                "saw a log that no majority need have held, so nothing follows from its length"
            }
        };
        (silent > 0).then(|| format!("{silent} refused append-if {why}")).into_iter().collect()
    }

    fn take(&mut self, event: &Event, process: u64) -> Result<usize, String> {
        if event.kind == Type::Invoke {
            let asked = log::asked(event)?;
            let at = self.log(event.key());
            let open = self.logs[at].1.invoke(event, self.rank, asked);
            self.open.invoke(process, (at, open));
            return Ok(at);
        }
        let (at, open) = self.open.ret(process)?;
        if let Some(key) = event.key().filter(|key| Some(*key) != self.logs[at].0.as_ref()) {
            return Err(format!("the answer is about key {key}, which was not asked"));
        }
        if let Some(saw) = self.logs[at].1.ret(open, event, self.rank)? {
            // It asked again at this very time: that came after all the same.
            for (_, open) in self.open.rest(process).filter(|(log, _)| *log == at) {
                open.after(saw);
            }
        }
        Ok(at)
    }

    fn log(&mut self, key: Option<&Value>) -> usize {
        let known = match key {
            // Keys and no key are rarely mixed: the one without is the first, or there is none.
            None => self.logs.iter().position(|log| log.0.is_none()),
            Some(key) => self.keys.get(key).copied(),
        };
        known.unwrap_or_else(|| {
            if let Some(key) = key {
                self.keys.insert(key.clone(), self.logs.len());
            }
            self.logs.push((key.cloned(), Core::promising(self.acks)));
            self.logs.len() - 1
        })
    }
}

impl Monitor for LogMonitor {
    fn observe(&mut self, event: &Event) -> Option<Anomaly> {
        let Process::Client(process) = event.process() else { return None };
        self.rank = self.rank.checked_add(1).expect("fewer than 2^32 events");
        match self.take(event, process) {
            Ok(at) => {
                let fresh = self.logs[at].1.report.fresh();
                fresh.map(|anomaly| open::named(anomaly, self.logs[at].0.as_ref()))
            }
            Err(message) => {
                self.malformed.get_or_insert(format!("event {}: {message}", event.index));
                None
            }
        }
    }

    fn finish(mut self: Box<Self>) -> Verdict {
        let mut open: Vec<_> = self.open.into_all().collect();
        open.sort_by_key(|(at, open)| (*at, open.op));
        for (at, open) in open {
            self.logs[at].1.lost(open);
        }
        let mut anomalies = Vec::new();
        for (key, mut log) in self.logs {
            log.finish();
            let found = log.report.into_anomalies();
            anomalies.extend(found.into_iter().map(|anomaly| open::named(anomaly, key.as_ref())));
        }
        open::verdict(anomalies, self.malformed)
    }
}

/// The log is judged at millions of events a second: whoever watches sees steps of milliseconds.
const EVENTS_PER_LOOK: usize = 1 << 15;

/// A whole history through a monitor.
pub(crate) fn fed(
    monitor: LogMonitor,
    history: &History,
    watcher: Option<&Progress>,
) -> CheckResult {
    let mut monitor = Box::new(monitor);
    if let Some(progress) = watcher {
        progress.begin(1, history.events().len() as u64);
    }
    for events in history.events().chunks(EVENTS_PER_LOOK) {
        for event in events {
            monitor.observe(event);
        }
        if let Some(progress) = watcher {
            progress.explained(events.len() as u64);
        }
    }
    let (judged, notes) = (CheckResult::new(monitor.operations()), monitor.notes());
    let (model, algorithm) = (Some("log"), Some("log"));
    CheckResult { model, algorithm, notes, verdict: monitor.finish(), ..judged }
}
