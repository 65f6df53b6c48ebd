//! A node's log as its trace tells it: in memory, and what its disk must hold.
//! It never believes the disk more than the trace proves.

use std::collections::VecDeque;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum At {
    /// The log ends before it.
    Absent,
    /// Summed up by a snapshot: there, but its chain is not known.
    Summed,
    Chain(u64),
}

#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Log {
    base: u64,
    base_chain: u64,
    /// (chain, epoch) of base + 1, base + 2, ...
    entries: Vec<(u64, u64)>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Change {
    Append { i: u64, epoch: u64, chain: u64 },
    Truncate { from: u64 },
    Restore { i: u64, chain: u64 },
}

impl Log {
    /// A log of which only the end is known.
    pub fn ending(last: u64, chain: u64) -> Self {
        Log { base: last, base_chain: chain, entries: Vec::new() }
    }

    pub fn last(&self) -> u64 {
        self.base + self.entries.len() as u64
    }

    pub fn last_chain(&self) -> u64 {
        self.entries.last().map_or(self.base_chain, |entry| entry.0)
    }

    pub fn at(&self, i: u64) -> At {
        if i == self.base {
            return At::Chain(self.base_chain);
        }
        if i < self.base {
            return At::Summed;
        }
        let entry = self.entries.get((i - self.base - 1) as usize);
        entry.map_or(At::Absent, |entry| At::Chain(entry.0))
    }

    /// Whether it holds this chain there, as far as can be known.
    pub fn holds(&self, i: u64, chain: u64) -> bool {
        match self.at(i) {
            At::Absent => false,
            At::Summed => true,
            At::Chain(there) => there == chain,
        }
    }

    /// The epoch of an entry. None: only a snapshot or a disk knows it.
    pub fn epoch(&self, i: u64) -> Option<u64> {
        let place = i.checked_sub(self.base + 1)?;
        self.entries.get(place as usize).map(|entry| entry.1)
    }

    /// The greatest epoch of the entries from `from` on. None: there are none.
    pub fn youngest(&self, from: u64) -> Option<u64> {
        let skip = from.saturating_sub(self.base + 1) as usize;
        self.entries.get(skip..)?.iter().map(|entry| entry.1).max()
    }

    pub fn change(&mut self, change: Change) {
        match change {
            Change::Append { i, epoch, chain } => {
                let place = i.checked_sub(self.base + 1).map(|place| place as usize);
                match place {
                    Some(place) if place < self.entries.len() => {
                        self.entries[place] = (chain, epoch);
                    }
                    Some(place) if place == self.entries.len() => {
                        self.entries.push((chain, epoch));
                    }
                    _ => *self = Log::ending(i, chain),
                }
            }
            Change::Truncate { from } if from > self.base => {
                self.entries.truncate((from - self.base - 1) as usize);
            }
            Change::Truncate { from } => {
                // Within what only a snapshot knows: what is left has an end nobody knows.
                let end = from.saturating_sub(1);
                *self = Log::ending(end, if end == 0 { 0 } else { UNKNOWN });
            }
            Change::Restore { i, chain } => {
                if self.at(i) != At::Chain(chain) {
                    *self = Log::ending(i, chain);
                }
            }
        }
    }
}

/// A chain nobody can know. That a real one is this has one chance in 2^64.
const UNKNOWN: u64 = u64::MAX;

/// What a disk holds for certain, and the changes after it that may be on it or not: after a crash
/// it holds some prefix of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Disk {
    pub sure: Log,
    pub pending: VecDeque<Change>,
}

impl Disk {
    /// The node says that its disk holds the log up to here. False: its log never held that.
    pub fn persisted(&mut self, upto: u64, chain: u64) -> bool {
        if self.sure.holds(upto, chain) {
            return true;
        }
        let puts = |change: &Change| match *change {
            Change::Append { i, chain: c, .. } | Change::Restore { i, chain: c } => {
                (i, c) == (upto, chain)
            }
            Change::Truncate { .. } => false,
        };
        let Some(place) = self.pending.iter().position(puts) else { return false };
        for change in self.pending.drain(..=place) {
            self.sure.change(change);
        }
        true
    }

    /// Whether the disk holds this for certain, and no removal of it is under way.
    pub fn keeps(&self, i: u64, chain: u64) -> bool {
        let removed = self.pending.iter().any(|change| match *change {
            Change::Truncate { from } => from <= i,
            _ => false,
        });
        let restored = self.pending.iter().any(|change| match *change {
            Change::Restore { i: upto, chain: c } => upto > i || (upto, c) == (i, chain),
            _ => false,
        });
        (self.sure.holds(i, chain) && !removed) || restored
    }

    /// After a restart the node found a log that ends so. Whether its disk may have held that.
    pub fn may_end(&self, last: u64, chain: u64) -> bool {
        let mut log = self.sure.clone();
        let ends = |log: &Log| (log.last(), log.last_chain()) == (last, chain);
        let mut found = ends(&log);
        for change in &self.pending {
            if found {
                break;
            }
            log.change(*change);
            found = ends(&log);
        }
        found
    }

    /// The log that a restart found, if the disk may have held it; otherwise only its end.
    pub fn reboot(&mut self, last: u64, chain: u64) {
        while (self.sure.last(), self.sure.last_chain()) != (last, chain) {
            match self.pending.pop_front() {
                Some(change) => self.sure.change(change),
                None => self.sure = Log::ending(last, chain),
            }
        }
        self.pending.clear();
    }
}
