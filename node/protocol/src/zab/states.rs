//! The picture of a node by the phases of the paper (section IV and V): the election before them,
//! discovery, synchronisation and broadcast, each as the leader or as a follower.
//! It never decides anything.

use super::Part;
use super::follower::Stage;
use super::lead::Phase;
use crate::machine::Role;
use crate::states::{Arrow, StateRow, States, When};

const ELECTION: &str = "election";
const DISCOVERY: &str = "discovery";
const SYNCHRONISATION: &str = "synchronisation";
const BROADCAST: &str = "broadcast";

/// The phase a node is in.
pub(super) fn of(part: &Part) -> &'static str {
    match part {
        Part::Looking(_) => ELECTION,
        Part::Following(following) => match following.stage {
            Stage::Joining | Stage::Accepted => DISCOVERY,
            Stage::Syncing | Stage::Synced => SYNCHRONISATION,
            Stage::Following => BROADCAST,
        },
        Part::Leading(lead) => match lead.phase {
            Phase::Choosing | Phase::Promising | Phase::Discovery => DISCOVERY,
            Phase::Synchronisation => SYNCHRONISATION,
            Phase::Broadcast => BROADCAST,
        },
    }
}

/// A node's states.
pub(super) const STATES: States = States {
    boxes: &[
        StateRow { name: ELECTION, about: "looks for the best history" },
        StateRow { name: DISCOVERY, about: "agrees on the next epoch" },
        StateRow { name: SYNCHRONISATION, about: "takes over the leader's history" },
        StateRow { name: BROADCAST, about: "orders, or acknowledges" },
    ],
    arrows: &[
        Arrow { from: None, to: ELECTION, on: "starts up or recovers", when: When::Any },
        Arrow {
            from: Some(ELECTION),
            to: DISCOVERY,
            on: "a quorum votes for one",
            when: When::Any,
        },
        Arrow {
            from: Some(DISCOVERY),
            to: SYNCHRONISATION,
            on: "leader: a quorum has the new epoch",
            when: When::As(Role::Candidate),
        },
        Arrow {
            from: Some(DISCOVERY),
            to: SYNCHRONISATION,
            on: "follower: the leader sends its history",
            when: When::Any,
        },
        Arrow {
            from: Some(SYNCHRONISATION),
            to: BROADCAST,
            on: "leader: a quorum has its history",
            when: When::As(Role::Leader),
        },
        Arrow {
            from: Some(SYNCHRONISATION),
            to: BROADCAST,
            on: "follower: has the history on disk",
            when: When::Any,
        },
        Arrow { from: Some(DISCOVERY), to: ELECTION, on: "gives the leader up", when: When::Any },
        Arrow {
            from: Some(SYNCHRONISATION),
            to: ELECTION,
            on: "gives the leader up",
            when: When::Any,
        },
        Arrow {
            from: Some(BROADCAST),
            to: ELECTION,
            on: "hears no leader, or no quorum",
            when: When::Any,
        },
        Arrow {
            from: Some(SYNCHRONISATION),
            to: DISCOVERY,
            on: "missed something: joins anew",
            when: When::Any,
        },
        Arrow {
            from: Some(BROADCAST),
            to: DISCOVERY,
            on: "missed something: joins anew",
            when: When::Any,
        },
    ],
};
