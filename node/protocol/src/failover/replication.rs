//! The leader's side: appends, what goes to whom, what comes back, and what that commits.
//! It never sends an entry that its own disk does not hold.

use std::collections::BTreeSet;

use super::ahead::Ahead;
use super::message::Body;
use super::options::Mode;
use super::{Failover, Out};
use crate::common::log::Log;
use crate::common::options::after;
use crate::common::progress::{Piece, ReplicationProgress};
use crate::common::quorum::reached_by;
use crate::machine::{
    Answer, Command, Epoch, Index, LogEntry, NodeId, Offset, Reply, Ticket, Time, reply_to, send_to,
};

/// What only a leader has, and a candidate that installs its log.
pub(super) struct Lead {
    pub(super) epoch: Epoch,
    /// The log it opens with ends here.
    pub(super) open: Index,
    pub(super) is_open: bool,
    /// Whose log is whole in this epoch, durably.
    pub(super) whole: BTreeSet<NodeId>,
    pub(super) heartbeat_at: Time,
    /// What asynchronous mode answers from.
    pub(super) ahead: Option<Ahead>,
    peers: Vec<ReplicationProgress>,
}

impl Lead {
    pub(super) fn new(
        epoch: Epoch,
        open: Index,
        others: impl Iterator<Item = NodeId>,
        now: Time,
    ) -> Self {
        let peers = others.map(|id| ReplicationProgress::new(id, open.next(), now)).collect();
        Lead {
            epoch,
            open,
            is_open: false,
            whole: BTreeSet::new(),
            heartbeat_at: now,
            ahead: None,
            peers,
        }
    }

    pub(super) fn peers(&self) -> &[ReplicationProgress] {
        &self.peers
    }

    fn message(&self, piece: Piece, commit: Index, round: u64) -> super::Message {
        let open = self.open;
        let body = match piece {
            Piece::Entries { prev, entries } => Body::Append { prev, commit, open, round, entries },
            Piece::Values { snapshot, from, values } => {
                Body::Values { snapshot, open, round, from, values }
            }
        };
        super::Message { epoch: self.epoch, body }
    }
}

impl Failover {
    pub(super) fn append(&mut self, ticket: Ticket, command: Command, out: &mut Out) {
        let lead = self.parts.lead.as_mut().expect("only leaders append");
        let index = self.state.ordered.log.last_index().next();
        let entry = LogEntry { index, epoch: lead.epoch, command };
        self.pending.weigh(&entry);
        let rules = self.rules;
        let look_up = |sessions: &_, session| rules.deduplicate(sessions, session);
        let early = lead.ahead.as_mut().is_some_and(|ahead| ahead.append(&entry, ticket, look_up));
        if !early {
            self.pending.wait(index, ticket);
        }
        self.state.ordered.put(entry, &mut self.disk, out);
    }

    /// Sends every follower what it lacks, as far as its window allows.
    pub(super) fn replicate_all(&mut self, out: &mut Out) {
        let upto = self.rules.may_leave(&self.disk);
        let window = self.state.options.window;
        let Some(mut lead) = self.parts.lead.take() else { return };
        let ordered = &self.state.ordered;
        for at in 0..lead.peers.len() {
            while let Some(piece) = lead.peers[at].next(ordered, upto, window) {
                send_to(
                    lead.peers[at].id,
                    lead.message(piece, ordered.commit, self.rounds.latest()),
                    out,
                );
            }
        }
        self.parts.lead = Some(lead);
    }

    /// A message to everyone now, without entries: a heartbeat, or the start of a read round.
    pub(super) fn broadcast_heartbeat(&mut self, out: &mut Out) {
        let Some(mut lead) = self.parts.lead.take() else { return };
        let ordered = &self.state.ordered;
        for at in 0..lead.peers.len() {
            let piece = lead.peers[at].heartbeat(ordered);
            send_to(
                lead.peers[at].id,
                lead.message(piece, ordered.commit, self.rounds.latest()),
                out,
            );
        }
        self.parts.lead = Some(lead);
    }

    pub(super) fn on_heartbeat_due(&mut self, out: &mut Out) {
        let Some(lead) = &mut self.parts.lead else { return };
        lead.heartbeat_at = after(self.now, self.state.options.heartbeat_ns);
        lead.peers.iter_mut().for_each(ReplicationProgress::on_heartbeat_due);
        self.broadcast_heartbeat(out);
    }

    fn peer(&mut self, from: NodeId, epoch: Epoch) -> Option<(&mut ReplicationProgress, &Log)> {
        let lead = self.parts.lead.as_mut().filter(|lead| lead.epoch == epoch)?;
        let peer = lead.peers.iter_mut().find(|peer| peer.id == from)?;
        peer.heard = self.now;
        Some((peer, &self.state.ordered.log))
    }

    pub(super) fn on_matched(
        &mut self,
        from: NodeId,
        epoch: Epoch,
        matched: Index,
        whole: bool,
        round: u64,
        out: &mut Out,
    ) {
        let Some((peer, log)) = self.peer(from, epoch) else { return };
        peer.on_matched(matched, log.last_index());
        peer.round = peer.round.max(round);
        if whole {
            self.on_whole(from, out);
        }
        self.advance_leader_commit(out);
        self.answer_confirmed_reads(out);
    }

    pub(super) fn on_mismatch(
        &mut self,
        from: NodeId,
        epoch: Epoch,
        prev: Index,
        conflict: Option<Epoch>,
        first: Index,
    ) {
        if let Some((peer, log)) = self.peer(from, epoch) {
            peer.on_mismatch(log, prev, conflict, first);
        }
    }

    pub(super) fn on_have(
        &mut self,
        from: NodeId,
        epoch: Epoch,
        index: Index,
        have: Offset,
        out: &mut Out,
    ) {
        let Some(mut lead) = self.parts.lead.take_if(|lead| lead.epoch == epoch) else { return };
        let ordered = &self.state.ordered;
        let peer = lead.peers.iter_mut().find(|peer| peer.id == from);
        if let Some(piece) = peer.and_then(|peer| peer.on_have(index, have, &ordered.replica)) {
            send_to(from, lead.message(piece, ordered.commit, self.rounds.latest()), out);
        }
        self.parts.lead = Some(lead);
    }

    /// Commits what a majority of whole logs holds. Entries of older epochs count as well: a next
    /// leader takes a log that was whole in this epoch, and every such log has them.
    pub(super) fn advance_leader_commit(&mut self, out: &mut Out) {
        let Some(lead) = self.parts.leading() else { return };
        let whole = lead.peers.iter().filter(|peer| lead.whole.contains(&peer.id));
        let mut held: Vec<Index> = whole.map(|peer| peer.matched).collect();
        held.push(self.rules.may_leave(&self.disk));
        let quorum = self.rules.quorum(self.state.members.len());
        let index = reached_by(&mut held, quorum);
        self.commit_to(index, lead.epoch, out);
    }

    // Asynchronous mode.

    pub(super) fn start_ahead(&mut self) {
        let Some(lead) = &mut self.parts.lead else { return };
        if self.state.own.promotes.mode == Mode::Async {
            let rules = self.rules;
            let look_up = |sessions: &_, session| rules.deduplicate(sessions, session);
            lead.ahead = Some(Ahead::of(&self.state.ordered, look_up));
        }
    }

    pub(super) fn answer_ahead(&mut self, out: &mut Out) {
        let upto = self.rules.may_leave(&self.disk);
        let Some(lead) = &mut self.parts.lead else { return };
        let Some(ahead) = &mut lead.ahead else { return };
        while let Some((index, ticket, reply)) = ahead.durable(upto) {
            if let Reply::Ok(Answer::Appended { offset, .. }) = reply {
                self.state.ordered.trace_told(index, lead.epoch, offset, out);
            }
            reply_to(ticket, reply, out);
        }
    }
}
