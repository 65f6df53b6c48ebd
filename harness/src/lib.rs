//! Schism starts a cluster, disturbs it, records what every client was told, and
//! judges whether all of it fits ONE totally ordered log.
//!
//! ```text
//! cargo run --release -- run raft-under-fire
//! ```
//!
//! Data flows one way; each noun is a type and a file of the run directory:
//!
//! ```text
//! workload (YAML) + seed -> Plan -> run -> History -> Verdict -> report
//! ```

// One program, in a library so that its tests and benchmarks reach it: what a name says already
// needs no sentence.
#![allow(missing_docs)]

pub mod action;
pub mod cli;
pub mod clock;
pub mod draw;
pub mod explain;
pub mod faults;
pub mod generate;
pub mod judge;
pub mod limits;
pub mod plan;
pub mod proxy;
pub mod report;
pub mod run;
pub mod store;
pub mod systems;
pub mod units;
pub mod workload;
pub mod worlds;
