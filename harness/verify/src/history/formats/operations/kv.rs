//! The input and output of Porcupine's key-value store: `{Op, Key, Value}`, where Op 0 gets, 1 puts
//! and 2 appends, or says so in a word.

use schism_facts::foreign::excerpt;
use serde_json::Value as Json;

use super::{Answer, Operation, Told, field, value};

pub(super) fn told(operation: &Operation) -> Result<Option<Told>, String> {
    let Operation { input, output, .. } = operation;
    let (op, key) = (field(input, "op"), field(input, "key"));
    let word = op.as_str().map(str::to_lowercase);
    let f = match (op.as_u64(), word.as_deref()) {
        (Some(0), _) | (_, Some("get" | "read")) => "get",
        (Some(1), _) | (_, Some("put" | "write" | "set")) => "put",
        (Some(2), _) | (_, Some("append")) => "append",
        (_, Some("delete")) => "delete",
        _ => {
            return Err(format!(
                "the input's `Op` is {}; expected 0 (get), 1 (put) or 2 (append), or the word, as \
                 in Porcupine's key-value store. Write other operations as JSON lines",
                excerpt(&op.to_string())
            ));
        }
    };
    if !(key.is_string() || key.is_number()) {
        let input = input.to_string();
        let found = excerpt(&input);
        return Err(format!("the input {found} has no `Key`; expected {{Op, Key, Value}}"));
    }
    let answers = match output {
        Json::Null => None,
        _ if field(output, "unknown") == &Json::Bool(true) => None,
        _ if f != "get" => Some(Answer::Nothing),
        Json::Object(_) => Some(Answer::Value(value(field(output, "value")))),
        plain => Some(Answer::Value(value(plain))),
    };
    let asks = matches!(f, "put" | "append").then(|| value(field(input, "value")));
    Ok(Some(Told { f, key: Some(value(key)), asks, answers }))
}
