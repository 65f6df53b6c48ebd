//! R14 local-read. The leader answers linearizable reads from what it has, without asking whether
//! it still leads.

use super::{Bug, BugRow};
use crate::machine::{Role, build};
use crate::raft::Raft;
use crate::raft::{Rules, State};

struct LocalRead;

impl Rules for LocalRead {
    fn may_read_at_once(&self, state: &State) -> bool {
        state.role == Role::Leader
    }
}

pub const BUG: Bug = Bug {
    facts: BugRow {
        id: "R14",
        name: "local-read",
        system: "raft",
        about: "a leader reads without a round of heartbeats",
        stands_for: "redisraft #19 (stale reads with pauses) and d-engine #381 (a linearizable read \
            before the quorum confirmed)",
        sees: "stale reads from a deposed leader",
        woken_by: "a leader paused or cut off from the others but not from its clients",
        class: "m",
        waits_for: None,
    },
    build: |boot, out| build::<Raft>(boot, &LocalRead, out),
};
