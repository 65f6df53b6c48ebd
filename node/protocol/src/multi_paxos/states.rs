//! The picture of a node: as Raft's, with phase 1 where Raft collects votes.
//! It never decides anything.

use crate::states::{CANDIDATE, FOLLOWER, LEADER, States, When, arrow, start, state};

/// A node's states.
pub(super) const STATES: States = States {
    boxes: &[
        state(FOLLOWER, "promises and accepts"),
        state(CANDIDATE, "phase 1: prepares all slots"),
        state(LEADER, "phase 2: proposes slot by slot"),
    ],
    arrows: &[
        start(FOLLOWER, "starts up or recovers"),
        arrow(FOLLOWER, CANDIDATE, "suspects leader failure"),
        arrow(CANDIDATE, CANDIDATE, "phase 1 times out").when(When::Timeout),
        arrow(CANDIDATE, LEADER, "a quorum has promised"),
        arrow(CANDIDATE, FOLLOWER, "hears of a higher ballot").when(When::LaterEpoch),
        arrow(CANDIDATE, FOLLOWER, "hears from a leader"),
        arrow(LEADER, FOLLOWER, "hears of a higher ballot").when(When::LaterEpoch),
        arrow(LEADER, FOLLOWER, "hears from no quorum"),
    ],
};
