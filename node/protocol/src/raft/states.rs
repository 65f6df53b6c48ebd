//! The picture of a node as the lecture notes draw it: follower, candidate, leader. A candidate
//! that asks before it stands (dissertation, 9.6) is one already.
//! It never decides anything.

use crate::states::{Arrow, StateRow, States, When};

const FOLLOWER: &str = "follower";
const CANDIDATE: &str = "candidate";
const LEADER: &str = "leader";

/// A node's states.
pub(super) const STATES: States = States {
    boxes: &[
        StateRow { name: FOLLOWER, about: "waits for its leader, and votes" },
        StateRow { name: CANDIDATE, about: "asks for votes" },
        StateRow { name: LEADER, about: "orders and replicates" },
    ],
    arrows: &[
        Arrow { from: None, to: FOLLOWER, on: "starts up or recovers", when: When::Any },
        Arrow {
            from: Some(FOLLOWER),
            to: CANDIDATE,
            on: "suspects leader failure",
            when: When::Any,
        },
        Arrow {
            from: Some(CANDIDATE),
            to: CANDIDATE,
            on: "election times out",
            when: When::Timeout,
        },
        Arrow {
            from: Some(CANDIDATE),
            to: LEADER,
            on: "receives votes from a quorum",
            when: When::Any,
        },
        Arrow {
            from: Some(CANDIDATE),
            to: FOLLOWER,
            on: "discovers a new term",
            when: When::LaterEpoch,
        },
        Arrow {
            from: Some(CANDIDATE),
            to: FOLLOWER,
            on: "hears from the leader of its term",
            when: When::Any,
        },
        Arrow {
            from: Some(LEADER),
            to: FOLLOWER,
            on: "discovers a new term",
            when: When::LaterEpoch,
        },
        Arrow { from: Some(LEADER), to: FOLLOWER, on: "hears from no quorum", when: When::Any },
    ],
};
