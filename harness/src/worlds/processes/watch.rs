//! The machine's own stalls: when the harness or a node stood still for want of a CPU.
//! It never touches the cluster.

use std::time::Instant;

/// A time in which the machine did not let someone run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stall {
    /// From when, on CLOCK_MONOTONIC.
    pub from: Instant,
    /// Until when.
    pub to: Instant,
    /// Who: `harness`, or a node's name.
    pub what: String,
}
