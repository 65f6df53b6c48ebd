//! The keys of a fault in a workload: each has values, and one of them is drawn for each strike.

use std::collections::BTreeMap;
use std::time::Duration;

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::units::{format_duration, parse_duration};

/// A key of a fault.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What may be written there, for help and errors: `` `links` takes all, peers, ... ``.
    pub values: &'static str,
    /// What holds when it is not given, as YAML.
    pub default: &'static str,
}

/// What is wrong with a key's value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyError {
    /// Which key.
    pub key: String,
    /// Which of its values, from 0.
    pub index: usize,
    /// What was found and what was meant.
    pub message: String,
}

/// The values of a key.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(transparent)]
pub struct Draw<T>(pub Vec<T>);

impl<T: Clone> Draw<T> {
    /// Draws one of them.
    pub fn one(&self, rng: &mut ChaCha8Rng) -> T {
        self.0[rng.random_range(0..self.0.len())].clone()
    }

    /// Checks each of them; `key` is whose they are.
    pub fn check(
        &self,
        key: &str,
        check: impl Fn(&T) -> Result<(), String>,
    ) -> Result<(), KeyError> {
        for (index, value) in self.0.iter().enumerate() {
            check(value).map_err(|message| KeyError { key: key.to_owned(), index, message })?;
        }
        Ok(())
    }
}

/// A fault's keys as its own type. The error names the value that the type does not take.
pub(super) fn read<S: DeserializeOwned>(
    keys: &[Key],
    given: &BTreeMap<String, Vec<Value>>,
) -> Result<S, KeyError> {
    // One value at a time, so that an error has its place.
    let alone = |name: &str, value: &Value| {
        let lists = given.keys().map(|key| {
            let only = if key == name { json!([value]) } else { json!([]) };
            (key.clone(), only)
        });
        serde_json::from_value::<S>(Value::Object(lists.collect()))
    };
    for Key { name, values, .. } in keys {
        for (index, value) in given[*name].iter().enumerate() {
            alone(name, value).map_err(|error| {
                let said = error.to_string();
                // What our own types say begins with the value; serde's words are for programmers.
                let message = if said.starts_with('`') {
                    said
                } else {
                    format!("unknown {name} `{}`; `{name}` takes {values}", plain(value))
                };
                KeyError { key: (*name).to_owned(), index, message }
            })?;
        }
    }
    Ok(serde_json::from_value(json!(given)).expect("each of its values was read"))
}

/// A value as it was written: `halves`, `2`, `{"from":"n1","to":"n2"}`.
pub(super) fn plain(value: impl Serialize) -> String {
    match json!(value) {
        Value::String(word) => word,
        value => value.to_string(),
    }
}

/// A delay: `50ms`; `0` needs no unit.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "String")]
pub struct Span(pub Duration);

/// Longer than this is a partition that forgot its name.
const SPAN_MAX: Duration = Duration::from_secs(60);

impl TryFrom<Value> for Span {
    type Error = String;

    fn try_from(value: Value) -> Result<Span, String> {
        let duration = match plain(value).as_str() {
            "0" => Duration::ZERO,
            text => parse_duration(text)?,
        };
        if duration > SPAN_MAX {
            return Err(format!("`{}` is too long; at most 60s", format_duration(duration)));
        }
        Ok(Span(duration))
    }
}

impl From<Span> for String {
    fn from(Span(duration): Span) -> String {
        format_duration(duration)
    }
}

/// A probability above 0, up to 1.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "Value")]
pub struct Share(pub f64);

impl TryFrom<f64> for Share {
    type Error = &'static str;

    fn try_from(share: f64) -> Result<Share, &'static str> {
        if 0.0 < share && share <= 1.0 { Ok(Share(share)) } else { Err("not a share") }
    }
}

impl From<Share> for Value {
    /// All is `1`, as people write it.
    fn from(Share(share): Share) -> Value {
        if share < 1.0 { json!(share) } else { json!(1) }
    }
}
