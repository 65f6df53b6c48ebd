//! What a Zab node is: the part that its rules look at.
//! It never sends, writes or answers anything.

use serde::{Deserialize, Serialize};

use crate::common::disk::Hard;
use crate::common::node;
use crate::machine::{Epoch, NodeId};

/// The identity of a proposal: its epoch, then its counter (paper, section IV). The counter is the
/// proposal's index in the history: it goes on where the epoch before ended instead of starting
/// anew, which keeps the order within an epoch, all that is asked of it.
pub type Zxid = crate::machine::EntryId;

/// Persistent beside the history: survives every crash, and is on disk before anything rests on it
/// (paper, section V.A).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct HardState {
    /// acceptedEpoch: that of the last NEWEPOCH accepted.
    pub accepted: Epoch,
    /// Whose NEWEPOCH that was.
    pub promised: Option<NodeId>,
    /// currentEpoch: that of the last NEWLEADER accepted, with the whole history it stands for.
    pub current: Epoch,
}

impl Hard for HardState {}

/// How much of what may be committed a node has: the later currentEpoch, then the later last zxid.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Standing {
    /// currentEpoch.
    pub current: Epoch,
    /// The zxid of the last proposal in the history.
    pub last: Zxid,
}

/// A node's state, persistent and volatile. It leads only when it is established.
pub type State = node::State<HardState, ()>;

impl State {
    /// What it puts into the balance at an election.
    #[must_use]
    pub fn standing(&self) -> Standing {
        Standing { current: self.hard.current, last: self.ordered.log.last().id() }
    }
}
