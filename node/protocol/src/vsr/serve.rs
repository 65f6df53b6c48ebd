//! State transfer (paper, 5.2 and 5.3), the side that answers: the end of the log, or the snapshot
//! that sums up what is wanted, in small pieces.
//!
//! It keeps no account of who has got what: who asks says it.

use super::message::{Body, Suffix};
use super::{Out, Vsr};
use crate::common::pending::MESSAGE_BYTES_MAX;
use crate::machine::{EntryId, Epoch, Index, NodeId, Offset};

/// Bytes of entries in one NewState: so few that over a link of 1 MB a second one comes within T,
/// and shows that there is somebody.
pub(super) const PIECE_BYTES_MAX: usize = 128 * 1024;

/// As much is asked for at once as a primary sends ahead: with 40 ms from node to node that makes
/// 50 MB a second, and more would keep heartbeats waiting.
pub(super) const ASKED_BYTES_MAX: u64 = 4 * MESSAGE_BYTES_MAX as u64;

impl Vsr {
    #[allow(clippy::too_many_arguments)] // the fields of one GetState
    pub(super) fn on_get_state(
        &mut self,
        from: NodeId,
        view: Epoch,
        after: Index,
        ends: &[EntryId],
        bytes: u64,
        snapshot: Index,
        have: Offset,
        out: &mut Out,
    ) {
        if view != self.state.hard.view || !self.rules.may_serve(&self.state, from) {
            return;
        }
        self.heard_backup(from);
        let ordered = &self.state.ordered;
        let after = self.rules.parts_after(&self.state, ends).map_or(after, |i| i.max(after));
        if ordered.log.epoch(after).is_some() {
            self.send_state(from, after, bytes, out);
        } else if after <= self.state.last() {
            self.send_snapshot(from, snapshot, have, bytes, out);
        }
    }

    fn send_state(&self, to: NodeId, mut after: Index, bytes: u64, out: &mut Out) {
        let commit = self.state.ordered.commit;
        let pieces = (bytes.min(ASKED_BYTES_MAX) / PIECE_BYTES_MAX as u64).max(1);
        for left in (0..pieces).rev() {
            let suffix = self.suffix_after(after, PIECE_BYTES_MAX);
            after = suffix.end();
            let more = left > 0 && !suffix.is_whole();
            self.send(to, Body::NewState { commit, suffix, more }, out);
            if !more {
                return;
            }
        }
    }

    /// Pieces of the latest snapshot, to one who has so many values of the one at `index`; of
    /// another one nothing yet but that it is there. All that it sums up beside the values comes
    /// with each of them, so they are few and large.
    fn send_snapshot(&self, to: NodeId, index: Index, have: Offset, bytes: u64, out: &mut Out) {
        let latest = &self.state.ordered.snapshot;
        let length = latest.length;
        let room = MESSAGE_BYTES_MAX.saturating_sub(latest.state.len());
        let mut from = if index == latest.index { have.min(length) } else { length };
        let pieces = (bytes.min(ASKED_BYTES_MAX) / MESSAGE_BYTES_MAX as u64).max(1);
        for left in (0..pieces).rev() {
            let values = self.state.ordered.replica.read(from, Some(length.0 - from.0), room);
            let end = Offset(from.0 + values.len() as u64);
            let more = left > 0 && end < length;
            let body = Body::NewSnapshot { snapshot: latest.clone(), from, values, more };
            self.send(to, body, out);
            if !more {
                return;
            }
            from = end;
        }
    }

    /// The log after `after`, as far as it fits into so many bytes.
    fn suffix_after(&self, after: Index, bytes: usize) -> Suffix {
        let log = &self.state.ordered.log;
        let prev = log.position(after).expect("an index from the base to the last is here").id();
        Suffix { prev, entries: log.slice(after.next(), bytes), last: log.last_index() }
    }

    /// The end of the log: all after `after`, or as much of it as fits into so many bytes.
    pub(super) fn ending(&self, after: Index, bytes: usize) -> Suffix {
        let log = &self.state.ordered.log;
        let last = log.last_index();
        let mut after = after.max(log.base().index);
        let mut room = bytes;
        let indices = (after.0 + 1..=last.0).rev().map(Index);
        for index in indices {
            let weight = log.entry(index).map_or(0, crate::common::log::weight);
            if weight > room {
                after = index;
                break;
            }
            room -= weight;
        }
        self.suffix_after(after, bytes)
    }
}
