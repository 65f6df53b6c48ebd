//! P02 promise-volatile. A promise is kept in memory only.

use super::{Bug, BugRow};
use crate::machine::build;
use crate::multi_paxos::{MultiPaxos, Rules};

struct PromiseVolatile;

impl Rules for PromiseVolatile {
    fn promise_is_durable(&self) -> bool {
        false
    }
}

pub const BUG: Bug = Bug {
    facts: BugRow {
        id: "P02",
        name: "promise-volatile",
        system: "multi-paxos",
        about: "a promise is not written to disk before it is given",
        stands_for: "cubefs PR 4070 (a reply left before the hard state was saved)",
        sees: "promises that a restart forgets; a client rarely sees it, since the next acceptance writes it",
        woken_by: "any election; crash during one for the harm",
        class: "m",
        waits_for: None,
    },
    build: |boot, out| build::<MultiPaxos>(boot, &PromiseVolatile, out),
};
