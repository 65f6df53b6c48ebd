//! Requests and responses of etcd's robustness tests, as far as a key-value store has them: one key
//! is read, put or deleted, without a condition. Leases, compaction and defragmentation change no
//! value. It never takes an operation apart: a range over keys happens at one moment.

use schism_facts::foreign::excerpt;
use serde_json::Value as Json;

use super::{Answer, Operation, Told, field};
use crate::history::Value;

pub(super) fn told(operation: &Operation) -> Result<Option<Told>, String> {
    let Operation { input, output, .. } = operation;
    let kind = field(input, "type");
    let is_known = is_none(field(output, "error"))
        && is_none(field(output, "clienterror"))
        && field(output, "persisted") != &Json::Bool(true)
        && !output.is_null();
    match kind.as_str() {
        Some("range") => {
            let key = one_key(field(input, "range"))?;
            let answer = if is_known { Some(held(field(output, "range"))?) } else { None };
            Ok(Some(told_get(key, answer)))
        }
        Some("txn") => txn(field(input, "txn"), field(output, "txn"), is_known).map(Some),
        // No put has a lease here, so that a lease that ends takes nothing with it.
        Some("leaseGrant" | "leaseRevoke" | "compact" | "defragment") => Ok(None),
        _ => Err(format!(
            "the request's `Type` is {}, which is not known",
            excerpt(&kind.to_string())
        )),
    }
}

fn txn(asked: &Json, output: &Json, is_known: bool) -> Result<Told, String> {
    if !is_none(field(asked, "conditions")) {
        return Err(refusal("a transaction with conditions on revisions"));
    }
    let operations = field(asked, "operationsonsuccess").as_array();
    let [operation] = operations.map_or(&[][..], Vec::as_slice) else {
        return Err(refusal("a transaction of several operations"));
    };
    let kind = field(operation, "type").as_str().unwrap_or_default();
    let answers = is_known.then_some(Answer::Nothing);
    match kind {
        "range-operation" => {
            let key = one_key(field(operation, "range"))?;
            let result = field(output, "results").get(0).unwrap_or(&Json::Null);
            let answer = if is_known { Some(held(result)?) } else { None };
            Ok(told_get(key, answer))
        }
        "put-operation" => {
            let put = field(operation, "put");
            if !is_none(field(put, "leaseid")) {
                return Err(refusal("a put with a lease"));
            }
            let asks = Some(text_or_hash(field(put, "value")));
            Ok(Told { f: "put", key: Some(key(put)?), asks, answers })
        }
        "delete-operation" => {
            let key = key(field(operation, "delete"))?;
            Ok(Told { f: "delete", key: Some(key), asks: None, answers })
        }
        other => Err(refusal(&format!("a `{}`", excerpt(other)))),
    }
}

fn told_get(key: Value, answer: Option<Value>) -> Told {
    Told { f: "get", key: Some(key), asks: None, answers: answer.map(Answer::Value) }
}

fn refusal(what: &str) -> String {
    format!(
        "{what} is no operation of a key-value store, which reads, puts and deletes one key at a \
         time without a condition; judge it with etcd's own tests"
    )
}

/// Absent, or what Go writes for it.
fn is_none(json: &Json) -> bool {
    match json {
        Json::Null => true,
        Json::Array(parts) => parts.is_empty(),
        Json::String(text) => text.is_empty(),
        Json::Number(number) => number.as_u64() == Some(0),
        _ => false,
    }
}

fn key(of: &Json) -> Result<Value, String> {
    let key = field(of, "key").as_str().ok_or("the operation has no `Key`")?;
    Ok(key.into())
}

fn one_key(range: &Json) -> Result<Value, String> {
    if !is_none(field(range, "end")) {
        return Err(refusal("a range over several keys"));
    }
    if !is_none(field(range, "revision")) {
        return Err(refusal("a read of the past"));
    }
    let start = field(range, "start").as_str().ok_or("the range has no `Start`")?;
    Ok(start.into())
}

/// What a read of one key found; null: nothing.
fn held(found: &Json) -> Result<Value, String> {
    match field(found, "kvs") {
        Json::Null => Ok(Value::Null),
        Json::Array(all) if all.is_empty() => Ok(Value::Null),
        Json::Array(all) if all.len() == 1 => Ok(text_or_hash(field(&all[0], "value"))),
        other => Err(format!(
            "a read of one key answers {}; expected one pair",
            excerpt(&other.to_string())
        )),
    }
}

/// Long values stand in the file as their hash alone, wherever they are.
fn text_or_hash(value: &Json) -> Value {
    match (value, field(value, "hash").as_u64()) {
        (Json::String(text), _) => text.as_str().into(),
        (_, Some(hash)) if hash != 0 => format!("hash {hash}").as_str().into(),
        _ => field(value, "value").as_str().unwrap_or_default().into(),
    }
}
