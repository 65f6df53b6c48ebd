//! The log: append, append-if, read, tail, as typed operations (docs/reference/history.md).

use super::ModelError;
use super::row::{Operation, Proves, names};
use super::spec::Call;
use crate::history::{Event, Field, History, Level, List, Type, Value};

pub const OPERATIONS: &[Operation] = &[
    Operation::new("append")
        .asks(&[Field::Value, Field::Client, Field::Seq])
        .answers(&[Field::Offset])
        .proves(Proves::Progress)
        .led()
        .usually(50),
    Operation::new("read")
        .asks(&[Field::From, Field::Limit, Field::Level])
        .answers(&[Field::Value])
        .may_answer(&[Field::Tail])
        .usually(40),
    Operation::new("append-if")
        .asks(&[Field::Value, Field::Expect, Field::Client, Field::Seq])
        .answers(&[Field::Offset])
        .fails(&[Field::Tail])
        .noes(&["conflict"])
        .proves(Proves::Progress)
        .led()
        .usually(5),
    Operation::new("tail").answers(&[Field::Tail]).usually(5),
];

#[derive(Clone, PartialEq, Debug)]
pub enum Asked {
    /// Put a value at the end; with `expect` only if the log has that length.
    Append { value: Value, expect: Option<u64> },
    /// Entries from an offset on.
    Read {
        from: u64,
        limit: Option<u64>,
        /// It makes no claim about real time.
        local: bool,
    },
    Tail {
        /// It makes no claim about real time.
        local: bool,
    },
}

#[derive(Clone, PartialEq, Debug)]
pub enum Answered {
    Appended(u64),
    /// It says no: nothing was appended.
    No,
    /// Entries, and the length where it was given.
    Read(List, Option<u64>),
    Tail(u64),
}

/// What an invocation asks, or what it lacks.
pub fn asked(event: &Event) -> Result<Asked, String> {
    let local = event.level() == Some(Level::Local);
    match &*event.f {
        "append" | "append-if" => {
            let value = event.value.clone().unwrap_or(Value::Null);
            check_entry(&value, &event.f)?;
            let expect = match (&*event.f, event.expect()) {
                ("append", _) => None,
                (_, Some(expect)) => Some(expect),
                (_, None) => return Err("the append-if has no `expect`".into()),
            };
            Ok(Asked::Append { value, expect })
        }
        "read" => Ok(Asked::Read { from: event.from().unwrap_or(0), limit: event.limit(), local }),
        "tail" => Ok(Asked::Tail { local }),
        other => {
            Err(format!("`{other}` is no operation of the log: {}", names(OPERATIONS).join(", ")))
        }
    }
}

/// What an ok answers to `asked`, or what it lacks. An answer that names another question than
/// the one asked is an error: nobody can say what it is about.
pub fn answered(asked: &Asked, event: &Event) -> Result<Answered, String> {
    match asked {
        Asked::Append { .. } if event.offset().is_none() && event.value == Some(false.into()) => {
            Ok(Answered::No)
        }
        Asked::Append { value, expect } => {
            same("value", event.value.as_ref(), Some(value))?;
            if expect.is_some() {
                same("expect", event.expect().as_ref(), expect.as_ref())?;
            }
            let offset = event.offset().or(*expect);
            offset.map(Answered::Appended).ok_or_else(|| "the ok append has no `offset`".into())
        }
        Asked::Read { from, limit, .. } => {
            same("from", event.from().as_ref(), Some(from))?;
            same("limit", event.limit().as_ref(), limit.as_ref())?;
            let Some(Value::List(values)) = &event.value else {
                return Err("the ok read has no `value`: a list of entries".into());
            };
            values.iter().try_for_each(|value| check_entry(value, "read"))?;
            Ok(Answered::Read(values.clone(), event.tail()))
        }
        Asked::Tail { .. } => {
            event.tail().map(Answered::Tail).ok_or_else(|| "the ok tail has no `tail`".into())
        }
    }
}

/// Whether a fail is the refusal of an append-if whose condition did not hold.
pub fn is_conflict(asked: &Asked, event: &Event) -> bool {
    let conditional = matches!(asked, Asked::Append { expect: Some(_), .. });
    conditional && event.error() == Some("conflict")
}

/// Whether the question or the answer says that it is local.
pub fn is_local(asked: &Asked, event: &Event) -> bool {
    let said = matches!(asked, Asked::Read { local: true, .. } | Asked::Tail { local: true });
    said || event.level() == Some(Level::Local)
}

/// Whether the operation and its answer can be read, and if not, what is wrong with them.
pub(super) fn check(call: &Call<'_>) -> Result<(), String> {
    let question = asked(call.asked)?;
    let ok = call.answered.filter(|event| event.kind == Type::Ok);
    ok.map_or(Ok(()), |event| answered(&question, event).map(drop))
}

/// Reads every operation of the history and says which one lacks what.
pub fn validate(history: &History) -> Result<(), ModelError> {
    for operation in history.operations() {
        let invoke = history.invoke(operation);
        let error = |index, message| ModelError { index, message };
        let question = asked(invoke).map_err(|message| error(invoke.index, message))?;
        if let Some(ret) = history.ret(operation)
            && ret.kind == Type::Ok
        {
            answered(&question, ret).map_err(|message| error(ret.index, message))?;
        }
    }
    Ok(())
}

pub(crate) struct Acked<'a> {
    pub offset: u64,
    pub value: &'a Value,
    pub invoke: &'a Event,
    pub ret: &'a Event,
}

pub(crate) fn acked(history: &History) -> Vec<Acked<'_>> {
    let mut all = Vec::new();
    for op in history.operations() {
        let (invoke, Some(ret)) = (history.invoke(op), history.ret(op)) else { continue };
        if ret.kind != Type::Ok || !invoke.f.starts_with("append") {
            continue;
        }
        let answer = asked(invoke).and_then(|asked| answered(&asked, ret));
        if let (Ok(Answered::Appended(offset)), Some(value)) = (answer, &invoke.value) {
            all.push(Acked { offset, value, invoke, ret });
        }
    }
    all
}

/// Contracts: values are strings, or integers within 2^53.
fn check_entry(value: &Value, f: &str) -> Result<(), String> {
    match value {
        Value::Str(_) => Ok(()),
        Value::Int(number) if number.unsigned_abs() <= 1 << 53 => Ok(()),
        Value::Null => Err(format!("an entry of the {f} is missing or null")),
        _ => Err(format!(
            "an entry of the {f} is {value}; expected a string or an integer within 2^53"
        )),
    }
}

fn same<T: PartialEq>(field: &str, answer: Option<&T>, question: Option<&T>) -> Result<(), String> {
    if answer.is_none() || answer == question {
        return Ok(());
    }
    Err(format!("the answer's `{field}` is not the one that was asked"))
}
