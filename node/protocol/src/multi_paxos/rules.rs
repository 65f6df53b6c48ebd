//! Multi-Paxos' safety argument as a list: every decision that safety rests on is one method here,
//! and its default is what the papers say. Reading this file is reading why Multi-Paxos is safe.
//!
//! Rules look and say; they never change anything, send anything or know the time.
//!
//! "Simple": Lamport, *Paxos Made Simple* (2001). "Part-Time": Lamport, *The Part-Time Parliament*
//! (1998). "Complex": van Renesse and Altinbuken, *Paxos Made Moderately Complex* (2015).

use super::disk::Disk;
use super::state::State;
use crate::common::quorum;
use crate::common::session::{Lookup, Sessions};
use crate::machine::{Command, Doubt, Index, LogEntry, Mark, NodeId, Reply, Session};
use crate::paxos::acceptor::{highest, may_accept, may_promise};
use crate::paxos::ballot::Ballot;

/// What a learner makes of the next slot, which its leader says is chosen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Learned {
    /// What is accepted here is what was chosen.
    Accepted,
    /// Somebody has to be asked.
    Unknown,
    /// It is passed over.
    Skipped,
}

pub trait Rules: Sync {
    // Ballots.

    /// A proposer's ballot in a round: nobody else ever uses it (Simple, 2.2: "different proposals
    /// have different numbers"; Part-Time, 2.1, B1).
    fn ballot(&self, round: u64, me: NodeId) -> Ballot {
        Ballot::new(round, me)
    }

    // The acceptor.

    /// Phase 1b: a promise goes to the highest ballot so far (Simple, 2.2).
    fn may_promise(&self, state: &State, ballot: Ballot) -> bool {
        may_promise(state.hard.promised, ballot)
    }

    /// Phase 2b: nothing is accepted in a ballot below the promised one (Simple, 2.2, P1a).
    fn may_accept(&self, state: &State, ballot: Ballot) -> bool {
        may_accept(state.hard.promised, ballot)
    }

    /// A promise is on disk before it is given (Simple, 2.5: "an acceptor records its intended
    /// response in stable storage before actually sending the response").
    fn promise_is_durable(&self) -> bool {
        true
    }

    /// So is an acceptance, and with it all the disk was asked for before (Simple, 2.5).
    fn before_accepted(&self, disk: &Disk) -> Mark {
        disk.last_mark()
    }

    // The proposer.

    /// A promise counts in the ballot that asked for it, and in no other (Simple, 2.2, phase 2).
    fn promise_counts(&self, state: &State, ballot: Ballot) -> bool {
        ballot == state.hard.promised
    }

    /// How many promises begin a leadership: any two quorums share an acceptor (Simple, 2.2).
    fn promise_quorum(&self, members: usize) -> usize {
        quorum::majority(members)
    }

    /// What is proposed in a slot that is open: of what the quorum accepted there, the value of
    /// the highest ballot (Simple, 2.2, P2c). None: nobody accepted anything, so anything may be.
    fn value(&self, reports: &[LogEntry]) -> Option<Command> {
        highest(reports.iter().map(|r| (Ballot::of(r.epoch), &r.command))).cloned()
    }

    /// Where new commands begin: after every slot in which the quorum accepted anything. The slots
    /// before it are proposed again, holes with a no-op (Simple, section 3).
    fn start(&self, _state: &State, greatest_reported: Index) -> Index {
        greatest_reported.next()
    }

    /// How many acceptances of one (ballot, value) choose it (Simple, 2.2).
    fn accept_quorum(&self, members: usize) -> usize {
        quorum::majority(members)
    }

    // The learner.

    /// What comes of the next slot when the leader of `ballot` says that it is chosen: a ballot has
    /// one value for a slot, so what is accepted here in that ballot is it (Simple, 2.3). Slots are
    /// executed in order and none is left out (Simple, section 3; Complex, section 2).
    fn learn(&self, accepted: Option<&LogEntry>, ballot: Ballot) -> Learned {
        match accepted {
            Some(entry) if entry.epoch == ballot.epoch() => Learned::Accepted,
            _ => Learned::Unknown,
        }
    }

    /// A snapshot replaces what is older than it, and nothing else.
    fn snapshot_is_newer(&self, state: &State, snapshot: Index) -> bool {
        snapshot > state.ordered.commit
    }

    // Answers to clients.

    /// A deposed leader does not know what becomes of its open slots: maybe is not no.
    fn answer_pending(&self, _state: &State) -> Reply {
        Reply::Info(Doubt::LeadershipLost)
    }

    /// A request of a session takes effect once (Complex, section 2: `perform`).
    fn deduplicate(&self, sessions: &Sessions, session: Session) -> Lookup {
        sessions.look_up(session)
    }

    /// A leader knows all that was chosen before it when every slot it had to propose again is
    /// executed (Simple, section 3).
    fn may_start_read_round(&self, state: &State, barrier: Index) -> bool {
        state.ordered.commit >= barrier
    }

    /// A round answers a read only if it started after it: rounds are numbered as they start, and
    /// whoever answers one still obeys this ballot.
    fn round_covers(&self, heard: u64, round: u64) -> bool {
        heard >= round
    }
}

/// The rules as published.
pub struct Paper;

impl Rules for Paper {}
