//! `cargo run -p schism-verify --example own_model`: a model in one file, and a history that breaks
//! it. The object is a lease: whoever holds it may renew it, and nobody else may take it.
#![allow(clippy::print_stdout)] // a program that shows

use schism_verify::history::Value;
use schism_verify::{Call, CheckOptions, History, Spec, check_model};

/// A lease; `value` names who asks.
#[derive(Clone)]
struct Lease;

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Op {
    Take(Value),
    Release(Value),
}

impl Spec for Lease {
    /// The holder.
    type State = Option<Value>;
    type Op = Op;

    fn initial(&self) -> Option<Value> {
        None
    }

    fn read(&self, call: &Call<'_>) -> Result<Option<Op>, String> {
        if call.failed() {
            return Ok(None);
        }
        match call.f() {
            "take" => Ok(Some(Op::Take(call.wanted()?.clone()))),
            "release" => Ok(Some(Op::Release(call.wanted()?.clone()))),
            _ => call.stranger(&["take", "release"]),
        }
    }

    fn step(&self, holder: &Option<Value>, op: &Op) -> Option<Option<Value>> {
        match op {
            Op::Take(who) if holder.as_ref().is_none_or(|holder| holder == who) => {
                Some(Some(who.clone()))
            }
            Op::Release(who) if holder.as_ref() == Some(who) => Some(None),
            Op::Take(_) | Op::Release(_) => None,
        }
    }

    fn only_reads(&self, _: &Op) -> bool {
        false
    }

    fn show(&self, holder: &Option<Value>) -> String {
        holder.as_ref().map_or("free".into(), |holder| format!("held by {holder}"))
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut record = History::builder();
    for (process, who) in [(1, "ann"), (2, "bob")] {
        record.invoke(process, "take").value = Some(who.into());
        record.ok(process);
    }
    let history = record.finish()?;
    let result = check_model(&Lease, &history, &CheckOptions::default())?;
    assert_eq!(result.verdict.word(), "violated", "bob took what ann held");
    println!("{:#?}", result.verdict);
    Ok(())
}
