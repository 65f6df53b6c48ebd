//! What a Zab node is: the part that its rules look at.
//! It never sends, writes or answers anything.

use serde::{Deserialize, Serialize};

use super::options::Options;
use crate::common::disk::Hard;
use crate::common::ordered::Ordered;
use crate::machine::{Epoch, NodeId, Role};

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

/// A node's state, persistent and volatile.
#[derive(Clone, Debug)]
pub struct State {
    /// This node.
    pub id: NodeId,
    /// All voting members, this one included.
    pub members: Vec<NodeId>,
    /// Its options.
    pub options: Options,
    /// The epochs, as in memory; the disk may be a little behind.
    pub hard: HardState,
    /// The history, as in memory, and what delivering it came to.
    pub ordered: Ordered,
    /// What this node does: a leader is one only when it is established.
    pub role: Role,
}

impl State {
    /// What it puts into the balance at an election.
    #[must_use]
    pub fn standing(&self) -> Standing {
        Standing { current: self.hard.current, last: self.ordered.log.last().id() }
    }
}
