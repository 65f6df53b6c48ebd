//! Requests that wait until their entries are applied, and how much may wait at once.
//! It never answers: it says whom to answer.

use std::collections::VecDeque;

use crate::common::log::weight;
use crate::common::ordered::Done;
use crate::machine::{Command, Index, LogEntry, Refusal, Reply, Ticket};

/// Bytes of entries in one message, as LogCabin's: large enough to be efficient, small enough that
/// a heartbeat never waits long behind it.
pub const MESSAGE_BYTES_MAX: usize = 960 * 1024;

/// The largest value: with it one entry still fits into a message, and into a client's answer.
pub const VALUE_BYTES_MAX: usize = 900 * 1024;

/// A leader's requests under way, in order of their entries.
#[derive(Clone, Debug, Default)]
pub struct Pending {
    waiting: VecDeque<(Index, Ticket)>,
    /// The bytes of this leader's own entries that are under way, and where they begin.
    bytes: usize,
    first: Option<Index>,
}

/// How much may be under way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Entries not yet committed.
    pub entries_max: u64,
    /// Their bytes.
    pub bytes_max: usize,
}

impl Pending {
    /// Why a command cannot be taken now, with so many entries not yet committed.
    #[must_use]
    pub fn refusal(&self, command: &Command, uncommitted: u64, limits: Limits) -> Option<Refusal> {
        if let Some(refusal) = too_large(command) {
            return Some(refusal);
        }
        let full = uncommitted >= limits.entries_max || self.bytes >= limits.bytes_max;
        full.then_some(Refusal::Overloaded)
    }

    /// This entry is under way.
    pub fn weigh(&mut self, entry: &LogEntry) {
        self.bytes += weight(entry);
        self.first.get_or_insert(entry.index);
    }

    /// Whoever holds this ticket waits for the entry at `index`.
    pub fn wait(&mut self, index: Index, ticket: Ticket) {
        self.waiting.push_back((index, ticket));
    }

    /// An entry was applied: whom to answer, and what.
    pub fn applied(&mut self, done: Done) -> Option<(Ticket, Reply)> {
        if self.first.is_some_and(|first| done.index >= first) {
            self.bytes = self.bytes.saturating_sub(done.weight);
        }
        self.waiting.front().filter(|(index, _)| *index == done.index)?;
        let (_, ticket) = self.waiting.pop_front().expect("it has a front");
        Some((ticket, done.reply.expect("what a client asked for has an answer")))
    }

    /// Everyone who waits, in order: this node leads no longer.
    pub fn into_tickets(self) -> impl Iterator<Item = Ticket> {
        self.waiting.into_iter().map(|(_, ticket)| ticket)
    }
}

/// A value that would not fit into a message.
#[must_use]
pub fn too_large(command: &Command) -> Option<Refusal> {
    let Command::Append { value, .. } = command else { return None };
    let bytes = value.len();
    (bytes > VALUE_BYTES_MAX).then(|| {
        Refusal::Refused(format!("a value may have {VALUE_BYTES_MAX} bytes, this one has {bytes}"))
    })
}
