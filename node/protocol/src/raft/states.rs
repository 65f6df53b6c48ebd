//! The picture of a node as the lecture notes draw it: follower, candidate, leader. A candidate
//! that asks before it stands (dissertation, 9.6) is one already.
//! It never decides anything.

use crate::states::{CANDIDATE, FOLLOWER, LEADER, States, When, arrow, start, state};

/// A node's states.
pub(super) const STATES: States = States {
    boxes: &[
        state(FOLLOWER, "waits for its leader, and votes"),
        state(CANDIDATE, "asks for votes"),
        state(LEADER, "orders and replicates"),
    ],
    arrows: &[
        start(FOLLOWER, "starts up or recovers"),
        arrow(FOLLOWER, CANDIDATE, "suspects leader failure"),
        arrow(CANDIDATE, CANDIDATE, "election times out").when(When::Timeout),
        arrow(CANDIDATE, LEADER, "receives votes from a quorum"),
        arrow(CANDIDATE, FOLLOWER, "discovers a new term").when(When::LaterEpoch),
        arrow(CANDIDATE, FOLLOWER, "hears from the leader of its term"),
        arrow(LEADER, FOLLOWER, "discovers a new term").when(When::LaterEpoch),
        arrow(LEADER, FOLLOWER, "hears from no quorum"),
    ],
};
