//! How a connection ends, and what the two directions of one tell each other of it.

use std::cell::Cell;

use tokio::sync::Notify;

use super::state::{FlowState, LinkState};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    Forward,
    Backward,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ending {
    /// Both sides have closed, one after the other.
    Closed,
    /// One side was reset, or gone, and the other has to learn it.
    Peer,
    /// A block resets it.
    Block,
    /// Bytes were swallowed, and now it would go on without them.
    Hole,
}

/// What the two pumps of a connection tell each other.
#[derive(Default)]
pub struct Fate {
    /// A side whose socket is gone, by the way in which it sends.
    pub gone: [Cell<bool>; 2],
    pub wake: [Notify; 2],
    pub closed: Cell<u8>,
}

impl Fate {
    pub fn is_gone(&self, side: Way) -> bool {
        self.gone[side as usize].get()
    }
}

impl Way {
    pub fn of(self, state: &LinkState) -> &FlowState {
        match self {
            Way::Forward => &state.forward,
            Way::Backward => &state.backward,
        }
    }

    pub fn other(self) -> Way {
        match self {
            Way::Forward => Way::Backward,
            Way::Backward => Way::Forward,
        }
    }
}
