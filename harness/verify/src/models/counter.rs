//! A counter: add, read. It never wraps: a sum beyond 64 bits is impossible.

use super::row::{Operation, Proves, names};
use super::spec::{Call, Spec};
use crate::history::{Field, Value};

pub const OPERATIONS: &[Operation] = &[
    Operation::new("add")
        .asks(&[Field::Key, Field::Value])
        .proves(Proves::Progress)
        .led()
        .usually(50),
    Operation::new("read").asks(&[Field::Key, Field::Level]).answers(&[Field::Value]).usually(50),
];

#[derive(Clone, Debug, Default)]
pub struct Counter {
    pub initial: i64,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Op {
    /// So much more.
    Add(i64),
    /// It stood there.
    Read(i64),
}

impl Spec for Counter {
    type State = i64;
    type Op = Op;

    fn initial(&self) -> i64 {
        self.initial
    }

    fn read(&self, call: &Call<'_>) -> Result<Option<Op>, String> {
        match call.f() {
            "add" => {
                let by = number(call.must_do()?)?;
                Ok((by != 0 && !call.did_not_happen()).then_some(Op::Add(by)))
            }
            "read" => match call.answer() {
                None => Ok(None),
                // What one node holds, however old.
                Some(value) if call.is_local() => number(value).map(|_| None),
                Some(value) => number(value).map(|value| Some(Op::Read(value))),
            },
            _ => call.stranger(&names(OPERATIONS)),
        }
    }

    fn step(&self, state: &i64, op: &Op) -> Option<i64> {
        match op {
            Op::Add(by) => state.checked_add(*by),
            Op::Read(value) => (state == value).then_some(*state),
        }
    }

    fn only_reads(&self, op: &Op) -> bool {
        matches!(op, Op::Read(_))
    }

    fn show(&self, state: &i64) -> String {
        state.to_string()
    }
}

/// The whole number of a counter's operation.
pub fn number(value: &Value) -> Result<i64, String> {
    match value {
        Value::Int(number) => Ok(*number),
        other => Err(format!("found {other}; a counter takes whole numbers")),
    }
}
