//! P03 own-value. A new leader proposes its own value where others were accepted.

use super::{Bug, BugRow};
use crate::machine::{Command, LogEntry, build};
use crate::multi_paxos::{MultiPaxos, Rules};

struct OwnValue;

impl Rules for OwnValue {
    fn value(&self, _reports: &[LogEntry]) -> Option<Command> {
        None
    }
}

pub const BUG: Bug = Bug {
    facts: BugRow {
        id: "P03",
        name: "own-value",
        system: "multi-paxos",
        about: "a new leader ignores the values that its quorum reports",
        stands_for: "OCons PR 21 (partial logs merged wrongly at an election)",
        sees: "acknowledged appends that a no-op replaced: lost, and logs that differ",
        woken_by: "crash or partition of the leader",
        class: "e",
        waits_for: None,
    },
    build: |boot, out| build::<MultiPaxos>(boot, &OwnValue, out),
};
