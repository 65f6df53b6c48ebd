//! Z05 sync-hole. Proposals made during a synchronisation are left out.

use super::{Bug, BugRow};
use crate::machine::{Index, build};
use crate::zab::{Rules, Zab};

struct SyncHole;

impl Rules for SyncHole {
    fn broadcast_from(&self, _sync_point: Index, last: Index) -> Index {
        last.next()
    }
}

pub const BUG: Bug = Bug {
    facts: BugRow {
        id: "Z05",
        name: "sync-hole",
        system: "zab",
        about: "a joiner is not sent what was proposed between its sync point and its acknowledgement",
        stands_for: "ZOOKEEPER-4925 (a hole in what a follower holds) and the first issue that the model of \
            the protocol found (proposals went only to those who had acknowledged NEWLEADER)",
        sees: "a follower with a hole in its log, every later proposal one place early",
        woken_by: "a node that joins a running leader under load",
        class: "m",
        waits_for: None,
    },
    build: |boot, out| build::<Zab>(boot, &SyncHole, out),
};
