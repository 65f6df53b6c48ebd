//! Consensus: propose, one value decided for each key. As an object: a register that is written
//! once, by the first proposal, and answers every proposal with what it holds.

use super::row::{Operation, Proves};
use super::spec::{Call, Spec};
use crate::history::{Event, Field, Value};

pub const OPERATIONS: &[Operation] = &[Operation::new("propose")
    .asks(&[Field::Key, Field::Value])
    .answers(&[Field::Value])
    .proves(Proves::ProgressOnce)
    .led()
    .usually(100)];

#[derive(Clone, Debug)]
pub struct Consensus;

/// A value asked for, and the value that was decided. None: no answer is known.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Propose {
    pub asked: Value,
    pub decided: Option<Value>,
}

impl Spec for Consensus {
    /// What is decided. None: nothing yet.
    type State = Option<Value>;
    type Op = Propose;

    fn initial(&self) -> Option<Value> {
        None
    }

    fn read(&self, call: &Call<'_>) -> Result<Option<Propose>, String> {
        let asked = asked(call.asked)?.clone();
        let decided = call.answer().cloned();
        if decided == Some(Value::Null) {
            return Err("the ok propose answers null, which is no decision".into());
        }
        Ok((!call.failed()).then_some(Propose { asked, decided }))
    }

    fn step(&self, state: &Option<Value>, op: &Propose) -> Option<Option<Value>> {
        let after = state.as_ref().unwrap_or(&op.asked);
        let fits = op.decided.as_ref().is_none_or(|decided| decided == after);
        fits.then(|| Some(after.clone()))
    }

    fn only_reads(&self, _: &Propose) -> bool {
        false
    }

    fn show(&self, state: &Option<Value>) -> String {
        state.as_ref().map_or("undecided".into(), |value| format!("decided {value}"))
    }
}

/// What a proposal asks for, or what it lacks.
pub fn asked(event: &Event) -> Result<&Value, String> {
    if &*event.f != "propose" {
        return Err(format!("`{}` is no operation of consensus: propose", event.f));
    }
    match &event.value {
        None | Some(Value::Null) => Err("the propose has no `value`".into()),
        Some(value) => Ok(value),
    }
}
