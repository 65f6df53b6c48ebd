//! R19 follower-read. Every node answers linearizable reads from what it has.

use super::{Bug, BugRow};
use crate::machine::build;
use crate::raft::Raft;
use crate::raft::{Rules, State};

struct FollowerRead;

impl Rules for FollowerRead {
    fn may_read_at_once(&self, _: &State) -> bool {
        true
    }
}

pub const BUG: Bug = Bug {
    facts: BugRow {
        id: "R19",
        name: "follower-read",
        system: "raft",
        about: "any node answers a linearizable read locally",
        stands_for: "etcd #15271 (a watch on a follower went back in time after a partition) and \
            Xraft-KV #1 (reads that are not linearizable)",
        sees: "stale reads",
        woken_by: "any lag: latency, partition, pause",
        class: "e",
        waits_for: None,
    },
    build: |boot, out| build::<Raft>(boot, &FollowerRead, out),
};
