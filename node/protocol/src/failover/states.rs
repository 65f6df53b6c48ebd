//! The picture of a node: an operator is what makes it more than a follower.
//! It never decides anything.

use crate::states::{CANDIDATE, FOLLOWER, LEADER, States, arrow, start, state};

/// A node's states.
pub(super) const STATES: States = States {
    boxes: &[
        state(FOLLOWER, "takes what its leader sends"),
        state(CANDIDATE, "fences the others, takes the best log"),
        state(LEADER, "orders and replicates"),
    ],
    arrows: &[
        start(FOLLOWER, "starts up or recovers"),
        start(CANDIDATE, "recovers as leader: asks for a new epoch"),
        arrow(FOLLOWER, CANDIDATE, "the operator promotes it"),
        arrow(FOLLOWER, LEADER, "n1 opens the first epoch"),
        arrow(CANDIDATE, LEADER, "a quorum has promised and has its log"),
        arrow(CANDIDATE, FOLLOWER, "is fenced by a later epoch"),
        arrow(LEADER, FOLLOWER, "is fenced by a later epoch"),
    ],
};
