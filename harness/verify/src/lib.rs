//! Judging histories of replicated logs: pure functions from evidence to verdict.
//!
//! It never reads a clock (but for the time budget it is given), opens a socket or starts a
//! process. Everything that decides truth is here, and nothing else is.
//!
//! # Layout, in reading order
//!
//! * [`history`]: what clients and the nemesis did: events, and reading them from files.
//! * [`verdict`]: what a judge may say.

pub mod history;
pub mod verdict;
