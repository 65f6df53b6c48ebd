//! What is kept: records, entries, snapshots, and the chains over them.
//! Nothing here says when a thing is written; that is an output's mark.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Chain, ClientId, Epoch, Index, Offset};

/// One delivered entry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Delivery {
    /// Its position in the log that clients see.
    pub offset: Offset,
    /// The value as compact JSON.
    pub value: Bytes,
    /// The session and number it was appended with, if any.
    pub session: Option<Session>,
    /// The epoch in which the entry was proposed.
    pub epoch: Epoch,
}

/// A client's session and the number of a request within it: 1, 2, 3, ...
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Session {
    pub client: ClientId,
    /// The how-manieth request of it.
    pub seq: u64,
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
        snapshot: Snapshot,
        /// The offset of the first of `values`.
        from: Offset,
        /// Values that did not come as [`Output::Deliver`](super::Output::Deliver).
        values: Vec<Bytes>,
    },
}

/// An entry of a protocol's own log.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LogEntry {
    pub index: Index,
    /// The epoch it was created in; never restamped.
    pub epoch: Epoch,
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
    /// A protocol's own durable note, where its records are a journal and not the ordered log
    /// itself (an acceptor's promises and acceptances). It is never applied.
    Note(Bytes),
}

/// The sum of a prefix of the log. The entries themselves are in a file of their own.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Snapshot {
    /// The last index it covers.
    pub index: Index,
    /// The epoch of that entry.
    pub epoch: Epoch,
    /// The log's chain there ([`LogEntry::chain`]).
    pub chain: Chain,
    /// The number of entries delivered up to there.
    pub length: Offset,
    /// The chain over the delivered values ([`chain_value`]).
    pub delivered_chain: Chain,
    /// Configuration and sessions, in the protocol's own encoding.
    pub state: Bytes,
}

impl LogEntry {
    /// The chain up to and with this entry: FNV-1a-64 over the chain before it (8 bytes, little
    /// endian), then kind, client, seq, payload and epoch.
    #[must_use]
    pub fn chain(&self, before: Chain) -> Chain {
        let hash = self.command.hash_into(Fnv::new().bytes(&before.0.to_le_bytes()));
        Chain(hash.bytes(&self.epoch.0.to_le_bytes()).0)
    }
}

impl Command {
    /// Names a value in the evidence of Paxos: FNV-1a-64 over kind, client, seq and payload.
    #[must_use]
    pub fn hash(&self) -> Chain {
        Chain(self.hash_into(Fnv::new()).0)
    }

    fn hash_into(&self, hash: Fnv) -> Fnv {
        match self {
            Command::Noop => hash.bytes(&[0]),
            Command::Open => hash.bytes(&[1]),
            Command::Note(note) => hash.bytes(&[3]).bytes(note),
            Command::Append { value, session, expect } => {
                let (client, seq) = session.map_or((0, 0), |s| (s.client.0, s.seq));
                hash.bytes(&[2, u8::from(session.is_some()), u8::from(expect.is_some())])
                    .bytes(&client.to_le_bytes())
                    .bytes(&seq.to_le_bytes())
                    .bytes(&expect.map_or(0, |o| o.0).to_le_bytes())
                    .bytes(value)
            }
        }
    }
}

/// The chain over delivered values: `chain(k + 1) = FNV-1a-64(chain(k) as 8 bytes little endian,
/// then the value as compact JSON)`; `chain(0) = 0`.
#[must_use]
pub fn chain_value(before: Chain, value: &[u8]) -> Chain {
    Chain(Fnv::new().bytes(&before.0.to_le_bytes()).bytes(value).0)
}

/// FNV-1a-64 of these bytes: the name of a value, or of a key, in evidence.
#[must_use]
pub fn fnv(bytes: &[u8]) -> u64 {
    Fnv::new().bytes(bytes).0
}

/// FNV-1a, 64 bits (Fowler, Noll, Vo; offset basis and prime as published).
struct Fnv(u64);

impl Fnv {
    fn new() -> Self {
        Fnv(0xcbf2_9ce4_8422_2325)
    }

    fn bytes(mut self, bytes: &[u8]) -> Self {
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        self
    }
}
