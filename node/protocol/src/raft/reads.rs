//! Linearizable reads by ReadIndex (dissertation, 6.4), and local ones.
//!
//! A leader notes its commit index, starts a numbered round of heartbeats after that, and answers
//! when a quorum has answered the round. A follower asks the leader for such an index, waits until
//! it has applied that much, and answers from what it has. Reads that come while a round is under
//! way share the next one.
//!
//! It never answers from a round that started before the read came, and a read that cannot be
//! answered fails: it has no effect, so a definite no is true.

use super::message::Body;
use super::{Out, Raft, not_leader};
use crate::common::asking::{Waiter, refuse};
use crate::common::quorum::reached_by;
use crate::common::reads::{Reader, Rounds, answer};
use crate::machine::{Epoch, Index, Level, NodeId, Role, Ticket, Want, reply_to};

impl Raft {
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
        if self.rules.may_read_at_once(&self.state) {
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
        match &mut self.lead {
            Some(lead) => {
                lead.rounds.retain_waiting(|waiter: &Waiter| !waiter.is_at(from));
                lead.rounds.wait(Waiter::At { node: from, token });
            }
            None => self.send(from, Body::ReadIndexReply { token, index: None }, out),
        }
    }

    /// Starts a round for everyone who waits, unless one is under way.
    pub(super) fn start_read_round(&mut self, out: &mut Out) {
        let Some(lead) = &mut self.lead else { return };
        if !lead.rounds.is_due() || !self.rules.may_start_read_round(&self.state) {
            return;
        }
        lead.rounds.start(self.state.ordered.commit);
        self.broadcast_heartbeat(out);
        self.answer_confirmed_reads(out);
    }

    pub(super) fn answer_confirmed_reads(&mut self, out: &mut Out) {
        let Some(lead) = &mut self.lead else { return };
        let mut heard: Vec<u64> = lead.peers.iter().map(|peer| peer.round).collect();
        heard.push(lead.rounds.latest());
        let heard = reached_by(&mut heard, self.rules.vote_quorum(self.state.members.len()));
        let rules = self.rules;
        let confirmed = |round| rules.round_covers(heard, round);
        let replica = &self.state.ordered.replica;
        let ended = lead.rounds.answer_if(confirmed, replica, out);
        let Some((index, asked)) = ended else { return };
        for (node, token) in asked {
            self.send(node, Body::ReadIndexReply { token, index: Some(index) }, out);
        }
    }

    /// This node leads no longer: those who wait for its rounds hear it.
    pub(super) fn refuse_rounds(&mut self, rounds: Rounds<Waiter>, out: &mut Out) {
        for (node, token) in rounds.refuse_all(&not_leader(self.state.leader), out) {
            self.send(node, Body::ReadIndexReply { token, index: None }, out);
        }
    }

    // The follower's side.

    /// Asks the leader for everyone who waits, unless an answer is still to come.
    pub(super) fn ask_for_read_index(&mut self, out: &mut Out) {
        let Some(leader) = self.state.leader.filter(|leader| *leader != self.state.id) else {
            return;
        };
        // Two heartbeats: long enough for any answer that is still coming.
        let patience = 2 * self.state.options.heartbeat_ns;
        let Some(token) = self.asking.ask(self.now, patience) else { return };
        self.send(leader, Body::ReadIndex { token }, out);
    }

    pub(super) fn on_read_index_reply(
        &mut self,
        from: NodeId,
        term: Epoch,
        token: u64,
        index: Option<Index>,
        out: &mut Out,
    ) {
        let Some(index) = index else {
            refuse(self.asking.refuse(token), &not_leader(None), out);
            return;
        };
        if !self.asking.grant(token, index) {
            return;
        }
        // The answer also says how far the leader has committed: no need to wait for a heartbeat.
        if term == self.state.hard.term && self.state.leader == Some(from) {
            let commit = self.rules.follower_commit(index, self.state.verified);
            self.advance_commit(commit, out);
        }
    }

    pub(super) fn answer_granted_reads(&mut self, out: &mut Out) {
        self.asking.answer_ready(&self.state.ordered.replica, out);
    }

    /// The leader changed: what was asked of the old one fails.
    pub(super) fn forget_asked_reads(&mut self, out: &mut Out) {
        refuse(self.asking.forget(), &not_leader(self.state.leader), out);
    }

    /// Reads wait at most 2T, as long as an election takes; a question without an answer is asked
    /// again before.
    pub(super) fn give_up_on_old_reads(&mut self, out: &mut Out) {
        let (now, patience) = (self.now, 2 * self.state.options.election_timeout_ns);
        let mut old = self.asking.give_up(now, patience);
        if let Some(lead) = &mut self.lead {
            old.extend(lead.rounds.give_up(now, patience));
        }
        let leader = self.state.leader.filter(|_| self.state.role != Role::Leader);
        refuse(old, &not_leader(leader), out);
    }
}
