//! The picture of a node: an operator is what makes it more than a follower.
//! It never decides anything.

use crate::states::{Arrow, StateRow, States, When};

const FOLLOWER: &str = "follower";
const CANDIDATE: &str = "candidate";
const LEADER: &str = "leader";

/// A node's states.
pub(super) const STATES: States = States {
    boxes: &[
        StateRow { name: FOLLOWER, about: "takes what its leader sends" },
        StateRow { name: CANDIDATE, about: "fences the others, takes the best log" },
        StateRow { name: LEADER, about: "orders and replicates" },
    ],
    arrows: &[
        Arrow { from: None, to: FOLLOWER, on: "starts up or recovers", when: When::Any },
        Arrow {
            from: None,
            to: CANDIDATE,
            on: "recovers as leader: asks for a new epoch",
            when: When::Any,
        },
        Arrow {
            from: Some(FOLLOWER),
            to: CANDIDATE,
            on: "the operator promotes it",
            when: When::Any,
        },
        Arrow { from: Some(FOLLOWER), to: LEADER, on: "n1 opens the first epoch", when: When::Any },
        Arrow {
            from: Some(CANDIDATE),
            to: LEADER,
            on: "a quorum has promised and has its log",
            when: When::Any,
        },
        Arrow {
            from: Some(CANDIDATE),
            to: FOLLOWER,
            on: "is fenced by a later epoch",
            when: When::Any,
        },
        Arrow {
            from: Some(LEADER),
            to: FOLLOWER,
            on: "is fenced by a later epoch",
            when: When::Any,
        },
    ],
};
