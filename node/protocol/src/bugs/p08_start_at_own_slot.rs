//! P08 start-at-own-slot. A new leader's first new command goes behind its own last slot.

use super::{Bug, BugRow};
use crate::machine::{Index, build};
use crate::multi_paxos::{MultiPaxos, Rules, State};

struct StartAtOwnSlot;

impl Rules for StartAtOwnSlot {
    fn start(&self, state: &State, _greatest_reported: Index) -> Index {
        state.last().next()
    }
}

pub const BUG: Bug = Bug {
    facts: BugRow {
        id: "P08",
        name: "start-at-own-slot",
        system: "multi-paxos",
        about: "a new leader starts behind its own last slot, not behind its quorum's",
        stands_for: "atlasdb #1504 (a leader that had lost what was learned started again from there)",
        sees: "slots that were chosen are given away again: lost appends, logs that differ",
        woken_by: "a node that lags takes over: partition of the others, then of the leader",
        class: "e",
        waits_for: None,
    },
    build: |boot, out| build::<MultiPaxos>(boot, &StartAtOwnSlot, out),
};
