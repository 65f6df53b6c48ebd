//! Linearizable reads, and local ones. The paper leaves them to leases (6.2); here a primary asks a
//! majority, as Raft's does: it notes its commit number, starts a numbered round of Prepares after
//! that, and answers when f + 1 replicas, itself included, were still in the view. A backup asks
//! the primary for such a number.
//!
//! It never answers from a round that started before the read came, and a read that cannot be
//! answered fails: it has no effect, so a definite no is true.

use super::message::Body;
use super::state::Status;
use super::{Out, Vsr, not_leader};
use crate::common::asking::{Waiter, refuse};
use crate::common::quorum::reached_by;
use crate::common::reads::{Reader, Rounds, answer};
use crate::machine::{Epoch, Index, Level, NodeId, Ticket, Want, reply_to};

impl Vsr {
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
        } else if self.leader().is_some() {
            self.asking.wait(reader);
        } else {
            reply_to(ticket, not_leader(None), out);
        }
    }

    // The primary's side.

    pub(super) fn on_read_index(&mut self, from: NodeId, token: u64, out: &mut Out) {
        match &mut self.lead {
            Some(lead) => {
                lead.rounds.retain_waiting(|waiter| !waiter.is_at(from));
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
        self.send_heartbeat(out);
        self.answer_confirmed_reads(out);
    }

    pub(super) fn answer_confirmed_reads(&mut self, out: &mut Out) {
        let Some(lead) = &mut self.lead else { return };
        let mut heard: Vec<u64> = lead.backups.iter().map(|backup| backup.round).collect();
        heard.push(lead.rounds.latest());
        let heard = reached_by(&mut heard, self.rules.commit_quorum(self.state.members.len()));
        let rules = self.rules;
        let confirmed = |round| rules.round_covers(heard, round);
        let replica = &self.state.ordered.replica;
        let ended = lead.rounds.answer_if(confirmed, replica, out);
        let Some((index, asked)) = ended else { return };
        for (node, token) in asked {
            self.send(node, Body::ReadIndexReply { token, index: Some(index) }, out);
        }
    }

    /// This replica is primary no longer: those who wait for its rounds hear it.
    pub(super) fn refuse_rounds(&mut self, rounds: Rounds<Waiter>, out: &mut Out) {
        for (node, token) in rounds.refuse_all(&not_leader(None), out) {
            self.send(node, Body::ReadIndexReply { token, index: None }, out);
        }
    }

    // A backup's side.

    /// Asks the primary for everyone who waits, unless an answer is still to come.
    pub(super) fn ask_for_read_index(&mut self, out: &mut Out) {
        if self.state.status != Status::Normal || self.lead.is_some() {
            return;
        }
        // Two heartbeats: long enough for any answer that is still coming.
        let patience = 2 * self.state.options.heartbeat_ns;
        if let Some(token) = self.asking.ask(self.now, patience) {
            let primary = self.state.primary(self.state.hard.view);
            self.send(primary, Body::ReadIndex { token }, out);
        }
    }

    pub(super) fn on_read_index_reply(
        &mut self,
        view: Epoch,
        token: u64,
        index: Option<Index>,
        out: &mut Out,
    ) {
        match index {
            Some(index) => drop(self.asking.grant(token, index)),
            None => {
                refuse(self.asking.refuse(token), &not_leader(None), out);
            }
        }
        // The answer also says how far the primary has committed: no need to wait for a Prepare.
        let normal = self.state.status == Status::Normal;
        if let Some(index) = index.filter(|_| normal && self.rules.answer_counts(&self.state, view))
        {
            let commit = self.rules.backup_commit(index, self.state.last());
            self.advance_commit(commit, out);
        }
    }

    pub(super) fn answer_granted_reads(&mut self, out: &mut Out) {
        self.asking.answer_ready(&self.state.ordered.replica, out);
    }

    /// The view is left: what was asked of its primary fails.
    pub(super) fn forget_asked_reads(&mut self, out: &mut Out) {
        refuse(self.asking.forget(), &not_leader(None), out);
    }

    /// Reads wait at most 2T, as long as a view change takes; a question without an answer is asked
    /// again before.
    pub(super) fn give_up_on_old_reads(&mut self, out: &mut Out) {
        let (now, patience) = (self.now, 2 * self.state.options.election_timeout_ns);
        let mut old = self.asking.give_up(now, patience);
        if let Some(lead) = &mut self.lead {
            old.extend(lead.rounds.give_up(now, patience));
        }
        let leader = self.leader().filter(|_| self.lead.is_none());
        refuse(old, &not_leader(leader), out);
    }
}
