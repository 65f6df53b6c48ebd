//! State transfer (paper, 5.2 and 5.3): one replica asks another of its view for the end of the
//! log, piece by piece, and where that is summed up, for the snapshot.
//!
//! The log that is asked for replaces one's own when all of it is in hand, never before. The one
//! who answers keeps no account: who asks says what it has.

use bytes::Bytes;

use super::message::{Body, Suffix};
use super::{Out, Vsr};
use crate::log::EntryId;
use crate::machine::{Epoch, Index, LogEntry, NodeId, Offset, Snapshot};
use crate::options::after;
use crate::pending::MESSAGE_BYTES_MAX;

/// Why the end of a log is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Why {
    /// A Prepare of the present view was lost.
    Fill,
    /// The view has begun without this replica.
    Enter,
    /// The new primary has chosen that log.
    Choose,
    /// Everything was forgotten.
    Recover,
}

/// What is being asked for.
pub(super) struct Fetch {
    pub(super) from: NodeId,
    why: Why,
    /// What this replica has, and is sure of.
    after: Index,
    /// What came so far.
    staged: Vec<LogEntry>,
}

impl Fetch {
    /// Up to where the log is here or in hand.
    fn end(&self) -> Index {
        Index(self.after.0 + self.staged.len() as u64)
    }
}

impl Vsr {
    /// Asks for a log, unless that is under way.
    pub(super) fn fetch_from(&mut self, from: NodeId, why: Why, out: &mut Out) {
        if self.fetch.as_ref().is_some_and(|fetch| (fetch.from, fetch.why) == (from, why)) {
            return;
        }
        if why == Why::Enter {
            let kept = self.rules.kept_for_transfer(&self.state);
            if kept < self.state.last() {
                self.cut(kept.next(), out);
            }
        }
        // What is committed is in every later log, and in one's own view everything is.
        let commit = self.state.ordered.commit;
        let after = if why == Why::Fill { self.state.last() } else { commit };
        self.stop_fetching();
        self.fetch = Some(Fetch { from, why, after, staged: Vec::new() });
        self.ask_for_state(out);
    }

    pub(super) fn stop_fetching(&mut self) {
        self.fetch = None;
        self.state.ordered.drop_staging();
    }

    /// Asks, or asks again, for what is still missing.
    pub(super) fn ask_for_state(&mut self, out: &mut Out) {
        let Some(fetch) = &self.fetch else { return };
        let (snapshot, have) = self.state.ordered.staged();
        // At first one's own end is offered: where it agrees, nothing before it need travel.
        let last = self.state.ordered.log.last().id();
        let own = if fetch.staged.is_empty() { last } else { EntryId::default() };
        let body = Body::GetState { after: fetch.end(), own, snapshot, have };
        self.send(fetch.from, body, out);
        // Two heartbeats: long enough for any answer that is still coming.
        self.nudge_at = after(self.now, 2 * self.state.options.heartbeat_ns);
    }

    // The side that answers.

    #[allow(clippy::too_many_arguments)] // the fields of one GetState
    pub(super) fn on_get_state(
        &mut self,
        from: NodeId,
        view: Epoch,
        after: Index,
        own: EntryId,
        snapshot: Index,
        have: Offset,
        out: &mut Out,
    ) {
        if view != self.state.hard.view || !self.rules.may_serve(&self.state, from) {
            return;
        }
        self.heard_backup(from);
        let ordered = &self.state.ordered;
        let agrees = own.index > after && ordered.log.birth(own.index) == Some(own.birth);
        let after = if agrees { own.index } else { after };
        if ordered.log.birth(after).is_some() {
            let suffix = self.suffix_after(after, MESSAGE_BYTES_MAX);
            return self.send(from, Body::NewState { commit: ordered.commit, suffix }, out);
        }
        if after > self.state.last() {
            return;
        }
        let latest = ordered.snapshot.clone();
        let wanted = (snapshot == latest.index).then_some(have.min(latest.length));
        let offset = wanted.unwrap_or(latest.length);
        let room = MESSAGE_BYTES_MAX.saturating_sub(latest.state.len());
        let values = ordered.replica.read(offset, Some(latest.length.0 - offset.0), room);
        self.send(from, Body::NewSnapshot { snapshot: latest, from: offset, values }, out);
    }

    /// The log after `after`, as far as it fits into so many bytes.
    fn suffix_after(&self, after: Index, bytes: usize) -> Suffix {
        let log = &self.state.ordered.log;
        let prev = log.position(after).expect("an index from the base to the last is here").id();
        Suffix { prev, entries: log.slice(after.next(), bytes), last: log.last_index() }
    }

    /// The end of the log: all after `after`, or as much of it as fits into so many bytes.
    pub(super) fn ending(&self, after: Index, bytes: usize) -> Suffix {
        let log = &self.state.ordered.log;
        let last = log.last_index();
        let mut after = after.max(log.base().index);
        let mut room = bytes;
        let indices = (after.0 + 1..=last.0).rev().map(Index);
        for index in indices {
            let weight = log.entry(index).map_or(0, crate::log::weight);
            if weight > room {
                after = index;
                break;
            }
            room -= weight;
        }
        self.suffix_after(after, bytes)
    }

    // The side that asked.

    pub(super) fn on_new_state(
        &mut self,
        from: NodeId,
        view: Epoch,
        commit: Index,
        suffix: Suffix,
        out: &mut Out,
    ) {
        let own = self.state.ordered.log.birth(suffix.prev.index);
        let Some(fetch) = &mut self.fetch else { return };
        if fetch.from != from || !self.rules.answer_counts(&self.state, view) {
            return;
        }
        let agrees = own == Some(suffix.prev.birth) && suffix.prev.index > fetch.after;
        if fetch.staged.is_empty() && agrees {
            fetch.after = suffix.prev.index;
        }
        if fetch.end() != suffix.prev.index {
            return;
        }
        let whole = suffix.is_whole();
        fetch.staged.extend(suffix.entries);
        self.reset_timer();
        if whole {
            self.finish_fetch(commit, out);
        } else {
            self.ask_for_state(out);
        }
    }

    fn finish_fetch(&mut self, commit: Index, out: &mut Out) {
        let Fetch { why, after, staged, .. } = self.fetch.take().expect("its last piece came");
        match why {
            Why::Fill => {
                let last = self.state.last();
                for entry in staged.into_iter().filter(|entry| entry.index > last) {
                    self.state.ordered.put(entry, &mut self.disk, out);
                }
                let last = self.state.last();
                self.advance_commit(self.rules.backup_commit(commit, last), out);
                self.say_what_is_held(out);
            }
            Why::Enter | Why::Recover => {
                self.replace_log(after, staged, out);
                self.enter(commit, out);
            }
            Why::Choose => {
                self.replace_log(after, staged, out);
                self.begin(out);
            }
        }
    }

    #[allow(clippy::too_many_arguments)] // the fields of one NewState with a snapshot
    pub(super) fn on_new_snapshot(
        &mut self,
        from: NodeId,
        view: Epoch,
        snapshot: Snapshot,
        offset: Offset,
        values: Vec<Bytes>,
        out: &mut Out,
    ) {
        let wanted = self.fetch.as_ref().is_some_and(|fetch| fetch.from == from);
        let newer = snapshot.index > self.state.ordered.commit;
        if !wanted || !newer || !self.rules.answer_counts(&self.state, view) {
            return;
        }
        let index = snapshot.index;
        let before = self.state.ordered.staged();
        let Some(have) = self.state.ordered.stage(&snapshot, offset, values) else { return };
        if have >= snapshot.length {
            let snapshot = self.rules.taken_over(snapshot);
            self.state.ordered.install(view, snapshot, &mut self.disk, out);
            let fetch = self.fetch.as_mut().expect("it is wanted");
            fetch.after = index;
            fetch.staged.clear();
        } else if self.state.ordered.staged() == before {
            // An answer that came twice: the question after it is under way.
            return;
        }
        self.reset_timer();
        self.ask_for_state(out);
    }
}
