//! Values of a log as they come over the wire, read in one pass.

use std::fmt;

use schism_verify::history::Value;
use serde::de::{
    Deserialize, Deserializer, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer,
};

/// Any JSON, as the history keeps it: what is no whole number, string or list of such stays text.
pub struct Wire(pub Value);

impl<'de> Deserialize<'de> for Wire {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue).map(Wire)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Value, E> {
        Ok(Value::Bool(truth))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Int(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(Value::from_json(&number.into()))
    }

    /// One that is whole is the whole number, however it is spelled: `1e2`, `100.0`.
    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Value::from_json(&number.into()))
    }

    fn visit_str<E>(self, string: &str) -> Result<Value, E> {
        Ok(Value::Str(string.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut values = Vec::with_capacity(list.size_hint().unwrap_or(0));
        while let Some(Wire(value)) = list.next_element()? {
            values.push(value);
        }
        Ok(Value::List(values.into()))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Value, A::Error> {
        let tree = serde_json::Value::deserialize(MapAccessDeserializer::new(map))?;
        Ok(Value::from_json(&tree))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_keep_their_kind() {
        let check = |json: &str, expected: Value| {
            let Wire(value) = serde_json::from_str(json).unwrap();
            assert_eq!(value, expected, "{json}");
        };
        check("17", Value::Int(17));
        check("-1", Value::Int(-1));
        check("\"a\\n\"", Value::Str("a\n".into()));
        check("null", Value::Null);
        check("true", Value::Bool(true));
        check(
            "[1, [\"x\"]]",
            Value::List([Value::Int(1), Value::List([Value::Str("x".into())].into())].into()),
        );
        check("1.5", Value::Other("1.5".into()));
        check("1e2", Value::Int(100));
        check("-100.0", Value::Int(-100));
        check("1e16", Value::Int(10_000_000_000_000_000));
        check("18446744073709551615", Value::Other("18446744073709551615".into()));
        check("{\"b\": 1, \"a\": 2}", Value::Other("{\"a\":2,\"b\":1}".into()));
    }
}
