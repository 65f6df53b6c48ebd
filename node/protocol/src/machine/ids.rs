//! Names and numbers, each a type of its own. They never convert into each other by themselves.

use std::fmt;

use serde::{Deserialize, Serialize};

pub use schism_facts::NodeId;

/// A position in a protocol's own log. The first entry has index 1; 0 is "before everything".
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize,
)]
pub struct Index(pub u64);

/// A position in the log that clients see. The first entry has offset 0. Internal entries (no-ops,
/// session openings, refused conditional appends) have an index but no offset.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize,
)]
pub struct Offset(pub u64);

/// The number that only grows: term in Raft, view in VSR, ballot round in Paxos, epoch in Zab.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize,
)]
pub struct Epoch(pub u64);

/// An entry of a log without its content: where it is and in which epoch it was created. Ordered
/// by epoch, then index: of two logs the one whose last entry is greater is more up to date.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct EntryId {
    /// The epoch it was created in.
    pub epoch: Epoch,
    pub index: Index,
}

/// Names one client request inside one incarnation of one server; its reply carries it back.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Ticket(pub u64);

/// Marks grow with every [`Output::Persist`](super::Output::Persist). `Durable(m)` says that all
/// up to `m` are on disk. `Mark(0)` is always durable.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Mark(pub u64);

/// Nanoseconds of a monotonic clock; in simulation, of the simulated one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize)]
pub struct Time(pub u64);

/// A client's session, unique for ever; `c3` on the wire.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ClientId(pub u64);

/// A rolling hash: each link over the one before. Shown as 16 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Chain(pub u64);

impl Index {
    /// The next index.
    #[must_use]
    pub fn next(self) -> Self {
        Index(self.0 + 1)
    }
}

impl Epoch {
    /// The next epoch.
    #[must_use]
    pub fn next(self) -> Self {
        Epoch(self.0 + 1)
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "c{}", self.0)
    }
}

impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// For people (JSON) the name, on the wire the number.
macro_rules! named_for_people {
    ($type:ident, $number:ty) => {
        impl Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() {
                    serializer.collect_str(self)
                } else {
                    self.0.serialize(serializer)
                }
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                <$number>::deserialize(deserializer).map($type)
            }
        }
    };
}

named_for_people!(ClientId, u64);
named_for_people!(Chain, u64);
