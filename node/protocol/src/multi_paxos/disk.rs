//! What waits for a Multi-Paxos node's disk: promises and acceptances, its own among them.
//! It never writes and never sends: [`crate::common::disk`] says when a promise may leave.

use super::state::HardState;
use crate::machine::{Chain, Index, NodeId};
use crate::paxos::ballot::Ballot;

/// The disk as seen from Multi-Paxos.
pub type Disk = crate::common::disk::Disk<HardState, Held>;

/// A promise that waits for the disk.
#[derive(Clone, Debug)]
pub enum Held {
    /// This node's promise to itself, before it asks anyone else.
    OwnPromise(Ballot),
    /// Its promise to another, with what it accepted from this slot on.
    Promise {
        to: NodeId,
        ballot: Ballot,
        /// The first slot asked about.
        from: Index,
    },
    /// Its acceptance of a run of slots; its own proposal where `to` is itself.
    Accepted {
        to: NodeId,
        /// In which ballot.
        ballot: Ballot,
        /// The first slot.
        first: Index,
        /// Their values, by hash.
        hashes: Vec<Chain>,
    },
}
