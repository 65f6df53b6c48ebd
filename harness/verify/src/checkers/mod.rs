//! The checks: one promise each. This is their table.
//! A check never gives up quietly: it is valid only if it ran to its end.

mod failover;
pub mod linearizable;
mod nodes;
mod run;
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
pub use nodes::invariants::{CommitQuorum, Traces};
use nodes::{convergence, durable, invariants, total_order};
use run::{adversary, bypass, progress, survival, termination};

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
    pub run: fn(&Evidence, &Settings) -> Finding,
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

/// What a check hands to the judge.
pub struct Finding {
    pub verdict: Verdict,
    pub model: Option<&'static str>,
    pub algorithm: Option<&'static str>,
    pub operations: u64,
    /// What was left out, and why.
    pub notes: Vec<String>,
    /// How many acknowledged appends are gone, for checks that look.
    pub lost: Option<u64>,
}

#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct CheckResult {
    /// Its name: `linearizable`, `total-order`, ...
    pub name: &'static str,
    pub model: Option<&'static str>,
    pub algorithm: Option<&'static str>,
    pub verdict: Verdict,
    pub elapsed: Duration,
    pub operations: u64,
    /// What a reader should know: what was left out, and why. Sentences.
    pub notes: Vec<String>,
    /// How many acknowledged appends are gone, promised to stay or not. None: it does not look.
    pub lost: Option<u64>,
}

impl Finding {
    /// Nothing wrong in so many operations, deliveries or lines.
    pub fn new(operations: u64) -> Self {
        Finding {
            verdict: Verdict::Valid,
            model: None,
            algorithm: None,
            operations,
            notes: Vec::new(),
            lost: None,
        }
    }

    pub fn unknown(operations: u64, reason: String) -> Self {
        Finding { verdict: Verdict::Unknown { reason }, ..Finding::new(operations) }
    }

    /// The same as the result of the check of this name.
    pub(crate) fn of(self, name: &'static str, elapsed: Duration) -> CheckResult {
        let Finding { verdict, model, algorithm, operations, notes, lost } = self;
        if let Verdict::Violated(anomalies) = &verdict {
            assert!(!anomalies.is_empty(), "a violation has its proof");
        }
        CheckResult { name, model, algorithm, verdict, elapsed, operations, notes, lost }
    }

    /// Violated if there are anomalies, else unknown if there are doubts, else valid.
    pub fn weigh(operations: u64, anomalies: Vec<Anomaly>, doubts: Vec<String>) -> Self {
        if !anomalies.is_empty() {
            Finding { verdict: Verdict::Violated(anomalies), ..Finding::new(operations) }
        } else if !doubts.is_empty() {
            Finding::unknown(operations, doubts.join("; "))
        } else {
            Finding::new(operations)
        }
    }
}

/// Every check, in the order they are run and shown.
pub const CHECKERS: &[Checker] = &[
    linearizable::CHECKER,
    reads::CHECKER,
    total_order::CHECKER,
    durable::CHECKER,
    loss::CHECKER,
    invariants::CHECKER,
    adversary::CHECKER,
    termination::CHECKER,
    progress::CHECKER,
    convergence::CHECKER,
    bypass::CHECKER,
    survival::CHECKER,
];
