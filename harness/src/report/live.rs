//! What the status block of a run that goes on shows; `terminal::live` puts it into words.
//! It never repaints anything: the caller clears as many lines as it got and prints the next ones.

use std::time::Duration;

/// What is known now.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Live {
    /// The workload's name.
    pub workload: String,
    /// The seed.
    pub seed: u64,
    /// Since the first node was started.
    pub elapsed: Duration,
    /// How long warm-up and disturbance will last together.
    pub duration: Duration,
    /// `warm-up`, `disturbance`, `recovery`, `final-reads`; `starting` before the first.
    pub phase: String,
    /// Completed operations per second, lately.
    pub operations_per_s: f64,
    /// So far.
    pub ok: u64,
    /// So far.
    pub fail: u64,
    /// So far.
    pub info: u64,
    /// Of ok operations, lately.
    pub p50_ms: f64,
    /// Of ok operations, lately.
    pub p99_ms: f64,
    /// Whom the statuses name, with its epoch.
    pub leader: Option<(String, u64)>,
    /// What is broken now, each as the strike describes itself: `partition: isolate n2, hold`.
    pub faults: Vec<String>,
    /// Violations so far, each as `stale-read: a sentence`.
    pub violations: Vec<String>,
}
