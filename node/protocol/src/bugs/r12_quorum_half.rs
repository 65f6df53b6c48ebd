//! R12 quorum-half. Half of the members is taken for a majority when counting acknowledgements.

use super::{Bug, BugRow};
use crate::machine::build;
use crate::raft::Raft;
use crate::raft::Rules;

struct QuorumHalf;

impl Rules for QuorumHalf {
    fn commit_quorum(&self, members: usize) -> usize {
        members / 2
    }
}

pub const BUG: Bug = Bug {
    facts: BugRow {
        id: "R12",
        name: "quorum-half",
        system: "raft",
        about: "an entry is committed with n/2 acknowledgements",
        stands_for: "EastGuard PR 150 and hashicorp/raft 6e41709 (the wrong members were counted towards a quorum)",
        sees: "acknowledged appends that no majority holds: lost when their holders are gone",
        woken_by: "partition, crash of the leader",
        class: "e",
        waits_for: None,
    },
    build: |boot, out| build::<Raft>(boot, &QuorumHalf, out),
};
