//! The picture of a node: one orders for ever, everyone else receives.
//! It never decides anything.

use crate::states::{States, When, arrow, start, state};

pub(super) const SEQUENCER: &str = "sequencer";
pub(super) const RECEIVER: &str = "receiver";

/// A node's states.
pub(super) const STATES: States = States {
    boxes: &[
        state(SEQUENCER, "numbers and sends"),
        state(RECEIVER, "delivers number after number"),
    ],
    arrows: &[
        start(SEQUENCER, "n1 starts up or recovers"),
        start(RECEIVER, "another starts up or recovers"),
        arrow(RECEIVER, RECEIVER, "the sequencer has started anew").when(When::LaterEpoch),
    ],
};
