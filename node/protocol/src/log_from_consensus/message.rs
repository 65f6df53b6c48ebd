//! What the nodes tell each other: the messages of single decisions, one for each slot, and those
//! of one who is behind. It never looks at what a message means.

use bytes::Bytes;

use crate::FrameRow;
use crate::machine::{Epoch, Index};
use crate::paxos::ballot::Ballot;
use crate::paxos::catch_up::{self, CatchUp};
use crate::paxos::message::{self as single, Message as Single};
use crate::wire::{Reader, Wire, WireError};

/// A message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Message {
    /// About the decision of one slot.
    Slot(Single<Index>),
    /// A question of one who is behind, or the answer.
    CatchUp(CatchUp),
}

/// The kinds for whoever looks at frames on their way.
pub const FRAMES: &[FrameRow] = &[
    single::FRAMES[0],
    single::FRAMES[1],
    single::FRAMES[2],
    single::FRAMES[3],
    single::FRAMES[4],
    single::FRAMES[5],
    catch_up::FRAMES[0],
    catch_up::FRAMES[1],
    catch_up::FRAMES[2],
];

impl From<Single<Index>> for Message {
    fn from(message: Single<Index>) -> Self {
        Message::Slot(message)
    }
}

impl Wire for Message {
    fn encode(&self) -> Bytes {
        match self {
            Message::Slot(message) => message.encode(),
            Message::CatchUp(catch_up) => catch_up.encode(Epoch(0)),
        }
    }

    fn decode(bytes: Bytes) -> Result<Self, WireError> {
        let (kind, epoch, mut r) = Reader::frame(bytes)?;
        let message = if let Some(catch_up) = CatchUp::decode(kind, &mut r)? {
            Message::CatchUp(catch_up)
        } else {
            let message = Single::read(kind, Ballot::read(epoch)?, &mut r)?;
            let none = || WireError(format!("no message is of kind {kind}"));
            Message::Slot(message.ok_or_else(none)?)
        };
        r.end()?;
        Ok(message)
    }
}
