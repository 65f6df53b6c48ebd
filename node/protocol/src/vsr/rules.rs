//! The safety argument of Viewstamped Replication as a list: every decision that safety rests on
//! is one method here, and its default is what the paper says, or what it must say to be true.
//!
//! Rules look and say; they never change anything, send anything or know the time.
//!
//! "Paper": Liskov and Cowling, *Viewstamped Replication Revisited* (MIT-CSAIL-TR-2012-021).

use super::Disk;
use super::state::{Mode, State, Status};
use crate::common::quorum;
use crate::common::session::{Lookup, Sessions};
use crate::machine::{
    Doubt, EntryId, Epoch, Index, LogEntry, Mark, NodeId, Reply, Session, Snapshot,
};

/// How a view's log replaces one's own after an entry that both have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Replaced {
    /// How many of the view's entries are here already.
    pub keep: usize,
    /// From where on one's own entries are not the view's.
    pub truncate: Option<Index>,
}

pub trait Rules: Sync {
    // What survives a crash.

    /// A replica leaves its view when the new one is on disk: what it says there must not be said
    /// again by a next incarnation that knows of nothing.
    fn before_view_change(&self, disk: &Disk) -> Mark {
        disk.hard_mark()
    }

    /// An acknowledgement leaves when the entries it speaks of are on disk, and that they are of
    /// this view.
    fn before_ack(&self, disk: &Disk) -> Mark {
        disk.last_mark()
    }

    /// What a replica holds of its view's log. On disk, entries count only once it is there too
    /// that the log is this view's: the next view change goes by that.
    fn held(&self, state: &State, disk: &Disk) -> Index {
        let labelled = disk.hard().normal == state.hard.normal;
        if state.own.mode == Mode::Durable && !labelled { Index(0) } else { disk.upto() }
    }

    /// A primary that restarts begins the next view: going on in its own could give one number to
    /// two operations.
    fn view_after_restart(&self, state: &State) -> Epoch {
        let view = state.hard.view;
        if state.primary(view) == state.id { view.next() } else { view }
    }

    // Normal operation (paper, 4.1).

    /// What a backup acknowledges of a Prepare: everything up to its end, if no earlier entry is
    /// missing (paper, 4.1, step 4).
    fn acknowledged(&self, state: &State, prev: Index, covered: Index) -> Option<Index> {
        (prev <= state.last()).then_some(covered)
    }

    /// How many replicas must hold an entry, the primary included: f + 1 (paper, 4.1, step 5).
    fn commit_quorum(&self, members: usize) -> usize {
        quorum::majority(members)
    }

    /// A backup commits what the primary has, as far as it has it (paper, 4.1, step 7).
    fn backup_commit(&self, commit: Index, last: Index) -> Index {
        commit.min(last)
    }

    // View changes (paper, 4.2).

    /// Messages of older views are dropped (paper, 4.1: "replicas only process normal protocol
    /// messages containing a view-number that matches").
    fn is_stale(&self, state: &State, view: Epoch) -> bool {
        view < state.hard.view
    }

    /// An answer counts in the view that asked, and in no other.
    fn answer_counts(&self, state: &State, view: Epoch) -> bool {
        view == state.hard.view
    }

    /// How many DoViewChanges begin a view, the new primary's own included: f + 1 (paper, 4.2,
    /// step 3). Any such set shares a replica with the holders of every committed entry.
    fn view_change_quorum(&self, members: usize) -> usize {
        quorum::majority(members)
    }

    /// Of the logs in the DoViewChanges the greatest is the view's: the one that was normal last,
    /// and of several such the longest (paper, 4.2, step 3).
    fn rank(&self, normal: Epoch, last: Index) -> (Epoch, Index) {
        (normal, last)
    }

    // State transfer (paper, 5.2).

    /// How far a replica keeps its log when it hears that a later view has begun: all of it, until
    /// the view's log is in hand. As published it drops what it does not know to be committed, and
    /// if it must take part in the next view change before the answer comes, it speaks for its last
    /// normal view without what it had acknowledged there.
    fn kept_for_transfer(&self, state: &State) -> Index {
        state.last()
    }

    /// Where another replica's log, of which the ends of its epochs are told, parts from one's own:
    /// after the last entry that both have. An entry's epoch and index identify it and all before
    /// it, in every log there ever was, so this needs no entry to travel twice (paper, 5.2 and 5.3:
    /// only the suffix that is missing is sent).
    fn parts_after(&self, state: &State, ends: &[EntryId]) -> Option<Index> {
        ends.iter().filter_map(|end| state.ordered.log.shared(*end)).max()
    }

    /// The view's log replaces one's own in one step: what agrees stays, everything else goes, even
    /// where the view's log is shorter. An entry's epoch and index identify it and all before it.
    fn reconcile(&self, state: &State, prev: Index, entries: &[LogEntry]) -> Replaced {
        let log = &state.ordered.log;
        let base = log.base().index;
        let agrees =
            |entry: &&LogEntry| entry.index <= base || log.epoch(entry.index) == Some(entry.epoch);
        let keep = entries.iter().take_while(agrees).count();
        let first = Index(prev.0 + keep as u64 + 1);
        Replaced { keep, truncate: (first <= state.last()).then_some(first) }
    }

    /// Whose question about the log is answered in one's own view: anybody's while it goes on, and
    /// before it has begun the new primary's, who has chosen this log (paper, 5.2 and 5.3).
    fn may_serve(&self, state: &State, from: NodeId) -> bool {
        match state.own.status {
            Status::Normal => true,
            Status::ViewChange => from == state.primary(state.hard.view),
            Status::Recovering => false,
        }
    }

    /// What of a snapshot is taken over: all of it, the client table too (paper, 5.2.1).
    fn taken_over(&self, snapshot: Snapshot) -> Snapshot {
        snapshot
    }

    // Recovery (paper, 4.3).

    /// A replica that is recovering takes part in nothing (paper, 4.3).
    fn takes_part(&self, state: &State) -> bool {
        state.own.status != Status::Recovering
    }

    /// A response counts for the Recovery that this incarnation sent (paper, 4.3, step 3).
    fn response_counts(&self, asked: u64, nonce: u64) -> bool {
        asked == nonce
    }

    /// A recovered replica comes back into no view older than it ever left: otherwise what it sent
    /// then would count beside what it sends now. Not in the paper; Michael et al., DISC 2017.
    fn recovers_into(&self, state: &State, view: Epoch) -> bool {
        state.own.mode == Mode::Paper || view >= state.hard.view
    }

    // Answers to clients.

    /// A primary that was replaced does not know what becomes of its uncommitted entries: maybe is
    /// not no.
    fn answer_pending(&self, _state: &State) -> Reply {
        Reply::Info(Doubt::LeadershipLost)
    }

    /// A request of a session takes effect once (paper, section 4: the client table).
    fn deduplicate(&self, sessions: &Sessions, session: Session) -> Lookup {
        sessions.look_up(session)
    }

    /// A primary knows what is committed when everything it began its view with is.
    fn may_start_read_round(&self, state: &State) -> bool {
        state.ordered.commit >= state.own.began
    }

    /// A round answers a read only if it started after it, and only backups that were still in the
    /// view then answer it: no later view can have begun before the read.
    fn round_covers(&self, heard: u64, round: u64) -> bool {
        heard >= round
    }
}

/// The rules as they should be.
pub struct Sound;

impl Rules for Sound {}
