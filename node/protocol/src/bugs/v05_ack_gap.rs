//! V05 ack-gap. A backup acknowledges a Prepare although an earlier one is missing.

use super::{Bug, BugRow};
use crate::machine::Index;
use crate::vsr::{Mode, Rules, State, start};

struct AckGap;

impl Rules for AckGap {
    fn acknowledged(&self, _state: &State, _prev: Index, covered: Index) -> Option<Index> {
        Some(covered)
    }
}

pub const BUG: Bug = Bug {
    facts: BugRow {
        id: "V05",
        name: "ack-gap",
        system: "vsr",
        about: "a backup acknowledges over a hole",
        stands_for: "braft PR 119 and ZK-4925 (a hole in a log that was acknowledged)",
        sees: "commits that no quorum holds; lost appends",
        woken_by: "lost messages: a partition that resets, a crash",
        class: "e",
        waits_for: None,
    },
    build: |boot, out| start(Mode::Durable, boot, &AckGap, out),
};
