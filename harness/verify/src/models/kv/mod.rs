//! A key-value store, one key: get, put, append (strings), delete, cas.
//! It never appends to what is no string.

mod tokens;

pub(crate) use tokens::{Grammar, Ways};

use super::row::{Operation, Proves, names};
use super::spec::{Call, Spec, Timed};
use crate::history::{Field, Value};

pub const OPERATIONS: &[Operation] = &[
    Operation::new("get").asks(&[Field::Key, Field::Level]).answers(&[Field::Value]).usually(45),
    Operation::new("put")
        .asks(&[Field::Key, Field::Value])
        .proves(Proves::Progress)
        .led()
        .usually(35),
    // Only where all values are strings, so not unless it is asked for.
    Operation::new("append").asks(&[Field::Key, Field::Value]).proves(Proves::Progress).led(),
    Operation::new("delete")
        .asks(&[Field::Key])
        .noes(&["absent"])
        .proves(Proves::Progress)
        .led()
        .usually(5),
    Operation::new("cas")
        .asks(&[Field::Key, Field::Value])
        .noes(&["conflict", "state-differs"])
        .proves(Proves::Progress)
        .led()
        .usually(15),
];

#[derive(Clone, Debug, Default)]
pub struct Kv {
    /// What it holds at the start; null: absent.
    pub initial: Value,
    /// A failed cas says that the state was not `from` at some moment.
    pub failed_cas_constrains: bool,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum State {
    /// This value; null: absent.
    Holds(Value),
    /// Something that no answer of the history ever showed.
    Unseen,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Op {
    /// Now it holds this; null: it was deleted.
    Put(Value),
    /// This was put at the end.
    Append(Value),
    /// It held the first, now it holds the second.
    Cas(Value, Value),
    /// It held this.
    Get(Value),
    /// It did not hold this.
    Not(Value),
    /// Now it holds something that no answer of the history ever showed.
    Spoil,
}

impl Spec for Kv {
    type State = State;
    type Op = Op;

    fn initial(&self) -> State {
        State::Holds(self.initial.clone())
    }

    fn read(&self, call: &Call<'_>) -> Result<Option<Op>, String> {
        let op = match call.f() {
            "put" => Op::Put(call.must_do()?.clone()),
            "append" => match call.must_do()? {
                value @ Value::Str(_) => Op::Append(value.clone()),
                other => return Err(format!("append has {other}; expected a string")),
            },
            "delete" => Op::Put(Value::Null),
            "cas" => {
                let (from, to) = call.pair()?;
                if call.did_not_happen() {
                    return Ok(self.failed_cas_constrains.then(|| Op::Not(from.clone())));
                }
                if from == to { Op::Get(from.clone()) } else { Op::Cas(from.clone(), to.clone()) }
            }
            // What one node holds, however old.
            "get" if call.is_local() => return Ok(None),
            "get" => match call.answer() {
                None => return Ok(None),
                Some(value) => Op::Get(value.clone()),
            },
            _ => return call.stranger(&names(OPERATIONS)),
        };
        let happened = if let Op::Get(_) = op { !call.failed() } else { !call.did_not_happen() };
        Ok(happened.then_some(op))
    }

    fn step(&self, state: &State, op: &Op) -> Option<State> {
        let State::Holds(held) = state else {
            return match op {
                Op::Put(value) => Some(State::Holds(value.clone())),
                Op::Append(_) | Op::Not(_) | Op::Spoil => Some(State::Unseen),
                Op::Cas(..) | Op::Get(_) => None,
            };
        };
        match op {
            Op::Put(value) => Some(State::Holds(value.clone())),
            Op::Append(more) => joined(held, more).map(State::Holds),
            Op::Cas(from, to) => (held == from).then(|| State::Holds(to.clone())),
            Op::Get(value) => (held == value).then(|| state.clone()),
            Op::Not(value) => (held != value).then(|| state.clone()),
            Op::Spoil => Some(State::Unseen),
        }
    }

    fn only_reads(&self, op: &Op) -> bool {
        matches!(op, Op::Get(_) | Op::Not(_))
    }

    fn bytes(&self, state: &State) -> u64 {
        match state {
            State::Holds(Value::Str(text)) => 16 + text.len() as u64,
            _ => 0,
        }
    }

    fn show(&self, state: &State) -> String {
        match state {
            State::Holds(value) => value.to_string(),
            State::Unseen => "a value that nobody ever read".into(),
        }
    }

    fn refine(&self, ops: &mut Vec<Timed<Op>>) {
        tokens::refine(&self.initial, ops);
    }
}

/// What is there after an append. None: there is no string to append to.
fn joined(held: &Value, more: &Value) -> Option<Value> {
    match (held, more) {
        (Value::Null, more) => Some(more.clone()),
        (Value::Str(held), Value::Str(more)) => Some(Value::Str(format!("{held}{more}").into())),
        _ => None,
    }
}
