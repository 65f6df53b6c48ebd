//! Phase 1, the leader's side (paper, V.A; Zab1.0): a quorum that follows promises a new epoch, and
//! says what it has. It never touches a history.

use super::disk::Held;
use super::lead::{Lead, Peer, Phase, Session, Stage};
use super::message::Order;
use super::state::Standing;
use super::{Out, Part, Zab};
use crate::common::options::after;
use crate::machine::{Epoch, NodeId, Output, Role, TraceEvent};

/// Discovery takes this many times T at most: two disk writes and three messages, each of which
/// may take as long as an election timeout.
const DISCOVERY_TIMEOUTS: u64 = 8;

impl Zab {
    /// A quorum votes for this node: those who follow it will ask for sessions.
    pub(super) fn lead(&mut self, out: &mut Out) {
        let patience = DISCOVERY_TIMEOUTS * self.state.options.election_timeout_ns;
        let lead = Lead::new(self.others(), self.now, after(self.now, patience));
        self.leave(Part::Leading(Box::new(lead)), Some(self.state.id), out);
        self.set_role(Role::Candidate, out);
        self.choose_epoch(out);
        self.on_heartbeat_due(out);
    }

    /// FOLLOWERINFO. One who is past this node's epoch can follow only in a later one.
    pub(super) fn on_follower_info(
        &mut self,
        from: NodeId,
        accepted: Epoch,
        id: u64,
        out: &mut Out,
    ) {
        self.parts.highest = self.parts.highest.max(accepted);
        let (now, t) = (self.now, self.state.options.election_timeout_ns);
        let Part::Leading(lead) = &mut self.parts.part else {
            // Whoever follows it may look elsewhere.
            return self.send_note(from, out);
        };
        let Some(at) = lead.peers.iter().position(|peer| peer.id == from) else { return };
        let phase = lead.phase;
        if phase > Phase::Choosing && accepted > lead.epoch {
            return self.look(out);
        }
        let peer = &mut lead.peers[at];
        let alive = after(peer.heard, t) > now;
        peer.heard = now;
        match &peer.session {
            Some(session) if session.id == id => {
                if matches!(session.stage, Stage::Offered) {
                    lead.offer_again(at, out);
                }
            }
            // A late request of an earlier session.
            Some(session) if session.id > id && alive => return,
            _ => peer.session = Some(Session::new(id)),
        }
        if phase == Phase::Choosing {
            self.choose_epoch(out);
        } else if phase > Phase::Promising {
            self.offer_epoch(at, out);
        }
    }

    /// With a quorum of FOLLOWERINFO, this node's own included, the epoch is chosen.
    fn choose_epoch(&mut self, out: &mut Out) {
        let highest = self.parts.highest.max(self.state.hard.accepted);
        let Part::Leading(lead) = &mut self.parts.part else { return };
        let asked = lead.peers.iter().filter(|peer| peer.session.is_some()).count();
        if 1 + asked < self.rules.quorum(self.state.members.len()) {
            return;
        }
        let epoch = self.rules.new_epoch(&self.state, highest);
        lead.epoch = epoch;
        lead.phase = Phase::Promising;
        let hard = self.rules.accept(self.state.hard, epoch, self.state.id);
        self.set_hard(hard, out);
        self.set_role(Role::Candidate, out);
        let mark = self.rules.before_ack_epoch(&self.disk);
        self.promise(mark, Held::OwnEpoch, out);
    }

    /// The epoch is on this node's own disk: it may be offered.
    pub(super) fn on_own_epoch(&mut self, out: &mut Out) {
        let (epoch, to) = (self.state.hard.accepted, self.state.id);
        out.push(Output::Trace(TraceEvent::Promise { epoch, to }));
        let Part::Leading(lead) = &mut self.parts.part else { return };
        lead.phase = Phase::Discovery;
        for at in 0..lead.peers.len() {
            self.offer_epoch(at, out);
        }
        self.count_promises(out);
    }

    fn offer_epoch(&mut self, at: usize, out: &mut Out) {
        let Part::Leading(lead) = &mut self.parts.part else { return };
        if let Some(session) = &mut lead.peers[at].session
            && matches!(session.stage, Stage::Asked)
        {
            session.stage = Stage::Offered;
            lead.tell(at, Order::NewEpoch, out);
        }
    }

    /// ACKEPOCH.
    pub(super) fn on_ack_epoch(
        &mut self,
        at: usize,
        standing: Standing,
        counted: bool,
        out: &mut Out,
    ) {
        let Part::Leading(lead) = &mut self.parts.part else { return };
        let phase = lead.phase;
        let peer = &mut lead.peers[at];
        let Some(session) = &mut peer.session else { return };
        if !matches!(session.stage, Stage::Offered) {
            return;
        }
        session.stage = Stage::Promised(standing);
        peer.promised |= counted;
        if phase > Phase::Discovery {
            return self.synchronise(at, standing.last, true, out);
        }
        if counted && self.rules.must_abandon(&self.state, standing) {
            return self.look(out);
        }
        self.count_promises(out);
    }

    /// With a quorum of ACKEPOCH, this node's own included, its history is the epoch's.
    fn count_promises(&mut self, out: &mut Out) {
        let Part::Leading(lead) = &mut self.parts.part else { return };
        let promised = lead.peers.iter().filter(|peer| peer.promised).count();
        let quorum = self.rules.quorum(self.state.members.len());
        if 1 + promised < quorum {
            let refused = |peer: &&Peer| {
                let stage = peer.session.as_ref().map(|session| &session.stage);
                !peer.promised && matches!(stage, Some(Stage::Promised(_)))
            };
            let others = lead.peers.iter().filter(refused).count();
            if self.state.members.len() - others < quorum {
                // Too many promised this epoch to somebody else.
                self.look(out);
            }
            return;
        }
        lead.phase = Phase::Synchronisation;
        let hard = self.rules.accept_leader(self.state.hard, self.state.hard.accepted);
        self.set_hard(hard, out);
        self.synchronise_all(out);
    }
}
