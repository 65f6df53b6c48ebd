//! R11 accept-old-term. Messages of a deposed leader are obeyed.

use super::{Bug, BugRow};
use crate::machine::{Epoch, build};
use crate::raft::Raft;
use crate::raft::{Rules, State};

struct AcceptOldTerm;

impl Rules for AcceptOldTerm {
    fn is_stale(&self, _: &State, _: Epoch) -> bool {
        false
    }
}

pub const BUG: Bug = Bug {
    facts: BugRow {
        id: "R11",
        name: "accept-old-term",
        system: "raft",
        about: "a leader's message is never rejected for its old term",
        stands_for: "openraft a80579ef (late progress of a leader that had stepped down was used)",
        sees: "committed entries replaced by those of an old leader; lost appends",
        woken_by: "a leader paused or cut off, and back after its successor began",
        class: "e",
        waits_for: None,
    },
    build: |boot, out| build::<Raft>(boot, &AcceptOldTerm, out),
};
