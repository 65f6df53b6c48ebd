//! What Multi-Paxos nodes tell each other, and how it looks on the wire. The ballot is in every
//! frame's header. A run of slots travels without numbers: it has a first one.
//! It never looks at what a message means.

use bytes::Bytes;

use crate::machine::{Command, Index, LogEntry};
use crate::paxos::ballot::Ballot;
use crate::paxos::catch_up::{self, CatchUp, commands_bytes};
use crate::wire::{ENTRY_BYTES_MIN, Reader, Wire, WireError, Writer};
use crate::{FramePart, FrameRow};

/// A message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Message {
    /// The ballot it speaks of; where it speaks of none, the sender's promised one.
    pub ballot: Ballot,
    /// The rest.
    pub body: Body,
}

/// What it says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Body {
    /// Would you promise this ballot? Nothing is promised by asking or by answering.
    Ask,
    /// The answer to it: a yes carries the ballot asked about, a no the sender's own.
    AskReply {
        /// Whether it would.
        granted: bool,
    },
    /// Phase 1a, for all slots from `from` on.
    Prepare {
        /// The first slot the proposer does not know to be chosen.
        from: Index,
    },
    /// Phase 1b: a piece of what the sender accepted.
    Promise {
        /// Which piece, from 0.
        piece: u32,
        /// Of how many.
        pieces: u32,
        /// The sender knows everything up to here only as a sum.
        base: Index,
        /// Slot, ballot (the birth) and command; [`Ballot::CHOSEN`] where it is known to be chosen.
        accepted: Vec<LogEntry>,
    },
    /// The sender promised a higher ballot, the header's.
    Nack,
    /// Phase 2a for a run of slots; without commands a heartbeat.
    Accept {
        /// The slot of the first.
        first: Index,
        /// All slots up to here are chosen.
        commit: Index,
        /// The latest read round: unique within a ballot, made by the leader.
        round: u64,
        /// The commands.
        commands: Vec<Command>,
    },
    /// Phase 2b for a run of slots.
    Accepted {
        /// The first slot.
        first: Index,
        /// How many.
        count: u64,
    },
    /// The answer to a heartbeat: the sender obeys this ballot.
    Heard {
        /// The round of the heartbeat.
        round: u64,
    },
    /// What may a linearizable read asked now be answered from?
    ReadIndex {
        /// Unique over all incarnations of the sender.
        token: u64,
    },
    /// The answer to it.
    ReadIndexReply {
        /// The token of the question.
        token: u64,
        /// The slot; None when the sender does not lead.
        index: Option<Index>,
    },
    /// A question of one who is behind, or the answer.
    CatchUp(CatchUp),
}

/// The kinds, as the first byte of a frame says them.
pub mod kind {
    #![allow(missing_docs)] // the names of the variants above
    pub const ASK: u8 = 1;
    pub const ASK_REPLY: u8 = 2;
    pub const PREPARE: u8 = 3;
    pub const PROMISE: u8 = 4;
    pub const NACK: u8 = 5;
    pub const ACCEPT: u8 = 6;
    pub const ACCEPTED: u8 = 7;
    pub const HEARD: u8 = 8;
    pub const READ_INDEX: u8 = 9;
    pub const READ_INDEX_REPLY: u8 = 10;
}

/// The kinds for whoever looks at frames on their way.
pub const FRAMES: &[FrameRow] = &[
    frame(kind::ASK, "ask", FramePart::Asks),
    frame(kind::ASK_REPLY, "ask-reply", FramePart::Asks),
    frame(kind::PREPARE, "prepare", FramePart::Moves),
    frame(kind::PROMISE, "promise", FramePart::Moves),
    frame(kind::NACK, "nack", FramePart::Moves),
    frame(kind::ACCEPT, "accept", FramePart::Decides),
    frame(kind::ACCEPTED, "accepted", FramePart::Moves),
    frame(kind::HEARD, "heard", FramePart::Moves),
    frame(kind::READ_INDEX, "read-index", FramePart::Moves),
    frame(kind::READ_INDEX_REPLY, "read-index-reply", FramePart::Moves),
    catch_up::FRAMES[0],
    catch_up::FRAMES[1],
    catch_up::FRAMES[2],
];

const fn frame(kind: u8, name: &'static str, part: FramePart) -> FrameRow {
    FrameRow { kind, name, part }
}

impl Wire for Message {
    fn encode(&self) -> Bytes {
        let start = |kind, bytes| Writer::frame(kind, self.ballot.epoch(), bytes);
        let mut w;
        match &self.body {
            Body::Ask => w = start(kind::ASK, 0),
            Body::AskReply { granted } => {
                w = start(kind::ASK_REPLY, 1);
                w.u8(u8::from(*granted));
            }
            Body::Prepare { from } => {
                w = start(kind::PREPARE, 8);
                w.u64(from.0);
            }
            Body::Promise { piece, pieces, base, accepted } => {
                let weight: usize =
                    accepted.iter().map(|e| crate::common::log::weight(e) + 8).sum();
                w = start(kind::PROMISE, 28 + weight);
                w.u64(u64::from(*piece));
                w.u64(u64::from(*pieces));
                w.u64(base.0);
                w.count(accepted.len());
                for entry in accepted {
                    w.u64(entry.index.0);
                    w.entry(entry);
                }
            }
            Body::Nack => w = start(kind::NACK, 0),
            Body::Accept { first, commit, round, commands } => {
                w = start(kind::ACCEPT, 28 + commands_bytes(commands));
                w.u64(first.0);
                w.u64(commit.0);
                w.u64(*round);
                w.commands(commands);
            }
            Body::Accepted { first, count } => {
                w = start(kind::ACCEPTED, 16);
                w.u64(first.0);
                w.u64(*count);
            }
            Body::Heard { round } => {
                w = start(kind::HEARD, 8);
                w.u64(*round);
            }
            Body::ReadIndex { token } => {
                w = start(kind::READ_INDEX, 8);
                w.u64(*token);
            }
            Body::ReadIndexReply { token, index } => {
                w = start(kind::READ_INDEX_REPLY, 17);
                w.u64(*token);
                w.option(index.map(|index| index.0));
            }
            Body::CatchUp(catch_up) => return catch_up.encode(self.ballot.epoch()),
        }
        w.finish()
    }

    fn decode(bytes: Bytes) -> Result<Self, WireError> {
        let (kind, epoch, mut r) = Reader::frame(bytes)?;
        let ballot = Ballot::read(epoch)?;
        let body = match kind {
            kind::ASK => Body::Ask,
            kind::ASK_REPLY => Body::AskReply { granted: r.boolean()? },
            kind::PREPARE => Body::Prepare { from: Index(r.u64()?) },
            kind::PROMISE => promise(&mut r)?,
            kind::NACK => Body::Nack,
            kind::ACCEPT => {
                let (first, commit, round) = (r.u64()?, Index(r.u64()?), r.u64()?);
                let commands = r.commands(first)?;
                Body::Accept { first: Index(first), commit, round, commands }
            }
            kind::ACCEPTED => Body::Accepted { first: Index(r.u64()?), count: r.u64()? },
            kind::HEARD => Body::Heard { round: r.u64()? },
            kind::READ_INDEX => Body::ReadIndex { token: r.u64()? },
            kind::READ_INDEX_REPLY => {
                Body::ReadIndexReply { token: r.u64()?, index: r.option()?.map(Index) }
            }
            other => match CatchUp::decode(other, &mut r)? {
                Some(catch_up) => Body::CatchUp(catch_up),
                None => return Err(WireError(format!("no message is of kind {other}"))),
            },
        };
        r.end()?;
        Ok(Message { ballot, body })
    }
}

fn promise(r: &mut Reader) -> Result<Body, WireError> {
    let number = |r: &mut Reader| {
        u32::try_from(r.u64()?).map_err(|_| WireError("a promise has fewer pieces".into()))
    };
    let (piece, pieces) = (number(r)?, number(r)?);
    if piece >= pieces {
        return Err(WireError(format!("piece {piece} of {pieces}")));
    }
    let base = Index(r.u64()?);
    let count = r.count(8 + ENTRY_BYTES_MIN)?;
    let entry = |_| {
        let index = Index(r.u64()?);
        r.entry(index)
    };
    let accepted = (0..count).map(entry).collect::<Result<_, _>>()?;
    Ok(Body::Promise { piece, pieces, base, accepted })
}
