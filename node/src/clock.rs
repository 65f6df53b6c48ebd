//! The node's clock.

use nix::time::{ClockId, clock_gettime};
use schism_protocol::Time;

/// CLOCK_MONOTONIC: one clock for all nodes of a machine, so that their traces can be compared.
pub fn now() -> Time {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC).expect("every Linux has this clock");
    Time(now.tv_sec() as u64 * 1_000_000_000 + now.tv_nsec() as u64)
}
