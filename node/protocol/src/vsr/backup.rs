//! A backup in its view (paper, 4.1), and how it comes into one: by StartView (4.2, step 5), or
//! with what state transfer or recovery brought.
//!
//! It never acknowledges what it does not hold, and never an entry before the ones in front of it.

use super::message::{Body, Suffix};
use super::rules::Replaced;
use super::state::{HardState, Status};
use super::transfer::Why;
use super::{Held, Out, Vsr};
use crate::machine::{Epoch, Index, LogEntry, NodeId, Output, TraceEvent};

impl Vsr {
    #[allow(clippy::too_many_arguments)] // the fields of one Prepare
    pub(super) fn on_prepare(
        &mut self,
        from: NodeId,
        view: Epoch,
        prev: Index,
        commit: Index,
        round: u64,
        entries: Vec<LogEntry>,
        out: &mut Out,
    ) {
        if !self.hear(from, view, out) {
            return;
        }
        if self.state.own.status != Status::Normal {
            if entries.is_empty() {
                self.say_it_is_here(from, out);
            }
            return self.fetch_from(from, Why::Enter, out);
        }
        self.view_goes_on();
        let covered = Index(prev.0 + entries.len() as u64);
        let acknowledged = self.rules.acknowledged(&self.state, prev, covered);
        let last = self.state.last();
        if prev > last {
            if let Some(upto) = acknowledged {
                self.promise(self.disk.hard_mark(), Held::Ack { to: from, upto, round }, out);
            } else if entries.is_empty() {
                self.say_it_is_here(from, out);
            }
            return self.fetch_from(from, Why::Fill, out);
        }
        let heartbeat = entries.is_empty();
        for entry in entries.into_iter().filter(|entry| entry.index > last) {
            self.state.ordered.put(entry, &mut self.disk, out);
        }
        self.advance_commit(self.rules.backup_commit(commit, covered), out);
        if let Some(covered) = acknowledged {
            self.acknowledge(from, covered, round, heartbeat, out);
        }
    }

    /// A primary of the present view said how far it has committed: no need to wait for a Prepare.
    pub(super) fn learn_commit(&mut self, view: Epoch, index: Option<Index>, out: &mut Out) {
        let normal = self.state.own.status == Status::Normal;
        if let Some(index) = index.filter(|_| normal && self.rules.answer_counts(&self.state, view))
        {
            let commit = self.rules.backup_commit(index, self.state.last());
            self.advance_commit(commit, out);
        }
    }

    fn acknowledge(
        &mut self,
        to: NodeId,
        covered: Index,
        round: u64,
        heartbeat: bool,
        out: &mut Out,
    ) {
        let held = self.rules.held(&self.state, &self.disk);
        if heartbeat && !self.disk.has(self.disk.hard_mark()) {
            // A slow disk is no dead backup.
            self.say_it_is_here(to, out);
        }
        if heartbeat || covered <= held {
            // A heartbeat waits for no write of entries: it says what is durable by now.
            let ack = Held::Ack { to, upto: covered.min(held), round };
            self.promise(self.disk.hard_mark(), ack, out);
        } else {
            let mark = self.rules.before_ack(&self.disk);
            self.promise(mark, Held::Ack { to, upto: covered, round }, out);
        }
    }

    pub(super) fn on_start_view(
        &mut self,
        from: NodeId,
        view: Epoch,
        commit: Index,
        suffix: Suffix,
        out: &mut Out,
    ) {
        let begun = view == self.state.hard.view && self.state.own.status == Status::Normal;
        if begun || !self.hear(from, view, out) {
            return;
        }
        if !self.can_take(&suffix) {
            return self.fetch_from(from, Why::Enter, out);
        }
        self.replace_log(suffix.prev.index, suffix.entries, out);
        self.enter(commit, out);
    }

    /// The primary of a view speaks. False: it does not, or is not heard.
    fn hear(&mut self, from: NodeId, view: Epoch, out: &mut Out) -> bool {
        if from != self.state.primary(view) {
            return false;
        }
        if view > self.state.hard.view {
            self.move_to(view, out);
        }
        self.state.own.heard = Some(self.now);
        self.parts.wants = self.state.hard.view;
        self.parts.wanted.clear();
        self.reset_timer();
        true
    }

    /// Whether an end of a log goes on where one's own agrees: after what is committed, or after an
    /// entry that both have.
    pub(super) fn can_take(&self, suffix: &Suffix) -> bool {
        let (prev, ordered) = (suffix.prev, &self.state.ordered);
        let joins =
            prev.index <= ordered.commit || ordered.log.epoch(prev.index) == Some(prev.epoch);
        suffix.is_whole() && joins
    }

    /// The log after `prev` is now `entries`, in one step, by authority of the present view.
    pub(super) fn replace_log(&mut self, prev: Index, entries: Vec<LogEntry>, out: &mut Out) {
        let Replaced { keep, truncate } = self.rules.reconcile(&self.state, prev, &entries);
        if let Some(from) = truncate {
            self.cut(from, out);
        }
        for entry in entries.into_iter().skip(keep) {
            self.state.ordered.put(entry, &mut self.disk, out);
        }
    }

    pub(super) fn cut(&mut self, from: Index, out: &mut Out) {
        let view = self.state.hard.view;
        self.state.ordered.cut(from, view, true, &mut self.disk, out);
    }

    /// The log is the view's: this replica takes part in it, as a backup, and says what it holds.
    pub(super) fn enter(&mut self, commit: Index, out: &mut Out) {
        let view = self.state.hard.view;
        self.end_fetching();
        self.parts.changes.clear();
        self.parts.recovery = None;
        let recovered = self.state.own.status == Status::Recovering;
        self.state.own.status = Status::Normal;
        self.state.own.heard = Some(self.now);
        self.set_hard(HardState { view, normal: view }, out);
        self.reset_timer();
        if recovered {
            out.push(Output::Trace(TraceEvent::Recovered { epoch: view }));
        }
        self.tell_role(out);
        let last = self.state.last();
        self.advance_commit(self.rules.backup_commit(commit, last), out);
        self.parts.patience.begins(self.now, self.state.ordered.commit);
        self.say_what_is_held(out);
    }

    /// PrepareOK for the whole log, when it is on disk; it answers no round.
    pub(super) fn say_what_is_held(&mut self, out: &mut Out) {
        let (to, upto) = (self.state.primary(self.state.hard.view), self.state.last());
        if to != self.state.id {
            let mark = self.rules.before_ack(&self.disk);
            self.promise(mark, Held::Ack { to, upto, round: 0 }, out);
        }
    }

    /// PrepareOK for nothing, before the view's log is here or on disk: it only tells the primary
    /// that it is heard.
    pub(super) fn say_it_is_here(&self, to: NodeId, out: &mut Out) {
        if self.rules.takes_part(&self.state) {
            self.send(to, Body::PrepareOk { upto: Index(0), round: 0 }, out);
        }
    }

    pub(super) fn send_ack(&mut self, to: NodeId, upto: Index, round: u64, out: &mut Out) {
        let view = self.state.hard.view;
        self.state.ordered.trace_ack("prepare-ok", upto, view, out);
        self.send(to, Body::PrepareOk { upto, round }, out);
    }
}
