//! What the sequencer and its receivers tell each other, and how it is written in a frame.
//! It never says what a message means.

use bytes::Bytes;

use crate::machine::{Epoch, Index, LogEntry, Offset, Snapshot};
use crate::wire::messages;

messages! {
    pub struct Message {
        /// The latest incarnation of the sequencer that its sender knows of.
        epoch: Epoch
    }

    /// What a message says.
    pub enum Body {
        /// The next numbers of the order; none: a heartbeat.
        RUN = 1 "run" Decides: Run {
            /// The number before the first of them.
            before: Index,
            /// Contiguous.
            entries: Vec<LogEntry> where after(before),
        },
        /// The receiver's disk holds the order up to here.
        ACK = 2 "ack" Moves: Ack {
            /// The last number.
            upto: Index,
        },
        /// Something is missing: send again from `wanted` on.
        NACK = 3 "nack" Moves: Nack {
            /// The `before` of the run that did not fit.
            before: Index,
            /// The first number missing.
            wanted: Index,
        },
        /// Values of a snapshot from `from` on; none: an offer, and a heartbeat.
        SNAPSHOT = 4 "snapshot" Decides: Snapshot {
            /// The sum of the prefix.
            snapshot: Snapshot,
            /// The offset of the first of `values`.
            from: Offset,
            /// Delivered values.
            values: Vec<Bytes>,
        },
        /// The receiver has this many delivered values, in hand or delivered.
        HAVE = 5 "snapshot-have" Moves: Have {
            /// The index of the snapshot.
            index: Index,
            have: Offset,
        },
    }
}
