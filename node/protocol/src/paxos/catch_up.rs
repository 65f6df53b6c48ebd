//! Learning what others know to be chosen: a node that is behind asks from the first slot it lacks
//! on, and is sent chosen values, or a snapshot piece by piece. The one who answers remembers
//! nothing: every question says what is wanted.
//!
//! It never takes anything for chosen that its sender did not apply.

use bytes::Bytes;

use crate::common::options::after;
use crate::common::ordered::Ordered;
use crate::common::pending::MESSAGE_BYTES_MAX;
use crate::machine::{Index, LogEntry, NodeId, Offset, Snapshot, Time};
use crate::wire::messages;

messages! {
    /// What travels. What is chosen is beyond any ballot, so these frames' epochs show nothing;
    /// their kinds are far from those of the protocols that use them.
    pub enum CatchUp {
        /// What is chosen from this slot on?
        FETCH = 33 "fetch" Asks: Fetch {
            /// The first slot that is lacking.
            from: Index,
            /// How many delivered values are here, in hand or delivered.
            have: Offset,
        },
        /// These are chosen, in slots one after the other.
        CHOSEN = 34 "chosen" Asks: Chosen {
            /// The slot before the first.
            prev: Index,
            /// What is chosen.
            entries: Vec<LogEntry> where after(prev),
        },
        /// What is lacking is summed up: a piece of the sum.
        SNAPSHOT = 35 "snapshot" Asks: Snapshot {
            /// The sum of the prefix.
            snapshot: Snapshot,
            /// The offset of the first of `values`.
            from: Offset,
            /// Delivered values.
            values: Vec<Bytes>,
        },
    }
}

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
