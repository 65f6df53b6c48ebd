//! P01 accept-any-ballot. An acceptor accepts whatever it is sent.

use super::{Bug, BugRow};
use crate::machine::build;
use crate::multi_paxos::{MultiPaxos, Rules, State};
use crate::paxos::ballot::Ballot;

struct AcceptAnyBallot;

impl Rules for AcceptAnyBallot {
    fn may_accept(&self, _state: &State, _ballot: Ballot) -> bool {
        true
    }
}

pub const BUG: Bug = Bug {
    facts: BugRow {
        id: "P01",
        name: "accept-any-ballot",
        system: "multi-paxos",
        about: "an acceptor accepts in ballots below the one it promised",
        stands_for: "OCons PR 21 (logs of two leaders were merged at an election)",
        sees: "two values chosen for one slot: logs that differ, lost appends",
        woken_by: "two leaders at once: the leader cut off from its successor, and one node that hears both",
        class: "e",
        waits_for: None,
    },
    build: |boot, out| build::<MultiPaxos>(boot, &AcceptAnyBallot, out),
};
