//! One event of a history, as in one line of `history.jsonl`.
//! It never knows a model: which fields an operation needs is the model's to say.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A short word: an operation, a node, a kind of fault.
pub type Name = Arc<str>;

/// One event. Absent fields of a return keep the invoke's value.
#[derive(Clone, PartialEq, Debug)]
pub struct Event {
    /// Its position in the history: 0, 1, 2, ...
    pub index: u64,
    /// Nanoseconds since the first node was started; None where the file gives none.
    pub time: Option<u64>,
    /// Who.
    pub process: Process,
    /// Invocation, or how it returned.
    pub kind: Type,
    /// The operation: `append`, `read`, ...; for the nemesis the fault's kind or `phase`.
    pub f: Name,
    /// The object it is about, where there is more than one.
    pub key: Option<Value>,
    /// What was asked or answered. None: absent.
    pub value: Option<Value>,
    /// Answer of an append.
    pub offset: Option<u64>,
    /// Condition of an append-if.
    pub expect: Option<u64>,
    /// First offset of a read.
    pub from: Option<u64>,
    /// At most so many entries.
    pub limit: Option<u64>,
    /// The log's length.
    pub tail: Option<u64>,
    /// How fresh a read must be; None: linearizable.
    pub level: Option<Level>,
    /// The element of a set operation.
    pub element: Option<Value>,
    /// Session and number of an append: ("c3", 9).
    pub session: Option<(Name, u64)>,
    /// Why it failed, or why nobody knows.
    pub error: Option<Name>,
    /// Which node was asked.
    pub node: Option<Name>,
}

/// Who acts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Process {
    /// One thread of clients' logic, with at most one open operation.
    Client(u64),
    /// The one who breaks things.
    Nemesis,
}

/// The four types of event, as in Jepsen.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Type {
    /// An operation starts.
    Invoke,
    /// It happened, with this result.
    Ok,
    /// It certainly did not happen and never will.
    Fail,
    /// Nobody knows: it may happen at any later time, or never. For the nemesis: a remark.
    Info,
}

/// How fresh a read must be.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// It takes effect between invocation and return.
    Linearizable,
    /// What the node asked has delivered.
    Local,
}

/// The phases of a run, as the nemesis announces them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Nothing is broken.
    WarmUp,
    /// Faults strike.
    Disturbance,
    /// Everything is being healed; progress is demanded, then convergence.
    Recovery,
    /// Every node is read to the end, locally.
    FinalReads,
}

/// A value of an operation: JSON, with whole numbers only (contracts: strings, or integers within
/// 2^53). The nemesis may say more, in objects.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Value {
    /// JSON null.
    Null,
    /// true or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A string.
    Str(Arc<str>),
    /// An array.
    List(Arc<[Value]>),
    /// Anything else (an object, a fraction), kept as compact JSON text.
    Other(Arc<str>),
}

impl Event {
    /// An event with nothing but who, what kind and which operation.
    pub fn new(process: Process, kind: Type, f: impl Into<Name>) -> Self {
        Event {
            index: 0,
            time: None,
            process,
            kind,
            f: f.into(),
            key: None,
            value: None,
            offset: None,
            expect: None,
            from: None,
            limit: None,
            tail: None,
            level: None,
            element: None,
            session: None,
            error: None,
            node: None,
        }
    }
}

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Process::Client(number) => write!(f, "p{number}"),
            Process::Nemesis => f.write_str("nemesis"),
        }
    }
}
