//! Linearizable reads by rounds (ReadIndex: Ongaro's dissertation, 6.4), and what a read answers.
//!
//! A leader notes its commit index, starts a numbered round of messages after that, and answers
//! when a quorum has answered the round. Reads that come while a round is under way share the
//! next one.
//!
//! It never counts a quorum and never sends: whether a round is confirmed is the protocol's to
//! say. It never answers from a round that started before the read came.

use crate::common::replica::Replica;
use crate::machine::{
    Answer, Index, Level, Output, Outputs, Reply, Ticket, Time, TraceEvent, Want, reply_to,
};

/// The bytes of values in one answer: with JSON round them it stays under 1 MiB.
const ANSWER_BYTES_MAX: usize = 900 * 1024;

/// A client's read that waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reader {
    /// Its ticket.
    pub ticket: Ticket,
    /// What it wants.
    pub want: Want,
    /// When it came.
    pub at: Time,
}

/// A leader's rounds, numbered as they start. `W` waits for them.
#[derive(Clone, Debug)]
pub struct Rounds<W> {
    latest: u64,
    waiting: Vec<W>,
    under_way: Option<UnderWay<W>>,
}

#[derive(Clone, Debug)]
struct UnderWay<W> {
    round: u64,
    commit: Index,
    waiters: Vec<W>,
}

impl<W> Default for Rounds<W> {
    fn default() -> Self {
        Rounds { latest: 0, waiting: Vec::new(), under_way: None }
    }
}

impl<W> Rounds<W> {
    /// The latest round started; every message of a leader carries it.
    #[must_use]
    pub fn latest(&self) -> u64 {
        self.latest
    }

    /// Waits for the next round to start.
    pub fn wait(&mut self, waiter: W) {
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
        self.under_way = Some(UnderWay { round: self.latest, commit, waiters });
    }

    /// Ends the round under way if `confirmed` says so of its number: the commit index at its
    /// start, and who waited for it.
    pub fn end_if(&mut self, confirmed: impl Fn(u64) -> bool) -> Option<(Index, Vec<W>)> {
        let ended = self.under_way.take_if(|under_way| confirmed(under_way.round))?;
        Some((ended.commit, ended.waiters))
    }

    /// Keeps only those who wait as `keep` says.
    pub fn retain(&mut self, mut keep: impl FnMut(&W) -> bool) {
        self.waiting.retain(&mut keep);
        if let Some(under_way) = &mut self.under_way {
            under_way.waiters.retain(&mut keep);
        }
    }

    /// Keeps only those who wait for a round to start as `keep` says.
    pub fn retain_waiting(&mut self, keep: impl FnMut(&W) -> bool) {
        self.waiting.retain(keep);
    }

    /// Everyone who waits: this node leads no longer.
    pub fn into_waiters(self) -> impl Iterator<Item = W> {
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
