//! R08 keep-conflict-tail. Conflicting entries are overwritten one by one, and what follows them
//! stays.

use super::{Bug, BugRow};
use crate::common::log::Reconciled;
use crate::machine::{EntryId, LogEntry, build};
use crate::raft::Raft;
use crate::raft::{Rules, State};

struct KeepConflictTail;

impl Rules for KeepConflictTail {
    fn reconcile(&self, state: &State, prev: EntryId, entries: &[LogEntry]) -> Reconciled {
        match state.ordered.log.reconcile(prev, entries) {
            Reconciled::Accepted { keep, .. } => Reconciled::Accepted { keep, truncate: None },
            refused @ Reconciled::Refused { .. } => refused,
        }
    }
}

pub const BUG: Bug = Bug {
    facts: BugRow {
        id: "R08",
        name: "keep-conflict-tail",
        system: "raft",
        about: "a conflict is overwritten, and the tail behind it is kept",
        stands_for: "RabbitMQ Ra 2.15.2 (server PR 13326: log divergence) and qdrant #2508 (the last \
            entry was not truncated)",
        sees: "one (index, term) with two histories; nodes that never converge",
        woken_by: "a leader change while followers have tails of their own: partition, crash",
        class: "m",
        waits_for: None,
    },
    build: |boot, out| build::<Raft>(boot, &KeepConflictTail, out),
};
