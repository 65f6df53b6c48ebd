//! What a Raft node is (paper, figure 2): the part that its rules look at.
//! It never sends, writes or answers anything.

use serde::{Deserialize, Serialize};

use crate::common::disk::Hard;
use crate::common::node;
use crate::machine::{EntryId, Epoch, Index, NodeId, Time};

/// A node's state, persistent and volatile.
pub type State = node::State<HardState, Own>;

/// Persistent: survives every crash, and is on disk before anything rests on it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct HardState {
    /// The latest term seen.
    pub term: Epoch,
    /// Who got this node's vote in it.
    pub vote: Option<NodeId>,
}

impl Hard for HardState {}

/// What a node knows of its leader.
#[derive(Clone, Debug, Default)]
pub struct Own {
    /// Whom it believes to lead in its term.
    pub leader: Option<NodeId>,
    /// When it last heard that leader.
    pub heard: Option<Time>,
    /// The greatest index at which its log is known to agree with that leader's.
    pub verified: Index,
}

impl State {
    /// The end of the log.
    #[must_use]
    pub fn last(&self) -> EntryId {
        self.ordered.log.last().id()
    }
}
