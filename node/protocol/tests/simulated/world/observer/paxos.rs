//! The invariants of acceptors: one value in a ballot (I3), later ballots propose what is chosen
//! (I4), one value for a slot (I5), promises kept (I6), a quorum that accepted (I7).
//! A value counts as chosen as soon as a quorum has accepted it, said or not.

use std::collections::{BTreeMap, BTreeSet};

use schism_protocol::{Chain, Epoch};

use super::{Observer, majority};

#[derive(Default)]
pub struct Paxos {
    /// The value of a ballot, whoever spoke of it first.
    ballots: BTreeMap<(u64, Epoch), Chain>,
    proposed: BTreeMap<(u64, Epoch), Chain>,
    accepted: BTreeMap<(u64, Epoch), BTreeSet<usize>>,
    /// By slot: the value and the lowest ballot it was chosen in.
    chosen: BTreeMap<u64, (Chain, Epoch)>,
}

impl Observer {
    /// I3: one value for each slot and ballot.
    fn ballot(&mut self, at: usize, slot: u64, ballot: Epoch, hash: Chain) {
        let one = *self.paxos.ballots.entry((slot, ballot)).or_insert(hash);
        self.check(3, one == hash, "log-matching", || {
            format!("n{} has {hash} for slot {slot} in {ballot:?}, another had {one}", at + 1)
        });
    }

    pub fn proposed(&mut self, at: usize, slot: u64, ballot: Epoch, hash: Chain) {
        self.ballot(at, slot, ballot, hash);
        self.paxos.proposed.insert((slot, ballot), hash);
        let chosen = self.paxos.chosen.get(&slot).copied();
        let ignores = chosen.filter(|(value, lowest)| *lowest < ballot && *value != hash);
        self.check(4, ignores.is_none(), "leader-completeness", || {
            format!("n{} proposes {hash} for slot {slot} in {ballot:?}: {chosen:?}", at + 1)
        });
    }

    /// A node's promises hold for all slots. A protocol whose acceptors promise by slot says no
    /// `Promise` (it has no slot in it), or leaves I6 out in its row.
    pub fn accepted(&mut self, at: usize, slot: u64, ballot: Epoch, hash: Chain) {
        self.ballot(at, slot, ballot, hash);
        let promised = self.nodes[at].promises.last_key_value().map(|(epoch, _)| *epoch);
        self.check(6, Some(ballot) >= promised, "acked-durability", || {
            format!("n{} promised {promised:?} and accepts {ballot:?}", at + 1)
        });
        let acceptors = self.paxos.accepted.entry((slot, ballot)).or_default();
        acceptors.insert(at);
        if !majority(acceptors.len(), self.nodes.len()) {
            return;
        }
        self.settle_slot(at, slot, ballot, hash);
        let later = (slot, ballot.next())..=(slot, Epoch(u64::MAX));
        let other = self.paxos.proposed.range(later).find(|(_, value)| **value != hash);
        let other = other.map(|((_, later), value)| (*later, *value));
        self.check(4, other.is_none(), "leader-completeness", || {
            format!("slot {slot} is {hash} by {ballot:?}, and another was proposed: {other:?}")
        });
    }

    pub fn chosen(&mut self, at: usize, slot: u64, ballot: Epoch, hash: Chain) {
        self.ballot(at, slot, ballot, hash);
        let all = self.nodes.len();
        let holders = self.paxos.accepted.get(&(slot, ballot)).map_or(0, BTreeSet::len);
        self.check(7, majority(holders, all), "commit-quorum", || {
            format!("n{} learns slot {slot} in {ballot:?}; {holders} of {all} accepted", at + 1)
        });
        self.settle_slot(at, slot, ballot, hash);
    }

    /// I5: one value chosen for a slot.
    fn settle_slot(&mut self, at: usize, slot: u64, ballot: Epoch, hash: Chain) {
        let (one, lowest) = self.paxos.chosen.entry(slot).or_insert((hash, ballot));
        *lowest = (*lowest).min(ballot);
        let one = *one;
        self.check(5, one == hash, "state-machine-safety", || {
            format!("n{}: slot {slot} is {hash}, and it was {one}", at + 1)
        });
    }
}
