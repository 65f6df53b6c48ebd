//! Phase 3, the leader's side (paper, V.A): requests become proposals, a quorum's acknowledgements
//! commit them, in zxid order. Proposals of one step travel together, and while the leader's own
//! disk writes; how they travel is in `sync`.
//!
//! It never commits before it is established, and never counts who has not acknowledged NEWLEADER.

use super::lead::{Phase, Stage};
use super::message::Order;
use super::{Out, Part, Zab};
use crate::common::quorum::reached_by;
use crate::machine::{Index, Role};

impl Zab {
    /// ACK. The first of a session is that of NEWLEADER.
    pub(super) fn on_ack(
        &mut self,
        at: usize,
        upto: Index,
        synced: bool,
        round: u64,
        out: &mut Out,
    ) {
        let Part::Leading(lead) = &mut self.parts.part else { return };
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
        let Part::Leading(lead) = &mut self.parts.part else { return };
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
        let Part::Leading(lead) = &mut self.parts.part else { return };
        if let Some(session) = &mut lead.peers[at].session {
            session.told = commit;
        }
        lead.tell(at, Order::UpToDate { commit }, out);
    }

    /// Commits what a quorum holds (paper, V.A step l.3.2).
    pub(super) fn advance_commit_as_leader(&mut self, out: &mut Out) {
        let Part::Leading(lead) = &self.parts.part else { return };
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
        self.commit_to(to, self.state.hard.accepted, out);
    }
}
