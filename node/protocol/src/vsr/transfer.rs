//! State transfer (paper, 5.2 and 5.3), the side that asks: one replica wants the end of another's
//! log, and where that is summed up, the snapshot. It says what it has, in its own log and of what
//! came of others', and asks for more at once while the pieces come in time.
//!
//! The log that is asked for replaces one's own when all of it is in hand, never before.

use bytes::Bytes;

use super::branch::Branch;
use super::message::{Body, Suffix};
use super::serve::{ASKED_BYTES_MAX, PIECE_BYTES_MAX};
use super::{Out, Vsr};
use crate::common::options::after;
use crate::common::pending::MESSAGE_BYTES_MAX;
use crate::machine::{EntryId, Epoch, Index, NodeId, Offset, Snapshot};

/// Why the end of a log is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Why {
    /// A Prepare of the present view was lost.
    Fill,
    /// The view has begun without this replica.
    Enter,
    /// The new primary has chosen that log.
    Choose,
    /// Everything was forgotten. The log goes up to here at least: one that ends before it was sent
    /// to an earlier incarnation, which may have acknowledged more since.
    Recover(Index),
}

/// What is being asked for.
pub(super) struct Fetch {
    pub(super) from: NodeId,
    why: Why,
    /// What came so far.
    branch: Branch,
    /// Whether the one who is asked has said where its log parts from what is here.
    joined: bool,
    /// How much to ask for at once.
    bytes: u64,
    /// How long no piece comes before it is asked for again.
    patience_ns: u64,
}

/// How many epochs are told of by their last entries, of one's own log and of what came of
/// another's. Only the latest are
/// of views that others may not know, and a replica is left out of few views in a row; where none
/// is shared the transfer begins after what is committed.
const ENDS_MAX: usize = 32;

impl Vsr {
    /// Asks for a log, unless that is under way.
    pub(super) fn fetch_from(&mut self, from: NodeId, why: Why, out: &mut Out) {
        if self.parts.fetch.as_ref().is_some_and(|fetch| (fetch.from, fetch.why) == (from, why)) {
            return;
        }
        if why == Why::Enter {
            let kept = self.rules.kept_for_transfer(&self.state);
            if kept < self.state.last() {
                self.cut(kept.next(), out);
            }
        }
        self.stop_fetching();
        let kept = std::mem::take(&mut self.parts.kept);
        let fits = why != Why::Fill && kept.is_on(&self.state.ordered.log);
        let branch = if fits { kept } else { Branch::after(self.id_at(self.sure_of(why))) };
        // Two heartbeats: long enough for any answer that is still coming.
        let patience_ns = 2 * self.state.options.heartbeat_ns;
        let bytes = MESSAGE_BYTES_MAX as u64;
        self.parts.fetch = Some(Fetch { from, why, branch, joined: false, bytes, patience_ns });
        self.reset_timer();
        self.ask_for_state(out);
    }

    /// What is committed is in every later log, and in one's own view everything is.
    fn sure_of(&self, why: Why) -> Index {
        if why == Why::Fill { self.state.last() } else { self.state.ordered.commit }
    }

    fn id_at(&self, index: Index) -> EntryId {
        let position = self.state.ordered.log.position(index);
        position.expect("an index from the base to the last is here").id()
    }

    /// What has come stays for whoever is asked next.
    pub(super) fn stop_fetching(&mut self) {
        let branch = self.parts.fetch.take().map(|fetch| fetch.branch);
        if let Some(branch) = branch.filter(|branch| !branch.is_empty()) {
            self.parts.kept = branch.without_early();
        }
    }

    /// The log is the view's: what came of another's is of no more use.
    pub(super) fn end_fetching(&mut self) {
        (self.parts.fetch, self.parts.kept) = (None, Branch::default());
        self.state.ordered.drop_staging();
    }

    /// No answer came for so long: it is lost, or the link is slow and it is better not to fill it
    /// with what was asked for before.
    pub(super) fn ask_again_for_state(&mut self, out: &mut Out) {
        let Some(fetch) = &mut self.parts.fetch else { return };
        fetch.bytes = PIECE_BYTES_MAX as u64;
        fetch.patience_ns =
            (2 * fetch.patience_ns).min(self.state.options.election_timeout_ns << 3);
        self.ask_for_state(out);
    }

    /// Asks for what is still missing.
    fn ask_for_state(&mut self, out: &mut Out) {
        let Some(fetch) = &self.parts.fetch else { return };
        let sure = self.sure_of(fetch.why);
        if fetch.branch.end() < sure {
            // Prepares that were late have brought more meanwhile. What is missing begins after
            // them; what came before may be summed up by now where it is asked for.
            self.begin_after(sure);
        }
        let Some(fetch) = &self.parts.fetch else { return };
        let (snapshot, have) = self.state.ordered.staged();
        let bytes = fetch.bytes;
        let (sure, ends) = if fetch.joined {
            (fetch.branch.end(), Vec::new())
        } else {
            let mut ends = fetch.branch.ends(ENDS_MAX);
            ends.extend(self.state.ordered.log.ends(ENDS_MAX));
            (sure, ends)
        };
        self.send(fetch.from, Body::GetState { after: sure, ends, bytes, snapshot, have }, out);
        self.parts.nudge_at = after(self.now, fetch.patience_ns);
    }

    /// Nothing of the log that is asked for is in hand but what is one's own up to here.
    fn begin_after(&mut self, index: Index) {
        let id = self.id_at(index);
        if let Some(fetch) = &mut self.parts.fetch {
            fetch.branch.restart_after(id);
            fetch.joined = false;
        }
    }

    pub(super) fn on_new_state(
        &mut self,
        from: NodeId,
        view: Epoch,
        commit: Index,
        suffix: Suffix,
        more: bool,
        out: &mut Out,
    ) {
        let own = self.state.ordered.log.epoch(suffix.prev.index);
        let Some(fetch) = &mut self.parts.fetch else { return };
        if fetch.from != from || !self.rules.answer_counts(&self.state, view) {
            return;
        }
        if !fetch.joined {
            if !fetch.branch.cut_back_to(suffix.prev) {
                if own != Some(suffix.prev.epoch) {
                    return fetch.branch.put_aside((suffix, more));
                }
                fetch.branch.restart_after(suffix.prev);
            }
            fetch.joined = true;
        }
        let Some((last, more)) = fetch.branch.take((suffix, more)) else { return };
        let least = if let Why::Recover(last) = fetch.why { last } else { Index(0) };
        let whole = fetch.branch.end() == last && last >= least;
        self.reset_timer();
        if whole {
            self.finish_fetch(commit, out);
        } else {
            self.got_on(more, out);
        }
    }

    /// A piece has come: what is missing is asked for when no more is on its way.
    fn got_on(&mut self, more: bool, out: &mut Out) {
        let Some(fetch) = &mut self.parts.fetch else { return };
        if more {
            let from = fetch.from;
            self.parts.nudge_at = after(self.now, fetch.patience_ns);
            return self.say_it_is_here(from, out);
        }
        fetch.bytes = (2 * fetch.bytes).min(ASKED_BYTES_MAX);
        self.ask_for_state(out);
    }

    fn finish_fetch(&mut self, commit: Index, out: &mut Out) {
        let Fetch { why, branch, .. } = self.parts.fetch.take().expect("its last piece came");
        let (prev, entries) = branch.into_parts();
        match why {
            Why::Fill => {
                let last = self.state.last();
                for entry in entries.into_iter().filter(|entry| entry.index > last) {
                    self.state.ordered.put(entry, &mut self.disk, out);
                }
                let last = self.state.last();
                self.advance_commit(self.rules.backup_commit(commit, last), out);
                self.say_what_is_held(out);
            }
            Why::Enter | Why::Recover(_) => {
                self.replace_log(prev, entries, out);
                self.enter(commit, out);
            }
            Why::Choose => {
                self.replace_log(prev, entries, out);
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
        more: bool,
        out: &mut Out,
    ) {
        let wanted = self.parts.fetch.as_ref().is_some_and(|fetch| fetch.from == from);
        let newer = snapshot.index > self.state.ordered.commit;
        if !wanted || !newer || !self.rules.answer_counts(&self.state, view) {
            return;
        }
        let before = self.state.ordered.staged();
        let Some(have) = self.state.ordered.stage(&snapshot, offset, values) else { return };
        if have < snapshot.length && self.state.ordered.staged() == before {
            // An answer that came twice: the question after it is under way.
            return;
        }
        self.reset_timer();
        if have < snapshot.length {
            return self.got_on(more, out);
        }
        let snapshot = self.rules.taken_over(snapshot);
        self.state.ordered.install(view, snapshot, &mut self.disk, out);
        self.begin_after(self.state.ordered.commit);
        self.ask_for_state(out);
    }
}
