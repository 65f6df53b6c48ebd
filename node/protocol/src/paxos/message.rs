//! What the proposers and acceptors of single decisions tell each other, and how it looks on the
//! wire. The ballot is in every frame's header, the decision's key in every body.
//! It never looks at what a message means.

use bytes::Bytes;

use super::acceptor::Accepted;
use super::ballot::Ballot;
use crate::machine::Index;
use crate::wire::{Body as _, Field, Header, Reader, Wire, WireError, Writer, messages};

/// Names a decision.
pub trait Key: Ord + Clone + Field {
    /// As evidence names it.
    fn slot(&self) -> u64;
}

/// A message about one decision.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Message<K> {
    /// The ballot it speaks of.
    pub ballot: Ballot,
    pub key: K,
    pub body: Body,
}

messages! {
    /// What it says.
    pub enum Body {
        /// Phase 1a.
        PREPARE = 1 "prepare" Moves: Prepare,
        /// Phase 1b.
        PROMISE = 2 "promise" Moves: Promise {
            /// What the sender accepted last.
            accepted: Option<Accepted>,
        },
        /// The sender promised a higher ballot, the header's.
        NACK = 3 "nack" Moves: Nack,
        /// Phase 2a.
        ACCEPT = 4 "accept" Decides: Accept {
            value: Bytes,
        },
        /// Phase 2b.
        ACCEPTED = 5 "accepted" Moves: Accepted,
        /// A quorum of one ballot accepted this value: it is beyond any ballot.
        DECIDED = 6 "decided" Asks: Decided {
            value: Bytes,
        },
    }
}

impl<K: Key> Wire for Message<K> {
    fn encode(&self) -> Bytes {
        let size = self.key.size() + self.body.size();
        let mut w = Writer::frame(self.body.kind(), self.ballot.epoch(), size);
        self.key.put(&mut w);
        self.body.put(&mut w);
        w.finish()
    }

    fn decode(frame: Bytes) -> Result<Self, WireError> {
        let (kind, epoch, mut r) = Reader::frame(frame)?;
        let ballot = Ballot::read(epoch)?;
        let (key, body) = (K::get(&mut r)?, Body::get(kind, &mut r)?);
        r.end()?;
        Ok(Message { ballot, key, body })
    }
}

impl Key for Bytes {
    fn slot(&self) -> u64 {
        crate::machine::fnv(self)
    }
}

impl Key for Index {
    fn slot(&self) -> u64 {
        self.0
    }
}
