//! Many independent decisions, each by single-decree Paxos: a proposer where somebody asked, an
//! acceptor everywhere, and learners who are told (*Paxos Made Simple*, 2.2 to 2.5). Whoever
//! counted a quorum of one ballot tells the others.
//!
//! It never says what its disk does not hold, and never calls decided what no quorum accepted. How
//! a record is laid out on the disk is its owner's: it hands over what must be kept.

mod proposer;

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use super::acceptor::{Accepted, Acceptor};
use super::ballot::Ballot;
use super::message::{Body, Key, Message};
use super::options::Options;
use super::rules::Rules;
use super::states;
use crate::common::disk::Hard;
use crate::machine::{Chain, Mark, NodeId, Output, Outputs, Record, Time, TraceEvent, send_to};

use proposer::Proposer;

/// Turns an acceptor's state into the record that keeps it.
pub trait Journal<K> {
    fn record(&mut self, key: &K, acceptor: &Acceptor) -> Record;
}

/// The disk, with hard state `H` of the owner.
pub type Disk<K, H> = crate::common::disk::Disk<H, Held<K>>;

/// An answer that waits for the disk.
#[derive(Clone, Debug)]
pub struct Held<K> {
    to: NodeId,
    key: K,
    ballot: Ballot,
    says: Says,
}

#[derive(Clone, Debug)]
enum Says {
    Promise,
    Accepted { hash: Chain },
}

/// All decisions of one node.
pub struct Synod<K, H, J> {
    rules: &'static dyn Rules,
    id: NodeId,
    members: Vec<NodeId>,
    options: Options,
    rng: ChaCha8Rng,
    decisions: BTreeMap<K, Acceptor>,
    proposers: BTreeMap<K, Proposer>,
    /// What is to be kept, and how.
    pub disk: Disk<K, H>,
    pub journal: J,
    /// Decided since the owner looked.
    news: BTreeSet<K>,
}

impl<K: Key, H: Hard, J: Journal<K>> Synod<K, H, J> {
    /// Starts from what the disk kept.
    #[allow(clippy::too_many_arguments)] // what a node is made of
    pub fn new(
        rules: &'static dyn Rules,
        id: NodeId,
        members: Vec<NodeId>,
        options: Options,
        seed: u64,
        decisions: BTreeMap<K, Acceptor>,
        disk: Disk<K, H>,
        journal: J,
    ) -> Self {
        let (rng, proposers, news) =
            (ChaCha8Rng::seed_from_u64(seed), BTreeMap::new(), BTreeSet::new());
        Synod { rules, id, members, options, rng, decisions, proposers, disk, journal, news }
    }

    /// All members, this node included.
    #[must_use]
    pub fn members(&self) -> &[NodeId] {
        &self.members
    }

    /// Every acceptor's state.
    #[must_use]
    pub fn decisions(&self) -> &BTreeMap<K, Acceptor> {
        &self.decisions
    }

    /// What is decided here, if this node knows it.
    #[must_use]
    pub fn decided(&self, key: &K) -> Option<&Bytes> {
        decided(self.decisions.get(key)?)
    }

    /// Whether a proposer is at work for this decision.
    #[must_use]
    pub fn is_proposing(&self, key: &K) -> bool {
        self.proposers.contains_key(key)
    }

    /// The next decision that became known here.
    pub fn take_news(&mut self) -> Option<K> {
        self.news.pop_first()
    }

    /// Forgets all decisions before this one: their owner keeps them elsewhere.
    pub fn forget_before(&mut self, key: &K) {
        self.decisions = self.decisions.split_off(key);
        self.proposers = self.proposers.split_off(key);
        self.news = self.news.split_off(key);
    }

    /// What the proposer of the first undecided decision does, in the words of its picture.
    #[must_use]
    pub fn state(&self) -> &'static str {
        self.proposers.values().next().map_or(states::LISTENING, Proposer::state)
    }

    /// When something is to be done if nothing comes.
    #[must_use]
    pub fn due(&self) -> Option<Time> {
        self.proposers.values().map(|proposer| proposer.due).min()
    }

    /// Takes a message.
    pub fn on_message<M: From<Message<K>>>(
        &mut self,
        from: NodeId,
        message: Message<K>,
        now: Time,
        out: &mut Outputs<M>,
    ) {
        let Message { ballot, key, body } = message;
        if let (Some(value), Body::Prepare | Body::Accept { .. }) = (self.decided(&key), &body) {
            // Nothing else can come of it: its proposer may as well know.
            let value = value.clone();
            return send(from, ballot, &key, Body::Decided { value }, out);
        }
        match body {
            Body::Prepare => self.on_prepare(from, key, ballot, now, out),
            Body::Promise { accepted } => self.on_promise(from, &key, ballot, accepted, now, out),
            Body::Nack => self.on_nack(&key, ballot, now, out),
            Body::Accept { value } => self.on_accept(from, key, ballot, value, now, out),
            Body::Accepted => self.on_accepted(from, &key, ballot, out),
            Body::Decided { value } => self.learn(&key, value, out),
        }
    }

    /// Phase 1b.
    fn on_prepare<M: From<Message<K>>>(
        &mut self,
        from: NodeId,
        key: K,
        ballot: Ballot,
        now: Time,
        out: &mut Outputs<M>,
    ) {
        let acceptor = self.decisions.entry(key.clone()).or_default();
        if !self.rules.may_promise(acceptor, ballot) {
            return send(from, acceptor.promised, &key, Body::Nack, out);
        }
        acceptor.promised = ballot;
        self.keep(&key, out);
        // A proposer here is overtaken: its own acceptor refuses it from now on.
        self.on_nack(&key, ballot, now, out);
        self.hold(Held { to: from, key, ballot, says: Says::Promise }, now, out);
    }

    /// Phase 2b.
    fn on_accept<M: From<Message<K>>>(
        &mut self,
        from: NodeId,
        key: K,
        ballot: Ballot,
        value: Bytes,
        now: Time,
        out: &mut Outputs<M>,
    ) {
        let acceptor = self.decisions.entry(key.clone()).or_default();
        if !self.rules.may_accept(acceptor, ballot) {
            let promised = acceptor.promised;
            if from != self.id {
                send(from, promised, &key, Body::Nack, out);
            }
            return;
        }
        acceptor.promised = acceptor.promised.max(ballot);
        let hash = hash(&value);
        acceptor.accepted = Some(Accepted { ballot, value });
        self.keep(&key, out);
        self.hold(Held { to: from, key, ballot, says: Says::Accepted { hash } }, now, out);
    }

    /// A quorum accepted it: it is decided, for good. The disk keeps it above every ballot.
    pub fn learn<M>(&mut self, key: &K, value: Bytes, out: &mut Outputs<M>) {
        self.proposers.remove(key);
        let acceptor = self.decisions.entry(key.clone()).or_default();
        if decided(acceptor).is_some() {
            return;
        }
        acceptor.accepted = Some(Accepted { ballot: Ballot::CHOSEN, value });
        self.keep(key, out);
        self.news.insert(key.clone());
    }

    /// The disk holds more: what waited for it leaves.
    pub fn release<M: From<Message<K>>>(&mut self, now: Time, out: &mut Outputs<M>) {
        while let Some(held) = self.disk.release() {
            self.answer(held, now, out);
        }
    }

    fn hold<M: From<Message<K>>>(&mut self, held: Held<K>, now: Time, out: &mut Outputs<M>) {
        let mark = self.rules.before_answer(self.disk.last_mark());
        if self.disk.has(mark) {
            self.answer(held, now, out);
        } else {
            self.disk.hold(mark, held);
        }
    }

    fn answer<M: From<Message<K>>>(&mut self, held: Held<K>, now: Time, out: &mut Outputs<M>) {
        let Held { to, key, ballot, says } = held;
        match says {
            Says::Promise => {
                let Some(acceptor) = self.decisions.get(&key) else { return };
                // Overtaken by a higher one, it is void, as if lost on its way.
                if acceptor.promised != ballot {
                    return;
                }
                let accepted = acceptor.accepted.clone();
                if to != self.id {
                    return send(to, ballot, &key, Body::Promise { accepted }, out);
                }
                if !self.is_proposing(&key) {
                    return;
                }
                for to in self.others() {
                    send(to, ballot, &key, Body::Prepare, out);
                }
                self.on_promise(to, &key, ballot, accepted, now, out);
            }
            Says::Accepted { hash } => {
                let (slot, epoch) = (key.slot(), ballot.epoch());
                out.push(Output::Trace(TraceEvent::Accepted { slot, ballot: epoch, hash }));
                if to == self.id {
                    self.on_accepted(to, &key, ballot, out);
                } else {
                    send(to, ballot, &key, Body::Accepted, out);
                }
            }
        }
    }

    fn keep<M>(&mut self, key: &K, out: &mut Outputs<M>) {
        let record = self.journal.record(key, &self.decisions[key]);
        self.disk.persist(record, out);
    }

    fn others(&self) -> impl Iterator<Item = NodeId> + use<K, H, J> {
        let id = self.id;
        self.members.clone().into_iter().filter(move |member| *member != id)
    }

    /// Whether all up to this mark became durable just now.
    pub fn on_durable(&mut self, mark: Mark) -> bool {
        self.disk.on_durable(mark)
    }
}

fn decided(acceptor: &Acceptor) -> Option<&Bytes> {
    let accepted = acceptor.accepted.as_ref();
    accepted.filter(|a| a.ballot == Ballot::CHOSEN).map(|a| &a.value)
}

/// Names a value in the evidence.
fn hash(value: &[u8]) -> Chain {
    Chain(crate::machine::fnv(value))
}

fn send<K: Key, M: From<Message<K>>>(
    to: NodeId,
    ballot: Ballot,
    key: &K,
    body: Body,
    out: &mut Outputs<M>,
) {
    send_to(to, Message { ballot, key: key.clone(), body }.into(), out);
}
