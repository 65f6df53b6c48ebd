//! Ballots: numbered, totally ordered, and no two proposers ever use the same one (*Paxos Made
//! Simple*, 2.2: "different proposals have different numbers").
//! It never says who may begin one: that the round is durable first is the proposer's business.

use serde::{Deserialize, Serialize};

use crate::machine::{Epoch, NodeId};
use crate::wire::{Header, WireError, fields};

/// A round and the node that proposes in it, packed so that their order is that of the number:
/// `round << 8 | node`. It is what a frame's header and the traces call an epoch.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize,
)]
pub struct Ballot(pub u64);

/// Traces are JSON, whose numbers are exact below 2^53; no cluster lives for 2^45 rounds.
const BALLOTS: u64 = 1 << 53;

impl Ballot {
    /// Above every ballot: a value that is known to be chosen counts as accepted in it, since
    /// every later ballot proposes it anyway.
    pub const CHOSEN: Ballot = Ballot(u64::MAX);

    /// The ballot of this node in this round.
    #[must_use]
    pub fn new(round: u64, node: NodeId) -> Self {
        Ballot(round << 8 | u64::from(node.0))
    }

    #[must_use]
    pub fn round(self) -> u64 {
        self.0 >> 8
    }

    #[must_use]
    pub fn node(self) -> NodeId {
        NodeId((self.0 & 0xff) as u8)
    }

    /// As the rest of the world calls it.
    #[must_use]
    pub fn epoch(self) -> Epoch {
        Epoch(self.0)
    }

    /// The reverse, of an epoch that this node wrote itself.
    #[must_use]
    pub fn of(epoch: Epoch) -> Self {
        Ballot(epoch.0)
    }
}

fields!(Ballot(u64));

impl Header for Ballot {
    fn epoch(self) -> Epoch {
        Ballot::epoch(self)
    }

    fn read(epoch: Epoch) -> Result<Self, WireError> {
        if epoch.0 < BALLOTS {
            return Ok(Ballot(epoch.0));
        }
        Err(WireError(format!("{} is no ballot", epoch.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ballots_are_ordered_by_round_then_node_and_are_unique() {
        let mut all: Vec<Ballot> = (0..4)
            .flat_map(|round| (1..=3).map(move |node| Ballot::new(round, NodeId(node))))
            .collect();
        assert!(all.is_sorted());
        all.dedup();
        assert_eq!(all.len(), 12);
        assert_eq!((all[5].round(), all[5].node()), (1, NodeId(3)));
        assert!(Ballot::read(Ballot::CHOSEN.epoch()).is_err(), "nobody proposes in it");
    }
}
