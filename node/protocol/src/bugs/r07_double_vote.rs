//! R07 double-vote. A node votes for everyone who asks.

use super::{Bug, BugRow};
use crate::machine::{NodeId, build};
use crate::raft::Raft;
use crate::raft::{Rules, State};

struct DoubleVote;

impl Rules for DoubleVote {
    fn may_vote(&self, _: &State, _: NodeId) -> bool {
        true
    }
}

pub const BUG: Bug = Bug {
    facts: BugRow {
        id: "R07",
        name: "double-vote",
        system: "raft",
        about: "votes already given in a term are ignored",
        stands_for: "akka-raft #47 and Xraft #1 (two leaders in one term)",
        sees: "two leaders in one term; lost appends",
        woken_by: "rival candidates: fixed timeouts without pre-vote unmask it",
        class: "e",
        waits_for: None,
    },
    build: |boot, out| build::<Raft>(boot, &DoubleVote, out),
};
