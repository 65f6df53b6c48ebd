//! The proposers of single decisions (*Paxos Made Simple*, 2.2): ballots, what promises and
//! acceptances come to, and when a refused one tries again.
//! It never proposes a value of its own where a quorum reports one.

use bytes::Bytes;
use rand_chacha::rand_core::Rng;

use super::{Held, Journal, Says, Synod, hash, send};
use crate::common::disk::Hard;
use crate::common::options::{after, draw_timeout};
use crate::machine::{NodeId, Output, Outputs, Time, TraceEvent};
use crate::paxos::acceptor::{Accepted, Tally};
use crate::paxos::ballot::Ballot;
use crate::paxos::message::{Body, Key, Message};
use crate::paxos::states;

/// A proposer of one decision.
pub(super) struct Proposer {
    own: Bytes,
    ballot: Ballot,
    /// The highest ballot heard of.
    seen: Ballot,
    refused: u32,
    begun: u32,
    phase: Phase,
    /// When it begins a ballot anew.
    pub(super) due: Time,
}

enum Phase {
    /// Refused, or not begun.
    Waiting,
    Preparing {
        promised: Tally,
        reports: Vec<Accepted>,
    },
    Accepting {
        value: Bytes,
        accepted: Tally,
    },
}

impl Proposer {
    pub(super) fn state(&self) -> &'static str {
        match self.phase {
            Phase::Waiting => states::BACKING_OFF,
            Phase::Preparing { .. } => states::PREPARING,
            Phase::Accepting { .. } => states::PROPOSING,
        }
    }
}

impl<K: Key, H: Hard, J: Journal<K>> Synod<K, H, J> {
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
        let t = self.options.grown_ns(proposer.begun);
        let patience = draw_timeout(t, self.options.fixed_timeout, &mut self.rng);
        proposer.begun += 1;
        proposer.ballot = ballot;
        proposer.phase = Phase::Preparing { promised: Tally::default(), reports: Vec::new() };
        proposer.due = after(now, patience);
        acceptor.promised = ballot;
        self.keep(key, out);
        self.hold(Held { to: self.id, key: key.clone(), ballot, says: Says::Promise }, now, out);
    }

    pub(super) fn on_promise<M: From<Message<K>>>(
        &mut self,
        from: NodeId,
        key: &K,
        ballot: Ballot,
        report: Option<Accepted>,
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

    pub(super) fn on_accepted<M: From<Message<K>>>(
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
    pub(super) fn on_nack<M: From<Message<K>>>(
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
}
