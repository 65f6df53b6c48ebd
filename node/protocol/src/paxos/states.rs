//! The picture of a node by what its proposer does (*Paxos Made Simple*, 2.2); as an acceptor it
//! promises and accepts in all of them.
//! It never decides anything.

use crate::states::{States, When, arrow, start, state};

pub(super) const LISTENING: &str = "listening";
pub(super) const PREPARING: &str = "preparing";
pub(super) const PROPOSING: &str = "proposing";
pub(super) const BACKING_OFF: &str = "backing off";

/// A node's states.
pub const STATES: States = States {
    boxes: &[
        state(LISTENING, "promises, accepts, learns"),
        state(PREPARING, "phase 1: asks for promises"),
        state(PROPOSING, "phase 2: asks to accept"),
        state(BACKING_OFF, "waits, for others to finish"),
    ],
    arrows: &[
        start(LISTENING, "starts up or recovers"),
        arrow(LISTENING, PREPARING, "a client proposes"),
        arrow(PREPARING, PREPARING, "time is up: a higher ballot").when(When::Timeout),
        arrow(PREPARING, PROPOSING, "a quorum has promised"),
        arrow(PREPARING, BACKING_OFF, "hears of a higher ballot"),
        arrow(PROPOSING, BACKING_OFF, "hears of a higher ballot"),
        arrow(BACKING_OFF, PREPARING, "its wait is over"),
        arrow(PROPOSING, PREPARING, "time is up: a higher ballot"),
        arrow(PROPOSING, LISTENING, "a quorum has accepted: decided"),
        arrow(PREPARING, LISTENING, "learns the decision"),
        arrow(BACKING_OFF, LISTENING, "learns the decision"),
    ],
};
