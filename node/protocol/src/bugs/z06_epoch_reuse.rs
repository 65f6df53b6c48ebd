//! Z06 epoch-reuse. The leader resumes its epoch.

use super::{Bug, BugRow};
use crate::machine::{Epoch, build};
use crate::zab::{HardState, Rules, State, Zab};

struct EpochReuse;

impl Rules for EpochReuse {
    fn new_epoch(&self, state: &State, highest: Epoch) -> Epoch {
        let HardState { accepted, promised, .. } = state.hard;
        if accepted == highest && promised == Some(state.id) { highest } else { highest.next() }
    }
}

pub const BUG: Bug = Bug {
    facts: BugRow {
        id: "Z06",
        name: "epoch-reuse",
        system: "zab",
        about: "a leader that is elected again goes on in the epoch it led",
        stands_for: "KAFKA-10527 (a leader began its epoch again after a restart)",
        sees: "two incarnations that lead one epoch; two proposals with one zxid",
        woken_by: "crashes from which the same node comes back as leader",
        class: "e",
        waits_for: None,
    },
    build: |boot, out| build::<Zab>(boot, &EpochReuse, out),
};
