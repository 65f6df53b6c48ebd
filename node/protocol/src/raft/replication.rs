//! The leader's side of replication (paper, 5.3; dissertation, 10.2): what goes to whom and when,
//! what comes back, and what that commits.
//!
//! It never waits for its own disk before sending: a leader counts itself when that is done.

use super::disk::Held;
use super::message::Body;
use super::{Out, Raft, send_in};
use crate::common::progress::{Piece, ReplicationProgress};
use crate::common::quorum::reached_by;
use crate::machine::{Epoch, Index, NodeId, Role};

impl Raft {
    /// Sends every follower what it lacks, as far as its window allows.
    pub(super) fn replicate_all(&mut self, out: &mut Out) {
        let (term, window) = (self.state.hard.term, self.state.options.window);
        let Some(lead) = &mut self.parts.lead else { return };
        let (ordered, round) = (&self.state.ordered, self.rounds.latest());
        for peer in &mut lead.peers {
            while let Some(piece) = peer.next(ordered, ordered.log.last_index(), window) {
                send_in(term, peer.id, body(piece, ordered.commit, round), out);
            }
        }
    }

    /// A message to everyone now, without entries: a heartbeat, or the start of a read round.
    pub(super) fn broadcast_heartbeat(&mut self, out: &mut Out) {
        let Some(lead) = &mut self.parts.lead else { return };
        let (ordered, round) = (&self.state.ordered, self.rounds.latest());
        for peer in &mut lead.peers {
            let piece = peer.heartbeat(ordered);
            send_in(self.state.hard.term, peer.id, body(piece, ordered.commit, round), out);
        }
    }

    pub(super) fn on_heartbeat_due(&mut self, out: &mut Out) {
        let lead = self.parts.lead.as_ref().expect("only leaders have heartbeats");
        let oldest = self.now.0.saturating_sub(self.state.options.election_timeout_ns);
        let heard = 1 + lead.peers.iter().filter(|peer| peer.heard.0 >= oldest).count();
        let quorum = self.rules.vote_quorum(self.state.members.len());
        if self.state.options.check_quorum && heard < quorum {
            return self.follow(None, out);
        }
        let lead = self.parts.lead.as_mut().expect("only leaders have heartbeats");
        lead.peers.iter_mut().for_each(ReplicationProgress::on_heartbeat_due);
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
        let lead = self.parts.lead.as_mut()?;
        let at = lead.peers.iter().position(|peer| peer.id == from)?;
        let peer = &mut lead.peers[at];
        peer.heard = self.now;
        peer.round = peer.round.max(round);
        self.answer_confirmed_reads(out);
        Some(at)
    }

    pub(super) fn on_matched(&mut self, at: usize, matched: Index, out: &mut Out) {
        let last = self.state.ordered.log.last_index();
        let Some(lead) = &mut self.parts.lead else { return };
        lead.peers[at].on_matched(matched, last);
        self.advance_leader_commit(out);
    }

    /// Commits what a quorum holds (paper, 5.3 and 5.4).
    pub(super) fn advance_leader_commit(&mut self, out: &mut Out) {
        let Some(lead) = &self.parts.lead else { return };
        let mut held: Vec<Index> = lead.peers.iter().map(|peer| peer.matched).collect();
        held.push(self.rules.own_match(&self.disk));
        let quorum = self.rules.commit_quorum(self.state.members.len());
        let index = reached_by(&mut held, quorum);
        if index > self.state.ordered.commit && self.rules.may_commit(&self.state, index) {
            self.commit_to(index, self.state.hard.term, out);
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
        if self.state.role != Role::Follower || self.state.own.leader != Some(from) {
            self.follow(Some(from), out);
        }
        self.state.own.heard = Some(self.now);
        self.reset_election_timer();
        true
    }

    /// Answers the leader with something that rests on nothing but the term.
    pub(super) fn answer_leader(&mut self, to: NodeId, body: Body, out: &mut Out) {
        let message = super::Message { term: self.state.hard.term, body };
        self.promise(self.disk.hard_mark(), Held::Other { to, message }, out);
    }
}

/// A piece as a message.
pub(super) fn body(piece: Piece, commit: Index, round: u64) -> Body {
    match piece {
        Piece::Entries { prev, entries } => Body::Append { prev, commit, round, entries },
        Piece::Values { snapshot, from, values } => {
            Body::Snapshot { snapshot, round, from, values }
        }
    }
}
