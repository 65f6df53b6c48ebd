//! Q03 seq-volatile. A restarted sequencer counts from the start again.

use super::{Bug, BugRow};
use crate::common::ordered::Ordered;
use crate::machine::build;
use crate::sequencer::{Rules, Sequencer};

struct SeqVolatile;

impl Rules for SeqVolatile {
    fn resume(&self, _kept: Ordered) -> Ordered {
        Ordered::default()
    }
}

pub const BUG: Bug = Bug {
    facts: BugRow {
        id: "Q03",
        name: "seq-volatile",
        system: "sequencer",
        about: "a restarted sequencer forgets what it numbered",
        stands_for: "atlasdb #1504 (a timestamp service whose number went back after a restart)",
        sees: "one offset given twice",
        woken_by: "a restart of the sequencer",
        class: "e",
        waits_for: None,
    },
    build: |boot, out| build::<Sequencer>(boot, &SeqVolatile, out),
};
