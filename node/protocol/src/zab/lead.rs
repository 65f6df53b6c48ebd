//! What only a node has that leads or is about to: its followers' sessions, its requests.
//! It never decides anything: discovery, sync and broadcast do.

use std::collections::VecDeque;

use super::message::{Body, Message, Order, Place};
use super::state::Standing;
use super::{Out, Part, Zab};
use crate::common::options::after;
use crate::common::transfer::Transfer;
use crate::machine::{Epoch, Index, NodeId, Role, Time, send_to};

pub(super) struct Lead {
    pub(super) phase: Phase,
    /// The epoch it leads, once chosen.
    pub(super) epoch: Epoch,
    pub(super) peers: Vec<Peer>,
    pub(super) heartbeat_at: Time,
    /// When discovery has taken too long.
    pub(super) deadline: Time,
}

/// How far a leader is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Phase {
    /// It waits for a quorum of FOLLOWERINFO, to choose its epoch.
    Choosing,
    /// The epoch is on its way to its own disk.
    Promising,
    /// It waits for a quorum of ACKEPOCH.
    Discovery,
    /// It waits for a quorum to acknowledge NEWLEADER.
    Synchronisation,
    /// It is established.
    Broadcast,
}

/// Another member, as a leader sees it.
pub(super) struct Peer {
    pub(super) id: NodeId,
    /// When it last said anything.
    pub(super) heard: Time,
    /// Whether it promised the epoch to this node.
    pub(super) promised: bool,
    pub(super) session: Option<Session>,
}

/// A follower's session, as its leader sees it.
pub(super) struct Session {
    pub(super) id: u64,
    /// The number of the last message.
    number: u64,
    pub(super) stage: Stage,
    /// The next index to send.
    pub(super) next: Index,
    /// The last index of the history that NEWLEADER stands for.
    pub(super) sync_point: Index,
    /// The number of the last order to synchronise.
    pub(super) asked: u64,
    /// The last index of each message with proposals that is not acknowledged.
    pub(super) under_way: VecDeque<Index>,
    /// The last index known to be on its disk, as this leader's history.
    pub(super) acked: Index,
    /// The last committed index it was told.
    pub(super) told: Index,
    /// The latest round it answered.
    pub(super) round: u64,
}

/// How far a follower is, as its leader knows.
pub(super) enum Stage {
    /// It asked to follow.
    Asked,
    /// It was sent NEWEPOCH.
    Offered,
    /// It answered with this, and waits for the leader to have a quorum.
    Promised(Standing),
    /// What it lacks is summed up here.
    Snapshot(Transfer),
    /// It is sent the leader's history up to the sync point.
    Syncing,
    /// It was sent NEWLEADER.
    Synced,
    /// It acknowledged that, and gets every proposal.
    Following,
}

impl Session {
    pub(super) fn new(id: u64) -> Self {
        Session {
            id,
            number: 0,
            stage: Stage::Asked,
            next: Index(0),
            sync_point: Index(0),
            asked: 0,
            under_way: VecDeque::new(),
            acked: Index(0),
            told: Index(0),
            round: 0,
        }
    }

    /// The number of the last message sent.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    pub(super) fn follows(&self) -> bool {
        matches!(self.stage, Stage::Following)
    }
}

impl Lead {
    pub(super) fn new(others: impl Iterator<Item = NodeId>, now: Time, deadline: Time) -> Self {
        let peer = |id| Peer { id, heard: now, promised: false, session: None };
        Lead {
            phase: Phase::Choosing,
            epoch: Epoch(0),
            peers: others.map(peer).collect(),
            heartbeat_at: now,
            deadline,
        }
    }

    /// The next message of a follower's session.
    pub(super) fn tell(&mut self, at: usize, order: Order, out: &mut Out) {
        let peer = &mut self.peers[at];
        let Some(session) = &mut peer.session else { return };
        session.number += 1;
        let at = Place { session: session.id, number: session.number };
        send_to(peer.id, Message { epoch: self.epoch, body: Body::Order { at, order } }, out);
    }

    /// COMMIT, alone: no PROPOSE took it along since the last heartbeat.
    fn commit_now(&mut self, at: usize, commit: Index, out: &mut Out) {
        if let Some(session) = &mut self.peers[at].session {
            session.told = commit;
        }
        self.tell(at, Order::Commit { commit }, out);
    }

    /// NEWEPOCH, the first message of a follower's session, once more.
    pub(super) fn offer_again(&self, at: usize, out: &mut Out) {
        let peer = &self.peers[at];
        let Some(session) = &peer.session else { return };
        let at = Place { session: session.id, number: 1 };
        let body = Body::Order { at, order: Order::NewEpoch };
        send_to(peer.id, Message { epoch: self.epoch, body }, out);
    }

    /// The sessions of those who acknowledged NEWLEADER.
    pub(super) fn followers(&self) -> impl Iterator<Item = &Session> {
        self.peers.iter().filter_map(|peer| peer.session.as_ref()).filter(|s| s.follows())
    }

    /// Who they are.
    pub(super) fn following(&self) -> Vec<usize> {
        let follows = |at: &usize| self.peers[*at].session.as_ref().is_some_and(Session::follows);
        (0..self.peers.len()).filter(follows).collect()
    }

    /// How many members were heard since `oldest`, this one included.
    pub(super) fn heard_since(&self, oldest: Time) -> usize {
        1 + self.peers.iter().filter(|peer| peer.heard >= oldest).count()
    }
}

impl Zab {
    /// A heartbeat is due: whoever has a session is pinged, the others are told whom to follow.
    /// Less than a quorum heard within T: somebody else may lead by now.
    pub(super) fn on_heartbeat_due(&mut self, out: &mut Out) {
        let (now, options) = (self.now, self.state.options);
        let quorum = self.rules.quorum(self.state.members.len());
        let Part::Leading(lead) = &mut self.parts.part else { return };
        lead.heartbeat_at = after(now, options.heartbeat_ns);
        let oldest = Time(now.0.saturating_sub(options.election_timeout_ns));
        let late = lead.phase < Phase::Synchronisation && now >= lead.deadline;
        if late || lead.heard_since(oldest) < quorum {
            return self.look(out);
        }
        let gone = Time(now.0.saturating_sub(2 * options.election_timeout_ns));
        let mut without = Vec::new();
        let round = self.rounds.latest();
        let leads = self.state.role == Role::Leader;
        let commit = if leads { self.state.ordered.commit } else { Index(0) };
        for at in 0..lead.peers.len() {
            let peer = &mut lead.peers[at];
            if peer.heard < gone {
                peer.session = None;
            }
            match &peer.session {
                None => without.push(peer.id),
                Some(Session { stage: Stage::Asked, .. }) => without.push(peer.id),
                Some(session) => {
                    if session.follows() && session.told < commit {
                        lead.commit_now(at, commit, out);
                    }
                    lead.tell(at, Order::Ping { round }, out);
                }
            }
        }
        for to in without {
            self.send_note(to, out);
        }
    }
}
