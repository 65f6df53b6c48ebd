//! Phase 2, the leader's side: what is proposed, to whom it goes and when, what comes back, and
//! what that chooses.
//!
//! It never waits for its own disk before sending, and never sends more than a window of messages
//! ahead of an acceptor's answers: commands that come meanwhile go together in the next one.

use std::collections::{BTreeMap, VecDeque};

use super::disk::Held;
use super::message::Body;
use super::{Lead, MultiPaxos, Out, send};
use crate::common::log::command_weight;
use crate::common::options::after;
use crate::common::pending::MESSAGE_BYTES_MAX;
use crate::machine::{
    Chain, Command, Epoch, Index, LogEntry, NodeId, Output, Record, Role, Time, TraceEvent,
};
use crate::paxos::acceptor::Tally;
use crate::paxos::ballot::Ballot;

/// An open slot of a leader.
pub(super) struct Proposal {
    command: Command,
    hash: Chain,
    accepted: Tally,
}

/// What a leader knows of another acceptor.
pub(super) struct Peer {
    pub(super) id: NodeId,
    /// The next slot to send.
    next: Index,
    /// The last slot of each message under way.
    under_way: VecDeque<Index>,
    /// What was sent before the last heartbeat ends here.
    settled: Index,
    /// The latest round it answered.
    pub(super) round: u64,
    /// When it last answered anything.
    pub(super) heard: Time,
}

impl Lead {
    fn next(&self) -> Index {
        Index(self.first.0 + self.proposals.len() as u64)
    }

    pub(super) fn peer(&mut self, id: NodeId) -> Option<&mut Peer> {
        self.peers.iter_mut().find(|peer| peer.id == id)
    }
}

impl MultiPaxos {
    /// A quorum promised: what it reports is proposed again, holes are filled, and only then comes
    /// anything new.
    pub(super) fn lead(&mut self, reports: &BTreeMap<Index, Vec<LogEntry>>, out: &mut Out) {
        assert!(self.parts.lead.is_none(), "a candidate does not lead yet");
        let first = self.state.ordered.commit.next();
        let known = self.state.ordered.commit;
        let greatest = reports.last_key_value().map_or(known, |(slot, _)| *slot);
        let start = self.rules.start(&self.state, greatest);
        let now = self.now;
        let peer = |id| Peer {
            id,
            next: first,
            under_way: VecDeque::new(),
            settled: first,
            round: 0,
            heard: now,
        };
        self.parts.lead = Some(Lead {
            proposals: VecDeque::new(),
            first,
            barrier: Index(start.0 - 1),
            peers: self.others().map(peer).collect(),
            heartbeat_at: after(now, self.state.options.heartbeat_ns),
        });
        self.parts.behind = None;
        self.set_leader(Some(self.state.id), out);
        self.set_role(Role::Leader, out);
        for slot in first.0..start.0 {
            let reported = reports.get(&Index(slot)).map_or(&[][..], Vec::as_slice);
            let command = self.rules.value(reported).unwrap_or(Command::Noop);
            self.propose(command, out);
        }
        self.broadcast_heartbeat(out);
    }

    /// Proposes a command in the next slot, and accepts it here.
    pub(super) fn propose(&mut self, command: Command, out: &mut Out) -> Index {
        let lead = self.parts.lead.as_mut().expect("only leaders propose");
        let (to, ballot, first) = (self.state.id, self.state.hard.promised, lead.next());
        let hash = command.hash();
        let entry = LogEntry { index: first, epoch: ballot.epoch(), command: command.clone() };
        self.pending.weigh(&entry);
        lead.proposals.push_back(Proposal { command, hash, accepted: Tally::default() });
        out.push(Output::Trace(TraceEvent::Proposed { slot: first.0, ballot: entry.epoch, hash }));
        self.state.own.open.insert(first, entry.clone());
        self.disk.persist(Record::Append(entry), out);
        let mark = self.rules.before_accepted(&self.disk);
        self.promise(mark, Held::Accepted { to, ballot, first, hashes: vec![hash] }, out);
        first
    }

    /// Sends every acceptor what is open, as far as its window allows.
    pub(super) fn propose_to_all(&mut self, out: &mut Out) {
        let (window, ballot) = (self.state.options.window, self.state.hard.promised);
        let commit = self.state.ordered.commit;
        let Some(lead) = &mut self.parts.lead else { return };
        let (round, end) = (self.rounds.latest(), lead.next());
        for peer in &mut lead.peers {
            // What is chosen is not proposed any more: one who lacks it asks.
            peer.next = peer.next.max(lead.first);
            while peer.under_way.len() < window && peer.next < end {
                let first = peer.next;
                let open = lead.proposals.range((first.0 - lead.first.0) as usize..);
                let commands = fitting(open.map(|proposal| &proposal.command));
                peer.next = Index(first.0 + commands.len() as u64);
                peer.under_way.push_back(Index(peer.next.0 - 1));
                send(peer.id, ballot, Body::Accept { first, commit, round, commands }, out);
            }
        }
    }

    /// A message to everyone now, without commands: a heartbeat, or the start of a read round.
    pub(super) fn broadcast_heartbeat(&self, out: &mut Out) {
        let Some(lead) = &self.parts.lead else { return };
        let (first, commit) = (lead.next(), self.state.ordered.commit);
        let round = self.rounds.latest();
        for peer in &lead.peers {
            let commands = Vec::new();
            let body = Body::Accept { first, commit, round, commands };
            send(peer.id, self.state.hard.promised, body, out);
        }
    }

    pub(super) fn on_timer(&mut self, out: &mut Out) {
        if let Some(lead) = &mut self.parts.lead {
            if self.now >= lead.heartbeat_at {
                lead.heartbeat_at = after(self.now, self.state.options.heartbeat_ns);
                self.on_heartbeat_due(out);
            }
        } else if self.now >= self.parts.election_at {
            self.stand(out);
        }
    }

    fn on_heartbeat_due(&mut self, out: &mut Out) {
        let lead = self.parts.lead.as_mut().expect("only leaders have heartbeats");
        let oldest = self.now.0.saturating_sub(self.state.options.election_timeout_ns);
        let heard = 1 + lead.peers.iter().filter(|peer| peer.heard.0 >= oldest).count();
        let quorum = self.rules.promise_quorum(self.state.members.len());
        if self.state.options.check_quorum && heard < quorum {
            return self.follow(None, out);
        }
        for peer in &mut lead.peers {
            // What has no answer after a whole heartbeat was lost on its way, there or back.
            let old = (lead.first.0..peer.settled.0).zip(&lead.proposals);
            let mut lost = old.filter(|(_, proposal)| !proposal.accepted.contains(peer.id));
            if let Some((slot, _)) = lost.next() {
                peer.under_way.clear();
                peer.next = Index(slot);
            }
            peer.settled = peer.next;
        }
        self.broadcast_heartbeat(out);
    }

    /// Phase 2b arrives: a quorum of acceptances of one ballot chooses.
    pub(super) fn on_accepted(
        &mut self,
        from: NodeId,
        ballot: Ballot,
        first: Index,
        count: u64,
        out: &mut Out,
    ) {
        let (promised, now) = (self.state.hard.promised, self.now);
        let Some(lead) = self.parts.lead.as_mut().filter(|_| ballot == promised) else { return };
        let end = Index(first.0.saturating_add(count));
        if let Some(peer) = lead.peer(from) {
            peer.heard = now;
            while peer.under_way.front().is_some_and(|last| *last < end) {
                peer.under_way.pop_front();
            }
        }
        let place = |slot: Index| slot.0.saturating_sub(lead.first.0) as usize;
        let range = place(first)..place(end).min(lead.proposals.len());
        if range.is_empty() {
            return;
        }
        for proposal in lead.proposals.range_mut(range) {
            proposal.accepted.insert(from);
        }
        self.choose(out);
    }

    /// The answer to a heartbeat.
    pub(super) fn on_heard(&mut self, from: NodeId, ballot: Ballot, round: u64, out: &mut Out) {
        let (promised, now) = (self.state.hard.promised, self.now);
        let Some(lead) = self.parts.lead.as_mut().filter(|_| ballot == promised) else { return };
        let Some(peer) = lead.peer(from) else { return };
        peer.heard = now;
        peer.round = peer.round.max(round);
        self.answer_confirmed_reads(out);
    }

    /// What a quorum accepted is chosen, and executed in the order of the slots.
    fn choose(&mut self, out: &mut Out) {
        let quorum = self.rules.accept_quorum(self.state.members.len());
        let ballot = self.state.hard.promised.epoch();
        let Some(lead) = &mut self.parts.lead else { return };
        let is_chosen = |proposal: &Proposal| proposal.accepted.count() >= quorum;
        while lead.proposals.front().is_some_and(is_chosen) {
            let proposal = lead.proposals.pop_front().expect("it has a front");
            let (slot, hash) = (lead.first.0, proposal.hash);
            out.push(Output::Trace(TraceEvent::Chosen { slot, ballot, hash }));
            self.state.own.open.remove(&lead.first);
            lead.first = lead.first.next();
            self.state.ordered.learn(Epoch(0), proposal.command, out);
        }
        self.execute(out);
    }
}

/// At least one command if there is one, then as many as stay within a message.
fn fitting<'a>(commands: impl Iterator<Item = &'a Command>) -> Vec<Command> {
    let mut bytes = 0;
    let fits = |command: &&Command| {
        let first = bytes == 0;
        bytes += command_weight(command);
        first || bytes <= MESSAGE_BYTES_MAX
    };
    commands.take_while(fits).cloned().collect()
}
