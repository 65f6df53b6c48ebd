//! View changes (paper, 4.2): suspicion, leaving a view, choosing the next one's log, beginning it.
//!
//! The paper lets the first replica that suspects the primary take everyone along. Here a replica
//! that only suspects asks, in its own view, and leaves when a majority wants to: one that is deaf,
//! or cut off, disturbs nobody. Whoever hears of a replica that has left follows it, as published:
//! it cannot come back. With `exit-quorum: false` everything is as published.
//!
//! It never touches the log, but to make the new primary's the one that was chosen.

use super::message::{Body, Suffix};
use super::primary::Lead;
use super::state::{HardState, Status};
use super::transfer::Why;
use super::{Held, Out, Vsr};
use crate::common::node::not_leader;
use crate::common::quorum::reached_by;
use crate::machine::{Epoch, Index, NodeId, Output, TraceEvent};

/// Bytes of entries in a DoViewChange, StartView or RecoveryResponse: as much as is under way in a
/// busy moment. More is asked for, from the one who has it.
pub(super) const SUFFIX_BYTES_MAX: usize = 64 * 1024;

/// A DoViewChange that arrived.
pub(super) struct Change {
    normal: Epoch,
    commit: Index,
    suffix: Suffix,
}

impl Vsr {
    /// Nothing was heard of the primary, or of the view change under way, for too long.
    pub(super) fn suspect(&mut self, out: &mut Out) {
        self.reset_timer();
        let heard_of = self.parts.wanted.values().copied().max().unwrap_or_default();
        let view = self.state.hard.view.next().max(heard_of);
        if !self.state.options.exit_quorum {
            return self.move_to(view, out);
        }
        self.parts.wants = self.parts.wants.max(view);
        self.set_nudge();
        self.say_what_is_wanted(out);
        self.count_who_wants(out);
    }

    pub(super) fn on_start_view_change(
        &mut self,
        from: NodeId,
        view: Epoch,
        wanted: Epoch,
        out: &mut Out,
    ) {
        if view > self.state.hard.view {
            self.move_to(view, out);
        }
        let theirs = self.parts.wanted.entry(from).or_default();
        *theirs = wanted.max(*theirs);
        let joins = self.state.options.exit_quorum && !self.hears_primary();
        if joins && wanted > self.parts.wants.max(self.state.hard.view) {
            self.parts.wants = wanted;
            self.say_what_is_wanted(out);
        }
        self.count_who_wants(out);
    }

    /// Sends StartViewChange, unless this replica's view is not on disk yet.
    pub(super) fn say_what_is_wanted(&self, out: &mut Out) {
        if self.state.own.status == Status::ViewChange && !self.parts.left {
            return;
        }
        let wanted = self.parts.wants.max(self.state.hard.view);
        self.send_all(&Body::StartViewChange { wanted }, out);
    }

    fn count_who_wants(&mut self, out: &mut Out) {
        let view = self.wanted_by_quorum();
        if view > self.state.hard.view {
            self.move_to(view, out);
        } else {
            self.do_view_change(out);
        }
    }

    /// The latest view that a majority wants, or is in.
    fn wanted_by_quorum(&self) -> Epoch {
        let mut views: Vec<Epoch> = self.parts.wanted.values().copied().collect();
        views.push(self.parts.wants.max(self.state.hard.view));
        reached_by(&mut views, self.rules.view_change_quorum(self.state.members.len()))
    }

    /// Leaves the present view for a later one. The log, and what it is a prefix of, stay.
    pub(super) fn move_to(&mut self, view: Epoch, out: &mut Out) {
        assert!(view > self.state.hard.view, "views never go back");
        let led = self.parts.lead.take().is_some();
        self.stop_fetching();
        self.parts.recovery = None;
        self.parts.changes.clear();
        self.parts.left = false;
        self.parts.patience.tries();
        self.state.own.status = Status::ViewChange;
        self.state.own.heard = None;
        self.parts.wants = self.parts.wants.max(view);
        // Acknowledgements that wait for the disk are of the view that is left.
        self.disk.drop_held();
        self.set_hard(HardState { view, ..self.state.hard }, out);
        self.reset_timer();
        self.set_nudge();
        self.tell_role(out);
        if led {
            self.fail_clients(&not_leader(None), out);
        }
        self.forget_asked_reads(out);
        let mark = self.rules.before_view_change(&self.disk);
        self.promise(mark, Held::Left(view), out);
    }

    /// The new view is on disk: say so, and to its primary what this replica knows.
    pub(super) fn on_left(&mut self, view: Epoch, out: &mut Out) {
        self.parts.left = true;
        let to = self.state.primary(view);
        out.push(Output::Trace(TraceEvent::Promise { epoch: view, to }));
        self.say_what_is_wanted(out);
        self.do_view_change(out);
    }

    /// Sends DoViewChange, or counts it if this replica is the new primary; again while nothing
    /// comes of it. The log does not change until the view begins, so it says the same each time.
    pub(super) fn do_view_change(&mut self, out: &mut Out) {
        let view = self.state.hard.view;
        if self.state.own.status != Status::ViewChange
            || !self.parts.left
            || self.parts.fetch.is_some()
        {
            return;
        }
        // As published: when f others have said StartViewChange.
        if !self.state.options.exit_quorum && self.wanted_by_quorum() < view {
            return;
        }
        let (normal, commit) = (self.state.hard.normal, self.state.ordered.commit);
        let to = self.state.primary(view);
        if to == self.state.id {
            let suffix = Suffix { last: self.state.last(), ..Suffix::default() };
            self.parts.changes.insert(to, Change { normal, commit, suffix });
            self.choose(out);
        } else {
            let suffix = self.ending(commit, SUFFIX_BYTES_MAX);
            self.send(to, Body::DoViewChange { normal, commit, suffix }, out);
        }
    }

    #[allow(clippy::too_many_arguments)] // the fields of one DoViewChange
    pub(super) fn on_do_view_change(
        &mut self,
        from: NodeId,
        view: Epoch,
        normal: Epoch,
        commit: Index,
        suffix: Suffix,
        out: &mut Out,
    ) {
        if view > self.state.hard.view {
            self.move_to(view, out);
        }
        let waits = self.state.own.status == Status::ViewChange;
        if waits && self.state.primary(view) == self.state.id {
            self.parts.changes.insert(from, Change { normal, commit, suffix });
            self.choose(out);
        }
    }

    /// With f + 1 DoViewChanges, its own among them, the new primary takes the greatest log.
    fn choose(&mut self, out: &mut Out) {
        let (me, quorum) = (self.state.id, self.state.members.len());
        let quorum = self.rules.view_change_quorum(quorum);
        if self.parts.fetch.is_some()
            || self.parts.changes.len() < quorum
            || !self.parts.changes.contains_key(&me)
        {
            return;
        }
        let rank = |change: &Change| self.rules.rank(change.normal, change.suffix.last);
        let greatest = self.parts.changes.iter().max_by_key(|(id, c)| (rank(c), **id == me));
        let (&best, change) = greatest.expect("a quorum is not empty");
        if best == me {
            self.begin(out);
        } else if self.can_take(&change.suffix) {
            let change = self.parts.changes.get_mut(&best).expect("it was just seen");
            let suffix = std::mem::take(&mut change.suffix);
            self.replace_log(suffix.prev.index, suffix.entries, out);
            self.begin(out);
        } else {
            self.fetch_from(best, Why::Choose, out);
        }
    }

    /// The view begins, with this replica as its primary and the log as it is now.
    pub(super) fn begin(&mut self, out: &mut Out) {
        let view = self.state.hard.view;
        assert!(self.state.primary(view) == self.state.id, "a view is begun by its primary");
        let last = self.state.last();
        let commits = self.parts.changes.values().map(|change| change.commit);
        let commit = commits.clone().max().unwrap_or_default();
        let least = commits.min().unwrap_or_default();
        self.end_fetching();
        self.parts.changes.clear();
        self.state.own.status = Status::Normal;
        self.set_hard(HardState { view, normal: view }, out);
        // Somebody knew it to be committed: no quorum of this view is needed.
        self.advance_commit(self.rules.backup_commit(commit, last), out);
        self.state.own.began = last;
        self.parts.patience.begins(self.now, self.state.ordered.commit);
        self.parts.lead = Some(Lead::new(self.others(), last, self.now, &self.state.options));
        self.tell_role(out);
        let suffix = self.ending(least, SUFFIX_BYTES_MAX);
        self.send_all(&Body::StartView { commit: self.state.ordered.commit, suffix }, out);
        self.advance_primary_commit(out);
    }
}
