//! What Zab's nodes tell each other, and how it is written in a frame.
//!
//! What a leader tells a follower is numbered within a session, 1, 2, 3, ...; a session is one
//! attempt of a follower to follow. Zab asks for channels that keep order and lose nothing (paper,
//! section III.C); the numbers make one out of links that may do either: a repeated message is
//! known, and behind a gap nothing is taken, the follower joins anew. What a follower reports
//! needs no numbers: it is either repeated or says at least as much as what came before.
//!
//! It never says what a message means: election, discovery, sync, broadcast and follower do.

use bytes::Bytes;

use super::state::{Standing, Zxid};
use crate::machine::{Epoch, Index, LogEntry, NodeId, Offset, Snapshot};
use crate::wire::{fields, messages};

messages! {
    /// A message. `epoch` is the leader's in orders and reports, else the sender's acceptedEpoch.
    pub struct Message {
        epoch: Epoch
    }

    /// What a message says.
    pub enum Body {
        /// Phase 0: a notification. It moves nobody's epoch.
        NOTE = 1 "note" Asks: Note {
            /// What it says.
            note: Note,
        },
        /// FOLLOWERINFO(acceptedEpoch), the epoch of the frame: a new session is asked for.
        FOLLOWER_INFO = 2 "follower-info" Moves: FollowerInfo {
            /// Its number: greater than those of all earlier sessions of the sender.
            session: u64,
        },
    }

    nested {
        /// A leader speaks.
        Order {
            /// What it says.
            order: Order,
        } after {
            /// Where in which session.
            at: Place,
        },
        /// A follower answers.
        Report {
            /// What it says.
            report: Report,
        } after {
            /// In which session.
            session: u64,
        },
    }
}

/// A notification (fast leader election): whom the sender votes for, and what it has itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Note {
    /// The sender leads, or is about to.
    pub leading: bool,
    /// It could be elected: it and a quorum hear each other.
    pub eligible: bool,
    /// Its vote, if it has one.
    pub vote: Option<NodeId>,
    /// What it has itself.
    pub standing: Standing,
    /// Whom it heard looking for a leader lately.
    pub hears: Vec<NodeId>,
}

/// A place in what a leader tells one follower.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    pub session: u64,
    /// 1 for its first message.
    pub number: u64,
}

fields!(Note {
    leading: bool,
    eligible: bool,
    vote: Option<NodeId>,
    standing: Standing,
    hears: Vec<NodeId>,
});
fields!(Place { session: u64, number: u64 });
fields!(Standing { current: Epoch, last: Zxid });

messages! {
    /// What a leader tells a follower.
    pub enum Order {
        /// NEWEPOCH: accept the frame's epoch.
        NEW_EPOCH = 3 "new-epoch" Moves: NewEpoch,
        /// Synchronisation: the follower's whole history is the beginning of the leader's.
        DIFF = 5 "diff" Decides: Diff {
            /// Its last zxid.
            from: Zxid,
        },
        /// Synchronisation: what follows `to` in the follower's history is not in the leader's.
        TRUNC = 6 "trunc" Decides: Trunc {
            /// The last zxid that stays.
            to: Zxid,
        },
        /// Synchronisation: a snapshot. Without values it is an offer.
        SNAP = 7 "snap" Decides: Snap {
            /// The sum of the prefix.
            snapshot: Snapshot,
            /// The offset of the first of `values`.
            from: Offset,
            /// Delivered values.
            values: Vec<Bytes>,
        },
        /// NEWLEADER: that was the leader's whole history at its sync point.
        NEW_LEADER = 10 "new-leader" Decides: NewLeader,
        /// UPTODATE: the leader is established.
        UP_TO_DATE = 11 "up-to-date" Decides: UpToDate {
            /// Its last committed index.
            commit: Index,
        },
        /// PROPOSE, several at once. They carry no place: they go where the receiver's history
        /// ends.
        PROPOSE = 12 "propose" Decides: Propose {
            /// The leader's last committed index: a COMMIT that need not travel alone.
            commit: Index,
            /// As they follow each other.
            entries: Vec<LogEntry> where after(Index(0)),
        },
        /// COMMIT of everything up to here.
        COMMIT = 13 "commit" Decides: Commit {
            /// The leader's last committed index.
            commit: Index,
        },
        /// The leader is there.
        PING = 14 "ping" Decides: Ping {
            /// The latest read round ([`crate::common::reads`]).
            round: u64,
        },
        /// What was committed before the question with this token was asked ends at `index`.
        READ_AT = 17 "read-at" Decides: ReadAt {
            token: u64,
            /// From there on it may be answered.
            index: Index,
        },
    }
}

messages! {
    /// What a follower answers.
    pub enum Report {
        /// ACKEPOCH(currentEpoch, last zxid).
        ACK_EPOCH = 4 "ack-epoch" Moves: AckEpoch {
            /// What the follower has.
            standing: Standing,
            /// Whether it promised the epoch to this leader; else it only wants to be synchronised.
            counted: bool,
        },
        /// Where its history ends, or what it holds at most up to where it was asked to cut.
        LAST = 8 "last" Moves: Last {
            /// The number of the order that this answers.
            about: u64,
            last: Zxid,
        },
        /// The receiver has this many values of a snapshot, in hand or delivered.
        SNAP_HAVE = 9 "snap-have" Moves: SnapHave {
            /// The index of the snapshot.
            index: Index,
            have: Offset,
        },
        /// ACK: the follower's disk holds the history up to `upto`.
        ACK = 15 "ack" Moves: Ack {
            /// The last index durable.
            upto: Index,
            /// Whether NEWLEADER is acknowledged: only then it counts for anything.
            synced: bool,
            /// The round of the last ping.
            round: u64,
        },
        /// From which index on may a linearizable read asked now be answered?
        READ = 16 "read" Moves: Read {
            /// Greater than those of earlier questions.
            token: u64,
        },
    }
}
