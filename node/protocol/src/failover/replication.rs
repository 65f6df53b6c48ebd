//! The leader's side: appends, what goes to whom, what comes back, and what that commits.
//! It never sends an entry that its own disk does not hold.

use std::collections::BTreeSet;

use super::ahead::Ahead;
use super::message::Body;
use super::options::Mode;
use super::{Failover, Out};
use crate::common::log::Log;
use crate::common::options::after;
use crate::common::pending::{Pending, too_large};
use crate::common::progress::{Piece, ReplicationProgress};
use crate::common::quorum::reached_by;
use crate::common::reads::{Reader, Rounds, answer};
use crate::machine::{
    Answer, Command, Epoch, Index, Level, LogEntry, NodeId, Offset, Reply, Ticket, Time, reply_to,
    send_to,
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
    pub(super) pending: Pending,
    pub(super) rounds: Rounds<Reader>,
    /// What asynchronous mode answers from.
    pub(super) ahead: Option<Ahead>,
    peers: Vec<ReplicationProgress>,
}

impl Lead {
    pub(super) fn new(epoch: Epoch, open: Index, others: Vec<NodeId>, now: Time) -> Self {
        let peers =
            others.into_iter().map(|id| ReplicationProgress::new(id, open.next(), now)).collect();
        Lead {
            epoch,
            open,
            is_open: false,
            whole: BTreeSet::new(),
            heartbeat_at: now,
            pending: Pending::default(),
            rounds: Rounds::default(),
            ahead: None,
            peers,
        }
    }

    fn message(&self, piece: Piece, commit: Index) -> super::Message {
        let (open, round) = (self.open, self.rounds.latest());
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
    pub(super) fn on_append_request(&mut self, ticket: Ticket, command: Command, out: &mut Out) {
        let ordered = &self.state.ordered;
        let uncommitted = ordered.log.last_index().0.saturating_sub(ordered.commit.0);
        let limits = self.state.options.limits;
        let refusal = match self.lead.as_ref().filter(|lead| lead.is_open) {
            Some(lead) => lead.pending.refusal(&command, uncommitted, limits).map(Reply::Fail),
            None => Some(too_large(&command).map_or_else(|| self.not_leader(), Reply::Fail)),
        };
        if let Some(reply) = refusal {
            return reply_to(ticket, reply, out);
        }
        let lead = self.lead.as_mut().expect("everyone else refused above");
        let index = ordered.log.last_index().next();
        let entry = LogEntry { index, birth: lead.epoch, command };
        lead.pending.weigh(&entry);
        let rules = self.rules;
        let look_up = |sessions: &_, session| rules.deduplicate(sessions, session);
        let early = lead.ahead.as_mut().is_some_and(|ahead| ahead.append(&entry, ticket, look_up));
        if !early {
            lead.pending.wait(index, ticket);
        }
        self.state.ordered.put(entry, &mut self.disk, out);
    }

    /// Sends every follower what it lacks, as far as its window allows.
    pub(super) fn replicate_all(&mut self, out: &mut Out) {
        let upto = self.rules.may_leave(&self.disk);
        let window = self.state.options.window;
        let Some(mut lead) = self.lead.take() else { return };
        let ordered = &self.state.ordered;
        for at in 0..lead.peers.len() {
            while let Some(piece) = lead.peers[at].next(ordered, upto, window) {
                send_to(lead.peers[at].id, lead.message(piece, ordered.commit), out);
            }
        }
        self.lead = Some(lead);
    }

    /// A message to everyone now, without entries: a heartbeat, or the start of a read round.
    fn broadcast_heartbeat(&mut self, out: &mut Out) {
        let Some(mut lead) = self.lead.take() else { return };
        let ordered = &self.state.ordered;
        for at in 0..lead.peers.len() {
            let piece = lead.peers[at].heartbeat(ordered);
            send_to(lead.peers[at].id, lead.message(piece, ordered.commit), out);
        }
        self.lead = Some(lead);
    }

    pub(super) fn on_heartbeat_due(&mut self, out: &mut Out) {
        let Some(lead) = &mut self.lead else { return };
        lead.heartbeat_at = after(self.now, self.state.options.heartbeat_ns);
        lead.peers.iter_mut().for_each(ReplicationProgress::on_heartbeat_due);
        self.broadcast_heartbeat(out);
    }

    fn peer(&mut self, from: NodeId, epoch: Epoch) -> Option<(&mut ReplicationProgress, &Log)> {
        let lead = self.lead.as_mut().filter(|lead| lead.epoch == epoch)?;
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
        let Some(mut lead) = self.lead.take_if(|lead| lead.epoch == epoch) else { return };
        let ordered = &self.state.ordered;
        let peer = lead.peers.iter_mut().find(|peer| peer.id == from);
        if let Some(piece) = peer.and_then(|peer| peer.on_have(index, have, &ordered.replica)) {
            send_to(from, lead.message(piece, ordered.commit), out);
        }
        self.lead = Some(lead);
    }

    /// Commits what a majority of whole logs holds. Entries of older epochs count as well: a next
    /// leader takes a log that was whole in this epoch, and every such log has them.
    pub(super) fn advance_leader_commit(&mut self, out: &mut Out) {
        let Some(lead) = self.lead.as_ref().filter(|lead| lead.is_open) else { return };
        let whole = lead.peers.iter().filter(|peer| lead.whole.contains(&peer.id));
        let mut held: Vec<Index> = whole.map(|peer| peer.matched).collect();
        held.push(self.rules.may_leave(&self.disk));
        let quorum = self.rules.quorum(self.state.members.len());
        let index = reached_by(&mut held, quorum);
        self.commit_to(index, lead.epoch, out);
    }

    pub(super) fn commit_to(&mut self, index: Index, epoch: Epoch, out: &mut Out) {
        let rules = self.rules;
        let leads = self.lead.as_ref().is_some_and(|lead| lead.is_open);
        let look_up = |sessions: &_, session| rules.deduplicate(sessions, session);
        let done = self.state.ordered.commit_to(index, epoch, leads, look_up, out);
        let Some(lead) = &mut self.lead else { return };
        for done in done {
            let own = done.birth == lead.epoch;
            if let Some((ticket, reply)) = lead.pending.applied(done, own) {
                reply_to(ticket, reply, out);
            }
        }
    }

    // Asynchronous mode.

    pub(super) fn start_ahead(&mut self) {
        let Some(lead) = &mut self.lead else { return };
        if self.state.options.mode == Mode::Async {
            let rules = self.rules;
            let look_up = |sessions: &_, session| rules.deduplicate(sessions, session);
            lead.ahead = Some(Ahead::of(&self.state.ordered, look_up));
        }
    }

    pub(super) fn answer_ahead(&mut self, out: &mut Out) {
        let upto = self.rules.may_leave(&self.disk);
        let Some(lead) = &mut self.lead else { return };
        let Some(ahead) = &mut lead.ahead else { return };
        while let Some((index, ticket, reply)) = ahead.durable(upto) {
            if let Reply::Ok(Answer::Appended { offset, .. }) = reply {
                self.state.ordered.trace_told(index, lead.epoch, offset, out);
            }
            reply_to(ticket, reply, out);
        }
    }

    // Linearizable reads.

    pub(super) fn start_read_round(&mut self, out: &mut Out) {
        let commit = self.state.ordered.commit;
        let Some(lead) = self.lead.as_mut().filter(|lead| lead.is_open) else { return };
        if lead.rounds.is_due() && commit >= lead.open {
            lead.rounds.start(commit);
            self.broadcast_heartbeat(out);
            self.answer_confirmed_reads(out);
        }
    }

    fn answer_confirmed_reads(&mut self, out: &mut Out) {
        let quorum = self.rules.quorum(self.state.members.len());
        let Some(lead) = &mut self.lead else { return };
        let mut heard: Vec<u64> = lead.peers.iter().map(|peer| peer.round).collect();
        heard.push(lead.rounds.latest());
        let heard = reached_by(&mut heard, quorum);
        let rules = self.rules;
        let ended = lead.rounds.end_if(|round| rules.round_covers(heard, round));
        for reader in ended.into_iter().flat_map(|(_, readers)| readers) {
            answer(reader, Level::Linearizable, &self.state.ordered.replica, out);
        }
    }
}
