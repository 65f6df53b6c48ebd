//! A set: add, remove, contains, and read of all.

use std::collections::BTreeSet;

use super::row::{Operation, Proves, names};
use super::spec::{Call, Spec, tree_bytes};
use crate::history::{Event, Field, Type, Value};

pub const OPERATIONS: &[Operation] = &[
    Operation::new("add")
        .asks(&[Field::Key, Field::Element])
        .noes(&["present"])
        .proves(Proves::Progress)
        .led()
        .usually(50),
    // Where elements also go, reads of all have to be searched: not unless it is asked for.
    Operation::new("remove")
        .asks(&[Field::Key, Field::Element])
        .noes(&["absent"])
        .proves(Proves::Progress)
        .led(),
    Operation::new("contains")
        .asks(&[Field::Key, Field::Element, Field::Level])
        .answers(&[Field::Value])
        .usually(40),
    Operation::new("read")
        .asks(&[Field::Key, Field::Level])
        .answers(&[Field::Value])
        .in_any_order()
        .usually(10),
];

#[derive(Clone, Debug, Default)]
pub struct Set {
    pub initial: BTreeSet<Value>,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Op {
    /// Now it is in.
    Add(Value),
    /// Now it is not.
    Remove(Value),
    /// It was in, or not.
    Contains(Value, bool),
    /// These were all.
    Read(BTreeSet<Value>),
}

impl Spec for Set {
    type State = BTreeSet<Value>;
    type Op = Op;

    fn initial(&self) -> BTreeSet<Value> {
        self.initial.clone()
    }

    fn read(&self, call: &Call<'_>) -> Result<Option<Op>, String> {
        // Jepsen writes the element of an add as its value.
        let f = call.f();
        let element = |value: Option<&Value>| {
            let ok = call.answered.filter(|event| event.kind == Type::Ok);
            let element = ok.and_then(Event::element).or(call.asked.element());
            element.or(value).cloned().ok_or_else(|| format!("the {f} has no `element`"))
        };
        let op = match f {
            "add" | "remove" if call.did_not_happen() => return Ok(None),
            "add" => Op::Add(element(call.done())?),
            "remove" => Op::Remove(element(call.done())?),
            "contains" => {
                let element = element(call.argument())?;
                match call.answer() {
                    None => return Ok(None),
                    Some(Value::Bool(is_in)) => Op::Contains(element, *is_in),
                    Some(other) => {
                        return Err(format!("a contains answers {other}; expected true or false"));
                    }
                }
            }
            "read" => match call.answer() {
                None => return Ok(None),
                Some(value) => Op::Read(elements(value)?),
            },
            _ => return call.stranger(&names(OPERATIONS)),
        };
        // What one node holds, however old, is no claim about time.
        let is_claim = !(call.is_local() && self.only_reads(&op));
        Ok((is_claim && !call.failed()).then_some(op))
    }

    fn step(&self, state: &BTreeSet<Value>, op: &Op) -> Option<BTreeSet<Value>> {
        let matches = match op {
            Op::Contains(element, is_in) => state.contains(element) == *is_in,
            Op::Read(all) => state == all,
            Op::Add(_) | Op::Remove(_) => true,
        };
        let mut next = matches.then(|| state.clone())?;
        match op {
            Op::Add(element) => drop(next.insert(element.clone())),
            Op::Remove(element) => drop(next.remove(element)),
            Op::Contains(..) | Op::Read(_) => {}
        }
        Some(next)
    }

    fn only_reads(&self, op: &Op) -> bool {
        matches!(op, Op::Contains(..) | Op::Read(_))
    }

    fn bytes(&self, state: &BTreeSet<Value>) -> u64 {
        tree_bytes(state.len(), size_of::<Value>())
    }

    fn show(&self, state: &BTreeSet<Value>) -> String {
        Value::List(state.iter().cloned().collect()).to_string()
    }
}

/// The elements of a read's answer, or of an initial set. A duplicate is an error: a set has none.
pub fn elements(value: &Value) -> Result<BTreeSet<Value>, String> {
    let Value::List(values) = value else {
        return Err(format!("found {value}; expected a list of elements"));
    };
    let set: BTreeSet<Value> = values.iter().cloned().collect();
    if set.len() < values.len() {
        return Err(format!("{value} names an element twice"));
    }
    Ok(set)
}
