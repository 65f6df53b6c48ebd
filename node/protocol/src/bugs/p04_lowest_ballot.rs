//! P04 lowest-ballot. Of several reported values the one of the lowest ballot is proposed again.

use super::{Bug, BugRow};
use crate::machine::{Command, LogEntry, build};
use crate::multi_paxos::{MultiPaxos, Rules};

struct LowestBallot;

impl Rules for LowestBallot {
    fn value(&self, reports: &[LogEntry]) -> Option<Command> {
        reports.iter().min_by_key(|report| report.epoch).map(|report| report.command.clone())
    }
}

pub const BUG: Bug = Bug {
    facts: BugRow {
        id: "P04",
        name: "lowest-ballot",
        system: "multi-paxos",
        about: "a new leader takes the reported value of the lowest ballot",
        stands_for: "the OceanBase ghost log (an old leader's entry came back after a no-op had replaced it)",
        sees: "an entry that was overruled comes back in place of a chosen one: lost appends, logs that differ",
        woken_by: "two changes of leader, with slots left open by the first",
        class: "m",
        waits_for: None,
    },
    build: |boot, out| build::<MultiPaxos>(boot, &LowestBallot, out),
};
