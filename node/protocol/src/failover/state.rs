//! What a node of manual failover is: the part that its rules look at, and what waits for its disk.
//! It never sends, writes or answers anything.

use serde::{Deserialize, Serialize};

use super::message::Message;
use super::options::Promotes;
use crate::common::disk::Hard;
use crate::common::node;
use crate::machine::{Epoch, Index, NodeId};

/// Persistent: on disk before anything rests on it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct HardState {
    /// The greatest epoch promised; no older leader is heard.
    pub promised: Epoch,
    /// To whom it was promised.
    pub candidate: NodeId,
    /// The last epoch in which this node's log was whole.
    pub synced: Epoch,
    /// The last epoch this node opened as its leader. It is opened once: a next incarnation needs
    /// a new one.
    pub opened: Epoch,
}

impl Hard for HardState {}

impl HardState {
    /// What all nodes agree on before anyone was promoted: the first member leads the first epoch.
    #[must_use]
    pub fn initial(first: NodeId) -> Self {
        HardState { promised: Epoch(1), candidate: first, synced: Epoch(1), opened: Epoch(0) }
    }
}

/// The disk as seen from manual failover.
pub type Disk = crate::common::disk::Disk<HardState, Held>;

/// A promise that waits for the disk.
#[derive(Clone, Debug)]
pub enum Held {
    /// This node's own promise to itself, as a candidate.
    OwnPromise,
    /// A promise to a candidate.
    Promise { to: NodeId },
    /// An acknowledgement to the leader, of the log up to `matched`.
    Ack {
        to: NodeId,
        epoch: Epoch,
        /// What is acknowledged.
        matched: Index,
        /// The round of the message it answers.
        round: u64,
    },
    /// The candidate's own log is whole.
    OwnWhole,
    /// The epoch may be opened: that it was is on disk.
    Open,
    /// Anything else that rests on the epoch.
    Other { to: NodeId, message: Message },
}

/// A node's state, persistent and volatile.
pub type State = node::State<HardState, Own>;

/// What only manual failover has of it.
#[derive(Clone, Debug)]
pub struct Own {
    /// How it promotes.
    pub promotes: Promotes,
    /// Whom it believes to lead the epoch it promised.
    pub leader: Option<NodeId>,
    /// The epoch of the leader it follows, or is.
    pub following: Epoch,
    /// The greatest index at which its log is known to agree with that leader's.
    pub verified: Index,
}
