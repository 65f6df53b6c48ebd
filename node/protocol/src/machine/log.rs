//! What a log is made of, and what the disk is asked to keep.
//! Plain data: nothing here does anything.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::chain::Chain;
use super::ids::{Epoch, Index, Offset, Session};

/// An entry of a protocol's own log.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LogEntry {
    /// Its index.
    pub index: Index,
    /// The epoch it was created in; never restamped.
    pub birth: Epoch,
    /// What it says.
    pub command: Command,
}

/// What an entry of the log does to the state machine when it is applied.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Command {
    /// Nothing: a new leader's first entry.
    Noop,
    /// Opens a session; its client id is derived from the entry's index.
    Open,
    /// Appends a value to the log that clients see.
    Append {
        /// The value as compact JSON.
        value: Bytes,
        /// The session it belongs to, if any.
        session: Option<Session>,
        /// Append only if the log's length is this at that moment.
        expect: Option<Offset>,
    },
}

/// The sum of a prefix of the log. The entries themselves are in a file of their own.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Snapshot {
    /// The last index it covers.
    pub index: Index,
    /// The birth epoch of that entry.
    pub birth: Epoch,
    /// The log's chain there ([`LogEntry::chain`]).
    pub chain: Chain,
    /// The number of entries delivered up to there.
    pub length: Offset,
    /// The chain over the delivered values ([`chain_value`]).
    pub delivered_chain: Chain,
    /// Configuration and sessions, in the protocol's own encoding.
    pub state: Bytes,
}

/// What the disk is asked to keep. Each kind's meaning at recovery is exact, so that leaving one
/// out (as a planted bug does) has the effect a real omission would have.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Record {
    /// The protocol's hard state (term and vote, promised ballot, ...); the last one wins.
    State(Bytes),
    /// Puts this entry at its index. It removes nothing after it.
    Append(LogEntry),
    /// Removes every entry with an index of at least `from`.
    Truncate {
        /// The first index removed.
        from: Index,
    },
    /// All up to `snapshot.index` is summed up by this and may be removed from the log; entries
    /// after it stay. `values` are entries that the delivered entries' file must take over first,
    /// at offsets from `from` on (an installed snapshot; empty for one taken locally).
    Snapshot {
        /// The summary.
        snapshot: Snapshot,
        /// The offset of the first of `values`.
        from: Offset,
        /// Values that did not come as [`Output::Deliver`].
        values: Vec<Bytes>,
    },
}

/// One delivered entry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Delivery {
    /// Its position in the log that clients see.
    pub offset: Offset,
    /// The value as compact JSON.
    pub value: Bytes,
    /// The session and number it was appended with, if any.
    pub session: Option<Session>,
    /// The epoch the entry was born in.
    pub epoch: Epoch,
}
