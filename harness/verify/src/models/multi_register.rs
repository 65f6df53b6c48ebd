//! Several registers changed at once: transactions of reads and writes, in order.
//! It never mixes two transactions: each happens at one moment.

use std::collections::BTreeMap;

use super::row::{Operation, names};
use super::spec::{Call, Spec, tree_bytes};
use crate::history::{Field, Value};

pub const OPERATIONS: &[Operation] =
    &[Operation::new("txn").asks(&[Field::Value]).answers(&[Field::Value]).led()];

#[derive(Clone, Debug, Default)]
pub struct MultiRegister {
    /// What they hold at the start. One that is not named was never written: null.
    pub initial: BTreeMap<Value, Value>,
    /// A read that answers null says nothing.
    pub null_says_nothing: bool,
}

/// One micro-operation: the register, and what it does.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Micro {
    /// It held this.
    Read(Value, Value),
    /// Now it holds this.
    Write(Value, Value),
}

impl Spec for MultiRegister {
    type State = BTreeMap<Value, Value>;
    type Op = Vec<Micro>;

    fn initial(&self) -> Self::State {
        let written = self.initial.iter().filter(|(_, value)| **value != Value::Null);
        written.map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    fn read(&self, call: &Call<'_>) -> Result<Option<Vec<Micro>>, String> {
        if call.f() != "txn" {
            return call.stranger(&names(OPERATIONS));
        }
        let asked = micros(call.wanted()?)?;
        if call.failed() {
            return Ok(None);
        }
        let mut micros_done = Vec::new();
        match call.answer() {
            None => {
                // The reads saw something, and nobody knows what.
                for (is_read, name, value) in asked {
                    if !is_read {
                        micros_done.push(Micro::Write(name.clone(), value.clone()));
                    }
                }
            }
            Some(answer) => {
                let answered = micros(answer)?;
                let alike = |((a, x, v), (b, y, w)): (&(bool, _, _), &(bool, _, _))| {
                    a == b && x == y && (*a || v == w)
                };
                if asked.len() != answered.len() || !asked.iter().zip(&answered).all(alike) {
                    return Err(format!("the transaction answers {answer}, which was not asked"));
                }
                for (is_read, name, value) in answered {
                    if !is_read {
                        micros_done.push(Micro::Write(name.clone(), value.clone()));
                    } else if !(self.null_says_nothing && *value == Value::Null) {
                        micros_done.push(Micro::Read(name.clone(), value.clone()));
                    }
                }
            }
        }
        Ok((!micros_done.is_empty()).then_some(micros_done))
    }

    fn step(&self, state: &Self::State, op: &Vec<Micro>) -> Option<Self::State> {
        let mut next = state.clone();
        for micro in op {
            match micro {
                Micro::Read(name, value) => {
                    if next.get(name).unwrap_or(&Value::Null) != value {
                        return None;
                    }
                }
                Micro::Write(name, Value::Null) => drop(next.remove(name)),
                Micro::Write(name, value) => drop(next.insert(name.clone(), value.clone())),
            }
        }
        Some(next)
    }

    fn only_reads(&self, op: &Vec<Micro>) -> bool {
        op.iter().all(|micro| matches!(micro, Micro::Read(..)))
    }

    fn bytes(&self, state: &Self::State) -> u64 {
        tree_bytes(state.len(), 2 * size_of::<Value>())
    }

    fn show(&self, state: &Self::State) -> String {
        let parts: Vec<String> =
            state.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        format!("{{{}}}", parts.join(", "))
    }
}

/// Whether it is a read, the register and the value of each micro-operation.
fn micros(value: &Value) -> Result<Vec<(bool, &Value, &Value)>, String> {
    let wrong =
        || format!("found {value}; expected a list of [\"r\", name, value] and [\"w\", ...]");
    let Value::List(parts) = value else { return Err(wrong()) };
    let mut micros = Vec::new();
    for part in parts {
        let Value::List(part) = part else { return Err(wrong()) };
        let [Value::Str(f), name, value] = &part[..] else { return Err(wrong()) };
        match &**f {
            "r" | "read" => micros.push((true, name, value)),
            "w" | "write" => micros.push((false, name, value)),
            _ => return Err(wrong()),
        }
    }
    Ok(micros)
}
