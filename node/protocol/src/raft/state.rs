//! What a Raft node is (paper, figure 2): the part that its rules look at.
//! It never sends, writes or answers anything.

use serde::{Deserialize, Serialize};

use super::options::Options;
use crate::common::disk::Hard;
use crate::common::ordered::Ordered;
use crate::machine::{EntryId, Epoch, Index, NodeId, Role, Time};

/// Persistent: survives every crash, and is on disk before anything rests on it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct HardState {
    /// The latest term seen.
    pub term: Epoch,
    /// Who got this node's vote in it.
    pub vote: Option<NodeId>,
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
    /// Term and vote, as in memory; the disk may be a little behind.
    pub hard: HardState,
    /// The log, as in memory, and what applying it came to.
    pub ordered: Ordered,
    /// What this node does.
    pub role: Role,
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

impl Hard for HardState {}
