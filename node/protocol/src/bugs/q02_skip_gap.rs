//! Q02 skip-gap. A receiver that misses something goes on without it.

use super::{Bug, BugRow};
use crate::machine::{Index, build};
use crate::sequencer::{Place, Rules, Sequencer};

struct SkipGap;

impl Rules for SkipGap {
    fn place(&self, last: Index, index: Index) -> Place {
        if index <= last { Place::Known } else { Place::Next }
    }
}

pub const BUG: Bug = Bug {
    facts: BugRow {
        id: "Q02",
        name: "skip-gap",
        system: "sequencer",
        about: "a receiver gives up on what it missed",
        stands_for: "RabbitMQ mirrored queues, which dropped what a rejoining mirror had missed",
        sees: "a node that lacks an entry all others have",
        woken_by: "a connection that is reset with entries under way",
        class: "e",
        waits_for: None,
    },
    build: |boot, out| build::<Sequencer>(boot, &SkipGap, out),
};
