//! D01 no-backoff. A refused proposer begins its next ballot at once, with a higher number.

use super::{Bug, BugRow};
use crate::machine::build;
use crate::paxos::{Options, Paxos, Rules};

struct NoBackoff;

impl Rules for NoBackoff {
    fn backoff_ns(&self, _options: &Options, _refused: u32, _random: u64) -> u64 {
        0
    }
}

pub const BUG: Bug = Bug {
    facts: BugRow {
        id: "D01",
        name: "no-backoff",
        system: "paxos",
        about: "a refused proposer tries again at once: two of them duel for ever",
        stands_for: "the duelling proposers of Paxos Made Simple, 2.4, and nebula PR 2419 (a candidate \
            that could not be elected for long)",
        sees: "keys that are never decided while two nodes propose for them",
        woken_by: "latency between nodes, two proposers for a key",
        class: "m",
        waits_for: None,
    },
    build: |boot, out| build::<Paxos>(boot, &NoBackoff, out),
};
