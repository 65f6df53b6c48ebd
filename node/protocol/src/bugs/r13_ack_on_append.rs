//! R13 ack-on-append. The leader answers as soon as an append is in its own log.

use super::{Bug, BugRow};
use crate::machine::{Answer, Command, Index, Offset, Reply, build};
use crate::raft::Raft;
use crate::raft::{Rules, State};

struct AckOnAppend;

impl Rules for AckOnAppend {
    fn answer_at_append(&self, state: &State, index: Index) -> Option<Reply> {
        let appends = |i: &u64| {
            let entry = state.ordered.log.entry(Index(*i));
            matches!(entry.map(|e| &e.command), Some(Command::Append { .. }))
        };
        if !appends(&index.0) {
            return None;
        }
        let before = (state.ordered.replica.applied.0 + 1..index.0).filter(appends).count() as u64;
        let offset = Offset(state.ordered.replica.length().0 + before);
        Some(Reply::Ok(Answer::Appended { offset, duplicate: false }))
    }
}

pub const BUG: Bug = Bug {
    facts: BugRow {
        id: "R13",
        name: "ack-on-append",
        system: "raft",
        about: "the leader answers before the entry is committed",
        stands_for: "d-engine #446 (the quorum counted entries in memory) and etcd #14370 (an answer \
            before the entry was saved)",
        sees: "acknowledged appends that are lost with the leader",
        woken_by: "crash or partition of the leader",
        class: "e",
        waits_for: None,
    },
    build: |boot, out| build::<Raft>(boot, &AckOnAppend, out),
};
