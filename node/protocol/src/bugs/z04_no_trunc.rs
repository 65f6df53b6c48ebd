//! Z04 no-trunc. What follows the common prefix stays.

use super::{Bug, BugRow};
use crate::machine::{Index, build};
use crate::zab::{Rules, State, Zab, Zxid};

struct NoTrunc;

impl Rules for NoTrunc {
    fn cut_from(&self, _state: &State, _to: Zxid) -> Option<Index> {
        None
    }
}

pub const BUG: Bug = Bug {
    facts: BugRow {
        id: "Z04",
        name: "no-trunc",
        system: "zab",
        about: "a follower keeps the proposals that TRUNC says are not the leader's",
        stands_for: "ZOOKEEPER-2845 (a database kept over an election held what the new leader never had) and \
            5094 (an interrupted TRUNC)",
        sees: "one proposal at two places of two logs; nodes that deliver different logs",
        woken_by: "a leader cut off with a tail of its own that follows again",
        class: "e",
        waits_for: None,
    },
    build: |boot, out| build::<Zab>(boot, &NoTrunc, out),
};
