//! A mutex: acquire, release. Any process may release it, as in Jepsen; fencing is another model.

use super::row::{Operation, Proves, names};
use super::spec::{Call, Spec};
use crate::history::Field;

pub const OPERATIONS: &[Operation] = &[
    Operation::new("acquire").asks(&[Field::Key]).noes(&["held"]).led().usually(50),
    Operation::new("release")
        .asks(&[Field::Key])
        .noes(&["not-held"])
        .proves(Proves::Progress)
        .led()
        .usually(50),
];

#[derive(Clone, Debug, Default)]
pub struct Mutex {
    pub held: bool,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Op {
    /// Free before, held after.
    Acquire,
    /// Held before, free after.
    Release,
}

impl Spec for Mutex {
    type State = bool;
    type Op = Op;

    fn initial(&self) -> bool {
        self.held
    }

    fn read(&self, call: &Call<'_>) -> Result<Option<Op>, String> {
        let op = match call.f() {
            "acquire" => Op::Acquire,
            "release" => Op::Release,
            _ => return call.stranger(&names(OPERATIONS)),
        };
        Ok((!call.did_not_happen()).then_some(op))
    }

    fn step(&self, held: &bool, op: &Op) -> Option<bool> {
        match (held, op) {
            (false, Op::Acquire) => Some(true),
            (true, Op::Release) => Some(false),
            _ => None,
        }
    }

    fn only_reads(&self, _: &Op) -> bool {
        false
    }

    fn show(&self, held: &bool) -> String {
        if *held { "held" } else { "free" }.into()
    }
}
