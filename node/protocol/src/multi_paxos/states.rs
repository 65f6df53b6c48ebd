//! The picture of a node: as Raft's, with phase 1 where Raft collects votes.
//! It never decides anything.

use crate::states::{Arrow, StateRow, States, When};

const FOLLOWER: &str = "follower";
const CANDIDATE: &str = "candidate";
const LEADER: &str = "leader";

/// A node's states.
pub(super) const STATES: States = States {
    boxes: &[
        StateRow { name: FOLLOWER, about: "promises and accepts" },
        StateRow { name: CANDIDATE, about: "phase 1: prepares all slots" },
        StateRow { name: LEADER, about: "phase 2: proposes slot by slot" },
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
            on: "phase 1 times out",
            when: When::Timeout,
        },
        Arrow { from: Some(CANDIDATE), to: LEADER, on: "a quorum has promised", when: When::Any },
        Arrow {
            from: Some(CANDIDATE),
            to: FOLLOWER,
            on: "hears of a higher ballot",
            when: When::LaterEpoch,
        },
        Arrow { from: Some(CANDIDATE), to: FOLLOWER, on: "hears from a leader", when: When::Any },
        Arrow {
            from: Some(LEADER),
            to: FOLLOWER,
            on: "hears of a higher ballot",
            when: When::LaterEpoch,
        },
        Arrow { from: Some(LEADER), to: FOLLOWER, on: "hears from no quorum", when: When::Any },
    ],
};
