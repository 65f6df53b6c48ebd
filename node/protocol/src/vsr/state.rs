//! What a replica is (paper, section 4, figure 2): the part that its rules look at.
//! It never sends, writes or answers anything.

use serde::{Deserialize, Serialize};

use crate::common::disk::Hard;
use crate::common::node;
use crate::machine::{Epoch, Index, NodeId, Time};

/// What of a replica survives a crash.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// View, lastNormalView and log are on disk before anything rests on them.
    Durable,
    /// Only the view is, before it is acted upon; everything else comes back by recovery, into a
    /// view at least as late.
    Memory,
    /// Nothing, as published (paper, 4.3). Not safe: a recovered replica's own StartViewChange and
    /// DoViewChange from before its crash still count (Michael et al., DISC 2017).
    Paper,
}

/// What a replica does (paper, section 4: "status").
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    /// It takes part in its view.
    Normal,
    /// It has left its last view, and its view has not yet begun here.
    ViewChange,
    /// It does not know what it knew (paper, 4.3).
    Recovering,
}

/// Written before anything rests on it, as far as the mode says.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct HardState {
    /// The latest view this replica moved to.
    pub view: Epoch,
    /// The last one in which its status was normal: its log is a prefix of that view's.
    pub normal: Epoch,
}

/// A replica's state, persistent and volatile.
pub type State = node::State<HardState, Own>;

/// What only a replica has of it.
#[derive(Clone, Debug)]
pub struct Own {
    /// What survives a crash.
    pub mode: Mode,
    /// What this replica does.
    pub status: Status,
    /// When it last heard the primary of its view.
    pub heard: Option<Time>,
    /// Where the log ended when this replica, as primary, began its view.
    pub began: Index,
}

impl State {
    /// The primary of a view: replicas take turns (paper, section 4).
    #[must_use]
    pub fn primary(&self, view: Epoch) -> NodeId {
        self.members[(view.0 % self.members.len() as u64) as usize]
    }

    /// Whom this replica takes for the primary; nobody leads the first view.
    #[must_use]
    pub fn leader(&self) -> Option<NodeId> {
        let view = self.hard.view;
        let known = self.own.status == Status::Normal && view > Epoch(0);
        known.then(|| self.primary(view))
    }

    /// The end of the log.
    #[must_use]
    pub fn last(&self) -> Index {
        self.ordered.log.last_index()
    }
}

impl Hard for HardState {}
