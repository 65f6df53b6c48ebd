//! What the sequencer and its receivers tell each other, and how it is written in a frame.
//! It never says what a message means.

use bytes::Bytes;

use crate::machine::{Epoch, Index, LogEntry, Offset, Snapshot};
use crate::wire::{Reader, Wire, WireError, Writer};
use crate::{FramePart, FrameRow};

/// A message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Message {
    /// The latest incarnation of the sequencer that its sender knows of.
    pub epoch: Epoch,
    /// What it says.
    pub body: Body,
}

/// What a message says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Body {
    /// The next numbers of the order; none: a heartbeat.
    Run {
        /// The number before the first of them.
        before: Index,
        /// Contiguous.
        entries: Vec<LogEntry>,
    },
    /// The receiver's disk holds the order up to here.
    Ack {
        /// The last number.
        upto: Index,
    },
    /// Something is missing: send again from `wanted` on.
    Nack {
        /// The `before` of the run that did not fit.
        before: Index,
        /// The first number missing.
        wanted: Index,
    },
    /// Values of a snapshot from `from` on; none: an offer, and a heartbeat.
    Snapshot {
        /// The sum of the prefix.
        snapshot: Snapshot,
        /// The offset of the first of `values`.
        from: Offset,
        /// Delivered values.
        values: Vec<Bytes>,
    },
    /// The receiver has this many delivered values, in hand or delivered.
    Have {
        /// The index of the snapshot.
        index: Index,
        /// How many.
        have: Offset,
    },
}

mod kind {
    pub const RUN: u8 = 1;
    pub const ACK: u8 = 2;
    pub const NACK: u8 = 3;
    pub const SNAPSHOT: u8 = 4;
    pub const HAVE: u8 = 5;
}

/// The kinds for whoever looks at frames on their way.
pub const FRAMES: &[FrameRow] = &[
    FrameRow { kind: kind::RUN, name: "run", part: FramePart::Decides },
    FrameRow { kind: kind::ACK, name: "ack", part: FramePart::Moves },
    FrameRow { kind: kind::NACK, name: "nack", part: FramePart::Moves },
    FrameRow { kind: kind::SNAPSHOT, name: "snapshot", part: FramePart::Decides },
    FrameRow { kind: kind::HAVE, name: "snapshot-have", part: FramePart::Moves },
];

impl Wire for Message {
    fn encode(&self) -> Bytes {
        let mut w;
        match &self.body {
            Body::Run { before, entries } => {
                let weight: usize = entries.iter().map(crate::common::log::weight).sum();
                w = Writer::frame(kind::RUN, self.epoch, 12 + weight);
                w.u64(before.0);
                w.entries(entries);
            }
            Body::Ack { upto } => {
                w = Writer::frame(kind::ACK, self.epoch, 8);
                w.u64(upto.0);
            }
            Body::Nack { before, wanted } => {
                w = Writer::frame(kind::NACK, self.epoch, 16);
                w.u64(before.0);
                w.u64(wanted.0);
            }
            Body::Snapshot { snapshot, from, values } => {
                let weight: usize = values.iter().map(|v| v.len() + 4).sum();
                w = Writer::frame(kind::SNAPSHOT, self.epoch, 64 + snapshot.state.len() + weight);
                w.snapshot(snapshot);
                w.u64(from.0);
                w.values(values);
            }
            Body::Have { index, have } => {
                w = Writer::frame(kind::HAVE, self.epoch, 16);
                w.u64(index.0);
                w.u64(have.0);
            }
        }
        w.finish()
    }

    fn decode(bytes: Bytes) -> Result<Self, WireError> {
        let (kind, epoch, mut r) = Reader::frame(bytes)?;
        let body = match kind {
            kind::RUN => {
                let before = Index(r.u64()?);
                Body::Run { before, entries: r.entries(before)? }
            }
            kind::ACK => Body::Ack { upto: Index(r.u64()?) },
            kind::NACK => Body::Nack { before: Index(r.u64()?), wanted: Index(r.u64()?) },
            kind::SNAPSHOT => {
                let snapshot = r.snapshot()?;
                let from = Offset(r.u64()?);
                Body::Snapshot { snapshot, from, values: r.values()? }
            }
            kind::HAVE => Body::Have { index: Index(r.u64()?), have: Offset(r.u64()?) },
            other => return Err(WireError(format!("no message is of kind {other}"))),
        };
        r.end()?;
        Ok(Message { epoch, body })
    }
}
