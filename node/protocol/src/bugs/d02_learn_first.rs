//! D02 learn-first. One acceptance is taken for a decision.

use super::{Bug, BugRow};
use crate::machine::build;
use crate::paxos::{Paxos, Rules};

struct LearnFirst;

impl Rules for LearnFirst {
    fn accept_quorum(&self, _members: usize) -> usize {
        1
    }
}

pub const BUG: Bug = Bug {
    facts: BugRow {
        id: "D02",
        name: "learn-first",
        system: "paxos",
        about: "a value is decided with the first acceptance",
        stands_for: "EastGuard PR 150 and hashicorp/raft 6e41709 (a quorum that was none)",
        sees: "two answers for one key",
        woken_by: "rival proposers; partitions make it certain",
        class: "e",
        waits_for: None,
    },
    build: |boot, out| build::<Paxos>(boot, &LearnFirst, out),
};
