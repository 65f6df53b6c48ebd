//! A queue that keeps no order, Jepsen's total-queue: enqueue, dequeue, and drain, which is as many
//! dequeues as there are messages. A dequeue is ok only once its acknowledgement is confirmed; what
//! was received without that is info with the message, which may come again.

use super::ModelError;
use super::row::{Operation, Proves, names};
use super::spec::Call;
use crate::history::{Field, History, Type, Value};

pub const OPERATIONS: &[Operation] = &[
    Operation::new("enqueue")
        .asks(&[Field::Key, Field::Value])
        .proves(Proves::Progress)
        .led()
        .usually(50),
    Operation::new("dequeue")
        .asks(&[Field::Key])
        .answers(&[Field::Value])
        .infos(&[Field::Value])
        .noes(&["empty"])
        .led()
        .usually(50),
    Operation::new("drain").asks(&[Field::Key]).answers(&[Field::Value]).noes(&["empty"]).led(),
];

/// What an operation did to the messages.
#[derive(Clone, PartialEq, Debug)]
pub enum Did<'a> {
    /// It asked for this message to be put in.
    Enqueue(&'a Value),
    /// It asked for a message, and for all there are.
    Dequeue,
    Drain,
}

/// What an invocation asks, or what it lacks.
pub fn asked<'a>(call: &Call<'a>) -> Result<Did<'a>, String> {
    match call.f() {
        "enqueue" => match call.must_do()? {
            Value::Null => Err("null cannot be put in by `enqueue`".into()),
            message => Ok(Did::Enqueue(message)),
        },
        "dequeue" => Ok(Did::Dequeue),
        "drain" => Ok(Did::Drain),
        _ => call.stranger(&names(OPERATIONS)),
    }
}

/// The messages that an ok takes out; a dequeue that answers null found none.
pub fn taken<'a>(call: &Call<'a>) -> Result<&'a [Value], String> {
    let ok = call.answered.filter(|event| event.kind == Type::Ok);
    let value = ok.and_then(|event| event.value.as_ref());
    match (call.f(), value) {
        ("drain", Some(Value::List(messages))) => Ok(messages),
        ("drain", Some(Value::Null)) => Ok(&[]),
        ("drain", Some(other)) => Err(format!("a drain answers {other}; expected a list")),
        ("dequeue", Some(message)) if *message != Value::Null => Ok(std::slice::from_ref(message)),
        _ => Ok(&[]),
    }
}

/// Whether the judge can read the operation with its answer, and if not, what is wrong with it.
pub(super) fn check(call: &Call<'_>) -> Result<(), String> {
    asked(call)?;
    taken(call).map(drop)
}

/// Reads every operation of the history and says which one lacks what.
pub fn validate(history: &History) -> Result<(), ModelError> {
    for operation in history.operations() {
        let (asked, ret) = (history.invoke(operation), history.ret(operation));
        let answered = ret.filter(|ret| matches!(ret.kind, Type::Ok | Type::Fail));
        let error = |message| ModelError { index: answered.unwrap_or(asked).index, message };
        check(&Call { asked, answered }).map_err(error)?;
    }
    Ok(())
}
