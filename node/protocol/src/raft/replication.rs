//! The leader's side of replication (paper, 5.3; dissertation, 10.2): what goes to whom and when,
//! what comes back, and what that commits.
//!
//! It never waits for its own disk before sending, and never sends more than a window of messages
//! ahead of a follower's answers: entries that come meanwhile go together in the next one.

use std::collections::VecDeque;

use super::disk::Held;
use super::message::{Body, EntryId};
use super::{Out, Raft, not_leader};
use crate::machine::{
    Command, Epoch, Index, LogEntry, NodeId, Reply, Role, Ticket, Time, reply_to,
};
use crate::pending::{MESSAGE_BYTES_MAX, too_large};
use crate::quorum::reached_by;
use crate::transfer::Transfer;

/// What a leader knows of a follower.
pub struct Peer {
    pub(super) id: NodeId,
    /// The next index to send.
    pub(super) next: Index,
    /// The last index known to agree, durably.
    pub(super) matched: Index,
    pub(super) mode: Mode,
    /// The latest round it answered.
    pub(super) round: u64,
    /// When it last answered anything.
    pub(super) heard: Time,
}

/// How a leader sends to a follower.
pub(super) enum Mode {
    /// Finding out where the logs agree: one message at a time.
    Probe { asked: bool },
    /// They agree up to `next`: messages with entries follow each other; the last index of each.
    Stream { under_way: VecDeque<Index> },
    /// What it lacks is summed up here.
    Snapshot(Transfer),
}

impl Peer {
    pub(super) fn new(id: NodeId, next: Index, now: Time) -> Self {
        let mode = Mode::Stream { under_way: VecDeque::new() };
        Peer { id, next, matched: Index(0), mode, round: 0, heard: now }
    }
}

impl Raft {
    pub(super) fn on_append_request(&mut self, ticket: Ticket, command: Command, out: &mut Out) {
        let Some(lead) = &self.lead else {
            let reply = too_large(&command).map(Reply::Fail);
            return reply_to(ticket, reply.unwrap_or(not_leader(self.state.leader)), out);
        };
        let ordered = &self.state.ordered;
        let uncommitted = ordered.log.last_index().0.saturating_sub(ordered.commit.0);
        let limits = self.state.options.limits;
        if let Some(refusal) = lead.pending.refusal(&command, uncommitted, limits) {
            return reply_to(ticket, Reply::Fail(refusal), out);
        }
        let index = self.append_to_own_log(command, out);
        if let Some(reply) = self.rules.answer_at_append(&self.state, index) {
            return reply_to(ticket, reply, out);
        }
        let lead = self.lead.as_mut().expect("followers refused above");
        lead.pending.wait(index, ticket);
    }

    pub(super) fn append_to_own_log(&mut self, command: Command, out: &mut Out) -> Index {
        let index = self.state.ordered.log.last_index().next();
        let entry = LogEntry { index, birth: self.state.hard.term, command };
        if let Some(lead) = &mut self.lead {
            lead.pending.weigh(&entry);
        }
        self.state.ordered.put(entry, &mut self.disk, out);
        index
    }

    /// Sends every follower what it lacks, as far as its window allows.
    pub(super) fn replicate_all(&mut self, out: &mut Out) {
        for at in 0..self.lead.as_ref().map_or(0, |lead| lead.peers.len()) {
            self.replicate(at, out);
        }
    }

    fn replicate(&mut self, at: usize, out: &mut Out) {
        let (window, last) = (self.state.options.window, self.state.ordered.log.last_index());
        loop {
            let Some(lead) = &self.lead else { return };
            let peer = &lead.peers[at];
            let due = match &peer.mode {
                Mode::Probe { asked } => !asked,
                Mode::Stream { under_way } => under_way.len() < window && peer.next <= last,
                Mode::Snapshot(_) => false,
            };
            if !due {
                return;
            }
            self.send_append(at, MESSAGE_BYTES_MAX, out);
        }
    }

    /// One AppendEntries; with no room for entries, a heartbeat.
    fn send_append(&mut self, at: usize, bytes: usize, out: &mut Out) {
        let Some(lead) = &mut self.lead else { return };
        let peer = &mut lead.peers[at];
        let before = Index(peer.next.0 - 1);
        let Some(birth) = self.state.ordered.log.birth(before) else {
            return self.offer_snapshot(at, out);
        };
        let entries =
            if bytes == 0 { Vec::new() } else { self.state.ordered.log.slice(peer.next, bytes) };
        match &mut peer.mode {
            Mode::Probe { asked } => *asked = true,
            Mode::Stream { under_way } => {
                if let Some(last) = entries.last() {
                    under_way.push_back(last.index);
                    peer.next = last.index.next();
                }
            }
            Mode::Snapshot(_) => {}
        }
        let (to, round) = (peer.id, lead.rounds.latest());
        let prev = EntryId { index: before, birth };
        let commit = self.state.ordered.commit;
        self.send(to, Body::Append { prev, commit, round, entries }, out);
    }

    /// A message to everyone now, without entries: a heartbeat, or the start of a read round.
    pub(super) fn broadcast_heartbeat(&mut self, out: &mut Out) {
        for at in 0..self.lead.as_ref().map_or(0, |lead| lead.peers.len()) {
            let lead = self.lead.as_ref().expect("heartbeats do not depose");
            if matches!(lead.peers[at].mode, Mode::Snapshot(_)) {
                self.offer_snapshot(at, out);
            } else {
                self.send_append(at, 0, out);
            }
        }
    }

    pub(super) fn on_heartbeat_due(&mut self, out: &mut Out) {
        let lead = self.lead.as_ref().expect("only leaders have heartbeats");
        let oldest = self.now.0.saturating_sub(self.state.options.election_timeout_ns);
        let heard = 1 + lead.peers.iter().filter(|peer| peer.heard.0 >= oldest).count();
        let quorum = self.rules.vote_quorum(self.state.members.len());
        if self.state.options.check_quorum && heard < quorum {
            return self.follow(None, out);
        }
        self.restart_stalled_transfers();
        self.broadcast_heartbeat(out);
    }

    /// An answer arrived: which follower it counts for, if it counts.
    pub(super) fn peer_answering(
        &mut self,
        from: NodeId,
        term: Epoch,
        round: u64,
        out: &mut Out,
    ) -> Option<usize> {
        self.see_term(term, out);
        if !self.rules.answer_counts(&self.state, term) {
            return None;
        }
        let lead = self.lead.as_mut()?;
        let at = lead.peers.iter().position(|peer| peer.id == from)?;
        let peer = &mut lead.peers[at];
        peer.heard = self.now;
        peer.round = peer.round.max(round);
        self.answer_confirmed_reads(out);
        Some(at)
    }

    pub(super) fn on_matched(&mut self, at: usize, matched: Index, out: &mut Out) {
        let last = self.state.ordered.log.last_index();
        let Some(lead) = &mut self.lead else { return };
        let peer = &mut lead.peers[at];
        peer.matched = peer.matched.max(matched.min(last));
        match &mut peer.mode {
            Mode::Probe { .. } => peer.mode = Mode::Stream { under_way: VecDeque::new() },
            Mode::Stream { under_way } => {
                while under_way.front().is_some_and(|sent| *sent <= matched) {
                    under_way.pop_front();
                }
            }
            Mode::Snapshot(transfer) => {
                if peer.matched < transfer.index() {
                    return;
                }
                peer.mode = Mode::Stream { under_way: VecDeque::new() };
            }
        }
        peer.next = peer.next.max(peer.matched.next());
        self.advance_leader_commit(out);
    }

    /// Fast backtracking (paper, end of 5.3): whole terms are skipped.
    pub(super) fn on_mismatch(
        &mut self,
        at: usize,
        prev: Index,
        conflict: Option<Epoch>,
        first: Index,
    ) {
        let Some(lead) = &mut self.lead else { return };
        let peer = &mut lead.peers[at];
        let late = match &peer.mode {
            Mode::Probe { .. } => prev.next() != peer.next,
            Mode::Stream { .. } => prev >= peer.next,
            Mode::Snapshot(_) => true,
        };
        if late || prev <= peer.matched {
            return;
        }
        let own_last = conflict.and_then(|birth| self.state.ordered.log.last_of(birth));
        let next = own_last.map_or(first, Index::next);
        peer.next = next.min(prev).max(peer.matched.next());
        peer.mode = Mode::Probe { asked: false };
    }

    /// Commits what a quorum holds (paper, 5.3 and 5.4).
    pub(super) fn advance_leader_commit(&mut self, out: &mut Out) {
        let Some(lead) = &self.lead else { return };
        let mut held: Vec<Index> = lead.peers.iter().map(|peer| peer.matched).collect();
        held.push(self.rules.own_match(&self.disk));
        let quorum = self.rules.commit_quorum(self.state.members.len());
        let index = reached_by(&mut held, quorum);
        if index > self.state.ordered.commit && self.rules.may_commit(&self.state, index) {
            self.advance_commit(index, out);
        }
    }

    /// Whether a message of a leader is to be heard; if so this node follows it. If not, the
    /// sender learns of the greater term.
    pub(super) fn accept_leader(
        &mut self,
        from: NodeId,
        term: Epoch,
        prev: Index,
        round: u64,
        out: &mut Out,
    ) -> bool {
        if self.rules.is_stale(&self.state, term) {
            let first = self.state.ordered.log.last_index().next();
            self.send(from, Body::Mismatch { prev, conflict: None, first, round }, out);
            return false;
        }
        self.see_term(term, out);
        if self.state.role != Role::Follower || self.state.leader != Some(from) {
            self.follow(Some(from), out);
        }
        self.state.heard = Some(self.now);
        self.reset_election_timer();
        true
    }

    /// Answers the leader with something that rests on nothing but the term.
    pub(super) fn answer_leader(&mut self, to: NodeId, body: Body, out: &mut Out) {
        let message = super::Message { term: self.state.hard.term, body };
        self.promise(self.disk.hard_mark(), Held::Other { to, message }, out);
    }
}
