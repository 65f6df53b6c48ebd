//! Phase 3, the leader's side (paper, V.A): requests become proposals, a quorum's acknowledgements
//! commit them, in zxid order. Proposals of one step travel together, and while the leader's own
//! disk writes; how they travel is in `sync`.
//!
//! It never commits before it is established, and never counts who has not acknowledged NEWLEADER.

use super::lead::{Lead, Phase, Stage};
use super::message::Order;
use super::reads::Waiter;
use super::{Out, Part, Zab, not_leader};
use crate::common::pending::too_large;
use crate::common::quorum::reached_by;
use crate::machine::{Command, Index, LogEntry, NodeId, Reply, Role, Ticket, reply_to};

impl Zab {
    pub(super) fn on_append_request(&mut self, ticket: Ticket, command: Command, out: &mut Out) {
        let hint = self.leader();
        let lead = match &mut self.part {
            Part::Leading(lead) if lead.phase == Phase::Broadcast => lead,
            _ => {
                let reply = too_large(&command).map(Reply::Fail);
                return reply_to(ticket, reply.unwrap_or(not_leader(hint)), out);
            }
        };
        let ordered = &mut self.state.ordered;
        let index = ordered.log.last_index().next();
        let uncommitted = (index.0 - 1).saturating_sub(ordered.commit.0);
        if let Some(refusal) =
            lead.pending.refusal(&command, uncommitted, self.state.options.limits)
        {
            return reply_to(ticket, Reply::Fail(refusal), out);
        }
        let entry = LogEntry { index, birth: lead.epoch, command };
        lead.pending.weigh(&entry);
        lead.pending.wait(index, ticket);
        ordered.put(entry, &mut self.disk, out);
    }

    /// ACK. The first of a session is that of NEWLEADER.
    pub(super) fn on_ack(
        &mut self,
        at: usize,
        upto: Index,
        synced: bool,
        round: u64,
        out: &mut Out,
    ) {
        let Part::Leading(lead) = &mut self.part else { return };
        let last = self.state.ordered.log.last_index();
        let Some(session) = &mut lead.peers[at].session else { return };
        while session.under_way.front().is_some_and(|sent| *sent <= upto) {
            session.under_way.pop_front();
        }
        if !synced {
            return;
        }
        let first = matches!(session.stage, Stage::Synced);
        if first {
            session.stage = Stage::Following;
            session.under_way.clear();
            session.next = self.rules.broadcast_from(session.sync_point, last);
        }
        if !session.follows() {
            return;
        }
        session.acked = session.acked.max(upto.min(last));
        session.round = session.round.max(round);
        if lead.phase == Phase::Broadcast {
            self.advance_commit_as_leader(out);
            if first {
                self.up_to_date(at, out);
            }
            self.answer_confirmed_reads(out);
        } else {
            self.establish(out);
        }
    }

    /// With a quorum that acknowledged NEWLEADER, this node's own disk included, the leader is
    /// established, and all of its history is committed (paper, V.A step l.2.2).
    pub(super) fn establish(&mut self, out: &mut Out) {
        let quorum = self.rules.quorum(self.state.members.len());
        let Part::Leading(lead) = &mut self.part else { return };
        let own = usize::from(self.rules.own_ack(&self.disk, lead.epoch).is_some());
        if lead.phase != Phase::Synchronisation || own + lead.followers().count() < quorum {
            return;
        }
        lead.phase = Phase::Broadcast;
        let following = lead.following();
        self.set_role(Role::Leader, out);
        self.advance_commit_as_leader(out);
        for at in following {
            self.up_to_date(at, out);
        }
    }

    fn up_to_date(&mut self, at: usize, out: &mut Out) {
        let commit = self.state.ordered.commit;
        let Part::Leading(lead) = &mut self.part else { return };
        if let Some(session) = &mut lead.peers[at].session {
            session.told = commit;
        }
        lead.tell(at, Order::UpToDate { commit }, out);
    }

    /// Commits what a quorum holds (paper, V.A step l.3.2).
    pub(super) fn advance_commit_as_leader(&mut self, out: &mut Out) {
        let Part::Leading(lead) = &self.part else { return };
        if lead.phase != Phase::Broadcast {
            return;
        }
        let mut held: Vec<Index> = lead.followers().map(|session| session.acked).collect();
        held.extend(self.rules.own_ack(&self.disk, lead.epoch));
        let commit = reached_by(&mut held, self.rules.quorum(self.state.members.len()));
        self.advance_commit(commit, out);
    }

    /// Raises the commit index and delivers what that commits; whoever asked is answered.
    pub(super) fn advance_commit(&mut self, to: Index, out: &mut Out) {
        let (rules, epoch) = (self.rules, self.state.hard.accepted);
        let leads = self.state.role == Role::Leader;
        let look_up = |sessions: &_, session| rules.deduplicate(sessions, session);
        let done = self.state.ordered.commit_to(to, epoch, leads, look_up, out);
        let Part::Leading(lead) = &mut self.part else { return };
        for done in done {
            let own = done.birth == lead.epoch;
            if let Some((ticket, reply)) = lead.pending.applied(done, own) {
                reply_to(ticket, reply, out);
            }
        }
    }

    /// This node leads no longer; `leader` may.
    pub(super) fn answer_all(&mut self, lead: Lead, leader: Option<NodeId>, out: &mut Out) {
        for ticket in lead.pending.into_tickets() {
            reply_to(ticket, self.rules.answer_pending(&self.state), out);
        }
        for waiter in lead.rounds.into_waiters() {
            if let Waiter::Here(reader) = waiter {
                reply_to(reader.ticket, not_leader(leader), out);
            }
        }
    }
}
