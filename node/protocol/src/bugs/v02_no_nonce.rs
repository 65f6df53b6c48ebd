//! V02 no-nonce. A recovering replica believes answers to questions of its earlier incarnations.

use super::{Bug, BugRow};
use crate::vsr::{Mode, Rules, start};

struct NoNonce;

impl Rules for NoNonce {
    fn response_counts(&self, _asked: u64, _nonce: u64) -> bool {
        true
    }
}

pub const BUG: Bug = Bug {
    facts: BugRow {
        id: "V02",
        name: "no-nonce",
        system: "vsr-memory",
        about: "a recovering replica believes answers to earlier questions",
        stands_for: "the reused ReadIndex context of etcd #20418 (an answer to an old question \
            counts), where the paper's nonce was left out",
        sees: "a replica back in a view it had left; entries it acknowledged are gone",
        woken_by: "crashing one node twice while answers to its first recovery are late",
        class: "d",
        waits_for: Some("stale frames"),
    },
    build: |boot, out| start(Mode::Memory, boot, &NoNonce, out),
};
