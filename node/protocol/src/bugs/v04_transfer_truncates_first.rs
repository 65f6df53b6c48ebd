//! V04 transfer-truncates-first. A replica that hears of a later view drops what it does not know
//! to be committed before it has that view's log, as published (paper, 5.2).

use super::{Bug, BugRow};
use crate::machine::Index;
use crate::vsr::{Mode, Rules, State, start};

struct TransferTruncatesFirst;

impl Rules for TransferTruncatesFirst {
    fn kept_for_transfer(&self, state: &State) -> Index {
        state.ordered.commit
    }
}

pub const BUG: Bug = Bug {
    facts: BugRow {
        id: "V04",
        name: "transfer-truncates-first",
        system: "vsr",
        about: "a replica drops its uncommitted tail before it has the later view's log",
        stands_for: "the defect of the paper's state transfer that Vanlightly's model checking found \
            (vsr-tlaplus)",
        sees: "a primary without what was committed; lost appends",
        woken_by: "backups that lag into a view whose primary dies before it answers them",
        class: "m",
        waits_for: None,
    },
    build: |boot, out| start(Mode::Durable, boot, &TransferTruncatesFirst, out),
};
