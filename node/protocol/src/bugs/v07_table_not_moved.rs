//! V07 table-not-moved. State transfer by snapshot leaves the client table behind.

use super::{Bug, BugRow};
use crate::machine::Snapshot;
use crate::vsr::{Mode, Rules, start};

struct TableNotMoved;

impl Rules for TableNotMoved {
    fn taken_over(&self, snapshot: Snapshot) -> Snapshot {
        Snapshot { state: bytes::Bytes::new(), ..snapshot }
    }
}

pub const BUG: Bug = Bug {
    facts: BugRow {
        id: "V07",
        name: "table-not-moved",
        system: "vsr",
        about: "state transfer by snapshot leaves the client table behind",
        stands_for: "logcabin 445f383 (sessions were not part of what a snapshot brought back)",
        sees: "a repeated request that is executed twice, or refused as never opened",
        woken_by: "a backup that lags far enough for a snapshot and then leads, and clients that retry",
        class: "m",
        waits_for: None,
    },
    build: |boot, out| start(Mode::Durable, boot, &TableNotMoved, out),
};
