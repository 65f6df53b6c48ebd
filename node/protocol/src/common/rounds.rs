//! Linearizable reads at a leader, by rounds (ReadIndex: Ongaro's dissertation, 6.4), and what a
//! read answers.
//!
//! A leader notes its commit index, starts a numbered round of messages after that, and answers
//! when a quorum has answered the round. Reads that come while a round is under way share the
//! next one.
//!
//! It never counts a quorum and never sends: whether a round is confirmed is the protocol's to
//! say. It never answers from a round that started before the read came.

use super::options::after;
use super::replica::Replica;
use crate::machine::{
    Answer, Index, Level, NodeId, Output, Outputs, Reply, Ticket, Time, TraceEvent, Want, reply_to,
};

/// The bytes of values in one answer: with JSON round them it stays under 1 MiB.
const ANSWER_BYTES_MAX: usize = 900 * 1024;

/// A client's read that waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reader {
    pub ticket: Ticket,
    /// What it wants.
    pub want: Want,
    /// When it came.
    pub at: Time,
}

impl Reader {
    /// Whether it has waited for so long.
    #[must_use]
    pub fn is_old(&self, now: Time, patience_ns: u64) -> bool {
        after(self.at, patience_ns) <= now
    }
}

/// Who waits for a leader's round.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Waiter {
    /// A client of the leader's own.
    Here(Reader),
    /// Another node, which asked with this token.
    At {
        node: NodeId,
        /// Unique over all its incarnations.
        token: u64,
    },
}

/// A leader's rounds, numbered as they start.
#[derive(Clone, Debug, Default)]
pub struct Rounds {
    latest: u64,
    waiting: Vec<Waiter>,
    under_way: Option<UnderWay>,
}

#[derive(Clone, Debug)]
struct UnderWay {
    commit: Index,
    waiters: Vec<Waiter>,
}

impl Rounds {
    /// The latest round started; every message of a leader carries it.
    #[must_use]
    pub fn latest(&self) -> u64 {
        self.latest
    }

    /// The round under way.
    #[must_use]
    pub fn under_way(&self) -> Option<u64> {
        self.under_way.as_ref().map(|_| self.latest)
    }

    /// Waits for the next round to start. A node asks one question at a time: an older one of its
    /// has no answer to wait for.
    pub fn wait(&mut self, waiter: Waiter) {
        if let Waiter::At { node, .. } = waiter {
            let is_its =
                |other: &Waiter| matches!(other, Waiter::At { node: at, .. } if *at == node);
            self.waiting.retain(|other| !is_its(other));
        }
        self.waiting.push(waiter);
    }

    /// Whether a round should start: someone waits, and none is under way.
    #[must_use]
    pub fn is_due(&self) -> bool {
        self.under_way.is_none() && !self.waiting.is_empty()
    }

    /// Starts a round for everyone who waits; what is committed now is what they will read.
    pub fn start(&mut self, commit: Index) {
        assert!(self.is_due(), "one round at a time");
        self.latest += 1;
        let waiters = std::mem::take(&mut self.waiting);
        self.under_way = Some(UnderWay { commit, waiters });
    }

    /// The round under way is confirmed: the commit index at its start, and who waited for it.
    pub fn end(&mut self) -> Option<(Index, Vec<Waiter>)> {
        self.under_way.take().map(|ended| (ended.commit, ended.waiters))
    }

    /// The leader's own clients who waited for so long.
    pub fn give_up(&mut self, now: Time, patience_ns: u64) -> Vec<Reader> {
        let mut old = Vec::new();
        let mut keep = |waiter: &Waiter| match waiter {
            Waiter::Here(reader) if reader.is_old(now, patience_ns) => {
                old.push(*reader);
                false
            }
            Waiter::Here(_) | Waiter::At { .. } => true,
        };
        self.waiting.retain(&mut keep);
        if let Some(under_way) = &mut self.under_way {
            under_way.waiters.retain(keep);
        }
        old
    }

    /// Everyone who waits: this node leads no longer.
    pub fn into_waiters(self) -> impl Iterator<Item = Waiter> {
        self.under_way.into_iter().flat_map(|under_way| under_way.waiters).chain(self.waiting)
    }
}

/// Answers a read from what was applied, with its evidence.
pub fn answer<M>(reader: Reader, level: Level, replica: &Replica, out: &mut Outputs<M>) {
    let tail = replica.length();
    let answer = match reader.want {
        Want::Tail => Answer::Tail(tail),
        Want::Values { from, limit } => {
            Answer::Read { values: replica.read(from, limit, ANSWER_BYTES_MAX), tail }
        }
    };
    if level == Level::Linearizable {
        let (index, request_at) = (replica.applied, reader.at);
        out.push(Output::Trace(TraceEvent::Read { index, request_at }));
    }
    reply_to(reader.ticket, Reply::Ok(answer), out);
}

/// Gives all of them the same answer, a definite no: a read has no effect.
pub fn refuse<M>(readers: impl IntoIterator<Item = Reader>, reply: &Reply, out: &mut Outputs<M>) {
    for reader in readers {
        reply_to(reader.ticket, reply.clone(), out);
    }
}
