//! A protocol's own log in memory: the entries after a snapshot's prefix, each with its chain.
//! It never writes to disk and never decides what may be removed. Only [`super::ordered`] changes
//! it, which tells the disk.

use std::collections::VecDeque;

use crate::machine::{Chain, Command, EntryId, Epoch, Index, LogEntry};

/// The entries after `base`.
#[derive(Clone, Debug, Default)]
pub struct Log {
    base: Position,
    slots: VecDeque<Slot>,
}

/// A place in a log: an index, and what identifies the entry there.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Position {
    /// The index; 0 is "before everything".
    pub index: Index,
    /// The epoch the entry there was created in.
    pub epoch: Epoch,
    /// The chain up to and with the entry there.
    pub chain: Chain,
}

#[derive(Clone, Debug)]
struct Slot {
    entry: LogEntry,
    chain: Chain,
}

/// What comes of comparing a leader's entries with one's own log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reconciled {
    /// The entry before them is not here.
    Refused {
        /// The epoch of what is there instead, if anything is.
        conflict: Option<Epoch>,
        /// The first index of that epoch, or one past the last index.
        first: Index,
    },
    /// It is here.
    Accepted {
        /// How many of the entries are here already.
        keep: usize,
        /// From where on one's own entries contradict the leader's.
        truncate: Option<Index>,
    },
}

/// What an entry weighs beyond its value: index, epoch, kind and session, rounded up.
const ENTRY_OVERHEAD_BYTES: usize = 48;

/// The bytes an entry counts for in limits of messages and queues.
#[must_use]
pub fn weight(entry: &LogEntry) -> usize {
    command_weight(&entry.command)
}

/// The same, of what an entry says.
#[must_use]
pub fn command_weight(command: &Command) -> usize {
    match command {
        Command::Append { value, .. } => value.len() + ENTRY_OVERHEAD_BYTES,
        Command::Note(note) => note.len() + ENTRY_OVERHEAD_BYTES,
        Command::Noop | Command::Open => ENTRY_OVERHEAD_BYTES,
    }
}

impl Log {
    /// An empty log that goes on after `base`.
    #[must_use]
    pub fn after(base: Position) -> Self {
        Log { base, slots: VecDeque::new() }
    }

    /// The last position that is summed up and no longer here.
    #[must_use]
    pub fn base(&self) -> Position {
        self.base
    }

    /// The index of the first entry here, whether or not there is one.
    #[must_use]
    pub fn first(&self) -> Index {
        self.base.index.next()
    }

    /// The last position.
    #[must_use]
    pub fn last(&self) -> Position {
        self.slots.back().map_or(self.base, Slot::position)
    }

    /// The last index.
    #[must_use]
    pub fn last_index(&self) -> Index {
        Index(self.base.index.0 + self.slots.len() as u64)
    }

    /// The position at `index`: an entry here, or the base itself.
    #[must_use]
    pub fn position(&self, index: Index) -> Option<Position> {
        if index == self.base.index {
            return Some(self.base);
        }
        self.slot(index).map(Slot::position)
    }

    /// The entry at `index`, if it is here.
    #[must_use]
    pub fn entry(&self, index: Index) -> Option<&LogEntry> {
        self.slot(index).map(|slot| &slot.entry)
    }

    /// The epoch at `index`, the base included.
    #[must_use]
    pub fn epoch(&self, index: Index) -> Option<Epoch> {
        self.position(index).map(|position| position.epoch)
    }

    /// The chain at `index`, the base included.
    #[must_use]
    pub fn chain(&self, index: Index) -> Option<Chain> {
        self.position(index).map(|position| position.chain)
    }

    /// Puts an entry at its index, which is at most one past the last, and returns its chain.
    /// It removes nothing after it.
    pub(in crate::common) fn put(&mut self, entry: LogEntry) -> Chain {
        assert!(entry.index > self.base.index, "what is summed up is never written again");
        assert!(entry.index <= self.last_index().next(), "a log has no holes");
        let before = Index(entry.index.0 - 1);
        let before = self.chain(before).expect("the entry before it is here, or the base");
        let chain = entry.chain(before);
        let at = self.at(entry.index).expect("the index is after the base");
        if at == self.slots.len() {
            self.slots.push_back(Slot { entry, chain });
        } else {
            self.slots[at] = Slot { entry, chain };
        }
        chain
    }

    /// Removes every entry with an index of at least `from`.
    pub(in crate::common) fn truncate(&mut self, from: Index) {
        self.slots.truncate(self.at(from).unwrap_or(0));
    }

    /// Drops entries up to `upto`, which becomes the base. Nothing happens when it is not here.
    pub(in crate::common) fn compact(&mut self, upto: Index) {
        let Some(base) = self.position(upto) else { return };
        self.slots.drain(..(upto.0 - self.base.index.0) as usize);
        self.base = base;
    }

    /// Entries from `from` on: at least one if there is one, then as many as stay within `bytes`.
    #[must_use]
    pub fn slice(&self, from: Index, bytes: usize) -> Vec<LogEntry> {
        let Some(start) = self.at(from).filter(|at| *at < self.slots.len()) else {
            return Vec::new();
        };
        let mut total = 0;
        let mut entries = Vec::new();
        for slot in self.slots.range(start..) {
            total += weight(&slot.entry);
            if total > bytes && !entries.is_empty() {
                break;
            }
            entries.push(slot.entry.clone());
        }
        entries
    }

    /// The first index here whose entry was created in `epoch` or later: epochs never decrease
    /// along a log.
    #[must_use]
    pub fn first_of(&self, epoch: Epoch) -> Index {
        let at = self.slots.partition_point(|slot| slot.entry.epoch < epoch);
        Index(self.base.index.0 + 1 + at as u64)
    }

    /// The last index here whose entry was created in exactly `epoch`.
    #[must_use]
    pub fn last_of(&self, epoch: Epoch) -> Option<Index> {
        let after = self.first_of(epoch.next());
        let last = Index(after.0 - 1);
        (self.epoch(last) == Some(epoch)).then_some(last)
    }

    /// The last entry of each of the latest epochs here, the latest first, and at most so many.
    #[must_use]
    pub fn ends(&self, most: usize) -> Vec<EntryId> {
        let mut ends = Vec::new();
        let mut last = self.last();
        while last.index > self.base.index && ends.len() < most {
            ends.push(last.id());
            let before = Index(self.first_of(last.epoch).0 - 1);
            last = self.position(before).expect("an index from the base to the last is here");
        }
        ends
    }

    /// How far another log agrees with this one, which has `end` as its last entry of that epoch:
    /// in an entry that both have, and so in all before it. None: this one has nothing of it.
    #[must_use]
    pub fn shared(&self, end: EntryId) -> Option<Index> {
        let last = self.last_of(end.epoch)?.min(end.index);
        (self.epoch(last) == Some(end.epoch)).then_some(last)
    }

    /// The check of AppendEntries (Ongaro and Ousterhout 2014, 5.3, figure 2 steps 2-4), with the
    /// answer that makes backtracking fast. What a node knows to be committed agrees with every
    /// leader, so what lies before its base counts as agreeing.
    #[must_use]
    pub fn reconcile(&self, prev: EntryId, entries: &[LogEntry]) -> Reconciled {
        let base = self.base.index;
        if prev.index > self.last_index() {
            return Reconciled::Refused { conflict: None, first: self.last_index().next() };
        }
        if prev.index >= base {
            let own = self.epoch(prev.index).expect("an index from the base to the last is here");
            if own != prev.epoch {
                let first = self.first_of(own).min(prev.index);
                return Reconciled::Refused { conflict: Some(own), first };
            }
        }
        let agrees =
            |entry: &&LogEntry| entry.index <= base || self.epoch(entry.index) == Some(entry.epoch);
        let keep = entries.iter().take_while(agrees).count();
        let cut = entries.get(keep).map(|e| e.index).filter(|index| *index <= self.last_index());
        Reconciled::Accepted { keep, truncate: cut }
    }

    /// The last position here, the base included, whose identity is at most `id`.
    #[must_use]
    pub fn at_most(&self, id: EntryId) -> Option<Position> {
        let before = |slot: &Slot| slot.position().id() <= id;
        match self.slots.partition_point(before) {
            0 => Some(self.base).filter(|base| base.id() <= id),
            n => self.slots.get(n - 1).map(Slot::position),
        }
    }

    fn at(&self, index: Index) -> Option<usize> {
        index.0.checked_sub(self.base.index.0 + 1).map(|at| at as usize)
    }

    fn slot(&self, index: Index) -> Option<&Slot> {
        self.at(index).and_then(|at| self.slots.get(at))
    }
}

impl Position {
    /// What identifies the entry there.
    #[must_use]
    pub fn id(self) -> EntryId {
        EntryId { epoch: self.epoch, index: self.index }
    }
}

impl Slot {
    fn position(&self) -> Position {
        Position { index: self.entry.index, epoch: self.entry.epoch, chain: self.chain }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(epochs: &[u64]) -> Log {
        let mut log = Log::default();
        for (i, epoch) in epochs.iter().enumerate() {
            log.put(noop(i as u64 + 1, *epoch));
        }
        log
    }

    fn noop(index: u64, epoch: u64) -> LogEntry {
        LogEntry { index: Index(index), epoch: Epoch(epoch), command: Command::Noop }
    }

    #[test]
    fn finds_the_ends_of_an_epoch() {
        let log = log(&[1, 1, 3, 3, 3, 7]);
        assert_eq!(log.first_of(Epoch(3)), Index(3));
        assert_eq!(log.last_of(Epoch(3)), Some(Index(5)));
        assert_eq!(log.last_of(Epoch(2)), None);
        assert_eq!(log.last_of(Epoch(7)), Some(Index(6)));
        assert_eq!(log.first_of(Epoch(9)), Index(7));
    }

    #[test]
    fn compaction_keeps_indices_and_chains() {
        let whole = log(&[1, 1, 2, 2]);
        let mut compacted = whole.clone();
        compacted.compact(Index(2));
        assert_eq!(compacted.first(), Index(3));
        for index in 2..=4 {
            assert_eq!(compacted.position(Index(index)), whole.position(Index(index)));
        }
        assert_eq!(compacted.position(Index(1)), None);
        compacted.truncate(Index(1));
        assert_eq!(compacted.last(), compacted.base());
    }

    #[test]
    fn the_last_position_up_to_an_identity() {
        let mut log = log(&[1, 1, 3, 3]);
        log.compact(Index(1));
        let check = |epoch, index, expected: Option<u64>| {
            let id = EntryId { epoch: Epoch(epoch), index: Index(index) };
            assert_eq!(log.at_most(id).map(|p| p.index.0), expected, "{id:?}");
        };
        check(3, 4, Some(4));
        check(3, 9, Some(4));
        check(3, 3, Some(3));
        check(2, 9, Some(2));
        check(3, 2, Some(2));
        check(1, 1, Some(1));
        check(1, 0, None);
    }

    #[test]
    fn what_two_logs_share_is_told_by_where_epochs_end() {
        let mut log = log(&[1, 1, 3, 3, 7]);
        let id = |epoch, index| EntryId { epoch: Epoch(epoch), index: Index(index) };
        assert_eq!(log.ends(9), [id(7, 5), id(3, 4), id(1, 2)]);
        assert_eq!(log.ends(1), [id(7, 5)]);
        log.compact(Index(2));
        assert_eq!(log.ends(9), [id(7, 5), id(3, 4)], "what is summed up is not here");
        let check = |epoch, index, expected: Option<u64>| {
            assert_eq!(log.shared(id(epoch, index)), expected.map(Index), "{epoch} {index}");
        };
        check(7, 5, Some(5));
        check(3, 9, Some(4));
        check(3, 3, Some(3));
        check(1, 2, Some(2));
        check(1, 1, None);
        check(2, 9, None);
        check(9, 9, None);
    }

    #[test]
    fn putting_replaces_one_slot_and_keeps_what_follows() {
        let mut log = log(&[1, 1, 1]);
        log.put(noop(2, 2));
        assert_eq!(log.epoch(Index(2)), Some(Epoch(2)));
        assert_eq!(log.last_index(), Index(3));
    }

    #[test]
    fn a_slice_holds_at_least_one_entry() {
        let log = log(&[1, 1, 1]);
        assert_eq!(log.slice(Index(2), 0).len(), 1);
        assert_eq!(log.slice(Index(1), 2 * ENTRY_OVERHEAD_BYTES).len(), 2);
        assert_eq!(log.slice(Index(4), 1_000).len(), 0);
    }
}
