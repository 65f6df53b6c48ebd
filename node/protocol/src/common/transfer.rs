//! A snapshot on its way from node to node. The delivered log is a file of its own, so a snapshot
//! is small, and what travels is the suffix of values that the receiver lacks, piece by piece.
//! It never sends, and never decides whether a snapshot is wanted.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::common::replica::Replica;
use crate::machine::{Index, Offset, Snapshot};

/// The sender's side: offered without values first; the receiver answers how many it has.
#[derive(Clone, Debug)]
pub struct Transfer {
    snapshot: Snapshot,
    /// Values up to here are sent; None until the receiver says how many it has.
    sent: Option<Offset>,
    /// Whether an answer came since the last heartbeat.
    moved: bool,
}

impl Transfer {
    #[must_use]
    pub fn new(snapshot: Snapshot) -> Self {
        Transfer { snapshot, sent: None, moved: true }
    }

    /// What is being sent.
    #[must_use]
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// The index of what is being sent.
    #[must_use]
    pub fn index(&self) -> Index {
        self.snapshot.index
    }

    /// A heartbeat passed. A transfer that did not move since the one before lost a message: its
    /// next answer starts again.
    pub fn on_heartbeat(&mut self) {
        if !self.moved {
            self.sent = None;
        }
        self.moved = false;
    }

    /// The receiver has this many values of the snapshot at `index`: the next piece, of at most
    /// `bytes`, and its first offset. None: it has them all, or the answer is an old one.
    pub fn next(
        &mut self,
        index: Index,
        have: Offset,
        replica: &Replica,
        bytes: usize,
    ) -> Option<(Offset, Vec<Bytes>)> {
        if index != self.snapshot.index || self.sent.is_some_and(|sent| have < sent) {
            return None;
        }
        let have = have.min(self.snapshot.length);
        let room = bytes.saturating_sub(self.snapshot.state.len());
        let values = replica.read(have, Some(self.snapshot.length.0 - have.0), room);
        if values.is_empty() {
            return None;
        }
        self.sent = Some(Offset(have.0 + values.len() as u64));
        self.moved = true;
        Some((have, values))
    }
}

/// The receiver's side: the values so far, from `from` on.
#[derive(Clone, Debug)]
pub struct Staging {
    index: Index,
    from: Offset,
    values: Vec<Bytes>,
    /// Pieces that overtook others.
    early: BTreeMap<Offset, Vec<Bytes>>,
}

impl Staging {
    /// Nothing so far; values are wanted from `from` on.
    #[must_use]
    pub fn new(index: Index, from: Offset) -> Self {
        Staging { index, from, values: Vec::new(), early: BTreeMap::new() }
    }

    /// The same values for another snapshot: what is delivered is one sequence, so that all
    /// snapshots agree on it. It keeps what that one stands for.
    #[must_use]
    pub fn moved_to(mut self, index: Index, length: Offset) -> Self {
        self.values.truncate(length.0.saturating_sub(self.from.0) as usize);
        self.early.clear();
        Staging { index, ..self }
    }

    /// The index of the snapshot that is arriving.
    #[must_use]
    pub fn index(&self) -> Index {
        self.index
    }

    /// How many values are here, in hand or delivered before.
    #[must_use]
    pub fn end(&self) -> Offset {
        Offset(self.from.0 + self.values.len() as u64)
    }

    /// Takes a piece that goes on where the last one ended; any other is dropped. Returns the end.
    pub fn take(&mut self, offset: Offset, values: Vec<Bytes>) -> Offset {
        if offset >= self.end() && !values.is_empty() {
            self.early.insert(offset, values);
        }
        while let Some(values) = self.early.remove(&self.end()) {
            self.values.extend(values);
        }
        self.end()
    }

    /// The values from `length` on: those that were not delivered meanwhile.
    #[must_use]
    pub fn values_from(self, length: Offset) -> Vec<Bytes> {
        let missing = (length.0 - self.from.0) as usize;
        self.values.get(missing..).unwrap_or_default().to_vec()
    }
}
