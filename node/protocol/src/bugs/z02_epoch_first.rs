//! Z02 epoch-first. currentEpoch is set at NEWEPOCH, before the history.

use super::{Bug, BugRow};
use crate::machine::{Epoch, NodeId, build};
use crate::zab::{HardState, Rules, Zab};

struct EpochFirst;

impl Rules for EpochFirst {
    fn accept(&self, hard: HardState, epoch: Epoch, leader: NodeId) -> HardState {
        HardState { accepted: epoch, promised: Some(leader), current: epoch.max(hard.current) }
    }
}

pub const BUG: Bug = Bug {
    facts: BugRow {
        id: "Z02",
        name: "epoch-first",
        system: "zab",
        about: "currentEpoch is raised with NEWEPOCH, before the history it stands for is here",
        stands_for: "ZOOKEEPER-4643 (currentEpoch was written before the history of that epoch)",
        sees: "a leader elected for an epoch whose history it never had; lost appends",
        woken_by: "a lagging node cut off or killed between NEWEPOCH and NEWLEADER, then elected",
        class: "m",
        waits_for: None,
    },
    build: |boot, out| build::<Zab>(boot, &EpochFirst, out),
};
