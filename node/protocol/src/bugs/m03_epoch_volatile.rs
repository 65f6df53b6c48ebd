//! M03 epoch-volatile. A promise of an epoch is forgotten with the process.

use super::{Bug, BugRow};
use crate::failover::{Failover, HardState, Rules};
use crate::machine::{Epoch, build};

struct EpochVolatile;

impl Rules for EpochVolatile {
    fn reload(&self, stored: HardState) -> HardState {
        HardState { promised: Epoch(1), ..stored }
    }
}

pub const BUG: Bug = Bug {
    facts: BugRow {
        id: "M03",
        name: "epoch-volatile",
        system: "manual-failover",
        about: "a promise of an epoch is forgotten with the process",
        stands_for: "bookkeeper #4462 (a fenced writer that could write again)",
        sees: "a node that promises less than it did; a fenced leader that is heard again",
        woken_by: "a restart after a promotion",
        class: "m",
        waits_for: None,
    },
    build: |boot, out| build::<Failover>(boot, &EpochVolatile, out),
};
