//! What clients ask and what they are told. Maybe is never said as no.

use bytes::Bytes;

use super::{ClientId, Command, Epoch, NodeId, Offset, Session};

/// What a client may ask.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Request {
    /// Open a session.
    Open,
    /// Append a value.
    Append {
        /// The value as compact JSON.
        value: Bytes,
        /// Exactly-once within a session.
        session: Option<Session>,
        /// Only if the log has this length.
        expect: Option<Offset>,
    },
    Read {
        /// The first offset.
        from: Offset,
        /// At most so many; None: all that fit into an answer.
        limit: Option<u64>,
        level: Level,
    },
    /// The log's length.
    Tail { level: Level },
    /// Propose a value for a key; what is decided for the key is answered.
    Propose {
        key: Bytes,
        /// The value as compact JSON.
        value: Bytes,
    },
    /// The operator's hand in manual failover: this node is to lead.
    Promote,
}

/// A request as a protocol that keeps a log takes it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum OfLog {
    /// It becomes an entry.
    Append(Command),
    /// It is answered from what is applied.
    Read(Want, Level),
    /// It is not served by a log as such.
    Other(Request),
}

/// What a read wants to know.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Want {
    Values {
        /// The first offset.
        from: Offset,
        /// At most so many.
        limit: Option<u64>,
    },
    Tail,
}

impl Request {
    /// What it is to a log.
    #[must_use]
    pub fn of_log(self) -> OfLog {
        match self {
            Request::Open => OfLog::Append(Command::Open),
            Request::Append { value, session, expect } => {
                OfLog::Append(Command::Append { value, session, expect })
            }
            Request::Read { from, limit, level } => {
                OfLog::Read(Want::Values { from, limit }, level)
            }
            Request::Tail { level } => OfLog::Read(Want::Tail, level),
            Request::Propose { .. } | Request::Promote => OfLog::Other(self),
        }
    }
}

/// How fresh a read must be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Level {
    /// It takes effect between request and answer.
    Linearizable,
    /// What this node has delivered; no promise about real time.
    Local,
}

/// The one reply to a request. A definite no and a maybe are different words.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reply {
    /// It took effect.
    Ok(Answer),
    /// It was not and will not be applied.
    Fail(Refusal),
    /// It may take effect, now or later, or never.
    Info(Doubt),
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    /// A session was opened.
    Opened(ClientId),
    /// The value is in the log.
    Appended {
        offset: Offset,
        /// Whether an earlier try of the same (client, seq) had put it there.
        duplicate: bool,
    },
    /// Entries, and the log's length at that moment.
    Read {
        /// Values as compact JSON; fewer than asked when the answer would be too large.
        values: Vec<Bytes>,
        /// The log's length.
        tail: Offset,
    },
    /// The log's length.
    Tail(Offset),
    /// What is decided for the key, for good, as compact JSON.
    Decided(Bytes),
    /// This node leads in this epoch.
    Promoted(Epoch),
}

/// Why it certainly did not and will not happen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// Ask the leader.
    NotLeader(Option<NodeId>),
    /// Too much is under way.
    Overloaded,
    /// The log's length was not as expected; it was this.
    Conflict(Offset),
    /// The session is not known, and no earlier try of this request can have been executed.
    SessionExpired,
    /// A newer leader was promoted, in this epoch: this node orders nothing any more.
    Fenced(Epoch),
    /// This protocol does not offer the operation, or cannot carry it out; the sentence says why.
    Refused(String),
}

/// Why nobody knows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Doubt {
    /// The node stopped leading while the request was pending.
    LeadershipLost,
    /// The request is older than what the session remembers.
    TooOld,
    /// The session is not known, and an earlier try may have been executed.
    SessionExpired,
}

impl Refusal {
    /// What a protocol answers to a request it does not serve.
    #[must_use]
    pub fn not_served(request: &Request) -> Refusal {
        let sentence = match request {
            Request::Propose { .. } => "this system keeps a log; it decides no single values",
            Request::Promote => "this system chooses its leader by itself",
            _ => "this system decides single values; it keeps no log",
        };
        Refusal::Refused(sentence.into())
    }
}
