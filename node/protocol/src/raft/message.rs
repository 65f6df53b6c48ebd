//! What Raft's nodes tell each other, and how it is written in a frame.
//! It never says what a message means: election, replication, reads and snapshot do.

use bytes::Bytes;

use crate::machine::{EntryId, Epoch, Index, LogEntry, Offset, Snapshot};
use crate::wire::messages;

messages! {
    /// A message. `term` is the sender's, but for a pre-vote and its grant, where it is the term
    /// that is asked about.
    pub struct Message {
        term: Epoch
    }

    /// What a message says.
    pub enum Body {
        /// Could I win an election in `term`, my log ending so? (dissertation, 9.6)
        PRE_VOTE = 1 "pre-vote" Asks: PreVote {
            /// The end of the sender's log.
            last: EntryId,
        },
        /// A grant carries the request's term, a rejection the responder's own.
        PRE_VOTE_REPLY = 2 "pre-vote-reply" Asks: PreVoteReply {
            /// Whether it could.
            granted: bool,
        },
        /// RequestVote (paper, figure 2).
        VOTE = 3 "request-vote" Moves: Vote {
            /// The end of the candidate's log.
            last: EntryId,
        },
        /// The answer to it.
        VOTE_REPLY = 4 "vote" Moves: VoteReply {
            /// Whether the vote is given.
            granted: bool,
        },
        /// AppendEntries (paper, figure 2): heartbeats and entries are one message.
        APPEND = 5 "append-entries" Decides: Append {
            /// The entry before the first of `entries`.
            prev: EntryId,
            /// The leader's commit index.
            commit: Index,
            /// The latest read round (dissertation, 6.4): unique within a term, made by the leader.
            round: u64,
            /// Contiguous, from `prev` on.
            entries: Vec<LogEntry> where after(prev.index),
        },
        /// The sender's log agrees with the leader's up to `matched`, durably.
        MATCHED = 6 "matched" Moves: Matched {
            /// The last index known to agree.
            matched: Index,
            /// The round of the message this answers.
            round: u64,
        },
        /// The sender's log does not hold the entry at `prev`.
        MISMATCH = 7 "mismatch" Moves: Mismatch {
            /// What was asked about.
            prev: Index,
            /// The epoch of the sender's entry there, if it has one.
            conflict: Option<Epoch>,
            /// The first index of that epoch, or one past the sender's last.
            first: Index,
            /// The round of the message this answers.
            round: u64,
        },
        /// InstallSnapshot (paper, section 7). Without values it is an offer, and a heartbeat.
        SNAPSHOT = 8 "install-snapshot" Decides: Snapshot {
            /// The sum of the prefix.
            snapshot: Snapshot,
            /// The latest read round.
            round: u64,
            /// The offset of the first of `values`.
            from: Offset,
            /// Delivered values.
            values: Vec<Bytes>,
        },
        /// The answer to it: the receiver has this many delivered values, in hand or delivered.
        SNAPSHOT_HAVE = 9 "snapshot-have" Moves: SnapshotHave {
            /// The index of the snapshot.
            index: Index,
            have: Offset,
            /// The round of the message this answers.
            round: u64,
        },
        /// What may a linearizable read asked now be answered from?
        READ_INDEX = 10 "read-index" Moves: ReadIndex {
            /// Unique over all incarnations of the sender.
            token: u64,
        },
        /// The answer to it.
        READ_INDEX_REPLY = 11 "read-index-reply" Moves: ReadIndexReply {
            /// The token of the question.
            token: u64,
            /// The index; None when the sender does not lead.
            index: Option<Index>,
        },
    }
}
