//! Linearizable reads by rounds ([`crate::common::reads`]), and local ones.
//!
//! A leader answers when a quorum that follows it has answered a ping of a round that started after
//! the read came. A follower asks its leader, within its session, from which index on it may
//! answer, and answers when it has delivered that much.
//!
//! It never answers from a round that started before the read came, and a read that cannot be
//! answered fails: it has no effect, so a definite no is true.

use std::collections::VecDeque;

use super::follower::Stage;
use super::lead::Phase;
use super::message::{Order, Report};
use super::{Out, Part, Zab, not_leader};
use crate::common::options::after;
use crate::common::quorum::reached_by;
use crate::common::reads::{Reader, answer};
use crate::machine::{Index, Level, NodeId, Ticket, Want, reply_to};

/// Who waits for a round.
pub(super) enum Waiter {
    Here(Reader),
    /// A follower, in this session. Its number alone names no follower.
    At {
        node: NodeId,
        session: u64,
        token: u64,
    },
}

/// A follower's reads, within one session.
#[derive(Default)]
pub(super) struct Asking {
    token: u64,
    waiting: Vec<Reader>,
    asked: Vec<Reader>,
    granted: VecDeque<(Index, Vec<Reader>)>,
}

impl Asking {
    /// Everyone who waits.
    pub(super) fn into_readers(self) -> impl Iterator<Item = Reader> {
        let granted = self.granted.into_iter().flat_map(|(_, readers)| readers);
        granted.chain(self.asked).chain(self.waiting)
    }

    fn retain(&mut self, mut keep: impl FnMut(&Reader) -> bool) {
        self.waiting.retain(&mut keep);
        self.asked.retain(&mut keep);
        for (_, readers) in &mut self.granted {
            readers.retain(&mut keep);
        }
    }
}

impl Zab {
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
        let hint = self.leader();
        match &mut self.part {
            Part::Leading(lead) if lead.phase == Phase::Broadcast => {
                lead.rounds.wait(Waiter::Here(reader));
            }
            Part::Following(following) if following.stage == Stage::Following => {
                following.asking.waiting.push(reader);
            }
            _ => reply_to(ticket, not_leader(hint), out),
        }
    }

    // The leader's side.

    /// A follower asks. It asks one question at a time: an older one has no answer to wait for.
    pub(super) fn on_read_report(&mut self, at: usize, token: u64) {
        let Part::Leading(lead) = &mut self.part else { return };
        let asker = lead.peers[at].id;
        let Some(session) = lead.peers[at].session.as_ref().map(|session| session.id) else {
            return;
        };
        if lead.phase == Phase::Broadcast {
            let other = |w: &Waiter| !matches!(w, Waiter::At { node, .. } if *node == asker);
            lead.rounds.retain_waiting(other);
            lead.rounds.wait(Waiter::At { node: asker, session, token });
        }
    }

    /// Starts a round for everyone who waits, unless one is under way: a ping to all who follow.
    pub(super) fn start_read_round(&mut self, out: &mut Out) {
        let may = self.rules.may_start_read_round(&self.state);
        let Part::Leading(lead) = &mut self.part else { return };
        if !lead.rounds.is_due() || !may {
            return;
        }
        lead.rounds.start(self.state.ordered.commit);
        let round = lead.rounds.latest();
        for at in lead.following() {
            lead.tell(at, Order::Ping { round }, out);
        }
        self.answer_confirmed_reads(out);
    }

    pub(super) fn answer_confirmed_reads(&mut self, out: &mut Out) {
        let quorum = self.rules.quorum(self.state.members.len());
        let Part::Leading(lead) = &mut self.part else { return };
        let mut heard: Vec<u64> = lead.followers().map(|session| session.round).collect();
        heard.push(lead.rounds.latest());
        let heard = reached_by(&mut heard, quorum);
        let rules = self.rules;
        let ended = lead.rounds.end_if(|round| rules.round_covers(heard, round));
        let Some((index, waiters)) = ended else { return };
        for waiter in waiters {
            match waiter {
                Waiter::Here(reader) => {
                    answer(reader, Level::Linearizable, &self.state.ordered.replica, out);
                }
                Waiter::At { node, session, token } => {
                    let is_its = |at: &usize| {
                        let peer = &lead.peers[*at];
                        peer.id == node && peer.session.as_ref().is_some_and(|s| s.id == session)
                    };
                    if let Some(at) = lead.following().into_iter().find(is_its) {
                        lead.tell(at, Order::ReadAt { token, index }, out);
                    }
                }
            }
        }
    }

    // The follower's side.

    /// Asks the leader for everyone who waits, unless an answer is still to come.
    pub(super) fn ask_for_read_index(&mut self, out: &mut Out) {
        let Part::Following(following) = &mut self.part else { return };
        let asking = &mut following.asking;
        if asking.asked.is_empty() && !asking.waiting.is_empty() {
            asking.token += 1;
            asking.asked = std::mem::take(&mut asking.waiting);
            let token = asking.token;
            self.report(Report::Read { token }, out);
        }
    }

    /// Asks again: the question, or its answer, may be lost.
    pub(super) fn ask_again(&mut self, out: &mut Out) {
        let Part::Following(following) = &self.part else { return };
        if !following.asking.asked.is_empty() {
            self.report(Report::Read { token: following.asking.token }, out);
        }
    }

    pub(super) fn on_read_at(&mut self, token: u64, index: Index, out: &mut Out) {
        let Part::Following(following) = &mut self.part else { return };
        let asking = &mut following.asking;
        if token == asking.token && !asking.asked.is_empty() {
            let readers = std::mem::take(&mut asking.asked);
            asking.granted.push_back((index, readers));
            // It also says how far the leader has committed: no need to wait for a COMMIT.
            self.on_commit(index, out);
        }
    }

    pub(super) fn answer_granted_reads(&mut self, out: &mut Out) {
        let replica = &self.state.ordered.replica;
        let Part::Following(following) = &mut self.part else { return };
        let granted = &mut following.asking.granted;
        while granted.front().is_some_and(|(index, _)| *index <= replica.applied) {
            let (_, readers) = granted.pop_front().expect("it has a front");
            for reader in readers {
                answer(reader, Level::Linearizable, replica, out);
            }
        }
    }

    /// Reads wait at most 2T, as long as it takes to find another leader.
    pub(super) fn give_up_on_old_reads(&mut self, out: &mut Out) {
        let (now, patience) = (self.now, 2 * self.state.options.election_timeout_ns);
        let mut old = Vec::new();
        let mut keep = |reader: &Reader| {
            let late = after(reader.at, patience) <= now;
            if late {
                old.push(reader.ticket);
            }
            !late
        };
        let mut leader: Option<NodeId> = None;
        match &mut self.part {
            Part::Leading(lead) => lead.rounds.retain(|waiter| match waiter {
                Waiter::Here(reader) => keep(reader),
                Waiter::At { .. } => true,
            }),
            Part::Following(following) => {
                leader = Some(following.leader);
                following.asking.retain(keep);
            }
            Part::Looking(_) => {}
        }
        for ticket in old {
            reply_to(ticket, not_leader(leader), out);
        }
    }
}
