//! What waits for a Raft node's disk: votes and acknowledgements.
//! It never writes and never sends: [`crate::common::disk`] says when a promise may leave.

use super::message::Message;
use super::state::HardState;
use crate::machine::{Epoch, Index, NodeId};

/// The disk as seen from Raft.
pub type Disk = crate::common::disk::Disk<HardState, Held>;

/// A promise that waits for the disk.
#[derive(Clone, Debug)]
pub enum Held {
    /// This node's vote for itself, in this term.
    OwnVote(Epoch),
    /// Its vote for another.
    Vote {
        to: NodeId,
        /// In which term.
        term: Epoch,
    },
    /// An acknowledgement to the leader, of the log up to `matched`.
    Ack {
        to: NodeId,
        /// What is acknowledged.
        matched: Index,
        /// The round of the message it answers.
        round: u64,
    },
    /// Anything else that rests on the term.
    Other { to: NodeId, message: Message },
}
