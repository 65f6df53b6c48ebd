//! What replicas tell each other, and how it is written in a frame.
//! It never says what a message means: the files named after the concerns do.

use bytes::Bytes;

use crate::machine::{EntryId, Epoch, Index, LogEntry, Offset, Snapshot};
use crate::wire::{fields, messages};

/// The end of a log: the entries after `prev`, as far as they fit into the message.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Suffix {
    /// The entry before the first of `entries`.
    pub prev: EntryId,
    /// Contiguous, from `prev` on.
    pub entries: Vec<LogEntry>,
    /// Where the sender's log ends.
    pub last: Index,
}

fields!(
    Suffix { prev: EntryId, last: Index, entries: Vec<LogEntry> where after(prev.index) }
    if prev.index.0 + entries.len() as u64 <= last.0
);

impl Suffix {
    /// The last index it brings.
    #[must_use]
    pub fn end(&self) -> Index {
        Index(self.prev.index.0 + self.entries.len() as u64)
    }

    /// Whether the sender's log ends with it.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.end() == self.last
    }
}

messages! {
    /// A message. `view` is the sender's, but in Recovery, where it is what the sender remembers.
    pub struct Message {
        view: Epoch
    }

    /// What a message says.
    pub enum Body {
        /// Prepare, with as many entries as came together, and without any the Commit message that
        /// an idle primary sends (paper, 4.1, steps 3 and 6).
        PREPARE = 1 "prepare" Decides: Prepare {
            /// The index before the first of `entries`.
            prev: Index,
            /// The primary's commit number.
            commit: Index,
            /// The latest read round: unique within a view, made by the primary.
            round: u64,
            /// Contiguous, from `prev` on.
            entries: Vec<LogEntry> where after(prev),
        },
        /// PrepareOK for everything up to `upto` (paper, 4.1, step 4).
        PREPARE_OK = 2 "prepare-ok" Moves: PrepareOk {
            /// The last index acknowledged.
            upto: Index,
            /// The round of the message this answers.
            round: u64,
        },
        /// StartViewChange (paper, 4.2, step 1): the sender wants `wanted`, or a later view.
        START_VIEW_CHANGE = 3 "start-view-change" Moves: StartViewChange {
            /// At least the view the sender is in.
            wanted: Epoch,
        },
        /// DoViewChange (paper, 4.2, step 2).
        DO_VIEW_CHANGE = 4 "do-view-change" Moves: DoViewChange {
            /// The last view in which the sender's status was normal.
            normal: Epoch,
            /// The sender's commit number.
            commit: Index,
            /// Its log after that.
            suffix: Suffix,
        },
        /// StartView (paper, 4.2, step 4).
        START_VIEW = 5 "start-view" Decides: StartView {
            /// The primary's commit number.
            commit: Index,
            /// The log that was chosen.
            suffix: Suffix,
        },
        /// GetState (paper, 5.2): what comes after `after`?
        GET_STATE = 6 "get-state" Moves: GetState {
            /// The sender has what the receiver's log holds up to here.
            after: Index,
            /// What else it has: the last entry of each of the latest epochs, in its own log and in
            /// what has come of others'. Nothing once the two know where their logs part.
            ends: Vec<EntryId>,
            /// How much to send at once, in pieces.
            bytes: u64,
            /// The snapshot that is arriving, if any; 0: none.
            snapshot: Index,
            /// How many delivered values the sender has, of its own and of that snapshot.
            have: Offset,
        },
        /// NewState (paper, 5.2): a piece of the log.
        NEW_STATE = 7 "new-state" Decides: NewState {
            /// The sender's commit number.
            commit: Index,
            /// What was asked for, as far as it fits.
            suffix: Suffix,
            /// The next piece is on its way.
            more: bool,
        },
        /// NewState where what was asked for is summed up (paper, 5.2.1). Without values an offer.
        NEW_SNAPSHOT = 8 "new-snapshot" Decides: NewSnapshot {
            /// The sum of the prefix.
            snapshot: Snapshot,
            /// The offset of the first of `values`.
            from: Offset,
            /// Delivered values.
            values: Vec<Bytes>,
            /// The next piece is on its way.
            more: bool,
        },
        /// Recovery (paper, 4.3, step 1).
        RECOVERY = 9 "recovery" Asks: Recovery {
            /// Never used before.
            nonce: u64,
        },
        /// RecoveryResponse (paper, 4.3, step 2).
        RECOVERY_RESPONSE = 10 "recovery-response" Moves: RecoveryResponse {
            /// The nonce of the Recovery.
            nonce: u64,
            /// The sender's log and commit number, if it is the primary of its view. A log that
            /// does not fit is asked for.
            primary: Option<(Index, Suffix)>,
        },
        /// What may a linearizable read asked now be answered from?
        READ_INDEX = 11 "read-index" Moves: ReadIndex {
            /// Unique over all incarnations of the sender.
            token: u64,
        },
        /// The answer to it.
        READ_INDEX_REPLY = 12 "read-index-reply" Moves: ReadIndexReply {
            /// The token of the question.
            token: u64,
            /// The index; None when the sender is not primary.
            index: Option<Index>,
        },
    }
}
