//! V01 max-op-log. A new primary takes the longest log, whenever it was last part of a view.

use super::{Bug, BugRow};
use crate::machine::{Epoch, Index};
use crate::vsr::{Mode, Rules, start};

struct MaxOpLog;

impl Rules for MaxOpLog {
    fn rank(&self, _normal: Epoch, last: Index) -> (Epoch, Index) {
        (Epoch(0), last)
    }
}

pub const BUG: Bug = Bug {
    facts: BugRow {
        id: "V01",
        name: "max-op-log",
        system: "vsr",
        about: "a new primary takes the longest log, however old its last view",
        stands_for: "taking the longer log for the newer one at a leader change (nebula PR 1303 and \
            KIP-101 lost entries so, by other roads)",
        sees: "a primary without what was committed; lost appends",
        woken_by: "an old primary with a long tail in a later view change: partition and crash",
        class: "m",
        waits_for: None,
    },
    build: |boot, out| start(Mode::Durable, boot, &MaxOpLog, out),
};
