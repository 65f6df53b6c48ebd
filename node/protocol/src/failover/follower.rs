//! The follower's side: taking over the leader's entries, and saying so when the disk has them.
//! It never hears whoever acts for an epoch older than the one it promised.

use bytes::Bytes;

use super::message::Body;
use super::state::{HardState, Held};
use super::{Failover, Message, Out, send_in};
use crate::common::log::Reconciled;
use crate::machine::{
    EntryId, Epoch, Index, LogEntry, NodeId, Offset, Refusal, Reply, Role, Snapshot,
};

/// What every message of a leader says beside its entries.
#[derive(Clone, Copy)]
pub(super) struct Sent {
    pub(super) epoch: Epoch,
    /// What the epoch was opened with, up to here.
    pub(super) open: Index,
    pub(super) round: u64,
}

impl Failover {
    /// Whether a leader's message is to be heard; if so this node follows it. Whoever sends entries
    /// for an epoch has a majority's promises for it, so no other can open the same epoch.
    pub(super) fn accept_leader(&mut self, from: NodeId, epoch: Epoch, out: &mut Out) -> bool {
        if self.rules.is_fenced(&self.state.hard, epoch) {
            send_in(from, self.state.hard.promised, Body::Refused, out);
            return false;
        }
        if epoch > self.state.hard.promised {
            self.set_hard(HardState { promised: epoch, candidate: from, ..self.state.hard }, out);
        }
        if self.parts.promotion.as_ref().is_some_and(|promotion| promotion.epoch == epoch) {
            self.end_promotion(Reply::Fail(Refusal::Fenced(epoch)), out);
        }
        self.give_way(out);
        if self.state.own.following != epoch {
            self.state.own.following = epoch;
            self.state.own.verified = Index(0);
            self.state.ordered.drop_staging();
        }
        if self.parts.lead.is_none() && self.parts.promotion.is_none() {
            self.state.own.leader = Some(from);
            self.take_role(Role::Follower, out);
        }
        self.parts.lead.is_none()
    }

    pub(super) fn on_append(
        &mut self,
        from: NodeId,
        sent: Sent,
        prev: EntryId,
        commit: Index,
        entries: Vec<LogEntry>,
        out: &mut Out,
    ) {
        let (keep, truncate) = match self.rules.reconcile(&self.state, prev, &entries) {
            Reconciled::Refused { conflict, first } => {
                let body = Body::Mismatch { prev: prev.index, conflict, first };
                return self.answer_leader(from, sent, body, out);
            }
            Reconciled::Accepted { keep, truncate } => (keep, truncate),
        };
        let covered = Index(prev.index.0 + entries.len() as u64);
        let heartbeat = entries.is_empty();
        if let Some(cut) = truncate {
            self.cut(cut, sent.epoch, out);
        }
        for entry in entries.into_iter().skip(keep) {
            self.state.ordered.put(entry, &mut self.disk, out);
        }
        self.state.own.verified = self.state.own.verified.max(covered);
        self.note_whole(sent, out);
        let commit = self.rules.follower_commit(commit, self.state.own.verified);
        self.commit_to(commit, sent.epoch, out);
        // A heartbeat says what is durable by now.
        let matched = if heartbeat { covered.min(self.disk.upto()) } else { covered };
        self.acknowledge(from, sent, matched, out);
    }

    pub(super) fn on_values(
        &mut self,
        from: NodeId,
        sent: Sent,
        snapshot: Snapshot,
        offset: Offset,
        values: Vec<Bytes>,
        out: &mut Out,
    ) {
        let index = snapshot.index;
        if self.rules.snapshot_is_newer(&self.state, index) {
            let Some(have) = self.state.ordered.stage(&snapshot, offset, values) else { return };
            if have < snapshot.length {
                return self.answer_leader(from, sent, Body::Have { index, have }, out);
            }
            self.state.ordered.install(sent.epoch, snapshot, &mut self.disk, out);
        }
        // What it sums up is committed here now, so it agrees with every leader.
        self.state.own.verified = self.state.own.verified.max(index);
        self.note_whole(sent, out);
        self.acknowledge(from, sent, index, out);
    }

    /// Writes down that the log is whole in this epoch, behind the entries that make it so and
    /// without those that do not: the disk keeps the order of writes.
    fn note_whole(&mut self, sent: Sent, out: &mut Out) {
        let whole = self.rules.is_whole(self.state.own.verified, sent.open);
        if !whole || self.state.hard.synced >= sent.epoch {
            return;
        }
        let beyond = sent.open.next();
        let held = self.state.ordered.log.epoch(beyond);
        if held.is_some_and(|held| !self.rules.may_follow_opening(held, sent.epoch)) {
            self.cut(beyond, sent.epoch, out);
        }
        self.set_hard(HardState { synced: sent.epoch, ..self.state.hard }, out);
    }

    fn acknowledge(&mut self, to: NodeId, sent: Sent, matched: Index, out: &mut Out) {
        let Sent { epoch, round, .. } = sent;
        // What the disk has already waits for no write of entries.
        let there = matched <= self.disk.upto();
        let mark = if there { self.disk.hard_mark() } else { self.rules.before_ack(&self.disk) };
        self.promise(mark, Held::Ack { to, epoch, matched, round }, out);
    }

    fn answer_leader(&mut self, to: NodeId, sent: Sent, body: Body, out: &mut Out) {
        let message = Message { epoch: sent.epoch, body };
        self.promise(self.disk.hard_mark(), Held::Other { to, message }, out);
    }

    /// Removes entries by authority of `epoch`, in memory and on disk.
    pub(super) fn cut(&mut self, from: Index, epoch: Epoch, out: &mut Out) {
        self.state.ordered.cut(from, epoch, true, &mut self.disk, out);
        let before = Index(from.0.saturating_sub(1));
        self.state.own.verified = self.state.own.verified.min(before);
    }
}
