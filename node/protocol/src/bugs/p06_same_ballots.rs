//! P06 same-ballots. Ballots are rounds, and two proposers may use the same one.

use super::{Bug, BugRow};
use crate::machine::{NodeId, build};
use crate::multi_paxos::{MultiPaxos, Rules};
use crate::paxos::ballot::Ballot;

struct SameBallots;

impl Rules for SameBallots {
    fn ballot(&self, round: u64, _me: NodeId) -> Ballot {
        Ballot::new(round, NodeId(0))
    }
}

pub const BUG: Bug = Bug {
    facts: BugRow {
        id: "P06",
        name: "same-ballots",
        system: "multi-paxos",
        about: "a ballot is a round without the node",
        stands_for: "canonical/raft #386 (two leaders in term 11) and akka-raft #47",
        sees: "two leaders of one epoch; in time, lost appends",
        woken_by: "rivals: fixed timeouts, the leader killed",
        class: "e",
        waits_for: None,
    },
    build: |boot, out| build::<MultiPaxos>(boot, &SameBallots, out),
};
