//! What the nodes of manual failover tell each other, and how it is written in a frame.
//! It never says what a message means: promotion, replication and the follower do.

use bytes::Bytes;

use crate::machine::{EntryId, Epoch, Index, LogEntry, Offset, Snapshot};
use crate::wire::{fields, messages};

/// What a node says of its log when it promises.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Standing {
    /// The last epoch in which its log was whole.
    pub synced: Epoch,
    /// Where its log ends.
    pub last: Index,
}

fields!(Standing { synced: Epoch, last: Index });

messages! {
    /// A message. `epoch` is the one it belongs to; of a refusal the greater one that was promised.
    pub struct Message {
        epoch: Epoch
    }

    /// What a message says.
    pub enum Body {
        /// Promise me this epoch.
        FENCE = 1 "fence" Moves: Fence,
        /// Promised; so stands the sender's log.
        PROMISED = 2 "promised" Moves: Promised {
            /// Epoch it was last whole in, and its end.
            standing: Standing,
        },
        /// A greater epoch was promised.
        REFUSED = 3 "refused" Moves: Refused,
        /// What follows this entry in your log? Of a snapshot, the asker has `have` values.
        PULL = 4 "pull" Moves: Pull {
            /// The last entry that the asker hopes to share.
            prev: EntryId,
            /// Delivered values in hand or delivered.
            have: Offset,
        },
        /// The answer: entries after `prev`, of a log that ends at `end`.
        PULLED = 5 "pulled" Moves: Pulled {
            /// The entry before them.
            prev: EntryId,
            /// Contiguous.
            entries: Vec<LogEntry> where after(prev.index),
            /// Where the sender's log ends.
            end: Index,
        },
        /// The answer: what follows is summed up; values from `from` on.
        PULLED_VALUES = 6 "pulled-values" Moves: PulledValues {
            /// The sum of the prefix.
            snapshot: Snapshot,
            /// The offset of the first of `values`.
            from: Offset,
            /// Delivered values.
            values: Vec<Bytes>,
        },
        /// The leader's entries: heartbeats and entries are one message.
        APPEND = 7 "append" Decides: Append {
            /// The entry before the first of `entries`.
            prev: EntryId,
            /// The leader's commit index.
            commit: Index,
            /// What the epoch was opened with, up to here.
            open: Index,
            /// The latest read round.
            round: u64,
            /// Contiguous, from `prev` on.
            entries: Vec<LogEntry> where after(prev.index),
        },
        /// The sender's log agrees with the leader's up to `matched`, durably.
        MATCHED = 8 "matched" Moves: Matched {
            /// The last index known to agree.
            matched: Index,
            /// Whether the log is whole in this epoch, durably.
            whole: bool,
            /// The round of the message this answers.
            round: u64,
        },
        /// The sender's log does not hold the entry at `prev`.
        MISMATCH = 9 "mismatch" Moves: Mismatch {
            /// What was asked about.
            prev: Index,
            /// The epoch of the sender's entry there, if it has one.
            conflict: Option<Epoch>,
            /// The first index of that epoch, or one past the sender's last.
            first: Index,
        },
        /// Values of the leader's snapshot; none: an offer, and a heartbeat.
        VALUES = 10 "snapshot" Decides: Values {
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
        HAVE = 11 "snapshot-have" Moves: Have {
            /// The index of the snapshot.
            index: Index,
            have: Offset,
        },
    }
}
