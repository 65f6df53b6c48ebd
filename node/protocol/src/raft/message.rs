//! What Raft's nodes tell each other, and how it is written in a frame.
//! It never says what a message means: election, replication, reads and snapshot do.

use bytes::Bytes;

use crate::machine::{EntryId, Epoch, Index, LogEntry, Offset, Snapshot};
use crate::wire::{Reader, Wire, WireError, Writer};
use crate::{FramePart, FrameRow};

/// A message. `term` is the sender's, but for a pre-vote and its grant, where it is the term that
/// is asked about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Message {
    /// See above.
    pub term: Epoch,
    /// What it says.
    pub body: Body,
}

/// What a message says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Body {
    /// Could I win an election in `term`, my log ending so? (dissertation, 9.6)
    PreVote {
        /// The end of the sender's log.
        last: EntryId,
    },
    /// A grant carries the request's term, a rejection the responder's own.
    PreVoteReply {
        /// Whether it could.
        granted: bool,
    },
    /// RequestVote (paper, figure 2).
    Vote {
        /// The end of the candidate's log.
        last: EntryId,
    },
    /// The answer to it.
    VoteReply {
        /// Whether the vote is given.
        granted: bool,
    },
    /// AppendEntries (paper, figure 2): heartbeats and entries are one message.
    Append {
        /// The entry before the first of `entries`.
        prev: EntryId,
        /// The leader's commit index.
        commit: Index,
        /// The latest read round (dissertation, 6.4): unique within a term, made by the leader.
        round: u64,
        /// Contiguous, from `prev` on.
        entries: Vec<LogEntry>,
    },
    /// The sender's log agrees with the leader's up to `matched`, durably.
    Matched {
        /// The last index known to agree.
        matched: Index,
        /// The round of the message this answers.
        round: u64,
    },
    /// The sender's log does not hold the entry at `prev`.
    Mismatch {
        /// What was asked about.
        prev: Index,
        /// The birth of the sender's entry there, if it has one.
        conflict: Option<Epoch>,
        /// The first index of that birth, or one past the sender's last.
        first: Index,
        /// The round of the message this answers.
        round: u64,
    },
    /// InstallSnapshot (paper, section 7). Without values it is an offer, and a heartbeat.
    Snapshot {
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
    SnapshotHave {
        /// The index of the snapshot.
        index: Index,
        /// How many.
        have: Offset,
        /// The round of the message this answers.
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
        /// The index; None when the sender does not lead.
        index: Option<Index>,
    },
}

/// The kinds, as the first byte of a frame says them.
pub mod kind {
    #![allow(missing_docs)] // the names of the variants above
    pub const PRE_VOTE: u8 = 1;
    pub const PRE_VOTE_REPLY: u8 = 2;
    pub const VOTE: u8 = 3;
    pub const VOTE_REPLY: u8 = 4;
    pub const APPEND: u8 = 5;
    pub const MATCHED: u8 = 6;
    pub const MISMATCH: u8 = 7;
    pub const SNAPSHOT: u8 = 8;
    pub const SNAPSHOT_HAVE: u8 = 9;
    pub const READ_INDEX: u8 = 10;
    pub const READ_INDEX_REPLY: u8 = 11;
}

/// The kinds for whoever looks at frames on their way. A pre-vote's epoch is only asked about.
pub const FRAMES: &[FrameRow] = &[
    frame(kind::PRE_VOTE, "pre-vote", FramePart::Asks),
    frame(kind::PRE_VOTE_REPLY, "pre-vote-reply", FramePart::Asks),
    frame(kind::VOTE, "request-vote", FramePart::Moves),
    frame(kind::VOTE_REPLY, "vote", FramePart::Moves),
    frame(kind::APPEND, "append-entries", FramePart::Decides),
    frame(kind::MATCHED, "matched", FramePart::Moves),
    frame(kind::MISMATCH, "mismatch", FramePart::Moves),
    frame(kind::SNAPSHOT, "install-snapshot", FramePart::Decides),
    frame(kind::SNAPSHOT_HAVE, "snapshot-have", FramePart::Moves),
    frame(kind::READ_INDEX, "read-index", FramePart::Moves),
    frame(kind::READ_INDEX_REPLY, "read-index-reply", FramePart::Moves),
];

const fn frame(kind: u8, name: &'static str, part: FramePart) -> FrameRow {
    FrameRow { kind, name, part }
}

impl Wire for Message {
    fn encode(&self) -> Bytes {
        let start = |kind, body_bytes| Writer::frame(kind, self.term, body_bytes);
        let mut w;
        match &self.body {
            Body::PreVote { last } => {
                w = start(kind::PRE_VOTE, 16);
                w.id(*last);
            }
            Body::PreVoteReply { granted } => {
                w = start(kind::PRE_VOTE_REPLY, 1);
                w.u8(u8::from(*granted));
            }
            Body::Vote { last } => {
                w = start(kind::VOTE, 16);
                w.id(*last);
            }
            Body::VoteReply { granted } => {
                w = start(kind::VOTE_REPLY, 1);
                w.u8(u8::from(*granted));
            }
            Body::Append { prev, commit, round, entries } => {
                let weight: usize = entries.iter().map(crate::common::log::weight).sum();
                w = start(kind::APPEND, 36 + weight);
                w.id(*prev);
                w.u64(commit.0);
                w.u64(*round);
                w.entries(entries);
            }
            Body::Matched { matched, round } => {
                w = start(kind::MATCHED, 16);
                w.u64(matched.0);
                w.u64(*round);
            }
            Body::Mismatch { prev, conflict, first, round } => {
                w = start(kind::MISMATCH, 33);
                w.u64(prev.0);
                w.option(conflict.map(|e| e.0));
                w.u64(first.0);
                w.u64(*round);
            }
            Body::Snapshot { snapshot, round, from, values } => {
                let weight: usize = values.iter().map(|v| v.len() + 4).sum();
                w = start(kind::SNAPSHOT, 64 + snapshot.state.len() + weight);
                w.snapshot(snapshot);
                w.u64(*round);
                w.u64(from.0);
                w.values(values);
            }
            Body::SnapshotHave { index, have, round } => {
                w = start(kind::SNAPSHOT_HAVE, 24);
                w.u64(index.0);
                w.u64(have.0);
                w.u64(*round);
            }
            Body::ReadIndex { token } => {
                w = start(kind::READ_INDEX, 8);
                w.u64(*token);
            }
            Body::ReadIndexReply { token, index } => {
                w = start(kind::READ_INDEX_REPLY, 17);
                w.u64(*token);
                w.option(index.map(|i| i.0));
            }
        }
        w.finish()
    }

    fn decode(bytes: Bytes) -> Result<Self, WireError> {
        let (kind, term, mut r) = Reader::frame(bytes)?;
        let body = match kind {
            kind::PRE_VOTE => Body::PreVote { last: r.id()? },
            kind::PRE_VOTE_REPLY => Body::PreVoteReply { granted: r.boolean()? },
            kind::VOTE => Body::Vote { last: r.id()? },
            kind::VOTE_REPLY => Body::VoteReply { granted: r.boolean()? },
            kind::APPEND => {
                let prev = r.id()?;
                let commit = Index(r.u64()?);
                let round = r.u64()?;
                let entries = r.entries(prev.index)?;
                Body::Append { prev, commit, round, entries }
            }
            kind::MATCHED => Body::Matched { matched: Index(r.u64()?), round: r.u64()? },
            kind::MISMATCH => Body::Mismatch {
                prev: Index(r.u64()?),
                conflict: r.option()?.map(Epoch),
                first: Index(r.u64()?),
                round: r.u64()?,
            },
            kind::SNAPSHOT => {
                let snapshot = r.snapshot()?;
                let round = r.u64()?;
                let from = Offset(r.u64()?);
                Body::Snapshot { snapshot, round, from, values: r.values()? }
            }
            kind::SNAPSHOT_HAVE => Body::SnapshotHave {
                index: Index(r.u64()?),
                have: Offset(r.u64()?),
                round: r.u64()?,
            },
            kind::READ_INDEX => Body::ReadIndex { token: r.u64()? },
            kind::READ_INDEX_REPLY => {
                Body::ReadIndexReply { token: r.u64()?, index: r.option()?.map(Index) }
            }
            other => return Err(WireError(format!("no message is of kind {other}"))),
        };
        r.end()?;
        Ok(Message { term, body })
    }
}
