//! Zab's safety argument as a list: every decision that safety rests on is one method here, and its
//! default is what the paper says. Reading this file is reading why Zab is safe.
//!
//! Rules look and say; they never change anything, send anything or know the time.
//!
//! "Paper": Junqueira, Reed, Serafini, *Zab: High-performance broadcast for primary-backup systems*
//! (DSN 2011). "Zab1.0": the ZooKeeper project's description of what it implements. "Spec issue":
//! a place the paper leaves open, as numbered with ZooKeeper's TLA+ specification of the protocol.
//!
//! In short: a node that promised an epoch takes part in no older one; a leader's epoch is promised
//! by a quorum, of which it has the best history; so its history holds all that was committed. It
//! commits nothing before a quorum has the whole of that history, and says so by its currentEpoch.

use std::cmp::Ordering;

use super::disk::Disk;
use super::state::{HardState, Standing, State, Zxid};
use crate::common::quorum;
use crate::common::session::{Lookup, Sessions};
use crate::machine::{Doubt, Epoch, Index, Mark, NodeId, Reply, Role, Session};

/// What becomes of a NEWEPOCH.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Promise {
    /// It is accepted, now or once more: the sender may count it.
    Given,
    /// The epoch was promised to another: the node may be synchronised in it, but does not count.
    NotCounted,
    /// The node is past that epoch.
    Refused,
}

pub trait Rules: Sync {
    // Phase 0 and 1: who may lead.

    /// The one comparison of histories: the later currentEpoch has the more, then the later zxid,
    /// epoch before counter (paper, V.A step l.1.2; Zab1.0, phase 0).
    fn compare(&self, a: Standing, b: Standing) -> Ordering {
        a.cmp(&b)
    }

    /// How many nodes promise, acknowledge a leader, and commit: any two such sets share a member
    /// (paper, II).
    fn quorum(&self, members: usize) -> usize {
        quorum::majority(members)
    }

    /// A new leader's epoch is later than all that its quorum ever accepted, its own included: it
    /// uses no epoch twice, whatever happened to it (paper, V.A step l.1.1).
    fn new_epoch(&self, _state: &State, highest: Epoch) -> Epoch {
        highest.next()
    }

    /// A NEWEPOCH is accepted if it is later than all before it (paper, V.A step f.1.1). An equal
    /// one is answered but does not count (Zab1.0, phase 1), unless it comes again from the node it
    /// was promised to, whose answer may have been lost: no node leads an epoch twice.
    fn promise(&self, state: &State, epoch: Epoch, leader: NodeId) -> Promise {
        match epoch.cmp(&state.hard.accepted) {
            Ordering::Greater => Promise::Given,
            Ordering::Equal if state.hard.promised == Some(leader) => Promise::Given,
            Ordering::Equal => Promise::NotCounted,
            Ordering::Less => Promise::Refused,
        }
    }

    /// What accepting a NEWEPOCH changes: acceptedEpoch. currentEpoch speaks of the history, which
    /// is still that of an older epoch (paper, V.A step f.1.1).
    fn accept(&self, hard: HardState, epoch: Epoch, leader: NodeId) -> HardState {
        HardState { accepted: epoch, promised: Some(leader), ..hard }
    }

    /// ACKEPOCH leaves when acceptedEpoch is on disk, and a leader's NEWEPOCH when its own is: a
    /// promise must outlive a crash, and an epoch that was offered must not be offered again.
    fn before_ack_epoch(&self, disk: &Disk) -> Mark {
        disk.hard_mark()
    }

    /// A leader whose quorum knows of a better history gives up: it must have the best one itself
    /// (Zab1.0, phase 1; the paper lets it fetch that history instead, V.A step l.1.2).
    fn must_abandon(&self, state: &State, acked: Standing) -> bool {
        self.compare(acked, state.standing()) == Ordering::Greater
    }

    // Phase 2: a quorum takes over the leader's history.

    /// TRUNC: everything after `to` goes, since it is not in the leader's history and can never be
    /// committed (Zab1.0, phase 2). From where on.
    fn cut_from(&self, state: &State, to: Zxid) -> Option<Index> {
        Some(to.index.next()).filter(|from| *from <= state.ordered.log.last_index())
    }

    /// What accepting a NEWLEADER changes: currentEpoch, now that the whole history is here and on
    /// its way to the disk before it (paper, V.A step f.2.1: atomically).
    fn accept_leader(&self, hard: HardState, epoch: Epoch) -> HardState {
        HardState { current: epoch, ..hard }
    }

    /// The acknowledgement of NEWLEADER leaves when history and currentEpoch are on disk, in this
    /// order (paper, V.A step f.2.1; ZOOKEEPER-3911, 4643, 4646 and 4685 are what else happens).
    fn before_ack_leader(&self, disk: &Disk) -> Mark {
        disk.last_mark()
    }

    /// What a leader itself holds: once its own currentEpoch is on disk, what is on its disk.
    fn own_ack(&self, disk: &Disk, epoch: Epoch) -> Option<Index> {
        (disk.hard().current == epoch).then(|| disk.upto())
    }

    // Phase 3: broadcast.

    /// Where the proposals begin for a follower that acknowledged NEWLEADER: right after what was
    /// in the leader's history at its sync point. Whatever was proposed while it synchronised is
    /// sent to it too (spec issue 1).
    fn broadcast_from(&self, sync_point: Index, _last: Index) -> Index {
        sync_point.next()
    }

    /// What a leader says comes in order and without gaps: of a session only the next message is
    /// taken (paper, III.C: FIFO channels).
    fn is_next(&self, taken: u64, number: u64) -> bool {
        number == taken + 1
    }

    /// A follower delivers what the leader has committed, as far as it has it (paper, V.A step
    /// f.3.3; spec issue 3).
    fn follower_commit(&self, state: &State, told: Index) -> Index {
        told.min(state.ordered.log.last_index())
    }

    // Answers to clients.

    /// A deposed leader does not know what becomes of its uncommitted proposals: maybe is not no.
    fn answer_pending(&self, _state: &State) -> Reply {
        Reply::Info(Doubt::LeadershipLost)
    }

    /// A request of a session takes effect once.
    fn deduplicate(&self, sessions: &Sessions, session: Session) -> Lookup {
        sessions.look_up(session)
    }

    /// An established leader knows all that is committed; somebody else may lead by now, so that a
    /// linearizable read waits for a round (Ongaro's dissertation, 6.4).
    fn may_start_read_round(&self, state: &State) -> bool {
        state.role == Role::Leader
    }

    /// A round answers a read only if it started after it: rounds are numbered as they start, and
    /// a follower's acknowledgement says which round it heard of.
    fn round_covers(&self, heard: u64, round: u64) -> bool {
        heard >= round
    }
}

/// The rules as published.
pub struct Paper;

impl Rules for Paper {}
