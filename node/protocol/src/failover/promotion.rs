//! The operator's word: the node he names asks everyone to promise it a new epoch, takes the log
//! of the best of a majority, installs it on a majority, and opens.
//! It never opens an epoch twice, and never opens what a majority has not promised.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::message::Body;
use super::message::Standing;
use super::replication::Lead;
use super::state::{HardState, Held};
use super::{Failover, Out, send_in};
use crate::common::log::Reconciled;
use crate::common::options::after;
use crate::common::pending::MESSAGE_BYTES_MAX;
use crate::machine::{
    Answer, EntryId, Epoch, Index, LogEntry, NodeId, Offset, Output, Refusal, Reply, Role,
    Snapshot, Ticket, Time, TraceEvent, reply_to,
};

/// A promotion under way.
pub(super) struct Promotion {
    pub(super) epoch: Epoch,
    /// The operator's ticket; None for a restarted leader that asks by itself.
    ticket: Option<Ticket>,
    stage: Stage,
    promised: BTreeMap<NodeId, Standing>,
    /// When what was not answered is asked again.
    again_at: Time,
    /// When it is given up; None: not before it is refused.
    until: Option<Time>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    /// Asking for promises.
    Fencing,
    /// Taking the best log.
    Pulling { from: NodeId, prev: EntryId },
    /// Installing the log on a majority: the leader's side does it.
    Installing,
}

impl Promotion {
    pub(super) fn due(&self) -> Time {
        self.until.map_or(self.again_at, |until| until.min(self.again_at))
    }
}

impl Failover {
    /// After a restart: the first member opens the first epoch; a leader that nobody deposed asks
    /// for a new one; everyone else waits.
    pub(super) fn resume(&mut self, out: &mut Out) {
        let HardState { promised, candidate, opened, .. } = self.state.hard;
        if candidate != self.state.id {
            return;
        }
        if promised == Epoch(1) && opened == Epoch(0) {
            self.parts.promotion = Some(self.promotion_of(promised, None));
            self.install(out);
        } else if opened == promised && self.state.own.promotes.reopen {
            self.promote(None, out);
        }
    }

    fn promotion_of(&self, epoch: Epoch, ticket: Option<Ticket>) -> Promotion {
        let timeout = self.state.own.promotes.promote_timeout_ns;
        Promotion {
            epoch,
            ticket,
            stage: Stage::Fencing,
            promised: BTreeMap::new(),
            again_at: after(self.now, self.state.options.heartbeat_ns),
            until: ticket.map(|_| after(self.now, timeout)),
        }
    }

    pub(super) fn promote(&mut self, ticket: Option<Ticket>, out: &mut Out) {
        if self.parts.promotion.as_ref().is_some_and(|promotion| promotion.ticket.is_some()) {
            let refusal = Refusal::Refused("a promotion of this node is under way".into());
            return ticket.into_iter().for_each(|t| reply_to(t, Reply::Fail(refusal.clone()), out));
        }
        if let Some(lead) = self.parts.leading() {
            let answer = Reply::Ok(Answer::Promoted(lead.epoch));
            return ticket.into_iter().for_each(|t| reply_to(t, answer.clone(), out));
        }
        self.step_down(out);
        let epoch = self.parts.seen.next();
        let hard = HardState { promised: epoch, candidate: self.state.id, ..self.state.hard };
        self.set_hard(hard, out);
        self.state.own.leader = None;
        self.take_role(Role::Candidate, out);
        self.parts.promotion = Some(self.promotion_of(epoch, ticket));
        let mark = self.rules.before_promise(&self.disk);
        self.promise(mark, Held::OwnPromise, out);
    }

    pub(super) fn on_own_promise(&mut self, out: &mut Out) {
        let (epoch, to) = (self.state.hard.promised, self.state.id);
        out.push(Output::Trace(TraceEvent::Promise { epoch, to }));
        for to in self.others() {
            send_in(to, epoch, Body::Fence, out);
        }
        let standing = self.standing();
        self.count_promise(self.state.id, standing, out);
    }

    pub(super) fn on_fence(&mut self, from: NodeId, epoch: Epoch, out: &mut Out) {
        if !self.rules.may_promise(&self.state.hard, epoch, from) {
            return send_in(from, self.state.hard.promised, Body::Refused, out);
        }
        if epoch > self.state.hard.promised {
            self.set_hard(HardState { promised: epoch, candidate: from, ..self.state.hard }, out);
            self.state.own.leader = None;
        }
        self.give_way(out);
        let mark = self.rules.before_promise(&self.disk);
        self.promise(mark, Held::Promise { to: from }, out);
    }

    pub(super) fn on_refused(&mut self, epoch: Epoch, out: &mut Out) {
        // Refused in its own epoch: another candidate has the promise.
        if self
            .parts
            .promotion
            .as_ref()
            .is_some_and(|p| p.epoch == epoch && p.stage == Stage::Fencing)
        {
            self.end_promotion(Reply::Fail(Refusal::Fenced(epoch)), out);
        }
        self.give_way(out);
    }

    pub(super) fn on_promised(
        &mut self,
        from: NodeId,
        epoch: Epoch,
        standing: Standing,
        out: &mut Out,
    ) {
        if self.parts.promotion.as_ref().is_some_and(|promotion| promotion.epoch == epoch) {
            self.count_promise(from, standing, out);
        }
    }

    fn count_promise(&mut self, from: NodeId, standing: Standing, out: &mut Out) {
        let (id, quorum) = (self.state.id, self.rules.quorum(self.state.members.len()));
        let Some(promotion) = &mut self.parts.promotion else { return };
        promotion.promised.insert(from, standing);
        let own = promotion.promised.get(&id).copied();
        let (Some(own), Stage::Fencing) = (own, promotion.stage) else { return };
        if promotion.promised.len() < quorum {
            return;
        }
        let others = promotion.promised.iter().filter(|(node, _)| **node != id);
        let others: Vec<_> = others.map(|(node, standing)| (*node, *standing)).collect();
        let best = self.rules.choose((id, own), &others);
        if best == id {
            self.install(out);
        } else {
            self.pull(best, self.state.ordered.log.last().id(), out);
        }
    }

    // Taking the best log.

    fn pull(&mut self, from: NodeId, prev: EntryId, out: &mut Out) {
        let Some(promotion) = &mut self.parts.promotion else { return };
        promotion.stage = Stage::Pulling { from, prev };
        promotion.again_at = after(self.now, self.state.options.heartbeat_ns);
        let (epoch, have) = (promotion.epoch, self.state.ordered.have());
        send_in(from, epoch, Body::Pull { prev, have }, out);
    }

    pub(super) fn on_pull(
        &mut self,
        from: NodeId,
        epoch: Epoch,
        prev: EntryId,
        have: Offset,
        out: &mut Out,
    ) {
        let hard = self.state.hard;
        if epoch != hard.promised || hard.candidate != from {
            return send_in(from, hard.promised.max(epoch), Body::Refused, out);
        }
        let ordered = &self.state.ordered;
        let body = match ordered.log.reconcile(prev, &[]) {
            Reconciled::Refused { conflict, first } => {
                Body::Mismatch { prev: prev.index, conflict, first }
            }
            Reconciled::Accepted { .. } if prev.index < ordered.log.base().index => {
                let snapshot = ordered.snapshot.clone();
                let from = have.min(snapshot.length);
                let room = MESSAGE_BYTES_MAX.saturating_sub(snapshot.state.len());
                let left = snapshot.length.0 - from.0;
                let values = ordered.replica.read(from, Some(left), room);
                Body::PulledValues { snapshot, from, values }
            }
            Reconciled::Accepted { .. } => {
                let entries = ordered.log.slice(prev.index.next(), MESSAGE_BYTES_MAX);
                Body::Pulled { prev, entries, end: ordered.log.last_index() }
            }
        };
        send_in(from, epoch, body, out);
    }

    /// Whether this is the answer waited for.
    fn pulls_from(&self, node: NodeId, epoch: Epoch) -> Option<EntryId> {
        let promotion =
            self.parts.promotion.as_ref().filter(|promotion| promotion.epoch == epoch)?;
        match promotion.stage {
            Stage::Pulling { from, prev } if from == node => Some(prev),
            _ => None,
        }
    }

    pub(super) fn on_pulled(
        &mut self,
        from: NodeId,
        epoch: Epoch,
        prev: EntryId,
        entries: Vec<LogEntry>,
        end: Index,
        out: &mut Out,
    ) {
        if self.pulls_from(from, epoch) != Some(prev) {
            return;
        }
        let covered = Index(prev.index.0 + entries.len() as u64);
        let reconciled = self.rules.reconcile(&self.state, prev, &entries);
        let Reconciled::Accepted { keep, truncate } = reconciled else { return };
        if let Some(cut) = truncate {
            self.cut(cut, epoch, out);
        }
        for entry in entries.into_iter().skip(keep) {
            self.state.ordered.put(entry, &mut self.disk, out);
        }
        if covered < end {
            let prev = self.state.ordered.log.position(covered).expect("it was just put").id();
            return self.pull(from, prev, out);
        }
        if self.state.ordered.log.last_index() > end {
            self.cut(end.next(), epoch, out);
        }
        self.install(out);
    }

    pub(super) fn on_pulled_values(
        &mut self,
        from: NodeId,
        epoch: Epoch,
        snapshot: Snapshot,
        offset: Offset,
        values: Vec<Bytes>,
        out: &mut Out,
    ) {
        let Some(prev) = self.pulls_from(from, epoch) else { return };
        if !self.rules.snapshot_is_newer(&self.state, snapshot.index) {
            return self.pull(from, self.state.ordered.log.base().id(), out);
        }
        let Some(have) = self.state.ordered.stage(&snapshot, offset, values) else { return };
        if have < snapshot.length {
            return self.pull(from, prev, out);
        }
        self.state.ordered.install(epoch, snapshot, &mut self.disk, out);
        let at = self.state.ordered.snapshot.index;
        let prev = self.state.ordered.log.position(at).expect("a snapshot's end is here").id();
        self.pull(from, prev, out);
    }

    /// Looks further back. Returns whether the mismatch was one of a pull.
    pub(super) fn on_pull_mismatch(
        &mut self,
        from: NodeId,
        epoch: Epoch,
        prev: Index,
        conflict: Option<Epoch>,
        first: Index,
        out: &mut Out,
    ) -> bool {
        let Some(asked) = self.pulls_from(from, epoch) else { return false };
        if asked.index == prev && prev > Index(0) {
            let log = &self.state.ordered.log;
            let own = conflict.and_then(|epoch| log.last_of(epoch));
            let next = own.unwrap_or(Index(first.0.saturating_sub(1))).min(Index(prev.0 - 1));
            let next = next.max(log.base().index);
            let prev = log.position(next).expect("an index of the log is here").id();
            self.pull(from, prev, out);
        }
        true
    }

    // Installing and opening.

    /// The log is chosen: it is whole here once on disk, and goes to everyone else.
    fn install(&mut self, out: &mut Out) {
        let Some(promotion) = &mut self.parts.promotion else { return };
        promotion.stage = Stage::Installing;
        let (epoch, open) = (promotion.epoch, self.state.ordered.log.last_index());
        self.parts.lead = Some(Lead::new(epoch, open, self.others(), self.now));
        // The disk keeps the order of writes: with this, all entries before it are durable.
        self.set_hard(HardState { synced: epoch, ..self.state.hard }, out);
        self.promise(self.disk.hard_mark(), Held::OwnWhole, out);
        self.on_heartbeat_due(out);
    }

    /// A node's log is whole in this epoch. A majority of them opens it, once that is on disk.
    pub(super) fn on_whole(&mut self, node: NodeId, out: &mut Out) {
        let quorum = self.rules.quorum(self.state.members.len());
        let Some(lead) = &mut self.parts.lead else { return };
        lead.whole.insert(node);
        let epoch = lead.epoch;
        let opening = self.state.hard.opened >= epoch;
        if lead.whole.len() >= quorum && !opening && self.state.hard.promised == epoch {
            self.set_hard(HardState { opened: epoch, ..self.state.hard }, out);
            self.promise(self.disk.hard_mark(), Held::Open, out);
        }
    }

    pub(super) fn open(&mut self, out: &mut Out) {
        let Some(lead) = &mut self.parts.lead else { return };
        lead.is_open = true;
        let epoch = lead.epoch;
        self.state.own.leader = Some(self.state.id);
        self.state.own.following = epoch;
        self.start_ahead();
        self.take_role(Role::Leader, out);
        self.end_promotion(Reply::Ok(Answer::Promoted(epoch)), out);
        self.advance_leader_commit(out);
    }

    pub(super) fn end_promotion(&mut self, reply: Reply, out: &mut Out) {
        let Some(promotion) = self.parts.promotion.take() else { return };
        if let Some(ticket) = promotion.ticket {
            reply_to(ticket, reply, out);
        }
        if self.parts.leading().is_none() {
            self.parts.lead = None;
            self.take_role(Role::Follower, out);
        }
    }

    pub(super) fn on_promotion_tick(&mut self, out: &mut Out) {
        let Some(promotion) = &mut self.parts.promotion else { return };
        if promotion.until.is_some_and(|until| until <= self.now) {
            let sentence = "no majority answered in time; the epoch is given up".to_owned();
            return self.end_promotion(Reply::Fail(Refusal::Refused(sentence)), out);
        }
        if self.now < promotion.again_at {
            return;
        }
        promotion.again_at = after(self.now, self.state.options.heartbeat_ns);
        let (epoch, stage) = (promotion.epoch, promotion.stage);
        let answered: Vec<NodeId> = promotion.promised.keys().copied().collect();
        match stage {
            Stage::Fencing if answered.contains(&self.state.id) => {
                for to in self.others().filter(|to| !answered.contains(to)) {
                    send_in(to, epoch, Body::Fence, out);
                }
            }
            Stage::Pulling { from, prev } => self.pull(from, prev, out),
            Stage::Fencing | Stage::Installing => {}
        }
    }
}
