//! Q03 seq-volatile. A restarted sequencer counts from the start again.

use super::Bug;
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
    id: "Q03",
    name: "seq-volatile",
    protocol: "sequencer",
    about: "a restarted sequencer forgets what it numbered",
    stands_for: "atlasdb #1504 (a timestamp service whose number went back after a restart)",
    sees: "one offset given twice",
    woken_by: "a restart of the sequencer",
    class: "e",
    build: |boot, out| build::<Sequencer>(boot, &SeqVolatile, out),
};
