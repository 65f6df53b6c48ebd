//! What a model says to be searched: its states, and what each operation does to them.
//! An operation that its model cannot read is an error, not a guess.

use std::fmt::Debug;
use std::hash::Hash;

use crate::history::{Event, Level, Type, Value};

/// A sequential object: the meaning of one key's operations.
///
/// `read` turns an operation with its answer into a typed one; `step` says what it does to a
/// state, or that its answer is impossible there.
pub trait Spec: Sized + Clone {
    /// What the object remembers. Equal states must behave equally.
    type State: Clone + Eq + Hash + Debug;
    /// An operation together with what is known of its answer.
    type Op: Clone + Eq + Hash + Debug;

    fn initial(&self) -> Self::State;

    /// The typed operation. `Ok(None)`: nothing follows from it (a read without an answer).
    fn read(&self, call: &Call<'_>) -> Result<Option<Self::Op>, String>;

    /// The state after `op` at `state`; None: this answer is impossible here. An operation of
    /// unknown outcome has no answer, and does what it does.
    fn step(&self, state: &Self::State, op: &Self::Op) -> Option<Self::State>;

    /// Whether `op` leaves every state as it is.
    fn only_reads(&self, op: &Self::Op) -> bool;

    /// Bytes on the heap that a state holds beside its own size, shared text left out.
    fn bytes(&self, _state: &Self::State) -> u64 {
        0
    }

    /// A state in words, short.
    fn show(&self, state: &Self::State) -> String;

    /// Rewrites operations by what the whole history says of them, so that fewer orders have to
    /// be tried. The same histories must be linearizable before and after.
    fn refine(&self, _ops: &mut Vec<Timed<Self::Op>>) {}
}

/// Bytes on the heap of a standard library's tree: a leaf has room for eleven entries; where there
/// are more, leaves are about two thirds full and others point to them.
pub fn tree_bytes(entries: usize, entry: usize) -> u64 {
    const ROOM: usize = 11;
    let leaf = ROOM * entry + 40; // its parent, its length, the allocator's own
    let leaves = if entries <= ROOM { 1 } else { entries.div_ceil(7) };
    let inner = if leaves == 1 { 0 } else { leaves.div_ceil(7) };
    (leaves * leaf + inner * (leaf + 8 * (ROOM + 1))) as u64
}

/// An operation and its times: ranks in the order of events, invocations before returns.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Timed<Op> {
    pub op: Op,
    pub id: u32,
    pub invoke: u32,
    /// When it returned. `u32::MAX`: its outcome is not known.
    pub ret: u32,
    /// Whose it is: where two of a process overlap, its first comes first all the same. It asked
    /// the second at the very time at which the first was answered. [`Timed::NOBODY`]: none do.
    pub process: u32,
}

impl<Op> Timed<Op> {
    /// Stands for every process, where ranks alone tell their order.
    pub const NOBODY: u32 = u32::MAX;

    /// Nobody knows whether it took effect.
    pub fn is_lost(&self) -> bool {
        self.ret == u32::MAX
    }
}

/// One operation as its two events say it.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    pub asked: &'a Event,
    /// The return, if it was ok or fail. None: nobody knows.
    pub answered: Option<&'a Event>,
}

impl<'a> Call<'a> {
    pub fn f(&self) -> &'a str {
        &self.asked.f
    }

    /// Whether it asks for what the node itself holds, however old.
    pub fn is_local(&self) -> bool {
        self.asked.level() == Some(Level::Local)
    }

    pub fn argument(&self) -> Option<&'a Value> {
        self.asked.value.as_ref()
    }

    /// What was asked, which must be there.
    pub fn wanted(&self) -> Result<&'a Value, String> {
        let missing = || format!("the `{}` has no `value`", self.f());
        self.argument().ok_or_else(missing)
    }

    pub fn failed(&self) -> bool {
        self.answered.is_some_and(|event| event.kind == Type::Fail)
    }

    /// The answer's value; an absent one is the question's. None: there is no answer.
    pub fn answer(&self) -> Option<&'a Value> {
        let event = self.answered.filter(|event| event.kind == Type::Ok)?;
        Some(event.value.as_ref().or(self.argument()).unwrap_or(&Value::Null))
    }

    /// Whether it certainly did not happen: it failed, or its ok says no. For operations that
    /// answer no value of their own.
    pub fn did_not_happen(&self) -> bool {
        self.failed() || self.answered.is_some_and(|event| says_no(self.asked, event))
    }

    /// The value that took effect, of an operation that answers no value of its own: the ok's if
    /// it has one that is more than a yes, else that of the question.
    pub fn done(&self) -> Option<&'a Value> {
        let asked = self.argument();
        let ok = self.answered.filter(|event| event.kind == Type::Ok);
        match (ok.and_then(|event| event.value.as_ref()), asked) {
            (None | Some(Value::Null | Value::Bool(false)), _) => asked,
            (Some(Value::Bool(true)), Some(asked)) if *asked != Value::Null => Some(asked),
            (answered, _) => answered,
        }
    }

    /// The same, which must be there.
    pub fn must_do(&self) -> Result<&'a Value, String> {
        self.done().ok_or_else(|| format!("the `{}` has no `value`", self.f()))
    }

    /// What a cas found and left.
    pub fn pair(&self) -> Result<(&'a Value, &'a Value), String> {
        let pair = |value: Option<&'a Value>| match value {
            Some(Value::List(pair)) if pair.len() == 2 => Some((&pair[0], &pair[1])),
            _ => None,
        };
        let (asked, done) = (self.argument(), self.done());
        match (pair(done), asked, done) {
            (Some(pair), ..) => Ok(pair),
            (None, Some(asked), Some(done)) if asked != done => Err(format!(
                "the ok cas answers {done}; expected true, false or [from, to], or no `value`"
            )),
            (None, _, Some(other)) => Err(format!("the cas has {other}; expected [from, to]")),
            (None, _, None) => Err("the cas has no `value`; expected [from, to]".into()),
        }
    }

    /// The refusal of an operation that is not of this model.
    pub fn stranger<T>(&self, known: &[&str]) -> Result<T, String> {
        Err(format!("`{}` is no operation of this model: {}", self.f(), known.join(", ")))
    }
}

/// Whether this ok says no: it answers `false` where that is not what was asked for.
pub(crate) fn says_no(asked: &Event, answered: &Event) -> bool {
    const NO: Value = Value::Bool(false);
    answered.kind == Type::Ok
        && answered.value == Some(NO)
        && asked.value != Some(NO)
        && asked.element() != Some(&NO)
}
