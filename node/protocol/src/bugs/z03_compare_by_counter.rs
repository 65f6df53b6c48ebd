//! Z03 compare-by-counter. The one comparison of histories ignores the epochs.

use super::{Bug, BugRow};
use std::cmp::Ordering;

use crate::machine::build;
use crate::zab::{Rules, Standing, Zab};

struct CompareByCounter;

impl Rules for CompareByCounter {
    fn compare(&self, a: Standing, b: Standing) -> Ordering {
        a.last.index.cmp(&b.last.index)
    }
}

pub const BUG: Bug = Bug {
    facts: BugRow {
        id: "Z03",
        name: "compare-by-counter",
        system: "zab",
        about: "histories are compared by their length alone",
        stands_for: "ZOOKEEPER-1419 (the order of votes left the epoch out of one of its cases)",
        sees: "a leader without committed entries; lost appends",
        woken_by: "a leader cut off with a long tail of its own, elected again after others committed a \
            shorter one",
        class: "e",
        waits_for: None,
    },
    build: |boot, out| build::<Zab>(boot, &CompareByCounter, out),
};
