//! Learning what others know to be chosen: a node that is behind asks from the first slot it lacks
//! on, and is sent chosen values, or a snapshot piece by piece. The one who answers remembers
//! nothing: every question says what is wanted.
//!
//! It never takes anything for chosen that its sender did not apply.

use bytes::Bytes;

use crate::common::log::{command_weight, weight};
use crate::common::options::after;
use crate::common::ordered::Ordered;
use crate::common::pending::MESSAGE_BYTES_MAX;
use crate::machine::{Command, Epoch, Index, LogEntry, NodeId, Offset, Snapshot, Time};
use crate::wire::{Reader, WireError, Writer};
use crate::{FramePart, FrameRow};

/// What travels.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CatchUp {
    /// What is chosen from this slot on?
    Fetch {
        /// The first slot that is lacking.
        from: Index,
        /// How many delivered values are here, in hand or delivered.
        have: Offset,
    },
    /// These are chosen, in slots one after the other.
    Chosen {
        /// The slot before the first.
        prev: Index,
        /// What is chosen.
        entries: Vec<LogEntry>,
    },
    /// What is lacking is summed up: a piece of the sum.
    Snapshot {
        /// The sum of the prefix.
        snapshot: Snapshot,
        /// The offset of the first of `values`.
        from: Offset,
        /// Delivered values.
        values: Vec<Bytes>,
    },
}

/// The kinds, far from those of the protocols that use them.
mod kind {
    pub const FETCH: u8 = 33;
    pub const CHOSEN: u8 = 34;
    pub const SNAPSHOT: u8 = 35;
}

/// Their rows. What is chosen is beyond any ballot, so their epoch shows nothing.
pub const FRAMES: [FrameRow; 3] = [
    FrameRow { kind: kind::FETCH, name: "fetch", part: FramePart::Asks },
    FrameRow { kind: kind::CHOSEN, name: "chosen", part: FramePart::Asks },
    FrameRow { kind: kind::SNAPSHOT, name: "snapshot", part: FramePart::Asks },
];

impl CatchUp {
    /// The question of a node with this log.
    #[must_use]
    pub fn ask(ordered: &Ordered) -> Self {
        CatchUp::Fetch { from: ordered.commit.next(), have: ordered.have() }
    }

    /// The answer to a question, as far as one message goes. None: nothing more is known here.
    #[must_use]
    pub fn answer(ordered: &Ordered, from: Index, have: Offset) -> Option<Self> {
        if from <= ordered.log.base().index {
            let snapshot = ordered.snapshot.clone();
            let room = MESSAGE_BYTES_MAX.saturating_sub(snapshot.state.len());
            let lacking = snapshot.length.0.saturating_sub(have.0);
            let values = ordered.replica.read(have, Some(lacking), room);
            return Some(CatchUp::Snapshot { snapshot, from: have, values });
        }
        let entries = ordered.log.slice(from, MESSAGE_BYTES_MAX);
        let prev = Index(from.0 - 1);
        (!entries.is_empty()).then_some(CatchUp::Chosen { prev, entries })
    }

    /// The frame, with the sender's epoch in its header.
    #[must_use]
    pub fn encode(&self, epoch: Epoch) -> Bytes {
        let mut w;
        match self {
            CatchUp::Fetch { from, have } => {
                w = Writer::frame(kind::FETCH, epoch, 16);
                w.u64(from.0);
                w.u64(have.0);
            }
            CatchUp::Chosen { prev, entries } => {
                let weight: usize = entries.iter().map(weight).sum();
                w = Writer::frame(kind::CHOSEN, epoch, 12 + weight);
                w.u64(prev.0);
                w.entries(entries);
            }
            CatchUp::Snapshot { snapshot, from, values } => {
                let weight: usize = values.iter().map(|v| v.len() + 4).sum();
                let body = 64 + snapshot.state.len() + weight;
                w = Writer::frame(kind::SNAPSHOT, epoch, body);
                w.snapshot(snapshot);
                w.u64(from.0);
                w.values(values);
            }
        }
        w.finish()
    }

    /// The reverse. None: the kind is another protocol's.
    pub fn decode(kind: u8, r: &mut Reader) -> Result<Option<Self>, WireError> {
        Ok(Some(match kind {
            kind::FETCH => CatchUp::Fetch { from: Index(r.u64()?), have: Offset(r.u64()?) },
            kind::CHOSEN => {
                let prev = Index(r.u64()?);
                CatchUp::Chosen { prev, entries: r.entries(prev)? }
            }
            kind::SNAPSHOT => {
                let snapshot = r.snapshot()?;
                let from = Offset(r.u64()?);
                CatchUp::Snapshot { snapshot, from, values: r.values()? }
            }
            _ => return Ok(None),
        }))
    }
}

/// The bytes that commands take in a frame, about.
#[must_use]
pub fn commands_bytes(commands: &[Command]) -> usize {
    commands.iter().map(command_weight).sum()
}

/// What this node knows that it lacks, and whom it asks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Behind {
    /// Who has it.
    pub of: NodeId,
    /// Everything up to here is chosen.
    pub upto: Index,
    /// When to ask again if no answer comes.
    pub again_at: Time,
}

impl Behind {
    /// Takes note that `of` knows everything up to `upto`; whether to ask now. A question is not
    /// repeated before `patience_ns` has passed.
    pub fn note(
        behind: &mut Option<Behind>,
        of: NodeId,
        upto: Index,
        now: Time,
        patience_ns: u64,
    ) -> bool {
        let asked = behind.is_some_and(|b| b.of == of && now < b.again_at);
        let again_at =
            if asked { behind.map_or(now, |b| b.again_at) } else { after(now, patience_ns) };
        let upto = behind.map_or(upto, |b| b.upto.max(upto));
        *behind = Some(Behind { of, upto, again_at });
        !asked
    }
}
