//! What came so far of a log that is being asked for: entries that go on after one of one's own.
//!
//! An entry's birth and index identify it and all before it, so what has come stays good when the
//! view changes and another replica is asked: the next one says how much of it its own log has.
//! Nothing in here is ever held: it is acknowledged to nobody, and no DoViewChange speaks of it.

use super::message::Suffix;
use crate::log::{EntryId, Log};
use crate::machine::{Index, LogEntry};

/// See above.
#[derive(Default)]
pub(super) struct Branch {
    /// The entry of one's own log after which it goes on.
    prev: EntryId,
    /// Contiguous, from `prev` on.
    entries: Vec<LogEntry>,
}

impl Branch {
    /// Nothing so far, after this entry.
    pub(super) fn after(prev: EntryId) -> Self {
        Branch { prev, entries: Vec::new() }
    }

    /// Up to where the log is here or in hand.
    pub(super) fn end(&self) -> Index {
        Index(self.prev.index.0 + self.entries.len() as u64)
    }

    /// Whether it still goes on after an entry of this log.
    pub(super) fn is_on(&self, log: &Log) -> bool {
        log.birth(self.prev.index) == Some(self.prev.birth)
    }

    /// Cuts off what comes after this entry. False: it is no entry of it.
    pub(super) fn cut_back_to(&mut self, id: EntryId) -> bool {
        let Some(length) = id.index.0.checked_sub(self.prev.index.0) else { return false };
        let length = length as usize;
        let last = length.checked_sub(1).map(|at| self.entries.get(at));
        let found = last.map_or(Some(self.prev.birth), |entry| entry.map(|entry| entry.birth));
        if found == Some(id.birth) {
            self.entries.truncate(length);
        }
        found == Some(id.birth)
    }

    /// Takes a piece that goes on where the last one ended. False: it does not.
    pub(super) fn take(&mut self, piece: Suffix) -> bool {
        let goes_on = piece.prev.index == self.end();
        if goes_on {
            self.entries.extend(piece.entries);
        }
        goes_on
    }

    /// The last entry of each of its latest births, the latest first.
    pub(super) fn ends(&self, most: usize) -> Vec<EntryId> {
        let mut rest = &self.entries[..];
        let mut ends = Vec::new();
        while let (Some(last), true) = (rest.last(), ends.len() < most) {
            ends.push(EntryId { birth: last.birth, index: last.index });
            rest = &rest[..rest.partition_point(|entry| entry.birth < last.birth)];
        }
        ends
    }

    /// Whether nothing has come.
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Where it goes on in one's own log, and the entries.
    pub(super) fn into_parts(self) -> (Index, Vec<LogEntry>) {
        (self.prev.index, self.entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::{Command, Epoch};

    fn id(birth: u64, index: u64) -> EntryId {
        EntryId { birth: Epoch(birth), index: Index(index) }
    }

    /// Goes on after entry 2, of birth 1, with entries of these births.
    fn branch(births: &[u64]) -> Branch {
        let entry = |(birth, index): (&u64, u64)| LogEntry {
            index: Index(index),
            birth: Epoch(*birth),
            command: Command::Noop,
        };
        Branch { prev: id(1, 2), entries: births.iter().zip(3..).map(entry).collect() }
    }

    #[test]
    fn it_is_cut_back_to_an_entry_that_it_has() {
        let check = |to: EntryId, expected: Option<u64>| {
            let mut branch = branch(&[1, 3, 3]);
            let cut = branch.cut_back_to(to);
            assert_eq!(cut.then_some(branch.end().0), expected, "{to:?}");
            assert!(cut || branch.end() == Index(5), "what it has not leaves it whole");
        };
        check(id(3, 5), Some(5));
        check(id(3, 4), Some(4));
        check(id(1, 3), Some(3));
        check(id(1, 2), Some(2));
        check(id(2, 4), None);
        check(id(2, 2), None);
        check(id(3, 6), None);
        check(id(1, 1), None);
    }

    #[test]
    fn it_ends_once_for_each_birth() {
        assert_eq!(branch(&[1, 3, 3, 7]).ends(9), [id(7, 6), id(3, 5), id(1, 3)]);
        assert_eq!(branch(&[1, 3, 3, 7]).ends(2), [id(7, 6), id(3, 5)]);
        assert_eq!(branch(&[]).ends(9), []);
    }

    #[test]
    fn only_a_piece_that_goes_on_is_taken() {
        let piece = |prev: u64| Suffix { prev: id(1, prev), ..Suffix::default() };
        let mut branch = branch(&[1]);
        assert_eq!([2, 3, 4].map(|prev| branch.take(piece(prev))), [false, true, false]);
    }
}
