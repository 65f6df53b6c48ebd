//! The picture of a node by the phases of the paper (section IV and V): the election before them,
//! discovery, synchronisation and broadcast, each as the leader or as a follower.
//! It never decides anything.

use super::Part;
use super::follower::Stage;
use super::lead::Phase;
use crate::machine::Role;
use crate::states::{States, When, arrow, start, state};

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
        state(ELECTION, "looks for the best history"),
        state(DISCOVERY, "agrees on the next epoch"),
        state(SYNCHRONISATION, "takes over the leader's history"),
        state(BROADCAST, "orders, or acknowledges"),
    ],
    arrows: &[
        start(ELECTION, "starts up or recovers"),
        arrow(ELECTION, DISCOVERY, "a quorum votes for one"),
        arrow(DISCOVERY, SYNCHRONISATION, "leader: a quorum has the new epoch")
            .when(When::As(Role::Candidate)),
        arrow(DISCOVERY, SYNCHRONISATION, "follower: the leader sends its history"),
        arrow(SYNCHRONISATION, BROADCAST, "leader: a quorum has its history")
            .when(When::As(Role::Leader)),
        arrow(SYNCHRONISATION, BROADCAST, "follower: has the history on disk"),
        arrow(DISCOVERY, ELECTION, "gives the leader up"),
        arrow(SYNCHRONISATION, ELECTION, "gives the leader up"),
        arrow(BROADCAST, ELECTION, "hears no leader, or no quorum"),
        arrow(SYNCHRONISATION, DISCOVERY, "missed something: joins anew"),
        arrow(BROADCAST, DISCOVERY, "missed something: joins anew"),
    ],
};
