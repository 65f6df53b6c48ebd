//! R05 vote-any-log. A vote is given without comparing logs.

use super::{Bug, BugRow};
use crate::machine::{Epoch, Index, build};
use crate::raft::Raft;
use crate::raft::{Rules, State};

struct VoteAnyLog;

impl Rules for VoteAnyLog {
    fn log_is_up_to_date(&self, _: &State, _: Epoch, _: Index) -> bool {
        true
    }
}

pub const BUG: Bug = Bug {
    facts: BugRow {
        id: "R05",
        name: "vote-any-log",
        system: "raft",
        about: "a vote goes to any candidate, however old its log",
        stands_for: "redisraft #14 (a fail-over lost acknowledged writes) and nebula PR 1303 (a \
            voter rolled its log back when voting)",
        sees: "a leader without committed entries: acknowledged appends are lost, nodes deliver different logs",
        woken_by: "a lagging node, then the loss of the leader: crash or partition",
        class: "e",
        waits_for: None,
    },
    build: |boot, out| build::<Raft>(boot, &VoteAnyLog, out),
};
