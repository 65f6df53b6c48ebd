//! What replicas tell each other, and how it is written in a frame.
//! It never says what a message means: the files named after the concerns do.

use bytes::Bytes;

use crate::machine::{EntryId, Epoch, Index, LogEntry, Offset, Snapshot};
use crate::wire::{Reader, Wire, WireError, Writer};
use crate::{FramePart, FrameRow};

/// A message. `view` is the sender's, but in Recovery, where it is what the sender remembers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Message {
    /// See above.
    pub view: Epoch,
    /// What it says.
    pub body: Body,
}

/// The end of a log: the entries after `prev`, as far as they fit into the message.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Suffix {
    /// The entry before the first of `entries`.
    pub prev: EntryId,
    /// Contiguous, from `prev` on.
    pub entries: Vec<LogEntry>,
    /// Where the sender's log ends.
    pub last: Index,
}

impl Suffix {
    /// The last index it brings.
    #[must_use]
    pub fn end(&self) -> Index {
        Index(self.prev.index.0 + self.entries.len() as u64)
    }

    /// Whether the sender's log ends with it.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.end() == self.last
    }
}

/// What a message says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Body {
    /// Prepare, with as many entries as came together, and without any the Commit message that an
    /// idle primary sends (paper, 4.1, steps 3 and 6).
    Prepare {
        /// The index before the first of `entries`.
        prev: Index,
        /// The primary's commit number.
        commit: Index,
        /// The latest read round: unique within a view, made by the primary.
        round: u64,
        /// Contiguous, from `prev` on.
        entries: Vec<LogEntry>,
    },
    /// PrepareOK for everything up to `upto` (paper, 4.1, step 4).
    PrepareOk {
        /// The last index acknowledged.
        upto: Index,
        /// The round of the message this answers.
        round: u64,
    },
    /// StartViewChange (paper, 4.2, step 1): the sender wants `wanted`, or a later view.
    StartViewChange {
        /// At least the view the sender is in.
        wanted: Epoch,
    },
    /// DoViewChange (paper, 4.2, step 2).
    DoViewChange {
        /// The last view in which the sender's status was normal.
        normal: Epoch,
        /// The sender's commit number.
        commit: Index,
        /// Its log after that.
        suffix: Suffix,
    },
    /// StartView (paper, 4.2, step 4).
    StartView {
        /// The primary's commit number.
        commit: Index,
        /// The log that was chosen.
        suffix: Suffix,
    },
    /// GetState (paper, 5.2): what comes after `after`?
    GetState {
        /// The sender has what the receiver's log holds up to here.
        after: Index,
        /// What else it has: the last entry of each of the latest births, in its own log and in
        /// what has come of others'. Nothing once the two know where their logs part.
        ends: Vec<EntryId>,
        /// How much to send at once, in pieces.
        bytes: u64,
        /// The snapshot that is arriving, if any; 0: none.
        snapshot: Index,
        /// How many delivered values the sender has, of its own and of that snapshot.
        have: Offset,
    },
    /// NewState (paper, 5.2): a piece of the log.
    NewState {
        /// The sender's commit number.
        commit: Index,
        /// What was asked for, as far as it fits.
        suffix: Suffix,
        /// The next piece is on its way.
        more: bool,
    },
    /// NewState where what was asked for is summed up (paper, 5.2.1). Without values an offer.
    NewSnapshot {
        /// The sum of the prefix.
        snapshot: Snapshot,
        /// The offset of the first of `values`.
        from: Offset,
        /// Delivered values.
        values: Vec<Bytes>,
        /// The next piece is on its way.
        more: bool,
    },
    /// Recovery (paper, 4.3, step 1).
    Recovery {
        /// Never used before.
        nonce: u64,
    },
    /// RecoveryResponse (paper, 4.3, step 2).
    RecoveryResponse {
        /// The nonce of the Recovery.
        nonce: u64,
        /// The sender's log and commit number, if it is the primary of its view. A log that does
        /// not fit is asked for.
        primary: Option<(Index, Suffix)>,
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
        /// The index; None when the sender is not primary.
        index: Option<Index>,
    },
}

/// The kinds, as the first byte of a frame says them.
pub mod kind {
    #![allow(missing_docs)] // the names of the variants above
    pub const PREPARE: u8 = 1;
    pub const PREPARE_OK: u8 = 2;
    pub const START_VIEW_CHANGE: u8 = 3;
    pub const DO_VIEW_CHANGE: u8 = 4;
    pub const START_VIEW: u8 = 5;
    pub const GET_STATE: u8 = 6;
    pub const NEW_STATE: u8 = 7;
    pub const NEW_SNAPSHOT: u8 = 8;
    pub const RECOVERY: u8 = 9;
    pub const RECOVERY_RESPONSE: u8 = 10;
    pub const READ_INDEX: u8 = 11;
    pub const READ_INDEX_REPLY: u8 = 12;
}

/// The kinds for whoever looks at frames on their way. A Recovery's view is only remembered.
pub const FRAMES: &[FrameRow] = &[
    frame(kind::PREPARE, "prepare", FramePart::Decides),
    frame(kind::PREPARE_OK, "prepare-ok", FramePart::Moves),
    frame(kind::START_VIEW_CHANGE, "start-view-change", FramePart::Moves),
    frame(kind::DO_VIEW_CHANGE, "do-view-change", FramePart::Moves),
    frame(kind::START_VIEW, "start-view", FramePart::Decides),
    frame(kind::GET_STATE, "get-state", FramePart::Moves),
    frame(kind::NEW_STATE, "new-state", FramePart::Decides),
    frame(kind::NEW_SNAPSHOT, "new-snapshot", FramePart::Decides),
    frame(kind::RECOVERY, "recovery", FramePart::Asks),
    frame(kind::RECOVERY_RESPONSE, "recovery-response", FramePart::Moves),
    frame(kind::READ_INDEX, "read-index", FramePart::Moves),
    frame(kind::READ_INDEX_REPLY, "read-index-reply", FramePart::Moves),
];

/// What an entry's identity takes in a frame.
const ID_BYTES: usize = 16;

const fn frame(kind: u8, name: &'static str, part: FramePart) -> FrameRow {
    FrameRow { kind, name, part }
}

impl Wire for Message {
    fn encode(&self) -> Bytes {
        let start = |kind, body_bytes| Writer::frame(kind, self.view, body_bytes);
        let mut w;
        match &self.body {
            Body::Prepare { prev, commit, round, entries } => {
                w = start(kind::PREPARE, 28 + weight(entries));
                w.u64(prev.0);
                w.u64(commit.0);
                w.u64(*round);
                w.entries(entries);
            }
            Body::PrepareOk { upto, round } => {
                w = start(kind::PREPARE_OK, 16);
                w.u64(upto.0);
                w.u64(*round);
            }
            Body::StartViewChange { wanted } => {
                w = start(kind::START_VIEW_CHANGE, 8);
                w.u64(wanted.0);
            }
            Body::DoViewChange { normal, commit, suffix } => {
                w = start(kind::DO_VIEW_CHANGE, 44 + weight(&suffix.entries));
                w.u64(normal.0);
                w.u64(commit.0);
                put_suffix(&mut w, suffix);
            }
            Body::StartView { commit, suffix } => {
                w = start(kind::START_VIEW, 36 + weight(&suffix.entries));
                w.u64(commit.0);
                put_suffix(&mut w, suffix);
            }
            Body::GetState { after, ends, bytes, snapshot, have } => {
                w = start(kind::GET_STATE, 36 + ends.len() * ID_BYTES);
                w.u64(after.0);
                w.count(ends.len());
                for end in ends {
                    w.id(*end);
                }
                w.u64(*bytes);
                w.u64(snapshot.0);
                w.u64(have.0);
            }
            Body::NewState { commit, suffix, more } => {
                w = start(kind::NEW_STATE, 37 + weight(&suffix.entries));
                w.u64(commit.0);
                put_suffix(&mut w, suffix);
                w.u8(u8::from(*more));
            }
            Body::NewSnapshot { snapshot, from, values, more } => {
                let weight: usize = values.iter().map(|v| v.len() + 4).sum();
                w = start(kind::NEW_SNAPSHOT, 57 + snapshot.state.len() + weight);
                w.snapshot(snapshot);
                w.u64(from.0);
                w.values(values);
                w.u8(u8::from(*more));
            }
            Body::Recovery { nonce } => {
                w = start(kind::RECOVERY, 8);
                w.u64(*nonce);
            }
            Body::RecoveryResponse { nonce, primary } => {
                let weight = primary.as_ref().map_or(0, |(_, log)| weight(&log.entries));
                w = start(kind::RECOVERY_RESPONSE, 53 + weight);
                w.u64(*nonce);
                w.option(primary.as_ref().map(|(commit, _)| commit.0));
                if let Some((_, log)) = primary {
                    put_suffix(&mut w, log);
                }
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
        let (kind, view, mut r) = Reader::frame(bytes)?;
        let body = match kind {
            kind::PREPARE => {
                let prev = Index(r.u64()?);
                let (commit, round) = (Index(r.u64()?), r.u64()?);
                Body::Prepare { prev, commit, round, entries: r.entries(prev)? }
            }
            kind::PREPARE_OK => Body::PrepareOk { upto: Index(r.u64()?), round: r.u64()? },
            kind::START_VIEW_CHANGE => Body::StartViewChange { wanted: Epoch(r.u64()?) },
            kind::DO_VIEW_CHANGE => Body::DoViewChange {
                normal: Epoch(r.u64()?),
                commit: Index(r.u64()?),
                suffix: get_suffix(&mut r)?,
            },
            kind::START_VIEW => {
                Body::StartView { commit: Index(r.u64()?), suffix: get_suffix(&mut r)? }
            }
            kind::GET_STATE => Body::GetState {
                after: Index(r.u64()?),
                ends: (0..r.count(ID_BYTES)?).map(|_| r.id()).collect::<Result<_, _>>()?,
                bytes: r.u64()?,
                snapshot: Index(r.u64()?),
                have: Offset(r.u64()?),
            },
            kind::NEW_STATE => Body::NewState {
                commit: Index(r.u64()?),
                suffix: get_suffix(&mut r)?,
                more: r.boolean()?,
            },
            kind::NEW_SNAPSHOT => Body::NewSnapshot {
                snapshot: r.snapshot()?,
                from: Offset(r.u64()?),
                values: r.values()?,
                more: r.boolean()?,
            },
            kind::RECOVERY => Body::Recovery { nonce: r.u64()? },
            kind::RECOVERY_RESPONSE => {
                let (nonce, commit) = (r.u64()?, r.option()?);
                let log = |commit| get_suffix(&mut r).map(|log| (Index(commit), log));
                Body::RecoveryResponse { nonce, primary: commit.map(log).transpose()? }
            }
            kind::READ_INDEX => Body::ReadIndex { token: r.u64()? },
            kind::READ_INDEX_REPLY => {
                Body::ReadIndexReply { token: r.u64()?, index: r.option()?.map(Index) }
            }
            other => return Err(WireError(format!("no message is of kind {other}"))),
        };
        r.end()?;
        Ok(Message { view, body })
    }
}

fn weight(entries: &[LogEntry]) -> usize {
    entries.iter().map(crate::common::log::weight).sum()
}

fn put_suffix(w: &mut Writer, suffix: &Suffix) {
    w.id(suffix.prev);
    w.u64(suffix.last.0);
    w.entries(&suffix.entries);
}

fn get_suffix(r: &mut Reader) -> Result<Suffix, WireError> {
    let prev = r.id()?;
    let last = Index(r.u64()?);
    let entries = r.entries(prev.index)?;
    let suffix = Suffix { prev, entries, last };
    let sound = suffix.end() <= last;
    sound.then_some(suffix).ok_or_else(|| WireError("a log's end lies beyond its end".into()))
}
