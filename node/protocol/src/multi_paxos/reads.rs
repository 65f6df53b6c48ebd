//! Linearizable reads by a round of the leader's acceptors, and local ones.
//!
//! Whoever answers a round still obeys the leader's ballot, so no other leader had begun when it
//! did: what the leader had executed when the round started is all that was acknowledged anywhere.
//!
//! It never answers from a round that started before the read came, and a read that cannot be
//! answered fails: it has no effect, so a definite no is true.

use super::{MultiPaxos, Out, not_leader};
use crate::machine::{Level, NodeId, Ticket, reply_to};
use crate::options::after;
use crate::paxos::ballot::Ballot;
use crate::quorum::reached_by;
use crate::reads::{Reader, Want, answer};

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
        match &mut self.lead {
            Some(lead) => lead.rounds.wait(reader),
            None => reply_to(ticket, not_leader(self.state.leader), out),
        }
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
        let ended = lead.rounds.end_if(|round| rules.round_covers(heard, round));
        for reader in ended.into_iter().flat_map(|(_, readers)| readers) {
            answer(reader, Level::Linearizable, &self.state.ordered.replica, out);
        }
    }

    /// Reads wait at most 2T, as long as a change of leader takes.
    pub(super) fn give_up_on_old_reads(&mut self, out: &mut Out) {
        let Some(lead) = &mut self.lead else { return };
        let (now, patience) = (self.now, 2 * self.state.options.election_timeout_ns);
        lead.rounds.retain(|reader| {
            let late = after(reader.at, patience) <= now;
            if late {
                reply_to(reader.ticket, not_leader(None), out);
            }
            !late
        });
    }
}
