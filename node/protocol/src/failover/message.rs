//! What the nodes of manual failover tell each other, and how it is written in a frame.
//! It never says what a message means: promotion, replication and the follower do.

use bytes::Bytes;

use super::rules::Standing;
use crate::machine::{EntryId, Epoch, Index, LogEntry, Offset, Snapshot};
use crate::wire::{Reader, Wire, WireError, Writer};
use crate::{FramePart, FrameRow};

/// A message. `epoch` is the one it belongs to; of a refusal the greater one that was promised.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Message {
    /// See above.
    pub epoch: Epoch,
    /// What it says.
    pub body: Body,
}

/// What a message says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Body {
    /// Promise me this epoch.
    Fence,
    /// Promised; so stands the sender's log.
    Promised {
        /// Epoch it was last whole in, and its end.
        standing: Standing,
    },
    /// A greater epoch was promised.
    Refused,
    /// What follows this entry in your log? Of a snapshot, the asker has `have` values.
    Pull {
        /// The last entry that the asker hopes to share.
        prev: EntryId,
        /// Delivered values in hand or delivered.
        have: Offset,
    },
    /// The answer: entries after `prev`, of a log that ends at `end`.
    Pulled {
        /// The entry before them.
        prev: EntryId,
        /// Contiguous.
        entries: Vec<LogEntry>,
        /// Where the sender's log ends.
        end: Index,
    },
    /// The answer: what follows is summed up; values from `from` on.
    PulledValues {
        /// The sum of the prefix.
        snapshot: Snapshot,
        /// The offset of the first of `values`.
        from: Offset,
        /// Delivered values.
        values: Vec<Bytes>,
    },
    /// The leader's entries: heartbeats and entries are one message.
    Append {
        /// The entry before the first of `entries`.
        prev: EntryId,
        /// The leader's commit index.
        commit: Index,
        /// What the epoch was opened with, up to here.
        open: Index,
        /// The latest read round.
        round: u64,
        /// Contiguous, from `prev` on.
        entries: Vec<LogEntry>,
    },
    /// The sender's log agrees with the leader's up to `matched`, durably.
    Matched {
        /// The last index known to agree.
        matched: Index,
        /// Whether the log is whole in this epoch, durably.
        whole: bool,
        /// The round of the message this answers.
        round: u64,
    },
    /// The sender's log does not hold the entry at `prev`.
    Mismatch {
        /// What was asked about.
        prev: Index,
        /// The birth of the sender's entry there, if it has one.
        conflict: Option<Epoch>,
        /// The first index of that birth, or one past the sender's last.
        first: Index,
    },
    /// Values of the leader's snapshot; none: an offer, and a heartbeat.
    Values {
        /// The sum of the prefix.
        snapshot: Snapshot,
        /// What the epoch was opened with, up to here.
        open: Index,
        /// The latest read round.
        round: u64,
        /// The offset of the first of `values`.
        from: Offset,
        /// Delivered values.
        values: Vec<Bytes>,
    },
    /// The answer to it: the receiver has this many delivered values, in hand or delivered.
    Have {
        /// The index of the snapshot.
        index: Index,
        /// How many.
        have: Offset,
    },
}

mod kind {
    pub const FENCE: u8 = 1;
    pub const PROMISED: u8 = 2;
    pub const REFUSED: u8 = 3;
    pub const PULL: u8 = 4;
    pub const PULLED: u8 = 5;
    pub const PULLED_VALUES: u8 = 6;
    pub const APPEND: u8 = 7;
    pub const MATCHED: u8 = 8;
    pub const MISMATCH: u8 = 9;
    pub const VALUES: u8 = 10;
    pub const HAVE: u8 = 11;
}

/// The kinds for whoever looks at frames on their way.
pub const FRAMES: &[FrameRow] = &[
    frame(kind::FENCE, "fence", FramePart::Moves),
    frame(kind::PROMISED, "promised", FramePart::Moves),
    frame(kind::REFUSED, "refused", FramePart::Moves),
    frame(kind::PULL, "pull", FramePart::Moves),
    frame(kind::PULLED, "pulled", FramePart::Moves),
    frame(kind::PULLED_VALUES, "pulled-values", FramePart::Moves),
    frame(kind::APPEND, "append", FramePart::Decides),
    frame(kind::MATCHED, "matched", FramePart::Moves),
    frame(kind::MISMATCH, "mismatch", FramePart::Moves),
    frame(kind::VALUES, "snapshot", FramePart::Decides),
    frame(kind::HAVE, "snapshot-have", FramePart::Moves),
];

const fn frame(kind: u8, name: &'static str, part: FramePart) -> FrameRow {
    FrameRow { kind, name, part }
}

impl Wire for Message {
    fn encode(&self) -> Bytes {
        let start = |kind, body_bytes| Writer::frame(kind, self.epoch, body_bytes);
        let of_entries = |e: &[LogEntry]| e.iter().map(crate::common::log::weight).sum::<usize>();
        let of_values = |values: &[Bytes]| values.iter().map(|v| v.len() + 4).sum::<usize>();
        let mut w;
        match &self.body {
            Body::Fence => w = start(kind::FENCE, 0),
            Body::Promised { standing } => {
                w = start(kind::PROMISED, 16);
                w.u64(standing.synced.0);
                w.u64(standing.last.0);
            }
            Body::Refused => w = start(kind::REFUSED, 0),
            Body::Pull { prev, have } => {
                w = start(kind::PULL, 24);
                w.id(*prev);
                w.u64(have.0);
            }
            Body::Pulled { prev, entries, end } => {
                w = start(kind::PULLED, 28 + of_entries(entries));
                w.id(*prev);
                w.u64(end.0);
                w.entries(entries);
            }
            Body::PulledValues { snapshot, from, values } => {
                w = start(kind::PULLED_VALUES, 64 + snapshot.state.len() + of_values(values));
                w.snapshot(snapshot);
                w.u64(from.0);
                w.values(values);
            }
            Body::Append { prev, commit, open, round, entries } => {
                w = start(kind::APPEND, 44 + of_entries(entries));
                w.id(*prev);
                w.u64(commit.0);
                w.u64(open.0);
                w.u64(*round);
                w.entries(entries);
            }
            Body::Matched { matched, whole, round } => {
                w = start(kind::MATCHED, 17);
                w.u64(matched.0);
                w.u8(u8::from(*whole));
                w.u64(*round);
            }
            Body::Mismatch { prev, conflict, first } => {
                w = start(kind::MISMATCH, 25);
                w.u64(prev.0);
                w.option(conflict.map(|e| e.0));
                w.u64(first.0);
            }
            Body::Values { snapshot, open, round, from, values } => {
                w = start(kind::VALUES, 80 + snapshot.state.len() + of_values(values));
                w.snapshot(snapshot);
                w.u64(open.0);
                w.u64(*round);
                w.u64(from.0);
                w.values(values);
            }
            Body::Have { index, have } => {
                w = start(kind::HAVE, 16);
                w.u64(index.0);
                w.u64(have.0);
            }
        }
        w.finish()
    }

    fn decode(bytes: Bytes) -> Result<Self, WireError> {
        let (kind, epoch, mut r) = Reader::frame(bytes)?;
        let body = match kind {
            kind::FENCE => Body::Fence,
            kind::PROMISED => Body::Promised {
                standing: Standing { synced: Epoch(r.u64()?), last: Index(r.u64()?) },
            },
            kind::REFUSED => Body::Refused,
            kind::PULL => Body::Pull { prev: r.id()?, have: Offset(r.u64()?) },
            kind::PULLED => {
                let (prev, end) = (r.id()?, Index(r.u64()?));
                Body::Pulled { prev, entries: r.entries(prev.index)?, end }
            }
            kind::PULLED_VALUES => {
                let (snapshot, from) = (r.snapshot()?, Offset(r.u64()?));
                Body::PulledValues { snapshot, from, values: r.values()? }
            }
            kind::APPEND => {
                let (prev, commit) = (r.id()?, Index(r.u64()?));
                let (open, round) = (Index(r.u64()?), r.u64()?);
                Body::Append { prev, commit, open, round, entries: r.entries(prev.index)? }
            }
            kind::MATCHED => {
                Body::Matched { matched: Index(r.u64()?), whole: r.boolean()?, round: r.u64()? }
            }
            kind::MISMATCH => Body::Mismatch {
                prev: Index(r.u64()?),
                conflict: r.option()?.map(Epoch),
                first: Index(r.u64()?),
            },
            kind::VALUES => {
                let (snapshot, open) = (r.snapshot()?, Index(r.u64()?));
                let (round, from) = (r.u64()?, Offset(r.u64()?));
                Body::Values { snapshot, open, round, from, values: r.values()? }
            }
            kind::HAVE => Body::Have { index: Index(r.u64()?), have: Offset(r.u64()?) },
            other => return Err(WireError(format!("no message is of kind {other}"))),
        };
        r.end()?;
        Ok(Message { epoch, body })
    }
}
