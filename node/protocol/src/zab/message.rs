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
use crate::wire::{Reader, Wire, WireError, Writer};
use crate::{FramePart, FrameRow};

/// A message. `epoch` is the leader's in orders and reports, else the sender's acceptedEpoch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Message {
    /// See above.
    pub epoch: Epoch,
    /// What it says.
    pub body: Body,
}

/// What a message says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Body {
    /// Phase 0: a notification.
    Note(Note),
    /// FOLLOWERINFO(acceptedEpoch), the epoch of the frame: a new session is asked for.
    FollowerInfo {
        /// Its number: greater than those of all earlier sessions of the sender.
        session: u64,
    },
    /// A leader speaks.
    Order {
        /// Where in which session.
        at: Place,
        /// What it says.
        order: Order,
    },
    /// A follower answers.
    Report {
        /// In which session.
        session: u64,
        /// What it says.
        report: Report,
    },
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
    /// The session.
    pub session: u64,
    /// 1 for its first message.
    pub number: u64,
}

/// What a leader tells a follower.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Order {
    /// NEWEPOCH: accept the frame's epoch.
    NewEpoch,
    /// Synchronisation: the follower's whole history is the beginning of the leader's.
    Diff {
        /// Its last zxid.
        from: Zxid,
    },
    /// Synchronisation: what follows `to` in the follower's history is not in the leader's.
    Trunc {
        /// The last zxid that stays.
        to: Zxid,
    },
    /// Synchronisation: a snapshot. Without values it is an offer.
    Snap {
        /// The sum of the prefix.
        snapshot: Snapshot,
        /// The offset of the first of `values`.
        from: Offset,
        /// Delivered values.
        values: Vec<Bytes>,
    },
    /// NEWLEADER: that was the leader's whole history at its sync point.
    NewLeader,
    /// UPTODATE: the leader is established.
    UpToDate {
        /// Its last committed index.
        commit: Index,
    },
    /// PROPOSE, several at once. They carry no place: they go where the receiver's history ends.
    Propose {
        /// The leader's last committed index: a COMMIT that need not travel alone.
        commit: Index,
        /// As they follow each other.
        entries: Vec<LogEntry>,
    },
    /// COMMIT of everything up to here.
    Commit {
        /// The leader's last committed index.
        commit: Index,
    },
    /// The leader is there.
    Ping {
        /// The latest read round ([`crate::common::reads`]).
        round: u64,
    },
    /// What was committed before the question with this token was asked ends at `index`.
    ReadAt {
        /// The question's.
        token: u64,
        /// From there on it may be answered.
        index: Index,
    },
}

/// What a follower answers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Report {
    /// ACKEPOCH(currentEpoch, last zxid).
    AckEpoch {
        /// What the follower has.
        standing: Standing,
        /// Whether it promised the epoch to this leader; else it only wants to be synchronised.
        counted: bool,
    },
    /// Where its history ends, or what it holds at most up to where it was asked to cut.
    Last {
        /// The number of the order that this answers.
        about: u64,
        /// The zxid.
        last: Zxid,
    },
    /// The receiver has this many values of a snapshot, in hand or delivered.
    SnapHave {
        /// The index of the snapshot.
        index: Index,
        /// How many.
        have: Offset,
    },
    /// ACK: the follower's disk holds the history up to `upto`.
    Ack {
        /// The last index durable.
        upto: Index,
        /// Whether NEWLEADER is acknowledged: only then it counts for anything.
        synced: bool,
        /// The round of the last ping.
        round: u64,
    },
    /// From which index on may a linearizable read asked now be answered?
    Read {
        /// Greater than those of earlier questions.
        token: u64,
    },
}

/// The kinds, as the first byte of a frame says them.
pub mod kind {
    #![allow(missing_docs)] // the names of the variants above
    pub const NOTE: u8 = 1;
    pub const FOLLOWER_INFO: u8 = 2;
    pub const NEW_EPOCH: u8 = 3;
    pub const ACK_EPOCH: u8 = 4;
    pub const DIFF: u8 = 5;
    pub const TRUNC: u8 = 6;
    pub const SNAP: u8 = 7;
    pub const LAST: u8 = 8;
    pub const SNAP_HAVE: u8 = 9;
    pub const NEW_LEADER: u8 = 10;
    pub const UP_TO_DATE: u8 = 11;
    pub const PROPOSE: u8 = 12;
    pub const COMMIT: u8 = 13;
    pub const PING: u8 = 14;
    pub const ACK: u8 = 15;
    pub const READ: u8 = 16;
    pub const READ_AT: u8 = 17;
}

/// The kinds for whoever looks at frames on their way. A notification moves nobody's epoch.
pub const FRAMES: &[FrameRow] = &[
    frame(kind::NOTE, "note", FramePart::Asks),
    frame(kind::FOLLOWER_INFO, "follower-info", FramePart::Moves),
    frame(kind::NEW_EPOCH, "new-epoch", FramePart::Moves),
    frame(kind::ACK_EPOCH, "ack-epoch", FramePart::Moves),
    frame(kind::DIFF, "diff", FramePart::Decides),
    frame(kind::TRUNC, "trunc", FramePart::Decides),
    frame(kind::SNAP, "snap", FramePart::Decides),
    frame(kind::LAST, "last", FramePart::Moves),
    frame(kind::SNAP_HAVE, "snap-have", FramePart::Moves),
    frame(kind::NEW_LEADER, "new-leader", FramePart::Decides),
    frame(kind::UP_TO_DATE, "up-to-date", FramePart::Decides),
    frame(kind::PROPOSE, "propose", FramePart::Decides),
    frame(kind::COMMIT, "commit", FramePart::Decides),
    frame(kind::PING, "ping", FramePart::Decides),
    frame(kind::ACK, "ack", FramePart::Moves),
    frame(kind::READ, "read", FramePart::Moves),
    frame(kind::READ_AT, "read-at", FramePart::Decides),
];

const fn frame(kind: u8, name: &'static str, part: FramePart) -> FrameRow {
    FrameRow { kind, name, part }
}

impl Wire for Message {
    fn encode(&self) -> Bytes {
        let start = |kind, body_bytes| Writer::frame(kind, self.epoch, body_bytes);
        let w = match &self.body {
            Body::Note(note) => {
                let mut w = start(kind::NOTE, 48 + note.hears.len());
                put_note(&mut w, note);
                w
            }
            Body::FollowerInfo { session } => {
                let mut w = start(kind::FOLLOWER_INFO, 8);
                w.u64(*session);
                w
            }
            Body::Order { at, order } => {
                let (kind, body_bytes) = shape(order);
                let mut w = start(kind, 16 + body_bytes);
                w.u64(at.session);
                w.u64(at.number);
                put_order(&mut w, order);
                w
            }
            Body::Report { session, report } => {
                let kind = match report {
                    Report::AckEpoch { .. } => kind::ACK_EPOCH,
                    Report::Last { .. } => kind::LAST,
                    Report::SnapHave { .. } => kind::SNAP_HAVE,
                    Report::Ack { .. } => kind::ACK,
                    Report::Read { .. } => kind::READ,
                };
                let mut w = start(kind, 40);
                w.u64(*session);
                put_report(&mut w, report);
                w
            }
        };
        w.finish()
    }

    fn decode(bytes: Bytes) -> Result<Self, WireError> {
        let (kind, epoch, mut r) = Reader::frame(bytes)?;
        let body = match kind {
            kind::NOTE => Body::Note(get_note(&mut r)?),
            kind::FOLLOWER_INFO => Body::FollowerInfo { session: r.u64()? },
            kind::ACK_EPOCH | kind::LAST | kind::SNAP_HAVE | kind::ACK | kind::READ => {
                Body::Report { session: r.u64()?, report: get_report(kind, &mut r)? }
            }
            _ => {
                let at = Place { session: r.u64()?, number: r.u64()? };
                Body::Order { at, order: get_order(kind, &mut r)? }
            }
        };
        r.end()?;
        Ok(Message { epoch, body })
    }
}

fn put_note(w: &mut Writer, note: &Note) {
    w.u8(u8::from(note.leading));
    w.u8(u8::from(note.eligible));
    w.u8(note.vote.map_or(0, |node| node.0));
    put_standing(w, note.standing);
    w.count(note.hears.len());
    for node in &note.hears {
        w.u8(node.0);
    }
}

fn get_note(r: &mut Reader) -> Result<Note, WireError> {
    let (leading, eligible) = (r.boolean()?, r.boolean()?);
    // Members are numbered from 1.
    let vote = Some(NodeId(r.u8()?)).filter(|node| node.0 > 0);
    let standing = get_standing(r)?;
    let count = r.count(1)?;
    let hears = (0..count).map(|_| r.u8().map(NodeId)).collect::<Result<_, _>>()?;
    Ok(Note { leading, eligible, vote, standing, hears })
}

/// The kind of an order, and about how many bytes it takes.
fn shape(order: &Order) -> (u8, usize) {
    match order {
        Order::NewEpoch => (kind::NEW_EPOCH, 0),
        Order::Diff { .. } => (kind::DIFF, 16),
        Order::Trunc { .. } => (kind::TRUNC, 16),
        Order::Snap { snapshot, values, .. } => {
            let values: usize = values.iter().map(|v| v.len() + 4).sum();
            (kind::SNAP, 64 + snapshot.state.len() + values)
        }
        Order::NewLeader => (kind::NEW_LEADER, 0),
        Order::UpToDate { .. } => (kind::UP_TO_DATE, 8),
        Order::Propose { entries, .. } => {
            (kind::PROPOSE, 12 + entries.iter().map(crate::common::log::weight).sum::<usize>())
        }
        Order::Commit { .. } => (kind::COMMIT, 8),
        Order::Ping { .. } => (kind::PING, 8),
        Order::ReadAt { .. } => (kind::READ_AT, 16),
    }
}

fn put_order(w: &mut Writer, order: &Order) {
    match order {
        Order::NewEpoch | Order::NewLeader => {}
        Order::Diff { from: zxid } | Order::Trunc { to: zxid } => w.id(*zxid),
        Order::Snap { snapshot, from, values } => {
            w.snapshot(snapshot);
            w.u64(from.0);
            w.values(values);
        }
        Order::UpToDate { commit } | Order::Commit { commit } => w.u64(commit.0),
        Order::Propose { commit, entries } => {
            w.u64(commit.0);
            w.entries(entries);
        }
        Order::Ping { round } => w.u64(*round),
        Order::ReadAt { token, index } => {
            w.u64(*token);
            w.u64(index.0);
        }
    }
}

fn get_order(kind: u8, r: &mut Reader) -> Result<Order, WireError> {
    Ok(match kind {
        kind::NEW_EPOCH => Order::NewEpoch,
        kind::DIFF => Order::Diff { from: r.id()? },
        kind::TRUNC => Order::Trunc { to: r.id()? },
        kind::SNAP => {
            Order::Snap { snapshot: r.snapshot()?, from: Offset(r.u64()?), values: r.values()? }
        }
        kind::NEW_LEADER => Order::NewLeader,
        kind::UP_TO_DATE => Order::UpToDate { commit: Index(r.u64()?) },
        kind::PROPOSE => Order::Propose { commit: Index(r.u64()?), entries: r.entries(Index(0))? },
        kind::COMMIT => Order::Commit { commit: Index(r.u64()?) },
        kind::PING => Order::Ping { round: r.u64()? },
        kind::READ_AT => Order::ReadAt { token: r.u64()?, index: Index(r.u64()?) },
        other => return Err(WireError(format!("no message is of kind {other}"))),
    })
}

fn put_report(w: &mut Writer, report: &Report) {
    match report {
        Report::AckEpoch { standing, counted } => {
            put_standing(w, *standing);
            w.u8(u8::from(*counted));
        }
        Report::Last { about, last } => {
            w.u64(*about);
            w.id(*last);
        }
        Report::SnapHave { index, have } => {
            w.u64(index.0);
            w.u64(have.0);
        }
        Report::Ack { upto, synced, round } => {
            w.u64(upto.0);
            w.u8(u8::from(*synced));
            w.u64(*round);
        }
        Report::Read { token } => w.u64(*token),
    }
}

fn get_report(kind: u8, r: &mut Reader) -> Result<Report, WireError> {
    Ok(match kind {
        kind::ACK_EPOCH => Report::AckEpoch { standing: get_standing(r)?, counted: r.boolean()? },
        kind::LAST => Report::Last { about: r.u64()?, last: r.id()? },
        kind::SNAP_HAVE => Report::SnapHave { index: Index(r.u64()?), have: Offset(r.u64()?) },
        kind::READ => Report::Read { token: r.u64()? },
        _ => Report::Ack { upto: Index(r.u64()?), synced: r.boolean()?, round: r.u64()? },
    })
}

fn put_standing(w: &mut Writer, standing: Standing) {
    w.u64(standing.current.0);
    w.id(standing.last);
}

fn get_standing(r: &mut Reader) -> Result<Standing, WireError> {
    Ok(Standing { current: Epoch(r.u64()?), last: r.id()? })
}
