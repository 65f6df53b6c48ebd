//! What proposers and acceptors of slots must keep, where ballots and not logs decide: one hash for
//! each (slot, ballot) in place of I3, and I4 to I7 as Paxos has them
//! (docs/internals/protocols.md).

use std::collections::{BTreeMap, BTreeSet, HashMap};

use foldhash::fast::FixedState;

use super::node::{Faults, Node, Witness, name};
use crate::evidence::trace::{Offer, Said, What};
use crate::verdict::Kind;

/// What all nodes together said of slots and ballots.
#[derive(Default)]
pub(super) struct Slots {
    /// In place of I3: the hash of each (slot, ballot).
    hashes: HashMap<(u64, u64), (u64, Witness), FixedState>,
    /// I4: the lowest ballot in which a value of this slot was ever chosen, and the value.
    ever_chosen: HashMap<u64, (u64, u64), FixedState>,
    /// I5: the value of each slot that someone learned to be chosen.
    learned: HashMap<u64, (u64, Witness), FixedState>,
    /// I6: the greatest ballot that a node promised for all slots.
    promised: BTreeMap<usize, u64>,
    /// I6: the greatest ballot that a node promised or accepted for one slot.
    bound: HashMap<(usize, u64), u64, FixedState>,
    /// I7: who accepted what so far.
    accepted: HashMap<Offer, BTreeSet<usize>, FixedState>,
}

impl Slots {
    /// What was ever chosen is looked up from both sides of its time, so it is gathered first:
    /// what someone learned, and what a quorum accepted, whether or not anyone learned it.
    pub fn new(traces: &BTreeMap<&str, &[Said]>) -> Self {
        let mut slots = Slots::default();
        let mut accepted: HashMap<Offer, BTreeSet<usize>, FixedState> = HashMap::default();
        let mut quorum = usize::MAX;
        for (at, said) in traces.values().copied().enumerate() {
            for said in said {
                match &said.what {
                    What::Config { set } => quorum = set.len() / 2 + 1,
                    What::Chosen(offer) => slots.was_chosen(*offer),
                    What::Accepted(offer) => drop(accepted.entry(*offer).or_default().insert(at)),
                    _ => {}
                }
            }
        }
        for (offer, by) in accepted {
            if by.len() >= quorum {
                slots.was_chosen(offer);
            }
        }
        slots
    }

    fn was_chosen(&mut self, offer: Offer) {
        let chosen = (offer.ballot, offer.hash);
        let lowest = self.ever_chosen.entry(offer.slot).or_insert(chosen);
        *lowest = chosen.min(*lowest);
    }

    /// The next line of the node that `me` stands for.
    pub fn hear(&mut self, nodes: &[Node], me: Witness, what: &What, faults: &mut Faults) {
        match what {
            What::Promise { epoch, slot: None, .. } => {
                let promised = self.promised.entry(me.0).or_default();
                *promised = (*promised).max(*epoch);
            }
            What::Promise { epoch, slot: Some(slot), .. } => self.binds(me.0, *slot, *epoch),
            What::Proposed(offer) => {
                self.one_hash(nodes, me, *offer, faults);
                self.proposes(*offer, faults);
            }
            What::Accepted(offer) => {
                self.one_hash(nodes, me, *offer, faults);
                self.accepts(me.0, *offer, faults);
                self.accepted.entry(*offer).or_default().insert(me.0);
            }
            What::Chosen(offer) => {
                self.one_hash(nodes, me, *offer, faults);
                self.learns(nodes, me, *offer, faults);
            }
            _ => {}
        }
    }

    fn one_hash(&mut self, nodes: &[Node], me: Witness, offer: Offer, faults: &mut Faults) {
        let Offer { slot, ballot, hash } = offer;
        let (first, by) = *self.hashes.entry((slot, ballot)).or_insert((hash, me));
        if first != hash {
            let told = format!(
                "has another value for slot {slot} in ballot {} than {}",
                show(ballot),
                name(nodes, by)
            );
            faults.push((Kind::LogMatching, told));
        }
    }

    fn proposes(&self, offer: Offer, faults: &mut Faults) {
        let Offer { slot, ballot, hash } = offer;
        if let Some(&(chosen_in, chosen)) = self.ever_chosen.get(&slot)
            && chosen_in < ballot
            && chosen != hash
        {
            let told = format!(
                "proposed {hash:016x} for slot {slot} in ballot {}, though {chosen:016x} was \
                 chosen in ballot {}",
                show(ballot),
                show(chosen_in)
            );
            faults.push((Kind::LeaderCompleteness, told));
        }
    }

    fn accepts(&mut self, at: usize, offer: Offer, faults: &mut Faults) {
        let of_all = self.promised.get(&at).copied().unwrap_or(0);
        let of_slot = self.bound.get(&(at, offer.slot)).copied().unwrap_or(0);
        let promised = of_all.max(of_slot);
        if offer.ballot < promised {
            let told = format!(
                "accepted ballot {} for slot {}, though it had promised ballot {}",
                show(offer.ballot),
                offer.slot,
                show(promised)
            );
            faults.push((Kind::AckedDurability, told));
        }
        self.binds(at, offer.slot, offer.ballot);
    }

    fn binds(&mut self, at: usize, slot: u64, ballot: u64) {
        let bound = self.bound.entry((at, slot)).or_default();
        *bound = (*bound).max(ballot);
    }

    fn learns(&mut self, nodes: &[Node], me: Witness, offer: Offer, faults: &mut Faults) {
        let Offer { slot, ballot, hash } = offer;
        let (first, by) = *self.learned.entry(slot).or_insert((hash, me));
        if first != hash {
            let told = format!(
                "learned another value for slot {slot} than {} (line {} of its trace)",
                name(nodes, by),
                by.2
            );
            faults.push((Kind::StateMachineSafety, told));
        }
        let Some(config) = &nodes[me.0].config else { return };
        let by = self.accepted.get(&offer);
        let by = by.into_iter().flatten().map(|&at| nodes[at].name.clone());
        let by: Vec<_> = by.filter(|name| config.contains(name)).collect();
        let quorum = config.len() / 2 + 1;
        if by.len() < quorum {
            let who = if by.is_empty() { "nobody".to_owned() } else { by.join(", ") };
            let told = format!(
                "took slot {slot} for chosen in ballot {}, but only {who} had accepted it; a \
                 quorum of {} is {quorum}",
                show(ballot),
                config.len()
            );
            faults.push((Kind::CommitQuorum, told));
        }
    }
}

/// A ballot is a round and, in its last byte, the node whose it is: `3.n2`.
fn show(ballot: u64) -> String {
    format!("{}.n{}", ballot >> 8, ballot & 0xff)
}
