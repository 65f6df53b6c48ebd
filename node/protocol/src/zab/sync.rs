//! Phase 2, the leader's side (paper, V.A; Zab1.0): each follower's history becomes the leader's,
//! by DIFF, TRUNC or SNAP, then NEWLEADER. A running leader lets anybody join the same way.
//!
//! It never changes the leader's own history.

use std::collections::VecDeque;

use super::lead::{Lead, Phase, Stage};
use super::message::Order;
use super::state::Zxid;
use super::{Out, Part, Zab};
use crate::common::ordered::Ordered;
use crate::common::pending::MESSAGE_BYTES_MAX;
use crate::common::transfer::Transfer;
use crate::machine::{Index, Offset, Role};

impl Zab {
    pub(super) fn synchronise_all(&mut self, out: &mut Out) {
        let Part::Leading(lead) = &self.parts.part else { return };
        let ready: Vec<(usize, Zxid)> = (0..lead.peers.len())
            .filter_map(|at| match &lead.peers[at].session.as_ref()?.stage {
                Stage::Promised(standing) => Some((at, standing.last)),
                _ => None,
            })
            .collect();
        for (at, last) in ready {
            self.synchronise(at, last, true, out);
        }
    }

    /// A follower's history ends at `last` (`whole`), or holds nothing greater up to where it was
    /// asked to cut: what must go from it, and from where on it is sent the leader's.
    pub(super) fn synchronise(&mut self, at: usize, last: Zxid, whole: bool, out: &mut Out) {
        let Part::Leading(lead) = &mut self.parts.part else { return };
        let log = &self.state.ordered.log;
        let Some(session) = &mut lead.peers[at].session else { return };
        session.under_way = VecDeque::new();
        session.sync_point = log.last_index();
        let Some(common) = log.at_most(last) else {
            return offer_snapshot(lead, at, &self.state.ordered, out);
        };
        session.next = common.index.next();
        session.stage = Stage::Syncing;
        let (common, asked) = (common.id(), session.number() + 1);
        session.asked = asked;
        let order = if whole && common == last {
            Order::Diff { from: last }
        } else {
            Order::Trunc { to: common }
        };
        lead.tell(at, order, out);
    }

    /// The answer to a TRUNC that could not be followed, or to the end of a SNAP.
    pub(super) fn on_last(&mut self, at: usize, about: u64, last: Zxid, out: &mut Out) {
        let Part::Leading(lead) = &self.parts.part else { return };
        if lead.peers[at].session.as_ref().is_some_and(|session| session.asked == about) {
            self.synchronise(at, last, false, out);
        }
    }

    pub(super) fn on_snap_have(&mut self, at: usize, index: Index, have: Offset, out: &mut Out) {
        let Part::Leading(lead) = &mut self.parts.part else { return };
        let Some(session) = &mut lead.peers[at].session else { return };
        let asked = session.number() + 1;
        let Stage::Snapshot(transfer) = &mut session.stage else { return };
        let replica = &self.state.ordered.replica;
        let Some((from, values)) = transfer.next(index, have, replica, MESSAGE_BYTES_MAX) else {
            return;
        };
        let snapshot = transfer.snapshot().clone();
        session.asked = asked;
        lead.tell(at, Order::Snap { snapshot, from, values }, out);
    }

    /// Sends every follower what it is due, as far as its window allows.
    pub(super) fn stream_all(&mut self, out: &mut Out) {
        let Part::Leading(lead) = &mut self.parts.part else { return };
        if lead.phase < Phase::Synchronisation {
            return;
        }
        let commit =
            if self.state.role == Role::Leader { self.state.ordered.commit } else { Index(0) };
        for at in 0..lead.peers.len() {
            stream(lead, at, &self.state.ordered, commit, self.state.options.window, out);
        }
    }
}

fn stream(
    lead: &mut Lead,
    at: usize,
    ordered: &Ordered,
    commit: Index,
    window: usize,
    out: &mut Out,
) {
    loop {
        let Some(session) = &mut lead.peers[at].session else { return };
        let upto = match session.stage {
            Stage::Syncing => session.sync_point,
            Stage::Following => ordered.log.last_index(),
            _ => return,
        };
        if session.next > upto {
            if session.follows() {
                return;
            }
            session.stage = Stage::Synced;
            return lead.tell(at, Order::NewLeader, out);
        }
        if session.under_way.len() >= window {
            return;
        }
        if session.next < ordered.log.first() {
            // It fell behind what is kept: it joins anew.
            lead.peers[at].session = None;
            return;
        }
        let mut entries = ordered.log.slice(session.next, MESSAGE_BYTES_MAX);
        entries.truncate((upto.0 + 1 - session.next.0) as usize);
        let last = entries.last().expect("there is an entry up to the last index").index;
        session.under_way.push_back(last);
        session.next = last.next();
        session.told = session.told.max(commit);
        lead.tell(at, Order::Propose { commit, entries }, out);
    }
}

fn offer_snapshot(lead: &mut Lead, at: usize, ordered: &Ordered, out: &mut Out) {
    let Some(session) = &mut lead.peers[at].session else { return };
    let snapshot = ordered.snapshot.clone();
    session.stage = Stage::Snapshot(Transfer::new(snapshot.clone()));
    session.asked = session.number() + 1;
    lead.tell(at, Order::Snap { from: snapshot.length, snapshot, values: Vec::new() }, out);
}
