//! A register: write, read, cas. `cas-register` is another name for it.
//! It never guesses what a null answer means: the reader of the history says so.

use super::row::{Operation, Proves, names};
use super::spec::{Call, Spec};
use crate::history::{Field, Value};

pub const OPERATIONS: &[Operation] = &[
    Operation::new("read").asks(&[Field::Key, Field::Level]).answers(&[Field::Value]).usually(50),
    Operation::new("write")
        .asks(&[Field::Key, Field::Value])
        .proves(Proves::Progress)
        .led()
        .usually(30),
    Operation::new("cas")
        .asks(&[Field::Key, Field::Value])
        .noes(&["conflict", "state-differs"])
        .proves(Proves::Progress)
        .led()
        .usually(20),
];

#[derive(Clone, Debug, Default)]
pub struct Register {
    /// What it holds at the start; null: never written.
    pub initial: Value,
    /// A failed cas says that the state was not `from` at some moment.
    pub failed_cas_constrains: bool,
    /// A read that answers null says nothing.
    pub null_says_nothing: bool,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Op {
    /// Now it holds this.
    Write(Value),
    /// It held the first, now it holds the second. Of unknown outcome: if it holds the first.
    Cas(Value, Value),
    /// It held this.
    Read(Value),
    /// It did not hold this.
    Not(Value),
}

impl Spec for Register {
    type State = Value;
    type Op = Op;

    fn initial(&self) -> Value {
        self.initial.clone()
    }

    fn read(&self, call: &Call<'_>) -> Result<Option<Op>, String> {
        match call.f() {
            "write" => {
                let value = call.must_do()?.clone();
                Ok((!call.did_not_happen()).then_some(Op::Write(value)))
            }
            "cas" => {
                let (from, to) = call.pair()?;
                if call.did_not_happen() {
                    return Ok(self.failed_cas_constrains.then(|| Op::Not(from.clone())));
                }
                if from == to {
                    return Ok(Some(Op::Read(from.clone())));
                }
                Ok(Some(Op::Cas(from.clone(), to.clone())))
            }
            // What one node holds, however old.
            "read" if call.is_local() => Ok(None),
            "read" => {
                let answer = call.answer();
                let says = |value: &&Value| !(self.null_says_nothing && **value == Value::Null);
                Ok(answer.filter(says).map(|value| Op::Read(value.clone())))
            }
            _ => call.stranger(&names(OPERATIONS)),
        }
    }

    fn step(&self, state: &Value, op: &Op) -> Option<Value> {
        match op {
            Op::Write(value) => Some(value.clone()),
            Op::Cas(from, to) => (state == from).then(|| to.clone()),
            Op::Read(value) => (state == value).then(|| state.clone()),
            Op::Not(value) => (state != value).then(|| state.clone()),
        }
    }

    fn only_reads(&self, op: &Op) -> bool {
        matches!(op, Op::Read(_) | Op::Not(_))
    }

    fn show(&self, state: &Value) -> String {
        state.to_string()
    }
}
