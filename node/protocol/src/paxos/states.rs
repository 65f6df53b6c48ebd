//! The picture of a node by what its proposer does (*Paxos Made Simple*, 2.2); as an acceptor it
//! promises and accepts in all of them.
//! It never decides anything.

use crate::states::{Arrow, StateRow, States, When};

pub(super) const LISTENING: &str = "listening";
pub(super) const PREPARING: &str = "preparing";
pub(super) const PROPOSING: &str = "proposing";
pub(super) const BACKING_OFF: &str = "backing off";

/// A node's states.
pub const STATES: States = States {
    boxes: &[
        StateRow { name: LISTENING, about: "promises, accepts, learns" },
        StateRow { name: PREPARING, about: "phase 1: asks for promises" },
        StateRow { name: PROPOSING, about: "phase 2: asks to accept" },
        StateRow { name: BACKING_OFF, about: "waits, for others to finish" },
    ],
    arrows: &[
        Arrow { from: None, to: LISTENING, on: "starts up or recovers", when: When::Any },
        Arrow { from: Some(LISTENING), to: PREPARING, on: "a client proposes", when: When::Any },
        Arrow {
            from: Some(PREPARING),
            to: PREPARING,
            on: "time is up: a higher ballot",
            when: When::Timeout,
        },
        Arrow {
            from: Some(PREPARING),
            to: PROPOSING,
            on: "a quorum has promised",
            when: When::Any,
        },
        Arrow {
            from: Some(PREPARING),
            to: BACKING_OFF,
            on: "hears of a higher ballot",
            when: When::Any,
        },
        Arrow {
            from: Some(PROPOSING),
            to: BACKING_OFF,
            on: "hears of a higher ballot",
            when: When::Any,
        },
        Arrow { from: Some(BACKING_OFF), to: PREPARING, on: "its wait is over", when: When::Any },
        Arrow {
            from: Some(PROPOSING),
            to: PREPARING,
            on: "time is up: a higher ballot",
            when: When::Any,
        },
        Arrow {
            from: Some(PROPOSING),
            to: LISTENING,
            on: "a quorum has accepted: decided",
            when: When::Any,
        },
        Arrow { from: Some(PREPARING), to: LISTENING, on: "learns the decision", when: When::Any },
        Arrow {
            from: Some(BACKING_OFF),
            to: LISTENING,
            on: "learns the decision",
            when: When::Any,
        },
    ],
};
