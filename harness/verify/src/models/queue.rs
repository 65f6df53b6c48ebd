//! A first-in first-out queue and a stack: put in, take out; null is the answer of an empty one.
//! Values need not be unique.

use super::row::{Operation, Proves, names};
use super::spec::{Call, Spec};
use crate::history::{Field, Value};

pub const QUEUE_OPERATIONS: &[Operation] = &[
    Operation::new("enqueue")
        .asks(&[Field::Key, Field::Value])
        .proves(Proves::Progress)
        .led()
        .usually(50),
    Operation::new("dequeue")
        .asks(&[Field::Key])
        .answers(&[Field::Value])
        .noes(&["empty"])
        .led()
        .usually(50),
];
pub const STACK_OPERATIONS: &[Operation] = &[
    Operation::new("push").asks(&[Field::Key, Field::Value]).proves(Proves::Progress).led(),
    Operation::new("pop").asks(&[Field::Key]).answers(&[Field::Value]).noes(&["empty"]).led(),
];

#[derive(Clone, Debug, Default)]
pub struct Queue {
    /// What it holds at the start, oldest first.
    pub initial: Vec<Value>,
    /// The end that is taken from: the newest (a stack), or the oldest.
    pub is_stack: bool,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Op {
    /// Put in.
    Put(Value),
    /// Took this out.
    Took(Value),
    /// Found it empty.
    Empty,
    /// Took whatever there was; nobody knows what.
    TookSome,
}

impl Spec for Queue {
    type State = Vec<Value>;
    type Op = Op;

    fn initial(&self) -> Vec<Value> {
        self.initial.clone()
    }

    fn read(&self, call: &Call<'_>) -> Result<Option<Op>, String> {
        let operations = if self.is_stack { STACK_OPERATIONS } else { QUEUE_OPERATIONS };
        let op = match operations.iter().position(|known| known.name == call.f()) {
            Some(0) => match call.must_do()? {
                _ if call.did_not_happen() => return Ok(None),
                Value::Null => return Err(format!("null cannot be put in by `{}`", call.f())),
                value => Op::Put(value.clone()),
            },
            Some(_) => match call.answer() {
                _ if call.failed() => return Ok(None),
                None => Op::TookSome,
                Some(Value::Null) => Op::Empty,
                Some(value) => Op::Took(value.clone()),
            },
            None => return call.stranger(&names(operations)),
        };
        Ok((!call.failed()).then_some(op))
    }

    fn step(&self, state: &Vec<Value>, op: &Op) -> Option<Vec<Value>> {
        let end = if self.is_stack { state.len().checked_sub(1) } else { Some(0) };
        let end = end.filter(|_| !state.is_empty());
        match op {
            Op::Put(value) => {
                let mut next = Vec::with_capacity(state.len() + 1);
                next.extend_from_slice(state);
                next.push(value.clone());
                Some(next)
            }
            Op::Took(value) => {
                end.filter(|&end| state[end] == *value).map(|end| without(state, end))
            }
            Op::TookSome => Some(end.map_or_else(Vec::new, |end| without(state, end))),
            Op::Empty => state.is_empty().then(Vec::new),
        }
    }

    fn only_reads(&self, op: &Op) -> bool {
        *op == Op::Empty
    }

    fn bytes(&self, state: &Vec<Value>) -> u64 {
        16 + (state.capacity() * size_of::<Value>()) as u64
    }

    fn show(&self, state: &Vec<Value>) -> String {
        Value::List(state.clone().into()).to_string()
    }
}

fn without(state: &[Value], at: usize) -> Vec<Value> {
    let mut next = Vec::with_capacity(state.len() - 1);
    next.extend_from_slice(&state[..at]);
    next.extend_from_slice(&state[at + 1..]);
    next
}
