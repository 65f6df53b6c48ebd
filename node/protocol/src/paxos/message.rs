//! What the proposers and acceptors of single decisions tell each other, and how it looks on the
//! wire. The ballot is in every frame's header, the decision's key in every body.
//! It never looks at what a message means.

use bytes::Bytes;

use super::acceptor::Accepted;
use super::ballot::Ballot;
use crate::machine::Index;
use crate::wire::{Reader, Wire, WireError, Writer};
use crate::{FramePart, FrameRow};

/// Names a decision.
pub trait Key: Ord + Clone {
    /// As evidence names it.
    fn slot(&self) -> u64;
    /// Writes it.
    fn put(&self, w: &mut Writer);
    /// The reverse.
    fn get(r: &mut Reader) -> Result<Self, WireError>;
}

/// A message about one decision.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Message<K> {
    /// The ballot it speaks of.
    pub ballot: Ballot,
    /// Which decision.
    pub key: K,
    /// The rest.
    pub body: Body,
}

/// What it says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Body {
    /// Phase 1a.
    Prepare,
    /// Phase 1b.
    Promise {
        /// What the sender accepted last.
        accepted: Option<Accepted<Bytes>>,
    },
    /// The sender promised a higher ballot, the header's.
    Nack,
    /// Phase 2a.
    Accept {
        /// The value.
        value: Bytes,
    },
    /// Phase 2b.
    Accepted,
    /// A quorum of one ballot accepted this value.
    Decided {
        /// The value.
        value: Bytes,
    },
}

/// The kinds, as the first byte of a frame says them.
pub mod kind {
    #![allow(missing_docs)] // the names of the variants above
    pub const PREPARE: u8 = 1;
    pub const PROMISE: u8 = 2;
    pub const NACK: u8 = 3;
    pub const ACCEPT: u8 = 4;
    pub const ACCEPTED: u8 = 5;
    pub const DECIDED: u8 = 6;
}

/// The kinds for whoever looks at frames on their way. What is decided is beyond any ballot.
pub const FRAMES: &[FrameRow] = &[
    frame(kind::PREPARE, "prepare", FramePart::Moves),
    frame(kind::PROMISE, "promise", FramePart::Moves),
    frame(kind::NACK, "nack", FramePart::Moves),
    frame(kind::ACCEPT, "accept", FramePart::Decides),
    frame(kind::ACCEPTED, "accepted", FramePart::Moves),
    frame(kind::DECIDED, "decided", FramePart::Asks),
];

const fn frame(kind: u8, name: &'static str, part: FramePart) -> FrameRow {
    FrameRow { kind, name, part }
}

impl Key for Bytes {
    fn slot(&self) -> u64 {
        crate::machine::fnv(self)
    }

    fn put(&self, w: &mut Writer) {
        w.bytes(self);
    }

    fn get(r: &mut Reader) -> Result<Self, WireError> {
        r.bytes()
    }
}

impl Key for Index {
    fn slot(&self) -> u64 {
        self.0
    }

    fn put(&self, w: &mut Writer) {
        w.u64(self.0);
    }

    fn get(r: &mut Reader) -> Result<Self, WireError> {
        Ok(Index(r.u64()?))
    }
}

impl<K: Key> Message<K> {
    /// The reverse of [`Wire::encode`] after the header. None: the kind is another protocol's.
    pub fn read(kind: u8, ballot: Ballot, r: &mut Reader) -> Result<Option<Self>, WireError> {
        if !FRAMES.iter().any(|row| row.kind == kind) {
            return Ok(None);
        }
        let key = K::get(r)?;
        let body = match kind {
            kind::PREPARE => Body::Prepare,
            kind::PROMISE => Body::Promise {
                accepted: if r.boolean()? {
                    Some(Accepted { ballot: Ballot(r.u64()?), value: r.bytes()? })
                } else {
                    None
                },
            },
            kind::NACK => Body::Nack,
            kind::ACCEPT => Body::Accept { value: r.bytes()? },
            kind::ACCEPTED => Body::Accepted,
            _ => Body::Decided { value: r.bytes()? },
        };
        Ok(Some(Message { ballot, key, body }))
    }
}

impl<K: Key> Wire for Message<K> {
    fn encode(&self) -> Bytes {
        let start = |kind, bytes| {
            let mut w = Writer::frame(kind, self.ballot.epoch(), 40 + bytes);
            self.key.put(&mut w);
            w
        };
        let mut w;
        match &self.body {
            Body::Prepare => w = start(kind::PREPARE, 0),
            Body::Promise { accepted } => {
                w = start(kind::PROMISE, accepted.as_ref().map_or(1, |a| 13 + a.value.len()));
                w.u8(u8::from(accepted.is_some()));
                if let Some(Accepted { ballot, value }) = accepted {
                    w.u64(ballot.0);
                    w.bytes(value);
                }
            }
            Body::Nack => w = start(kind::NACK, 0),
            Body::Accept { value } => {
                w = start(kind::ACCEPT, 4 + value.len());
                w.bytes(value);
            }
            Body::Accepted => w = start(kind::ACCEPTED, 0),
            Body::Decided { value } => {
                w = start(kind::DECIDED, 4 + value.len());
                w.bytes(value);
            }
        }
        w.finish()
    }

    fn decode(bytes: Bytes) -> Result<Self, WireError> {
        let (kind, epoch, mut r) = Reader::frame(bytes)?;
        let message = Message::read(kind, Ballot::read(epoch)?, &mut r)?;
        let message = message.ok_or_else(|| WireError(format!("no message is of kind {kind}")))?;
        r.end()?;
        Ok(message)
    }
}
