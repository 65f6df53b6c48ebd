//! R22 fail-on-stepdown. A deposed leader says a definite no to appends that may still be
//! committed.

use super::{Bug, BugRow};
use crate::machine::{Refusal, Reply, build};
use crate::raft::Raft;
use crate::raft::{Rules, State};

struct FailOnStepdown;

impl Rules for FailOnStepdown {
    fn answer_pending(&self, state: &State) -> Reply {
        Reply::Fail(Refusal::NotLeader(state.own.leader))
    }
}

pub const BUG: Bug = Bug {
    facts: BugRow {
        id: "R22",
        name: "fail-on-stepdown",
        system: "raft",
        about: "pending appends are answered with a definite error at step-down",
        stands_for: "redisraft #23 (NOLEADER although the entry commits)",
        sees: "an append that failed, and is in the log",
        woken_by: "a leader change under load: partition, pause",
        class: "e",
        waits_for: None,
    },
    build: |boot, out| build::<Raft>(boot, &FailOnStepdown, out),
};
