//! R34 truncate-volatile. A truncation happens in memory and is not written to disk.

use super::{Bug, BugRow};
use crate::machine::build;
use crate::raft::Raft;
use crate::raft::Rules;

struct TruncateVolatile;

impl Rules for TruncateVolatile {
    fn truncation_is_durable(&self) -> bool {
        false
    }
}

pub const BUG: Bug = Bug {
    facts: BugRow {
        id: "R34",
        name: "truncate-volatile",
        system: "raft",
        about: "a removed tail comes back at a restart",
        stands_for: "jgroups-raft #9 (truncate() was not durable across a restart)",
        sees: "a log at a restart that the node never had; votes for candidates that lack committed entries",
        woken_by: "a conflict resolved, then a crash before the log has grown over the old tail",
        class: "m",
        waits_for: None,
    },
    build: |boot, out| build::<Raft>(boot, &TruncateVolatile, out),
};
