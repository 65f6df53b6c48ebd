//! Many independent decisions, each by single-decree Paxos: a proposer where somebody asked, an
//! acceptor everywhere, and learners who are told (*Paxos Made Simple*, 2.2 to 2.5). Whoever
//! counted a quorum of one ballot tells the others.
//!
//! It never says what its disk does not hold, and never calls decided what no quorum accepted. How
//! a record is laid out on the disk is its owner's: it hands over what must be kept.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};

use super::acceptor::{Accepted, Tally};
use super::ballot::Ballot;
use super::message::{Body, Key, Message};
use super::options::Options;
use super::rules::{DOUBLINGS_MAX, Rules};
use crate::disk::Hard;
use crate::machine::{Chain, Mark, NodeId, Output, Outputs, Record, Time, TraceEvent, send_to};
use crate::options::after;

/// What survives a crash of one decision's acceptor. [`Ballot::CHOSEN`] marks what is decided.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Acceptor {
    /// The highest ballot promised.
    pub promised: Ballot,
    /// What was accepted last.
    pub accepted: Option<Accepted<Bytes>>,
}

/// Turns an acceptor's state into the record that keeps it.
pub trait Journal<K> {
    /// The record.
    fn record(&mut self, key: &K, acceptor: &Acceptor) -> Record;
}

/// The disk, with hard state `H` of the owner.
pub type Disk<K, H> = crate::disk::Disk<H, Held<K>>;

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
    /// See [`Journal`].
    pub journal: J,
    /// Decided since the owner looked.
    news: BTreeSet<K>,
}

/// A proposer of one decision.
struct Proposer {
    own: Bytes,
    ballot: Ballot,
    /// The highest ballot heard of.
    seen: Ballot,
    refused: u32,
    /// Ballots begun.
    begun: u32,
    phase: Phase,
    /// When it begins a ballot anew.
    due: Time,
}

enum Phase {
    /// Refused, or not begun.
    Waiting,
    Preparing {
        promised: Tally,
        reports: Vec<Accepted<Bytes>>,
    },
    Accepting {
        value: Bytes,
        accepted: Tally,
    },
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

    /// When something is to be done if nothing comes.
    #[must_use]
    pub fn due(&self) -> Option<Time> {
        self.proposers.values().map(|proposer| proposer.due).min()
    }

    /// Proposes a value, unless a proposer is at work already: what is decided is its business.
    pub fn propose<M: From<Message<K>>>(
        &mut self,
        key: K,
        own: Bytes,
        now: Time,
        out: &mut Outputs<M>,
    ) {
        if self.decided(&key).is_some() || self.is_proposing(&key) {
            return;
        }
        let (ballot, seen) = (Ballot::default(), Ballot::default());
        let phase = Phase::Waiting;
        let proposer = Proposer { own, ballot, seen, refused: 0, begun: 0, phase, due: now };
        self.proposers.insert(key.clone(), proposer);
        self.begin(&key, now, out);
    }

    /// Proposers whose patience is at its end begin anew.
    pub fn on_tick<M: From<Message<K>>>(&mut self, now: Time, out: &mut Outputs<M>) {
        let due = self.proposers.iter().filter(|(_, proposer)| proposer.due <= now);
        let due: Vec<K> = due.map(|(key, _)| key.clone()).collect();
        for key in due {
            self.begin(&key, now, out);
        }
    }

    /// A ballot of its own above all it heard of, promised to itself on disk before anyone else
    /// is asked: a next incarnation must not use it again.
    fn begin<M: From<Message<K>>>(&mut self, key: &K, now: Time, out: &mut Outputs<M>) {
        let Some(proposer) = self.proposers.get_mut(key) else { return };
        let acceptor = self.decisions.entry(key.clone()).or_default();
        let round = acceptor.promised.max(proposer.seen).round() + 1;
        let ballot = self.rules.ballot(round, self.id);
        // Longer each time: a disk may need longer than T for what one ballot takes.
        let t = self.options.retry_ns << proposer.begun.min(DOUBLINGS_MAX);
        let jitter = if self.options.fixed_timeout { 0 } else { self.rng.next_u64() % (t + 1) };
        let patience = t + jitter;
        proposer.begun += 1;
        proposer.ballot = ballot;
        proposer.phase = Phase::Preparing { promised: Tally::default(), reports: Vec::new() };
        proposer.due = after(now, patience);
        acceptor.promised = ballot;
        self.keep(key, out);
        self.hold(Held { to: self.id, key: key.clone(), ballot, says: Says::Promise }, now, out);
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

    fn on_promise<M: From<Message<K>>>(
        &mut self,
        from: NodeId,
        key: &K,
        ballot: Ballot,
        report: Option<Accepted<Bytes>>,
        now: Time,
        out: &mut Outputs<M>,
    ) {
        let quorum = self.rules.promise_quorum(self.members.len());
        let Some(proposer) = self.proposers.get_mut(key) else { return };
        let counts = self.rules.answer_counts(proposer.ballot, ballot);
        let Phase::Preparing { promised, reports } = &mut proposer.phase else { return };
        if !counts || promised.contains(from) {
            return;
        }
        promised.insert(from);
        reports.extend(report);
        if promised.count() < quorum {
            return;
        }
        let value = self.rules.value(reports).unwrap_or_else(|| proposer.own.clone());
        proposer.phase = Phase::Accepting { value: value.clone(), accepted: Tally::default() };
        let (slot, hash, ballot) = (key.slot(), hash(&value), proposer.ballot);
        out.push(Output::Trace(TraceEvent::Proposed { slot, ballot: ballot.epoch(), hash }));
        for to in self.others() {
            send(to, ballot, key, Body::Accept { value: value.clone() }, out);
        }
        self.on_accept(self.id, key.clone(), ballot, value, now, out);
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

    fn on_accepted<M: From<Message<K>>>(
        &mut self,
        from: NodeId,
        key: &K,
        ballot: Ballot,
        out: &mut Outputs<M>,
    ) {
        let quorum = self.rules.accept_quorum(self.members.len());
        let Some(proposer) = self.proposers.get_mut(key) else { return };
        let counts = self.rules.answer_counts(proposer.ballot, ballot);
        let Phase::Accepting { value, accepted } = &mut proposer.phase else { return };
        if !counts {
            return;
        }
        accepted.insert(from);
        if accepted.count() < quorum {
            return;
        }
        let (value, slot, hash) = (value.clone(), key.slot(), hash(value));
        out.push(Output::Trace(TraceEvent::Chosen { slot, ballot: ballot.epoch(), hash }));
        for to in self.others() {
            send(to, ballot, key, Body::Decided { value: value.clone() }, out);
        }
        self.learn(key, value, out);
    }

    /// Somebody promised a higher ballot. The ballot is over; when the next begins is what keeps
    /// two proposers from refusing each other for ever.
    fn on_nack<M: From<Message<K>>>(
        &mut self,
        key: &K,
        ballot: Ballot,
        now: Time,
        out: &mut Outputs<M>,
    ) {
        let Some(proposer) = self.proposers.get_mut(key) else { return };
        proposer.seen = proposer.seen.max(ballot);
        if ballot <= proposer.ballot || matches!(proposer.phase, Phase::Waiting) {
            return;
        }
        let wait = self.rules.backoff_ns(&self.options, proposer.refused, self.rng.next_u64());
        proposer.refused += 1;
        proposer.phase = Phase::Waiting;
        proposer.due = after(now, wait);
        if wait == 0 {
            self.begin(key, now, out);
        }
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
