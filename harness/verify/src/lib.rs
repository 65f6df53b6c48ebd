//! Judging histories of replicated logs: pure functions from evidence to verdict.
//!
//! It never reads a clock (but for the time budget it is given), opens a socket or starts a
//! process. Everything that decides truth is here, and nothing else is.
//!
//! # Layout, in reading order
//!
//! * [`history`]: what clients and the nemesis did: events, and reading them from files.
//! * [`models`]: what operations mean: typed operations from events.
//! * [`checkers`]: one promise each: what it asks of the evidence, and the table of all.
//! * [`mod@judge`]: evidence and settings in, findings out.
//! * [`budget`], [`minimize`]: what a check may spend, and how it makes a proof small.
//! * [`recovery`]: how long the system took to come back, for reports.
//! * [`notation`]: histories as text, and operations drawn for people.
//! * [`verdict`]: what a judge may say.

pub mod budget;
pub mod checkers;
pub mod history;
pub mod judge;
pub mod minimize;
pub mod models;
pub mod notation;
pub mod recovery;
mod stopwatch;
pub mod verdict;

pub use budget::Budget;
pub use checkers::linearizable::{CheckError, CheckOptions, FailedCas, check};
pub use checkers::{CommitQuorum, Monitor, Traces};
pub use history::History;
pub use judge::{CheckResult, Evidence, Settings, doubts, judge, overall};
