//! Linearizable reads by ReadIndex (dissertation, 6.4), and local ones.
//!
//! A leader notes its commit index, starts a numbered round of heartbeats after that, and answers
//! when a quorum has answered the round. A follower asks the leader for such an index, waits until
//! it has applied that much, and answers from what it has. Reads that come while a round is under
//! way share the next one.
//!
//! It never answers from a round that started before the read came, and a read that cannot be
//! answered fails: it has no effect, so a definite no is true.

use std::collections::VecDeque;

use super::message::Body;
use super::{Out, Raft, not_leader};
use crate::machine::{Epoch, Index, Level, NodeId, Role, Ticket, Time, reply_to};
use crate::options::after;
use crate::quorum::reached_by;
use crate::reads::{Reader, Rounds, Want, answer};

/// Who waits for a round.
pub(super) enum Waiter {
    Here(Reader),
    At { node: NodeId, token: u64 },
}

/// A follower's reads.
pub(super) struct Asking {
    token: u64,
    waiting: Vec<Reader>,
    asked: Option<Asked>,
    granted: VecDeque<(Index, Vec<Reader>)>,
}

struct Asked {
    token: u64,
    again_at: Time,
    readers: Vec<Reader>,
}

impl Asking {
    pub(super) fn new(token: u64) -> Self {
        Asking { token, waiting: Vec::new(), asked: None, granted: VecDeque::new() }
    }

    /// When something is to be done if no answer comes.
    pub(super) fn due(&self) -> Option<Time> {
        self.asked.as_ref().map(|asked| asked.again_at)
    }
}

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
            self.asking.waiting.push(reader);
        } else {
            reply_to(ticket, not_leader(None), out);
        }
    }

    // The leader's side.

    pub(super) fn on_read_index(&mut self, from: NodeId, token: u64, out: &mut Out) {
        match &mut self.lead {
            Some(lead) => {
                // A follower asks one question at a time: an older one has no answer to wait for.
                let other = |w: &Waiter| !matches!(w, Waiter::At { node, .. } if *node == from);
                lead.rounds.retain_waiting(other);
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
        let ended = lead.rounds.end_if(|round| rules.round_covers(heard, round));
        let Some((index, waiters)) = ended else { return };
        for waiter in waiters {
            match waiter {
                Waiter::Here(reader) => {
                    answer(reader, Level::Linearizable, &self.state.ordered.replica, out);
                }
                Waiter::At { node, token } => {
                    let index = Some(index);
                    self.send(node, Body::ReadIndexReply { token, index }, out);
                }
            }
        }
    }

    /// This node leads no longer: those who wait for its rounds hear it.
    pub(super) fn refuse_rounds(&mut self, rounds: Rounds<Waiter>, out: &mut Out) {
        for waiter in rounds.into_waiters() {
            match waiter {
                Waiter::Here(reader) => {
                    reply_to(reader.ticket, not_leader(self.state.leader), out);
                }
                Waiter::At { node, token } => {
                    self.send(node, Body::ReadIndexReply { token, index: None }, out);
                }
            }
        }
    }

    // The follower's side.

    /// Asks the leader for everyone who waits, unless an answer is still to come.
    pub(super) fn ask_for_read_index(&mut self, out: &mut Out) {
        let Some(leader) = self.state.leader.filter(|leader| *leader != self.state.id) else {
            return;
        };
        if self.asking.asked.is_some() || self.asking.waiting.is_empty() {
            return;
        }
        self.asking.token += 1;
        let token = self.asking.token;
        let readers = std::mem::take(&mut self.asking.waiting);
        // Two heartbeats: long enough for any answer that is still coming.
        let again_at = after(self.now, 2 * self.state.options.heartbeat_ns);
        self.asking.asked = Some(Asked { token, again_at, readers });
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
        let Some(asked) = self.asking.asked.take_if(|asked| asked.token == token) else { return };
        let Some(index) = index else {
            for reader in asked.readers {
                reply_to(reader.ticket, not_leader(None), out);
            }
            return;
        };
        self.asking.granted.push_back((index, asked.readers));
        // The answer also says how far the leader has committed: no need to wait for a heartbeat.
        if term == self.state.hard.term && self.state.leader == Some(from) {
            let commit = self.rules.follower_commit(index, self.state.verified);
            self.advance_commit(commit, out);
        }
    }

    pub(super) fn answer_granted_reads(&mut self, out: &mut Out) {
        let applied = self.state.ordered.replica.applied;
        while self.asking.granted.front().is_some_and(|(index, _)| *index <= applied) {
            let (_, readers) = self.asking.granted.pop_front().expect("it has a front");
            for reader in readers {
                answer(reader, Level::Linearizable, &self.state.ordered.replica, out);
            }
        }
    }

    /// The leader changed: what was asked of the old one fails.
    pub(super) fn forget_asked_reads(&mut self, out: &mut Out) {
        let asked = self.asking.asked.take().map(|asked| asked.readers).unwrap_or_default();
        for reader in asked.into_iter().chain(std::mem::take(&mut self.asking.waiting)) {
            reply_to(reader.ticket, not_leader(self.state.leader), out);
        }
    }

    /// Reads wait at most 2T, as long as an election takes; a question without an answer is asked
    /// again before.
    pub(super) fn give_up_on_old_reads(&mut self, out: &mut Out) {
        let now = self.now;
        if let Some(asked) = self.asking.asked.take_if(|asked| asked.again_at <= now) {
            self.asking.waiting.extend(asked.readers);
        }
        let patience = 2 * self.state.options.election_timeout_ns;
        let mut old = Vec::new();
        let mut keep = |reader: &Reader| {
            let late = after(reader.at, patience) <= now;
            if late {
                old.push(*reader);
            }
            !late
        };
        self.asking.waiting.retain(&mut keep);
        for (_, readers) in &mut self.asking.granted {
            readers.retain(&mut keep);
        }
        if let Some(lead) = &mut self.lead {
            let mut keep_waiter = |waiter: &Waiter| match waiter {
                Waiter::Here(reader) => keep(reader),
                Waiter::At { .. } => true,
            };
            lead.rounds.retain(&mut keep_waiter);
        }
        self.asking.granted.retain(|(_, readers)| !readers.is_empty());
        let leader = self.state.leader.filter(|_| self.state.role != Role::Leader);
        for reader in old {
            reply_to(reader.ticket, not_leader(leader), out);
        }
    }
}
