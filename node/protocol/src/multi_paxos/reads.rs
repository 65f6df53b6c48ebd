//! Linearizable reads by a round of the leader's acceptors, and local ones.
//!
//! Whoever answers a round still obeys the leader's ballot, so no other leader had begun when it
//! did: what the leader had executed when the round started is all that was acknowledged anywhere.
//!
//! It never answers from a round that started before the read came, and a read that cannot be
//! answered fails: it has no effect, so a definite no is true.

use super::message::Body;
use super::{MultiPaxos, Out, not_leader, send};
use crate::common::asking::{Waiter, refuse};
use crate::common::quorum::reached_by;
use crate::common::reads::{Reader, Rounds, answer};
use crate::machine::{Index, Level, NodeId, Ticket, Want, reply_to};
use crate::paxos::ballot::Ballot;

impl MultiPaxos {
    pub(super) fn on_read_request(
        &mut self,
        ticket: Ticket,
        level: Level,
        want: Want,
        out: &mut Out,
    ) {
        let reader = Reader { ticket, want, at: self.now };
        if level == Level::Local {
            return answer(reader, level, &self.state.ordered.replica, out);
        }
        if let Some(lead) = &mut self.lead {
            lead.rounds.wait(Waiter::Here(reader));
        } else if self.state.leader.is_some() {
            self.asking.wait(reader);
        } else {
            reply_to(ticket, not_leader(None), out);
        }
    }

    // The leader's side.

    pub(super) fn on_read_index(&mut self, from: NodeId, token: u64, out: &mut Out) {
        if let Some(lead) = &mut self.lead {
            lead.rounds.retain_waiting(|waiter| !waiter.is_at(from));
            lead.rounds.wait(Waiter::At { node: from, token });
        } else {
            self.answer_read_index(from, token, None, out);
        }
    }

    fn answer_read_index(&self, to: NodeId, token: u64, index: Option<Index>, out: &mut Out) {
        send(to, self.state.hard.promised, Body::ReadIndexReply { token, index }, out);
    }

    /// Starts a round for everyone who waits, unless one is under way.
    pub(super) fn start_read_round(&mut self, out: &mut Out) {
        let Some(lead) = &mut self.lead else { return };
        if !lead.rounds.is_due() || !self.rules.may_start_read_round(&self.state, lead.barrier) {
            return;
        }
        lead.rounds.start(self.state.ordered.commit);
        self.broadcast_heartbeat(out);
        self.answer_confirmed_reads(out);
    }

    pub(super) fn on_heard(&mut self, from: NodeId, ballot: Ballot, round: u64, out: &mut Out) {
        let (promised, now) = (self.state.hard.promised, self.now);
        let Some(lead) = self.lead.as_mut().filter(|_| ballot == promised) else { return };
        let Some(peer) = lead.peer(from) else { return };
        peer.heard = now;
        peer.round = peer.round.max(round);
        self.answer_confirmed_reads(out);
    }

    fn answer_confirmed_reads(&mut self, out: &mut Out) {
        let Some(lead) = &mut self.lead else { return };
        let mut heard: Vec<u64> = lead.peers.iter().map(|peer| peer.round).collect();
        heard.push(lead.rounds.latest());
        let heard = reached_by(&mut heard, self.rules.promise_quorum(self.state.members.len()));
        let rules = self.rules;
        let confirmed = |round| rules.round_covers(heard, round);
        let replica = &self.state.ordered.replica;
        let ended = lead.rounds.answer_if(confirmed, replica, out);
        let Some((index, asked)) = ended else { return };
        for (node, token) in asked {
            self.answer_read_index(node, token, Some(index), out);
        }
    }

    /// This node leads no longer: those who wait for its rounds hear it.
    pub(super) fn refuse_rounds(&mut self, rounds: Rounds<Waiter>, out: &mut Out) {
        for (node, token) in rounds.refuse_all(&not_leader(self.state.leader), out) {
            self.answer_read_index(node, token, None, out);
        }
    }

    // The side of those who do not lead.

    /// Asks the leader for everyone who waits, unless an answer is still to come.
    pub(super) fn ask_for_read_index(&mut self, out: &mut Out) {
        let Some(leader) = self.state.leader.filter(|leader| *leader != self.state.id) else {
            return;
        };
        // Two heartbeats: long enough for any answer that is still coming.
        let patience = 2 * self.state.options.heartbeat_ns;
        let Some(token) = self.asking.ask(self.now, patience) else { return };
        send(leader, self.state.hard.promised, Body::ReadIndex { token }, out);
    }

    /// The answer also says what is chosen: a heartbeat need not be waited for.
    pub(super) fn on_read_index_reply(
        &mut self,
        from: NodeId,
        ballot: Ballot,
        token: u64,
        index: Option<Index>,
        out: &mut Out,
    ) {
        let Some(index) = index else {
            refuse(self.asking.refuse(token), &not_leader(None), out);
            return;
        };
        let granted = self.asking.grant(token, index);
        if granted && ballot == self.state.hard.promised && self.state.leader == Some(from) {
            self.learn_from_leader(from, ballot, index, out);
        }
    }

    pub(super) fn answer_granted_reads(&mut self, out: &mut Out) {
        self.asking.answer_ready(&self.state.ordered.replica, out);
    }

    /// The leader changed: what was asked of the old one fails.
    pub(super) fn forget_asked_reads(&mut self, out: &mut Out) {
        refuse(self.asking.forget(), &not_leader(self.state.leader), out);
    }

    /// Reads wait at most 2T, as long as a change of leader takes.
    pub(super) fn give_up_on_old_reads(&mut self, out: &mut Out) {
        let (now, patience) = (self.now, 2 * self.state.options.election_timeout_ns);
        let mut old = self.asking.give_up(now, patience);
        if let Some(lead) = &mut self.lead {
            old.extend(lead.rounds.give_up(now, patience));
        }
        let leader = self.state.leader.filter(|leader| *leader != self.state.id);
        refuse(old, &not_leader(leader), out);
    }
}
