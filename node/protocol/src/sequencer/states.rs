//! The picture of a node: one orders for ever, everyone else receives.
//! It never decides anything.

use crate::states::{Arrow, StateRow, States, When};

pub(super) const SEQUENCER: &str = "sequencer";
pub(super) const RECEIVER: &str = "receiver";

/// A node's states.
pub(super) const STATES: States = States {
    boxes: &[
        StateRow { name: SEQUENCER, about: "numbers and sends" },
        StateRow { name: RECEIVER, about: "delivers number after number" },
    ],
    arrows: &[
        Arrow { from: None, to: SEQUENCER, on: "n1 starts up or recovers", when: When::Any },
        Arrow { from: None, to: RECEIVER, on: "another starts up or recovers", when: When::Any },
        Arrow {
            from: Some(RECEIVER),
            to: RECEIVER,
            on: "the sequencer has started anew",
            when: When::LaterEpoch,
        },
    ],
};
