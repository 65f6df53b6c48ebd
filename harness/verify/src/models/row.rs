//! What a model says of itself: its operations, which fields they carry each way, which answer
//! proves progress, how a run of it ends. Data: the client protocol, the recorder, the generators
//! and the workload's parser go by it.

use std::fmt;

use super::spec::{Call, Spec};
use crate::history::{Event, Field, History, Level, Type, Value};

/// Whether a history that has only operations of a model looks like it; if not, what is missing.
pub type Fits = Result<(), &'static str>;

pub struct Model {
    /// Its name, as in `--model`.
    pub name: &'static str,
    pub aliases: &'static [&'static str],
    pub about: &'static str,
    pub operations: &'static [Operation],
    /// Whether a history of these operations looks like this model's; if not, what is missing.
    pub fits: fn(&History) -> Fits,
    /// Whether the judge can read an operation with its answer; if not, what is wrong with it.
    pub check: fn(&Call<'_>) -> Result<(), String>,
    /// The check that judges what clients were told.
    pub judged_by: &'static str,
    /// How a run of it ends.
    pub ending: Ending,
    /// An operation whose ok shows a place that every node must have reached before the nodes are
    /// compared. None: there is none such.
    pub barrier: Option<&'static str>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Operation {
    /// Its name in histories, workloads and the client protocol.
    pub name: &'static str,
    /// The fields that an invocation may carry.
    pub asks: &'static [Field],
    /// The fields that an ok must carry.
    pub answers: &'static [Field],
    /// The fields that an ok may carry as well.
    pub may_answer: &'static [Field],
    /// The fields that a fail may carry.
    pub fails: &'static [Field],
    /// The fields that an info may carry.
    pub infos: &'static [Field],
    /// The errors of a fail that are an answer all the same: the node looked, and it is no.
    pub noes: &'static [&'static str],
    /// What its ok says of progress.
    pub proves: Proves,
    /// It is the leader's business: clients ask the node that they believe to lead, not their own.
    pub leads: bool,
    /// The value of its ok is a list whose order says nothing.
    pub in_any_order: bool,
    /// Its weight in a workload that says nothing of operations.
    pub usual: u32,
}

/// How the error of an operation begins whose answer is none of the client protocol's. Nobody knows
/// what became of it, and a run that has one cannot be called valid.
pub const MALFORMED: &str = "malformed-answer";

/// The same, whose answer has the protocol's form and says what no history can hold or its model
/// cannot read: a number too great, lists nested too deep, an ok without its result.
pub const UNREADABLE: &str = "unreadable-answer";

/// Errors by which a client says that there was no answer: the node could not be reached, the
/// connection broke, the time was over. Every other error is an answer.
pub const NO_ANSWER: [&str; 3] = ["unreachable", "connection-lost", "timeout"];

/// How an error begins by which a client program says nothing of the node either: it ended.
pub const CLIENT_DIED: &str = "client-died";

/// Whether an operation that was no ok got no answer of its node.
pub fn is_no_answer(error: &str) -> bool {
    NO_ANSWER.contains(&error) || error.starts_with(CLIENT_DIED)
}

/// What the ok of an operation says of progress.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Proves {
    /// Nothing: a node may answer it alone.
    Nothing,
    /// The system makes progress.
    Progress,
    /// The same, but of each key only the first: whoever knows a decision can repeat it.
    ProgressOnce,
}

/// How a run ends, once everything is healed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ending {
    /// Nodes are waited for until they agree, then each is read to its end.
    ReadEveryNode,
    /// Every key that was ever asked for is asked for once more at every node.
    AskEveryKey,
    /// Every key that was ever asked about is read with this operation, at every node, until the
    /// nodes agree.
    ReadEveryKey(&'static str),
    /// Whatever is still in is taken out with this operation, until every node answers that there
    /// is nothing.
    Drain(&'static str),
    /// Nothing more is asked.
    None,
}

/// A model is known by its name.
impl PartialEq for Model {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl Model {
    pub fn operation(&self, name: &str) -> Option<&'static Operation> {
        self.operations.iter().find(|operation| operation.name == name)
    }

    pub(super) fn knows_all(&self, names: &[&str]) -> bool {
        names.iter().all(|name| self.operation(name).is_some())
    }

    pub fn names(&self) -> Vec<&'static str> {
        names(self.operations)
    }

    /// Whether some operation can be repeated within a session and happens once all the same.
    pub fn has_sessions(&self) -> bool {
        self.operations.iter().any(Operation::in_session)
    }

    /// What an ok to this question proves of progress. What one node may answer alone proves
    /// nothing, whatever is asked.
    pub fn proves(&self, asked: &Event) -> Proves {
        let row = self.operation(&asked.f).filter(|_| asked.level() != Some(Level::Local));
        row.map_or(Proves::Nothing, |row| row.proves)
    }

    /// Whether an operation names the object that it is about.
    pub fn has_keys(&self) -> bool {
        self.operations.iter().any(|operation| operation.asks.contains(&Field::Key))
    }

    /// Whether an event of a client may stand in a history: it is an operation of this model, and
    /// says all that the judge will read of it. `asked` is the invocation that it answers, or
    /// itself. If it may not, what is wrong with it.
    pub fn validate(&self, asked: &Event, event: &Event) -> Result<(), String> {
        let Some(operation) = self.operation(&event.f) else {
            let known = self.names().join(", ");
            return Err(format!("`{}` is no operation of this model: {known}", event.f));
        };
        let answered = match event.kind {
            Type::Ok | Type::Fail => Some(event),
            Type::Invoke | Type::Info => None,
        };
        if event.kind == Type::Ok
            && let Some(lacks) = operation.answers.iter().find(|field| !event.has(**field))
        {
            return Err(format!("the ok {} has no `{}`", event.f, lacks.name()));
        }
        (self.check)(&Call { asked, answered })
    }
}

impl Operation {
    /// An operation that asks and answers nothing, and that no run tries.
    pub const fn new(name: &'static str) -> Self {
        Operation {
            name,
            asks: &[],
            answers: &[],
            may_answer: &[],
            fails: &[],
            infos: &[],
            noes: &[],
            proves: Proves::Nothing,
            leads: false,
            in_any_order: false,
            usual: 0,
        }
    }

    /// The same, whose invocation may carry these fields.
    #[must_use]
    pub const fn asks(self, asks: &'static [Field]) -> Self {
        Operation { asks, ..self }
    }

    /// The same, whose ok must carry these fields.
    #[must_use]
    pub const fn answers(self, answers: &'static [Field]) -> Self {
        Operation { answers, ..self }
    }

    /// The same, whose ok may carry these fields as well.
    #[must_use]
    pub const fn may_answer(self, may_answer: &'static [Field]) -> Self {
        Operation { may_answer, ..self }
    }

    /// The same, whose fail may carry these fields.
    #[must_use]
    pub const fn fails(self, fails: &'static [Field]) -> Self {
        Operation { fails, ..self }
    }

    /// The same, whose info may carry these fields.
    #[must_use]
    pub const fn infos(self, infos: &'static [Field]) -> Self {
        Operation { infos, ..self }
    }

    /// The same, of which a fail with one of these errors is an answer.
    #[must_use]
    pub const fn noes(self, noes: &'static [&'static str]) -> Self {
        Operation { noes, ..self }
    }

    /// The same, whose ok proves this.
    #[must_use]
    pub const fn proves(self, proves: Proves) -> Self {
        Operation { proves, ..self }
    }

    /// The same, which is the leader's business.
    #[must_use]
    pub const fn led(self) -> Self {
        Operation { leads: true, ..self }
    }

    /// The same, with this weight where a workload gives none.
    #[must_use]
    pub const fn usually(self, usual: u32) -> Self {
        Operation { usual, ..self }
    }

    /// The same, which answers a list in any order.
    #[must_use]
    pub const fn in_any_order(self) -> Self {
        Operation { in_any_order: true, ..self }
    }

    /// What it answered, such that answers which say the same are equal.
    pub fn said(&self, value: &Value) -> Value {
        match value {
            Value::List(elements) if self.in_any_order => {
                let mut elements = elements.to_vec();
                elements.sort();
                Value::List(elements.into())
            }
            other => other.clone(),
        }
    }

    /// Whether it can be repeated within a session and happens once all the same.
    pub fn in_session(&self) -> bool {
        self.asks.contains(&Field::Seq)
    }

    /// Whether this return answers it: an ok, or a fail that says no and not that nobody looked.
    /// Where a fail has no error at all, as in Jepsen, what may be answered no is.
    pub fn is_answered_by(&self, ret: &Event) -> bool {
        match ret.kind {
            Type::Ok => true,
            Type::Fail => match ret.error() {
                Some(error) => self.noes.contains(&error),
                None => !self.noes.is_empty(),
            },
            Type::Invoke | Type::Info => false,
        }
    }
}

pub(super) fn names(operations: &[Operation]) -> Vec<&'static str> {
    operations.iter().map(|operation| operation.name).collect()
}

/// Whether this model can read the operation with its answer.
pub(super) fn readable<S: Spec>(spec: &S, call: &Call<'_>) -> Result<(), String> {
    spec.read(call).map(drop)
}
