//! Values of operations, and the words and lists that many events share: one pointer each, so that
//! an event stays small. An object's keys are sorted, so that equal objects are equal texts.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use triomphe::ThinArc;

use super::number::{Worth, worth};

/// A value of an operation: JSON, with whole numbers only (contracts: strings, or integers within
/// 2^53). The nemesis may say more, in objects.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Value {
    #[default]
    Null,
    Bool(bool),
    Int(i64),
    Str(Name),
    List(List),
    /// Anything else (an object, a fraction), kept as compact JSON text.
    Other(Name),
}

/// A short word: an operation, a node, a kind of fault. Behaves like a `str`; a clone is cheap.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Name(Arc<Box<str>>);

/// The parts of an array. Behaves like a slice; a clone is cheap.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct List(ThinArc<(), Value>);

impl Deref for Name {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Deref for List {
    type Target = [Value];

    fn deref(&self) -> &[Value] {
        &self.0.slice
    }
}

impl Borrow<str> for Name {
    fn borrow(&self) -> &str {
        self
    }
}

impl AsRef<str> for Name {
    fn as_ref(&self) -> &str {
        self
    }
}

impl PartialEq<str> for Name {
    fn eq(&self, other: &str) -> bool {
        **self == *other
    }
}

impl PartialEq<&str> for Name {
    fn eq(&self, other: &&str) -> bool {
        **self == **other
    }
}

impl From<&str> for Name {
    fn from(text: &str) -> Self {
        Name(Arc::new(text.into()))
    }
}

impl From<&String> for Name {
    fn from(text: &String) -> Self {
        text.as_str().into()
    }
}

impl From<String> for Name {
    fn from(text: String) -> Self {
        Name(Arc::new(text.into()))
    }
}

impl From<std::borrow::Cow<'_, str>> for Name {
    fn from(text: std::borrow::Cow<'_, str>) -> Self {
        Name(Arc::new(text.into()))
    }
}

impl From<Vec<Value>> for List {
    fn from(values: Vec<Value>) -> Self {
        List::of(values.into_iter())
    }
}

impl From<&[Value]> for List {
    fn from(values: &[Value]) -> Self {
        List::of(values.iter().cloned())
    }
}

impl<const N: usize> From<[Value; N]> for List {
    fn from(values: [Value; N]) -> Self {
        List::of(values.into_iter())
    }
}

impl FromIterator<Value> for List {
    fn from_iter<T: IntoIterator<Item = Value>>(values: T) -> Self {
        values.into_iter().collect::<Vec<_>>().into()
    }
}

impl List {
    /// These values, in memory of their size.
    pub(super) fn of(values: impl ExactSizeIterator<Item = Value>) -> Self {
        List(ThinArc::from_header_and_iter((), values))
    }
}

impl<'a> IntoIterator for &'a List {
    type Item = &'a Value;
    type IntoIter = std::slice::Iter<'a, Value>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl fmt::Debug for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl Value {
    /// The value of a tree of JSON.
    pub fn from_json(json: &Json) -> Value {
        match json {
            Json::Null => Value::Null,
            Json::Bool(truth) => Value::Bool(*truth),
            Json::Number(number) => number.as_i64().map_or_else(
                || {
                    let text = number.to_string();
                    Value::of_number(&text).unwrap_or_else(|| Value::Other(text.into()))
                },
                Value::Int,
            ),
            Json::String(text) => Value::Str(text.as_str().into()),
            Json::Array(parts) => Value::List(parts.iter().map(Value::from_json).collect()),
            Json::Object(parts) => Value::object(
                parts.iter().map(|(name, part)| (name.clone(), Value::from_json(part))),
            ),
        }
    }

    /// The value of a number as JSON writes it, or as EDN does but for its suffixes: equal numbers
    /// are equal values. None: it is no number, or none that can be written and read again (JSON's
    /// readers know numbers up to 1.8e308).
    pub(super) fn of_number(text: &str) -> Option<Value> {
        Some(match worth(text)? {
            Worth::Whole(number) => Value::Int(number),
            Worth::Other(text) => {
                serde_json::from_str::<serde_json::Number>(&text).ok()?;
                Value::Other(text.into())
            }
        })
    }

    /// An object with these fields; of two with one name the last stays.
    pub fn object(fields: impl IntoIterator<Item = (String, Value)>) -> Value {
        let sorted: BTreeMap<String, Value> = fields.into_iter().collect();
        let mut text = Vec::new();
        for (name, value) in &sorted {
            text.push(if text.is_empty() { b'{' } else { b',' });
            Value::Str(name.as_str().into()).to_json(&mut text);
            text.push(b':');
            value.to_json(&mut text);
        }
        if text.is_empty() {
            text.push(b'{');
        }
        text.push(b'}');
        Value::Other(String::from_utf8_lossy(&text).into())
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Value::Int(number)
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Value::Bool(truth)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::Str(text.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trees_become_values() {
        let of = |text: &str| Value::from_json(&serde_json::from_str(text).unwrap());
        assert_eq!(of("[1,\"a\",null,true]").to_string(), "[1,\"a\",null,true]");
        assert_eq!(of("{\"b\":1,\"a\":[2.5,{}]}"), Value::Other("{\"a\":[2.5,{}],\"b\":1}".into()));
        assert_eq!(of("{\"b\":1,\"a\":2}"), of("{\"a\":2,\"b\":1}"));
    }
}
