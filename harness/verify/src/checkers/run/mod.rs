//! The course of a run: something is acknowledged in time, an adversary withholds no more than it
//! may, no node dies by itself, and none talks past the proxy.

pub(super) mod adversary;
pub(crate) mod answers;
pub(super) mod bypass;
pub(crate) mod halted;
pub(super) mod progress;
pub(super) mod reach;
pub(super) mod served;
pub(super) mod steady;
pub(super) mod survival;
pub(super) mod termination;
