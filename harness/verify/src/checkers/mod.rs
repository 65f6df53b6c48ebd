//! The checks: one promise each. This is their table.
//! A check never gives up quietly: it is valid only if it ran to its end.

mod durable;
mod failover;
pub mod linearizable;
mod messages;
mod nodes;
pub(crate) mod run;
#[cfg(test)]
mod tests;
mod time;
mod told;

use std::time::Duration;

use crate::evidence::{Evidence, Settings};
use crate::history::Event;
use crate::verdict::{Anomaly, Verdict};
use failover::{loss, reads};
pub use linearizable::{consensus, log};
use messages::total_queue;
use nodes::{convergence, invariants, total_order};
pub use run::answers::Answers;
use run::{adversary, answers, bypass, progress, reach, served, steady, survival, termination};

/// Judges while the run goes on: fed with each event as it is recorded, in the order of real time.
pub trait Monitor {
    /// Takes one event; says what it broke, if anything. Later anomalies are kept for `finish`.
    fn observe(&mut self, event: &Event) -> Option<Anomaly>;
    /// What can only be said at the end, together with everything said before.
    fn finish(self: Box<Self>) -> Verdict;
}

pub struct Checker {
    /// Its name in workloads and verdicts.
    pub name: &'static str,
    pub about: &'static str,
    pub sees: Sees,
    /// Whether the evidence has what it needs.
    pub applies: fn(&Evidence, &Settings) -> bool,
    pub run: fn(&Evidence, &Settings) -> CheckResult,
}

/// From where a check looks at a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sees {
    /// From outside: what clients were told, what was read at the end, what the harness and its
    /// proxy saw. It works on any system.
    Outside,
    /// What nodes write of themselves as well: their traces, what they delivered.
    Nodes,
}

#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct CheckResult {
    /// Its name, `linearizable`, `total-order`, ..., and how long it took: whoever ran it says so.
    pub name: &'static str,
    pub elapsed: Duration,
    pub model: Option<&'static str>,
    pub algorithm: Option<&'static str>,
    pub verdict: Verdict,
    pub operations: u64,
    /// What a reader should know: what was left out, and why. Sentences.
    pub notes: Vec<String>,
    /// How many acknowledged appends, writes, elements or messages are gone, promised to stay or
    /// not. None: it does not look.
    pub lost: Option<u64>,
}

impl CheckResult {
    /// Nothing wrong in so many operations, deliveries or lines.
    pub fn new(operations: u64) -> Self {
        CheckResult {
            name: "",
            elapsed: Duration::ZERO,
            verdict: Verdict::Valid,
            model: None,
            algorithm: None,
            operations,
            notes: Vec::new(),
            lost: None,
        }
    }

    pub fn unknown(operations: u64, reason: String) -> Self {
        CheckResult { verdict: Verdict::Unknown { reason }, ..CheckResult::new(operations) }
    }

    pub(crate) fn named(self, name: &'static str, elapsed: Duration) -> Self {
        if let Verdict::Violated(anomalies) = &self.verdict {
            assert!(!anomalies.is_empty(), "a violation has its proof");
        }
        CheckResult { name, elapsed, ..self }
    }

    /// Violated if there are anomalies, else unknown if there are doubts, else valid.
    pub fn weigh(operations: u64, anomalies: Vec<Anomaly>, doubts: Vec<String>) -> Self {
        if !anomalies.is_empty() {
            CheckResult { verdict: Verdict::Violated(anomalies), ..CheckResult::new(operations) }
        } else if !doubts.is_empty() {
            CheckResult::unknown(operations, doubts.join("; "))
        } else {
            CheckResult::new(operations)
        }
    }
}

/// Every check, in the order they are run and shown.
pub const CHECKERS: &[Checker] = &[
    linearizable::CHECKER,
    total_queue::CHECKER,
    reads::CHECKER,
    total_order::CHECKER,
    durable::CHECKER,
    loss::CHECKER,
    invariants::CHECKER,
    answers::CHECKER,
    adversary::CHECKER,
    termination::CHECKER,
    progress::CHECKER,
    served::CHECKER,
    steady::CHECKER,
    convergence::CHECKER,
    bypass::CHECKER,
    survival::CHECKER,
    reach::CHECKER,
];
