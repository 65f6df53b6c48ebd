//! Why manual failover is safe: each decision that safety rests on, by name. The argument is the
//! one of every epoch-based protocol: a majority promises an epoch once, so it has one leader; a
//! majority held what was acknowledged, so whoever leads next finds it (Lamport, "Paxos made
//! simple" 2001, 2.2; Liskov and Cowling 2012, section 4.2, for choosing a log by the epoch it was
//! last whole in). The operator only decides when, and who.
//!
//! A planted bug overrides exactly one of them.

use super::message::Standing;
use super::state::{Disk, HardState, State};
use crate::common::log::Reconciled;
use crate::common::quorum;
use crate::common::session::{Lookup, Sessions};
use crate::machine::{EntryId, Epoch, Index, LogEntry, Mark, NodeId, Session};

pub trait Rules: Sync {
    // What survives a crash.

    /// What a node knows after a restart: what it promised, and in which epoch its log was whole.
    fn reload(&self, stored: HardState) -> HardState {
        stored
    }

    /// A promise leaves when it is on disk: it fences the old leader for good.
    fn before_promise(&self, disk: &Disk) -> Mark {
        disk.hard_mark()
    }

    /// An acknowledgement leaves when the entries it speaks of are on disk.
    fn before_ack(&self, disk: &Disk) -> Mark {
        disk.last_mark()
    }

    /// Entries leave the leader when its own disk holds them, and a leader counts itself then.
    fn may_leave(&self, disk: &Disk) -> Index {
        disk.upto()
    }

    // Promotion.

    /// A node promises an epoch once, and only to one; the same one may ask again.
    fn may_promise(&self, hard: &HardState, epoch: Epoch, candidate: NodeId) -> bool {
        epoch > hard.promised || (epoch == hard.promised && candidate == hard.candidate)
    }

    /// Whoever acts for an epoch older than the one promised is fenced: a leader stops, and its
    /// messages are not heard.
    fn is_fenced(&self, hard: &HardState, epoch: Epoch) -> bool {
        epoch < hard.promised
    }

    /// How many promises open an epoch, and how many copies commit: any two share a node.
    fn quorum(&self, members: usize) -> usize {
        quorum::majority(members)
    }

    /// Whose log the new leader takes: of the majority that promised, one that was whole in the
    /// latest epoch, and of those the longest. It holds whatever was committed.
    fn choose(&self, own: (NodeId, Standing), others: &[(NodeId, Standing)]) -> NodeId {
        let mut best = own;
        for other in others {
            if other.1 > best.1 {
                best = *other;
            }
        }
        best.0
    }

    /// A log is whole in an epoch when it agrees with all that its leader opens with. That it is
    /// goes to the disk behind the entries, and is said when it is there.
    fn is_whole(&self, verified: Index, open: Index) -> bool {
        verified >= open
    }

    /// In a log that is whole in an epoch nothing follows what its leader opened with but what that
    /// leader put there: of two such logs the longer one holds what is committed, so an end that an
    /// older leader left would count for what it is not.
    fn may_follow_opening(&self, held: Epoch, epoch: Epoch) -> bool {
        held >= epoch
    }

    // Replication.

    /// Entries fit where the entry before them agrees; a conflicting entry goes, with all that
    /// follow it (Ongaro and Ousterhout 2014, 5.3: the one prefix check).
    fn reconcile(&self, state: &State, prev: EntryId, entries: &[LogEntry]) -> Reconciled {
        state.ordered.log.reconcile(prev, entries)
    }

    /// A follower delivers what is committed, as far as it knows its log to be the leader's.
    fn follower_commit(&self, leader_commit: Index, verified: Index) -> Index {
        leader_commit.min(verified)
    }

    /// A snapshot replaces what is older than it, and nothing else.
    fn snapshot_is_newer(&self, state: &State, snapshot: Index) -> bool {
        snapshot > state.ordered.commit
    }

    // Answers to clients.

    /// A request of a session takes effect once.
    fn deduplicate(&self, sessions: &Sessions, session: Session) -> Lookup {
        sessions.look_up(session)
    }

    /// A round answers a read only if it started after it, and a majority of it still promises
    /// nothing newer: a round of an open epoch shows that no later one is open.
    fn round_covers(&self, heard: u64, round: u64) -> bool {
        heard >= round
    }
}

/// The rules as meant.
pub struct Fenced;

impl Rules for Fenced {}
