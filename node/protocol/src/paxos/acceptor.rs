//! The acceptor's two promises and what a quorum of acceptors says, as every Paxos here uses them.
//! It never writes: what an acceptor says leaves when it is on its disk.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::ballot::Ballot;
use crate::machine::NodeId;
use crate::wire::fields;

/// What an acceptor accepted for one decision.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Accepted {
    /// In which ballot.
    pub ballot: Ballot,
    pub value: Bytes,
}

fields!(Accepted { ballot: Ballot, value: Bytes });

/// What survives a crash of one decision's acceptor. [`Ballot::CHOSEN`] marks what is decided.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Acceptor {
    /// The highest ballot promised.
    pub promised: Ballot,
    /// What was accepted last.
    pub accepted: Option<Accepted>,
}

/// Phase 1b (*Paxos Made Simple*, 2.2): a promise goes to a ballot that is at least as high as
/// every one promised before. An equal one is the same question again: a ballot has one proposer.
#[must_use]
pub fn may_promise(promised: Ballot, ballot: Ballot) -> bool {
    ballot >= promised
}

/// Phase 2b (*Paxos Made Simple*, P1a): an acceptor accepts iff it has not promised a higher
/// ballot; accepting is promising too.
#[must_use]
pub fn may_accept(promised: Ballot, ballot: Ballot) -> bool {
    ballot >= promised
}

/// Phase 2a (*Paxos Made Simple*, P2c): of what a quorum reports, the value of the highest ballot.
/// None: the proposer is free.
pub fn highest<V>(reports: impl IntoIterator<Item = (Ballot, V)>) -> Option<V> {
    reports.into_iter().max_by_key(|(ballot, _)| *ballot).map(|(_, value)| value)
}

/// Who accepted one value in one ballot. A quorum of them, and it is chosen.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tally([u64; 4]);

impl Tally {
    /// This node accepted; repeating it adds nothing.
    pub fn insert(&mut self, node: NodeId) {
        self.0[usize::from(node.0 >> 6)] |= 1 << (node.0 & 63);
    }

    /// Whether it did.
    #[must_use]
    pub fn contains(&self, node: NodeId) -> bool {
        self.0[usize::from(node.0 >> 6)] & (1 << (node.0 & 63)) != 0
    }

    /// How many did.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_acceptor_keeps_its_word() {
        let (low, high) = (Ballot::new(1, NodeId(3)), Ballot::new(2, NodeId(1)));
        assert!(may_promise(low, high) && may_accept(low, high));
        assert!(may_promise(low, low) && may_accept(low, low));
        assert!(!may_promise(high, low) && !may_accept(high, low));
    }

    #[test]
    fn the_highest_ballot_speaks_for_the_quorum() {
        let check = |reports: &[(u64, char)], expected| {
            let reports = reports.iter().map(|(round, v)| (Ballot::new(*round, NodeId(1)), *v));
            assert_eq!(highest(reports), expected);
        };
        check(&[], None);
        check(&[(1, 'a')], Some('a'));
        check(&[(1, 'a'), (3, 'b'), (2, 'c')], Some('b'));
    }

    #[test]
    fn an_acceptance_counts_once() {
        let mut tally = Tally::default();
        for node in [1, 3, 3, 64, 255, 1] {
            tally.insert(NodeId(node));
        }
        assert_eq!(tally.count(), 4);
        assert!(tally.contains(NodeId(64)) && !tally.contains(NodeId(2)));
    }
}
