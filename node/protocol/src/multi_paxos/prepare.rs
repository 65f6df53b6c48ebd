//! Phase 1, once per leadership for all slots (*Paxos Made Simple*, section 3): timers, asking
//! first, ballots, promises and what they report.
//! It never proposes a value: it says which ones must be.

use std::collections::{BTreeMap, BTreeSet};

use super::disk::Held;
use super::message::Body;
use super::{MultiPaxos, Out, send};
use crate::common::log::weight;
use crate::common::node::not_leader;
use crate::common::options::after;
use crate::common::pending::MESSAGE_BYTES_MAX;
use crate::machine::{Index, LogEntry, NodeId, Output, Role, TraceEvent};
use crate::paxos::ballot::Ballot;

/// Asking whether a ballot would be promised.
pub(super) struct Asked {
    ballot: Ballot,
    granted: BTreeSet<NodeId>,
}

/// Phase 1 under way: who promised, and what.
#[derive(Default)]
pub(super) struct Candidacy {
    promises: BTreeMap<NodeId, Promise>,
}

/// One acceptor's promise, piece by piece.
#[derive(Default)]
struct Promise {
    pieces: BTreeMap<u32, Vec<LogEntry>>,
    of: usize,
    base: Index,
}

impl Promise {
    fn is_whole(&self) -> bool {
        self.pieces.len() == self.of
    }
}

impl MultiPaxos {
    /// The leader is suspected: prepare a ballot, or ask first whether anyone else misses it.
    pub(super) fn stand(&mut self, out: &mut Out) {
        self.set_leader(None, out);
        self.parts.candidacy = None;
        if !self.state.options.pre_vote || self.state.members.len() == 1 {
            return self.campaign(out);
        }
        self.set_role(Role::PreCandidate, out);
        self.reset_election_timer();
        let ballot = self.next_ballot();
        self.parts.asked = Some(Asked { ballot, granted: [self.state.id].into() });
        for to in self.others() {
            send(to, ballot, Body::Ask, out);
        }
    }

    /// A ballot of its own above all it heard of. That it is above all of its own is what the
    /// promise to itself, which is on disk, sees to.
    fn next_ballot(&self) -> Ballot {
        let round = self.state.hard.promised.max(self.parts.seen).round() + 1;
        self.rules.ballot(round, self.state.id)
    }

    /// Prepares once the promise to itself is on disk: a next incarnation must not use the ballot
    /// again.
    fn campaign(&mut self, out: &mut Out) {
        let ballot = self.next_ballot();
        self.parts.asked = None;
        self.set_promised(ballot, self.state.id, self.rules.promise_is_durable(), out);
        self.set_role(Role::Candidate, out);
        self.reset_election_timer();
        self.parts.candidacy = Some(Candidacy::default());
        self.promise(self.disk.hard_mark(), Held::OwnPromise(ballot), out);
    }

    pub(super) fn on_own_promise(&mut self, ballot: Ballot, out: &mut Out) {
        let to = self.state.id;
        let Some(candidacy) = &mut self.parts.candidacy else { return };
        if ballot != self.state.hard.promised {
            return;
        }
        // What it accepted itself is looked up when the quorum is there.
        candidacy.promises.insert(to, Promise::default());
        out.push(Output::Trace(TraceEvent::Promise { epoch: ballot.epoch(), to }));
        let from = self.state.ordered.commit.next();
        for to in self.others() {
            send(to, ballot, Body::Prepare { from }, out);
        }
        self.lead_if_promised(out);
    }

    /// Granted if this node would promise and hears no leader. A no carries this node's own
    /// ballot, so that one who is behind catches up.
    pub(super) fn on_ask(&mut self, from: NodeId, ballot: Ballot, out: &mut Out) {
        let granted = ballot > self.state.hard.promised && !self.hears_a_leader();
        let answer = if granted { ballot } else { self.state.hard.promised };
        send(from, answer, Body::AskReply { granted }, out);
    }

    pub(super) fn on_ask_reply(
        &mut self,
        from: NodeId,
        ballot: Ballot,
        granted: bool,
        out: &mut Out,
    ) {
        let quorum = self.rules.promise_quorum(self.state.members.len());
        let Some(asked) = &mut self.parts.asked else { return };
        if granted && ballot == asked.ballot {
            asked.granted.insert(from);
            if asked.granted.len() >= quorum {
                self.campaign(out);
            }
        }
    }

    /// Phase 1b. A ballot is promised once: its proposer asks once.
    pub(super) fn on_prepare(&mut self, from: NodeId, ballot: Ballot, slot: Index, out: &mut Out) {
        let promised = self.state.hard.promised;
        if (ballot, Some(from)) == (promised, self.state.hard.to) {
            return;
        }
        if !self.rules.may_promise(&self.state, ballot) {
            return send(from, promised, Body::Nack, out);
        }
        // One who hears a leader lets nobody depose it; only where a leader without quorum gives
        // way by itself. Not promising is always safe.
        if self.state.options.check_quorum && self.hears_a_leader() {
            return;
        }
        self.set_promised(ballot, from, self.rules.promise_is_durable(), out);
        if ballot > promised {
            self.follow(None, out);
        }
        self.reset_election_timer();
        let held = Held::Promise { to: from, ballot, from: slot };
        self.promise(self.disk.hard_mark(), held, out);
    }

    /// What was accepted from this slot on, in as many messages as it takes. A promise that was
    /// overtaken by a higher one is void, as if lost on its way.
    pub(super) fn send_promise(&mut self, to: NodeId, ballot: Ballot, from: Index, out: &mut Out) {
        if (ballot, Some(to)) != (self.state.hard.promised, self.state.hard.to) {
            return;
        }
        out.push(Output::Trace(TraceEvent::Promise { epoch: ballot.epoch(), to }));
        let chosen =
            self.state.ordered.log.slice(from.max(self.state.ordered.log.first()), usize::MAX);
        let chosen = chosen.into_iter().map(|e| LogEntry { epoch: Ballot::CHOSEN.epoch(), ..e });
        let open = self.state.own.open.range(from..).map(|(_, entry)| entry.clone());
        let mut all: Vec<Vec<LogEntry>> = vec![Vec::new()];
        let mut bytes = 0;
        for entry in chosen.chain(open) {
            bytes += weight(&entry);
            if bytes > MESSAGE_BYTES_MAX {
                bytes = weight(&entry);
                all.push(Vec::new());
            }
            all.last_mut().expect("it starts with one").push(entry);
        }
        let base = self.state.ordered.log.base().index;
        let pieces = u32::try_from(all.len()).expect("what fits into memory has fewer pieces");
        for (piece, accepted) in (0..).zip(all) {
            send(to, ballot, Body::Promise { piece, pieces, base, accepted }, out);
        }
    }

    pub(super) fn on_promise(
        &mut self,
        from: NodeId,
        ballot: Ballot,
        (piece, pieces): (u32, u32),
        base: Index,
        accepted: Vec<LogEntry>,
        out: &mut Out,
    ) {
        let counts = self.rules.promise_counts(&self.state, ballot);
        let Some(candidacy) = self.parts.candidacy.as_mut().filter(|_| counts) else { return };
        let promise = candidacy.promises.entry(from).or_default();
        promise.of = pieces as usize;
        promise.base = base;
        promise.pieces.insert(piece, accepted);
        self.lead_if_promised(out);
    }

    fn lead_if_promised(&mut self, out: &mut Out) {
        let Some(candidacy) = &self.parts.candidacy else { return };
        let whole = candidacy.promises.values().filter(|promise| promise.is_whole()).count();
        if whole < self.rules.promise_quorum(self.state.members.len()) {
            return;
        }
        let candidacy = self.parts.candidacy.take().expect("it was there");
        let lacking = self.state.ordered.commit.next();
        let ahead = candidacy.promises.iter().find(|(_, p)| p.is_whole() && p.base >= lacking);
        if let Some((node, promise)) = ahead {
            // What was chosen there is summed up: there is nothing to propose before it is known.
            let (node, upto) = (*node, promise.base);
            self.follow(None, out);
            return self.fall_behind(node, upto, out);
        }
        let mut reports: BTreeMap<Index, Vec<LogEntry>> = BTreeMap::new();
        let whole = candidacy.promises.into_values().filter(Promise::is_whole);
        let others = whole.flat_map(|promise| promise.pieces.into_values().flatten());
        let own = self.state.own.open.values().cloned();
        for entry in own.chain(others).filter(|entry| entry.index >= lacking) {
            reports.entry(entry.index).or_default().push(entry);
        }
        self.lead(&reports, out);
    }

    /// Somebody promised a higher ballot: this node's is over.
    pub(super) fn on_nack(&mut self, ballot: Ballot, out: &mut Out) {
        if ballot > self.state.hard.promised
            && (self.parts.lead.is_some() || self.parts.candidacy.is_some())
        {
            self.follow(None, out);
        }
    }

    /// Whether a leader is heard: this node itself while it leads, or one heard within T.
    fn hears_a_leader(&self) -> bool {
        let recent = |at| after(at, self.state.options.election_timeout_ns) > self.now;
        self.parts.lead.is_some() || self.state.own.heard.is_some_and(recent)
    }

    /// Becomes a follower in its promised ballot.
    pub(super) fn follow(&mut self, leader: Option<NodeId>, out: &mut Out) {
        self.set_leader(leader, out);
        self.parts.asked = None;
        self.parts.candidacy = None;
        if self.parts.lead.take().is_some() {
            self.reset_election_timer();
            self.fail_clients(&not_leader(leader), out);
        }
        self.set_role(Role::Follower, out);
    }

    /// Promises a ballot, in memory, and where `durably` on disk too.
    pub(super) fn set_promised(
        &mut self,
        ballot: Ballot,
        to: NodeId,
        durably: bool,
        out: &mut Out,
    ) {
        assert!(ballot >= self.state.hard.promised, "promises never go back");
        self.state.hard.promised = ballot;
        self.state.hard.to = Some(to);
        self.state.own.heard = None;
        if durably {
            self.disk.persist_hard(self.state.hard, out);
        }
    }
}
