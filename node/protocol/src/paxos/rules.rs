//! The safety argument of single-decree Paxos as a list: every decision that safety rests on is
//! one method here, and its default is what the paper says. The last one is about termination.
//!
//! Rules look and say; they never change anything, send anything or know the time.
//!
//! Sections are those of Lamport, *Paxos Made Simple* (2001).

use bytes::Bytes;

use super::acceptor::{Accepted, Acceptor, highest, may_accept, may_promise};
use super::ballot::Ballot;
use super::options::{Backoff, Options};
use crate::common::quorum;
use crate::machine::{Mark, NodeId};

pub trait Rules: Sync {
    /// A proposer's ballot in a round: nobody else ever uses it (2.2).
    fn ballot(&self, round: u64, me: NodeId) -> Ballot {
        Ballot::new(round, me)
    }

    /// Phase 1b: a promise goes to the highest ballot so far (2.2).
    fn may_promise(&self, acceptor: &Acceptor, ballot: Ballot) -> bool {
        may_promise(acceptor.promised, ballot)
    }

    /// Phase 2b: nothing is accepted in a ballot below the promised one (2.2, P1a).
    fn may_accept(&self, acceptor: &Acceptor, ballot: Ballot) -> bool {
        may_accept(acceptor.promised, ballot)
    }

    /// What an acceptor says is on its disk before it says it (2.5): the mark of the record.
    fn before_answer(&self, written: Mark) -> Mark {
        written
    }

    /// A promise, or an acceptance, counts in the ballot that asked for it (2.2).
    fn answer_counts(&self, own: Ballot, ballot: Ballot) -> bool {
        ballot == own
    }

    /// How many promises let a proposer propose: any two quorums share an acceptor (2.2).
    fn promise_quorum(&self, members: usize) -> usize {
        quorum::majority(members)
    }

    /// What is proposed: of what the quorum accepted the value of the highest ballot (2.2, P2c).
    /// None: nobody accepted anything, so the proposer's own.
    fn value(&self, reports: &[Accepted]) -> Option<Bytes> {
        highest(reports.iter().map(|r| (r.ballot, &r.value))).cloned()
    }

    /// How many acceptances of one ballot decide (2.2 and 2.3).
    fn accept_quorum(&self, members: usize) -> usize {
        quorum::majority(members)
    }

    /// How long a proposer whose ballot was refused waits before the next, in nanoseconds: a
    /// random time, longer the more often it was refused, or two of them refuse each other for
    /// ever (2.4). `random` is any number.
    fn backoff_ns(&self, options: &Options, refused: u32, random: u64) -> u64 {
        match options.backoff {
            Backoff::None => 0,
            Backoff::Random => random % options.grown_ns(refused),
        }
    }
}

/// The rules as published.
pub struct Paper;

impl Rules for Paper {}
