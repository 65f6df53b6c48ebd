//! P07 apply-over-gap. A learner executes past a slot that it does not know.

use super::{Bug, BugRow};
use crate::machine::{LogEntry, build};
use crate::multi_paxos::{Learned, MultiPaxos, Rules};
use crate::paxos::ballot::Ballot;

struct ApplyOverGap;

impl Rules for ApplyOverGap {
    fn learn(&self, accepted: Option<&LogEntry>, ballot: Ballot) -> Learned {
        match accepted {
            Some(entry) if entry.epoch == ballot.epoch() => Learned::Accepted,
            _ => Learned::Skipped,
        }
    }
}

pub const BUG: Bug = Bug {
    facts: BugRow {
        id: "P07",
        name: "apply-over-gap",
        system: "multi-paxos",
        about: "a learner skips slots whose value it did not get",
        stands_for: "ZK-4925 (a hole in the committed log) and logcabin #160",
        sees: "nodes whose logs differ by what one of them missed",
        woken_by: "lost messages: crash, or a partition that resets connections",
        class: "e",
        waits_for: None,
    },
    build: |boot, out| build::<MultiPaxos>(boot, &ApplyOverGap, out),
};
