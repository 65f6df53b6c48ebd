//! P05 own-old-promise. A promise of an older ballot of one's own counts for the present one.

use super::{Bug, BugRow};
use crate::machine::build;
use crate::multi_paxos::{MultiPaxos, Rules, State};
use crate::paxos::ballot::Ballot;

struct OwnOldPromise;

impl Rules for OwnOldPromise {
    fn promise_counts(&self, state: &State, ballot: Ballot) -> bool {
        ballot.node() == state.id
    }
}

pub const BUG: Bug = Bug {
    facts: BugRow {
        id: "P05",
        name: "own-old-promise",
        system: "multi-paxos",
        about: "promises to an older ballot of the same proposer are counted",
        stands_for: "openraft a80579ef (late answers of an older term were counted)",
        sees: "a leader that a majority never promised: lost appends, logs that differ",
        woken_by: "answers later than a candidate's patience: latency, pause",
        class: "m",
        waits_for: None,
    },
    build: |boot, out| build::<MultiPaxos>(boot, &OwnOldPromise, out),
};
