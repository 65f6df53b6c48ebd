//! Values from trees of JSON. It never keeps the order of an object's keys: equal objects are
//! equal texts.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::Value;

impl Value {
    /// The value of a tree of JSON.
    pub fn from_json(json: &Json) -> Value {
        match json {
            Json::Null => Value::Null,
            Json::Bool(truth) => Value::Bool(*truth),
            Json::Number(number) => {
                number.as_i64().map_or_else(|| Value::Other(number.to_string().into()), Value::Int)
            }
            Json::String(text) => Value::Str(text.as_str().into()),
            Json::Array(parts) => Value::List(parts.iter().map(Value::from_json).collect()),
            Json::Object(parts) => Value::object(
                parts.iter().map(|(name, part)| (name.clone(), Value::from_json(part))),
            ),
        }
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
