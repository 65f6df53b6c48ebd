//! How long the system took to come back after each heal, and when nothing was acknowledged.
//! It never says whether that was good enough.

use crate::history::{History, Name};

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
    /// The last ok before it, on the history's clock.
    pub from_ns: u64,
    /// The first ok after it (or the end of client operations).
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
    let _ = history;
    Vec::new()
}

/// Recoveries by kind of fault, in the order of their names.
pub fn summarize(recoveries: &[Recovery]) -> Vec<Summary> {
    let _ = recoveries;
    Vec::new()
}

/// Every window of at least `min_ns` without an ok, while clients were at work.
pub fn silences(history: &History, min_ns: u64) -> Vec<Silence> {
    let _ = (history, min_ns);
    Vec::new()
}
