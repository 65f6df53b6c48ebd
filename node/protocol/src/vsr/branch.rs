//! What came so far of a log that is being asked for: entries that go on after one of one's own.
//!
//! An entry's epoch and index identify it and all before it, so what has come stays good when the
//! view changes and another replica is asked: the next one says how much of it its own log has.
//! Nothing in here is ever held: it is acknowledged to nobody, and no DoViewChange speaks of it.

use std::collections::BTreeMap;

use super::message::Suffix;
use crate::common::log::Log;
use crate::machine::{EntryId, Index, LogEntry};

#[derive(Default)]
pub(super) struct Branch {
    /// The entry of one's own log after which it goes on.
    prev: EntryId,
    /// Contiguous, from `prev` on.
    entries: Vec<LogEntry>,
    /// Pieces of the log under way that overtook others, by where they go on.
    early: BTreeMap<Index, Piece>,
}

/// A piece of a log, and whether more was on its way when it left.
pub(super) type Piece = (Suffix, bool);

impl Branch {
    /// Nothing so far, after this entry.
    pub(super) fn after(prev: EntryId) -> Self {
        Branch { prev, ..Branch::default() }
    }

    /// Drops all but what overtook others: it goes on after this entry.
    pub(super) fn restart_after(&mut self, prev: EntryId) {
        self.prev = prev;
        self.entries.clear();
    }

    /// Up to where the log is here or in hand.
    pub(super) fn end(&self) -> Index {
        Index(self.prev.index.0 + self.entries.len() as u64)
    }

    /// Whether it still goes on after an entry of this log.
    pub(super) fn is_on(&self, log: &Log) -> bool {
        log.epoch(self.prev.index) == Some(self.prev.epoch)
    }

    /// Cuts off what comes after this entry. False: it is no entry of it.
    pub(super) fn cut_back_to(&mut self, id: EntryId) -> bool {
        let Some(length) = id.index.0.checked_sub(self.prev.index.0) else { return false };
        let length = length as usize;
        let last = length.checked_sub(1).map(|at| self.entries.get(at));
        let found = last.map_or(Some(self.prev.epoch), |entry| entry.map(|entry| entry.epoch));
        if found == Some(id.epoch) {
            self.entries.truncate(length);
        }
        found == Some(id.epoch)
    }

    /// Takes a piece that goes on where the last one ended, and those that it closes the gap to.
    /// Says where the log ended when the last of them left, and whether more was on its way then.
    /// None: it does not go on here; if it is beyond, it is put aside.
    pub(super) fn take(&mut self, piece: Piece) -> Option<(Index, bool)> {
        if piece.0.prev.index != self.end() {
            self.put_aside(piece);
            return None;
        }
        let mut next = Some(piece);
        let mut said = None;
        while let Some((suffix, more)) = next {
            said = Some((suffix.last, more));
            self.entries.extend(suffix.entries);
            let epoch = self.entries.last().map_or(self.prev.epoch, |entry| entry.epoch);
            let early = self.early.remove(&self.end());
            next = early.filter(|(suffix, _)| suffix.prev.epoch == epoch);
        }
        let end = self.end();
        self.early.retain(|prev, _| *prev > end);
        said
    }

    /// Keeps a piece until those before it have come.
    pub(super) fn put_aside(&mut self, piece: Piece) {
        if piece.0.prev.index > self.end() {
            self.early.insert(piece.0.prev.index, piece);
        }
    }

    /// Another log is asked for next: what overtook belongs to this one.
    pub(super) fn without_early(mut self) -> Self {
        self.early.clear();
        self
    }

    /// The last entry of each of its latest epochs, the latest first.
    pub(super) fn ends(&self, most: usize) -> Vec<EntryId> {
        let mut rest = &self.entries[..];
        let mut ends = Vec::new();
        while let (Some(last), true) = (rest.last(), ends.len() < most) {
            ends.push(EntryId { epoch: last.epoch, index: last.index });
            rest = &rest[..rest.partition_point(|entry| entry.epoch < last.epoch)];
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

    fn id(epoch: u64, index: u64) -> EntryId {
        EntryId { epoch: Epoch(epoch), index: Index(index) }
    }

    /// Goes on after entry 2, of epoch 1, with entries of these epochs.
    fn branch(epochs: &[u64]) -> Branch {
        let entry = |(epoch, index): (&u64, u64)| LogEntry {
            index: Index(index),
            epoch: Epoch(*epoch),
            command: Command::Noop,
        };
        let entries = epochs.iter().zip(3..).map(entry).collect();
        Branch { prev: id(1, 2), entries, ..Branch::default() }
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
    fn it_ends_once_for_each_epoch() {
        assert_eq!(branch(&[1, 3, 3, 7]).ends(9), [id(7, 6), id(3, 5), id(1, 3)]);
        assert_eq!(branch(&[1, 3, 3, 7]).ends(2), [id(7, 6), id(3, 5)]);
        assert_eq!(branch(&[]).ends(9), []);
    }

    /// The entries of the log of view 1 after `prev`, so many of them.
    fn piece(prev: u64, many: u64, last: u64) -> Piece {
        let entries = branch(&vec![1; many as usize]).entries;
        let entries = entries
            .into_iter()
            .map(|entry| LogEntry { index: Index(entry.index.0 + prev - 2), ..entry });
        let suffix = Suffix { prev: id(1, prev), entries: entries.collect(), last: Index(last) };
        (suffix, last > prev + many)
    }

    #[test]
    fn a_piece_is_taken_when_all_before_it_have_come() {
        let mut branch = branch(&[1]);
        assert_eq!(branch.take(piece(2, 1, 9)), None, "it is here");
        assert_eq!(branch.take(piece(5, 2, 9)), None, "it is early");
        assert_eq!(branch.take(piece(8, 1, 9)), None, "so is this");
        assert_eq!(branch.take(piece(3, 2, 9)), Some((Index(9), true)));
        assert_eq!(branch.end(), Index(7));
        assert_eq!(branch.take(piece(7, 1, 9)), Some((Index(9), false)));
        let indices = branch.entries.iter().map(|entry| entry.index.0);
        assert_eq!(indices.collect::<Vec<_>>(), [3, 4, 5, 6, 7, 8, 9]);
    }

    #[test]
    fn what_overtook_is_of_one_log() {
        let mut branch = branch(&[1]);
        branch.put_aside(piece(5, 1, 9));
        let mut branch = branch.without_early();
        assert_eq!(branch.take(piece(3, 2, 9)), Some((Index(9), true)));
        assert_eq!(branch.end(), Index(5));
        // Of another epoch: it cannot be of this log.
        let (mut other, more) = piece(7, 1, 9);
        other.prev = id(3, 7);
        branch.put_aside((other, more));
        assert_eq!(branch.take(piece(5, 2, 9)), Some((Index(9), true)));
        assert_eq!(branch.end(), Index(7));
    }
}
