//! What Multi-Paxos nodes tell each other, and how it looks on the wire. The ballot is in every
//! frame's header. A run of slots travels without numbers: it has a first one.
//! It never looks at what a message means.

use crate::machine::{Command, Index, LogEntry};
use crate::paxos::ballot::Ballot;
use crate::paxos::catch_up::CatchUp;
use crate::wire::messages;

messages! {
    pub struct Message {
        /// The ballot it speaks of; where it speaks of none, the sender's promised one.
        ballot: Ballot
    }

    /// What it says.
    pub enum Body {
        /// Would you promise this ballot? Nothing is promised by asking or by answering.
        ASK = 1 "ask" Asks: Ask,
        /// The answer to it: a yes carries the ballot asked about, a no the sender's own.
        ASK_REPLY = 2 "ask-reply" Asks: AskReply {
            /// Whether it would.
            granted: bool,
        },
        /// Phase 1a, for all slots from `from` on.
        PREPARE = 3 "prepare" Moves: Prepare {
            /// The first slot the proposer does not know to be chosen.
            from: Index,
        },
        /// Phase 1b: a piece of what the sender accepted.
        PROMISE = 4 "promise" Moves: Promise {
            /// Which piece, from 0.
            piece: u32,
            /// Of how many.
            pieces: u32,
            /// The sender knows everything up to here only as a sum.
            base: Index,
            /// Slot, ballot (the epoch) and command; [`Ballot::CHOSEN`] where it is known to be
            /// chosen.
            accepted: Vec<LogEntry>,
        } if piece < pieces,
        /// The sender promised a higher ballot, the header's.
        NACK = 5 "nack" Moves: Nack,
        /// Phase 2a for a run of slots; without commands a heartbeat.
        ACCEPT = 6 "accept" Decides: Accept {
            /// The slot of the first.
            first: Index,
            /// All slots up to here are chosen.
            commit: Index,
            /// The latest read round: unique within a ballot, made by the leader.
            round: u64,
            commands: Vec<Command>,
        } if first.0.checked_add(commands.len() as u64).is_some(),
        /// Phase 2b for a run of slots.
        ACCEPTED = 7 "accepted" Moves: Accepted {
            /// The first slot.
            first: Index,
            count: u64,
        },
        /// The answer to a heartbeat: the sender obeys this ballot.
        HEARD = 8 "heard" Moves: Heard {
            /// The round of the heartbeat.
            round: u64,
        },
        /// What may a linearizable read asked now be answered from?
        READ_INDEX = 9 "read-index" Moves: ReadIndex {
            /// Unique over all incarnations of the sender.
            token: u64,
        },
        /// The answer to it.
        READ_INDEX_REPLY = 10 "read-index-reply" Moves: ReadIndexReply {
            /// The token of the question.
            token: u64,
            /// The slot; None when the sender does not lead.
            index: Option<Index>,
        },
    }

    nested {
        /// A question of one who is behind, or the answer.
        CatchUp {
            /// What it says.
            catch_up: CatchUp,
        },
    }
}
