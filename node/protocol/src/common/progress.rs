//! A leader's view of one follower's log, where logs are compared by (epoch, index) prefixes: what
//! goes to it next, and what its answers mean (Ongaro and Ousterhout 2014, 5.3; Ongaro's
//! dissertation, 10.2). Raft, manual failover and the sequencer send to their followers so.
//!
//! It never sends, and never sends more than a window of messages ahead of the answers: entries
//! that come meanwhile go together in the next one.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::common::log::Log;
use crate::common::ordered::Ordered;
use crate::common::pending::MESSAGE_BYTES_MAX;
use crate::common::replica::Replica;
use crate::common::transfer::Transfer;
use crate::machine::{EntryId, Epoch, Index, LogEntry, NodeId, Offset, Snapshot, Time};

/// What a leader knows of a follower.
#[derive(Clone, Debug)]
pub struct ReplicationProgress {
    pub id: NodeId,
    /// The last index known to agree, durably.
    pub matched: Index,
    /// The latest round it answered ([`crate::common::rounds`]).
    pub round: u64,
    /// When it last answered anything.
    pub heard: Time,
    /// The next index to send.
    next: Index,
    mode: Mode,
}

#[derive(Clone, Debug)]
enum Mode {
    /// Finding out where the logs agree: one message at a time.
    Probe { asked: bool },
    /// They agree up to `next`: messages with entries follow each other; the last index of each.
    Stream { under_way: VecDeque<Index> },
    /// What it lacks is summed up here.
    Snapshot(Transfer),
}

/// What to send.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Piece {
    /// Entries after `prev`; none: a heartbeat.
    Entries {
        /// The entry before the first of them.
        prev: EntryId,
        /// Contiguous.
        entries: Vec<LogEntry>,
    },
    /// Values of a snapshot from `from` on; none: an offer, and a heartbeat.
    Values {
        /// The sum of the prefix.
        snapshot: Snapshot,
        /// The offset of the first of them.
        from: Offset,
        /// Contiguous.
        values: Vec<Bytes>,
    },
}

impl ReplicationProgress {
    /// Starts with the hope that the logs agree before `next`.
    #[must_use]
    pub fn new(id: NodeId, next: Index, now: Time) -> Self {
        let mode = Mode::Stream { under_way: VecDeque::new() };
        ReplicationProgress { id, matched: Index(0), round: 0, heard: now, next, mode }
    }

    /// The next message with entries up to `upto`, if one is due.
    pub fn next(&mut self, ordered: &Ordered, upto: Index, window: usize) -> Option<Piece> {
        let due = match &self.mode {
            Mode::Probe { asked } => !asked,
            Mode::Stream { under_way } => under_way.len() < window && self.next <= upto,
            Mode::Snapshot(_) => false,
        };
        due.then(|| self.piece(ordered, upto, MESSAGE_BYTES_MAX))
    }

    /// A message now, without entries: a heartbeat, or the start of a read round.
    pub fn heartbeat(&mut self, ordered: &Ordered) -> Piece {
        if matches!(self.mode, Mode::Snapshot(_)) {
            self.offer(&ordered.snapshot)
        } else {
            self.piece(ordered, Index(0), 0)
        }
    }

    /// A heartbeat is due: a transfer of a snapshot that lost a message starts again.
    pub fn on_heartbeat_due(&mut self) {
        if let Mode::Snapshot(transfer) = &mut self.mode {
            transfer.on_heartbeat();
        }
    }

    fn piece(&mut self, ordered: &Ordered, upto: Index, bytes: usize) -> Piece {
        let before = Index(self.next.0 - 1);
        let Some(epoch) = ordered.log.epoch(before) else {
            return self.offer(&ordered.snapshot);
        };
        let mut entries = if bytes == 0 { Vec::new() } else { ordered.log.slice(self.next, bytes) };
        entries.truncate((upto.0 + 1).saturating_sub(self.next.0) as usize);
        match &mut self.mode {
            Mode::Probe { asked } => *asked = true,
            Mode::Stream { under_way } => {
                if let Some(last) = entries.last() {
                    under_way.push_back(last.index);
                    self.next = last.index.next();
                }
            }
            Mode::Snapshot(_) => {}
        }
        Piece::Entries { prev: EntryId { index: before, epoch }, entries }
    }

    fn offer(&mut self, latest: &Snapshot) -> Piece {
        if !matches!(self.mode, Mode::Snapshot(_)) {
            self.mode = Mode::Snapshot(Transfer::new(latest.clone()));
        }
        let Mode::Snapshot(transfer) = &self.mode else { unreachable!("it was just set") };
        let snapshot = transfer.snapshot().clone();
        Piece::Values { from: snapshot.length, snapshot, values: Vec::new() }
    }

    /// It agrees up to `matched`, durably; the leader's log ends at `last`.
    pub fn on_matched(&mut self, matched: Index, last: Index) {
        self.matched = self.matched.max(matched.min(last));
        match &mut self.mode {
            Mode::Probe { .. } => self.mode = Mode::Stream { under_way: VecDeque::new() },
            Mode::Stream { under_way } => {
                while under_way.front().is_some_and(|sent| *sent <= matched) {
                    under_way.pop_front();
                }
            }
            Mode::Snapshot(transfer) => {
                if self.matched < transfer.index() {
                    return;
                }
                self.mode = Mode::Stream { under_way: VecDeque::new() };
            }
        }
        self.next = self.next.max(self.matched.next());
    }

    /// It does not hold the entry at `prev`. Fast backtracking (paper, end of 5.3): whole epochs
    /// are skipped.
    pub fn on_mismatch(&mut self, log: &Log, prev: Index, conflict: Option<Epoch>, first: Index) {
        let late = match &self.mode {
            Mode::Probe { .. } => prev.next() != self.next,
            Mode::Stream { .. } => prev >= self.next,
            Mode::Snapshot(_) => true,
        };
        if late || prev <= self.matched {
            return;
        }
        let own_last = conflict.and_then(|epoch| log.last_of(epoch));
        let next = own_last.map_or(first, Index::next);
        self.next = next.min(prev).max(self.matched.next());
        self.mode = Mode::Probe { asked: false };
    }

    /// It has this many values of the snapshot at `index`: the next piece, if one is due.
    pub fn on_have(&mut self, index: Index, have: Offset, replica: &Replica) -> Option<Piece> {
        let Mode::Snapshot(transfer) = &mut self.mode else { return None };
        let (from, values) = transfer.next(index, have, replica, MESSAGE_BYTES_MAX)?;
        Some(Piece::Values { snapshot: transfer.snapshot().clone(), from, values })
    }
}
