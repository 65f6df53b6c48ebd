//! R02 term-volatile. The term is forgotten at a restart.

use super::{Bug, BugRow};
use crate::machine::{Epoch, build};
use crate::raft::Raft;
use crate::raft::{HardState, Rules};

struct TermVolatile;

impl Rules for TermVolatile {
    fn reload(&self, stored: HardState) -> HardState {
        HardState { term: Epoch(0), ..stored }
    }
}

pub const BUG: Bug = Bug {
    facts: BugRow {
        id: "R02",
        name: "term-volatile",
        system: "raft",
        about: "a restarted node begins at term 0",
        stands_for: "cubefs PR 4070 (a reply left before the hard state was saved) and KAFKA-10527 \
            (a leader began its epoch again after a restart)",
        sees: "epochs that go back at a restart; two leaders of one term; in time, lost appends",
        woken_by: "crash",
        class: "e",
        waits_for: None,
    },
    build: |boot, out| build::<Raft>(boot, &TermVolatile, out),
};
