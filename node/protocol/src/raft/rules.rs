//! Raft's safety argument as a list: every decision that safety rests on is one method here, and
//! its default is what the paper says. Reading this file is reading why Raft is safe.
//!
//! Rules look and say; they never change anything, send anything or know the time.
//!
//! "Paper": Ongaro and Ousterhout, *In Search of an Understandable Consensus Algorithm* (extended
//! version, 2014). "Dissertation": Ongaro, *Consensus: Bridging Theory and Practice* (2014).

use super::disk::Disk;
use super::state::{HardState, State};
use crate::common::log::Reconciled;
use crate::common::quorum;
use crate::common::session::{Lookup, Sessions};
use crate::machine::Session;
use crate::machine::{Doubt, EntryId, Epoch, Index, LogEntry, Mark, NodeId, Reply, Role};

pub trait Rules: Sync {
    // What survives a crash.

    /// What a node knows after a restart: the term and the vote it wrote (paper, figure 2:
    /// "persistent state on all servers").
    fn reload(&self, stored: HardState) -> HardState {
        stored
    }

    /// A vote leaves when it is on disk (paper, figure 2: "updated on stable storage before
    /// responding to RPCs").
    fn before_vote(&self, disk: &Disk) -> Mark {
        disk.hard_mark()
    }

    /// An acknowledgement leaves when the entries it speaks of are on disk, and with them the
    /// truncation that made room for them (paper, figure 2).
    fn before_ack(&self, disk: &Disk) -> Mark {
        disk.last_mark()
    }

    /// A leader counts itself for what is on its own disk (dissertation, 10.2.1).
    fn own_match(&self, disk: &Disk) -> Index {
        disk.upto()
    }

    /// A removed tail is removed from the disk too, or a restart brings it back.
    fn truncation_is_durable(&self) -> bool {
        true
    }

    // Elections.

    /// At most one vote in a term (paper, 5.2).
    fn may_vote(&self, state: &State, candidate: NodeId) -> bool {
        state.hard.vote.is_none_or(|vote| vote == candidate)
    }

    /// Only for a log at least as up to date as one's own: the later epoch at the end, then the
    /// longer log (paper, 5.4.1).
    fn log_is_up_to_date(&self, state: &State, epoch: Epoch, index: Index) -> bool {
        EntryId { epoch, index } >= state.last()
    }

    /// How many votes elect, and how many followers keep a leader: any two elections share a voter
    /// (paper, 5.2).
    fn vote_quorum(&self, members: usize) -> usize {
        quorum::majority(members)
    }

    /// A leader's message of an older term is rejected (paper, 5.1).
    fn is_stale(&self, state: &State, term: Epoch) -> bool {
        term < state.hard.term
    }

    /// An answer counts in the term that asked, and in no other (paper, 5.1).
    fn answer_counts(&self, state: &State, term: Epoch) -> bool {
        term == state.hard.term
    }

    // Replication.

    /// Entries fit where the entry before them agrees; a conflicting entry goes, with all that
    /// follow it; what agrees stays, whatever else the message brings or lacks (paper, 5.3).
    fn reconcile(&self, state: &State, prev: EntryId, entries: &[LogEntry]) -> Reconciled {
        state.ordered.log.reconcile(prev, entries)
    }

    /// How many members must hold an entry: any election shares one with them (paper, 5.4).
    fn commit_quorum(&self, members: usize) -> usize {
        quorum::majority(members)
    }

    /// A leader counts copies only of entries of its own term; older ones follow with them (paper,
    /// 5.4.2 and figure 8).
    fn may_commit(&self, state: &State, index: Index) -> bool {
        state.ordered.log.epoch(index) == Some(state.hard.term)
    }

    /// A follower commits what the leader has, as far as it knows its own log to be the leader's
    /// (paper, figure 2: "index of last new entry").
    fn follower_commit(&self, leader_commit: Index, verified: Index) -> Index {
        leader_commit.min(verified)
    }

    /// A snapshot replaces what is older than it, and nothing else (paper, section 7).
    fn snapshot_is_newer(&self, state: &State, snapshot: Index) -> bool {
        snapshot > state.ordered.commit
    }

    // Answers to clients.

    /// What may be answered as soon as an append is in the leader's own log: nothing. The answer
    /// comes when it is committed and applied (paper, section 8).
    fn answer_at_append(&self, _state: &State, _index: Index) -> Option<Reply> {
        None
    }

    /// A deposed leader does not know what becomes of its uncommitted entries: maybe is not no.
    fn answer_pending(&self, _state: &State) -> Reply {
        Reply::Info(Doubt::LeadershipLost)
    }

    /// A request of a session takes effect once (paper, section 8; dissertation, 6.3).
    fn deduplicate(&self, sessions: &Sessions, session: Session) -> Lookup {
        sessions.look_up(session)
    }

    // Linearizable reads (dissertation, 6.4).

    /// Whether a linearizable read may be answered from what is here, at once: never. Somebody
    /// else may lead by now.
    fn may_read_at_once(&self, _state: &State) -> bool {
        false
    }

    /// A leader knows what is committed when an entry of its own term is.
    fn may_start_read_round(&self, state: &State) -> bool {
        state.role == Role::Leader
            && state.ordered.log.epoch(state.ordered.commit) == Some(state.hard.term)
    }

    /// A round answers a read only if it started after it: rounds are numbered as they start, and
    /// a follower's answer says which round it heard of.
    fn round_covers(&self, heard: u64, round: u64) -> bool {
        heard >= round
    }
}

/// The rules as published.
pub struct Paper;

impl Rules for Paper {}
