//! The fields of an event that a model may use, by name: what is asked, and what is answered.
//! Whoever writes events, reads them or talks to nodes goes by this one list.

use super::event::{Event, Level};
use super::json;
use super::scan::{DEPTH_MAX, INTEGER_MAX};
use super::value::Value;

/// The list: each field's meaning, and its name in files and on the wire.
macro_rules! fields {
    ($($(#[$meaning:meta])* $field:ident = $name:literal,)*) => {
        /// A field of an event, as histories and the client protocol call it.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum Field {
            $($(#[$meaning])* $field,)*
        }

        impl Field {
            /// All of them, in the order in which they are written.
            pub const ALL: &[Field] = &[$(Field::$field,)*];

            pub fn name(self) -> &'static str {
                match self {
                    $(Field::$field => $name,)*
                }
            }

            pub fn named(name: &str) -> Option<Field> {
                match name {
                    $($name => Some(Field::$field),)*
                    _ => None,
                }
            }
        }
    };
}

fields! {
    /// The object it is about, where there is more than one.
    Key = "key",
    /// What was asked or answered.
    Value = "value",
    /// Answer of an append.
    Offset = "offset",
    /// Condition of an append-if.
    Expect = "expect",
    /// First offset of a read.
    From = "from",
    /// At most so many entries.
    Limit = "limit",
    /// The log's length.
    Tail = "tail",
    /// How fresh a read must be.
    Level = "level",
    /// The element of a set operation.
    Element = "element",
    /// The session of an append.
    Client = "client",
    /// Its number in the session.
    Seq = "seq",
}

impl Event {
    pub fn has(&self, field: Field) -> bool {
        match field {
            Field::Key => self.key().is_some(),
            Field::Value => self.value.is_some(),
            Field::Offset => self.offset().is_some(),
            Field::Expect => self.expect().is_some(),
            Field::From => self.from().is_some(),
            Field::Limit => self.limit().is_some(),
            Field::Tail => self.tail().is_some(),
            Field::Level => self.level().is_some(),
            Field::Element => self.element().is_some(),
            Field::Client | Field::Seq => self.session().is_some(),
        }
    }

    pub fn clear(&mut self, field: Field) {
        match field {
            Field::Key => self.set_key(None),
            Field::Value => self.value = None,
            Field::Offset => self.set_offset(None),
            Field::Expect => self.set_expect(None),
            Field::From => self.set_from(None),
            Field::Limit => self.set_limit(None),
            Field::Tail => self.set_tail(None),
            Field::Level => self.set_level(None),
            Field::Element => self.set_element(None),
            Field::Client | Field::Seq => self.set_session(None),
        }
    }

    /// Sets a field to what a node answered; null is absence, but for values. An error says what
    /// was expected.
    pub fn answer(&mut self, field: Field, value: Value) -> Result<(), String> {
        let number = |value: &Value| match value {
            Value::Int(number) => {
                u64::try_from(*number).ok().filter(|&n| n <= INTEGER_MAX).map(Some)
            }
            Value::Null => Some(None),
            _ => None,
        };
        let expected = |what: &str| format!("`{}` is no {what}", field.name());
        if depth(&value) >= DEPTH_MAX {
            return Err(expected("value that a history can hold: it is nested too deep"));
        }
        match field {
            Field::Key => self.set_key(Some(value)),
            Field::Value => self.value = Some(value),
            Field::Element => self.set_element(Some(value)),
            Field::Offset | Field::Expect | Field::From | Field::Limit | Field::Tail => {
                let number =
                    number(&value).ok_or_else(|| expected("whole number from 0 to 2^53"))?;
                match field {
                    Field::Offset => self.set_offset(number),
                    Field::Expect => self.set_expect(number),
                    Field::From => self.set_from(number),
                    Field::Limit => self.set_limit(number),
                    _ => self.set_tail(number),
                }
            }
            Field::Level => match &value {
                Value::Null => self.set_level(None),
                Value::Str(word) if Level::named(word).is_some() => {
                    self.set_level(Level::named(word));
                }
                _ => return Err(expected("level: linearizable or local")),
            },
            Field::Client | Field::Seq => return Err(expected("answer: it is asked")),
        }
        Ok(())
    }

    /// Appends `,"name":value`, if it has this field.
    pub fn write_field(&self, field: Field, out: &mut Vec<u8>) {
        let name = field.name();
        match field {
            Field::Key => json::value(out, name, self.key()),
            Field::Value => json::value(out, name, self.value.as_ref()),
            Field::Element => json::value(out, name, self.element()),
            Field::Offset => json::field(out, name, self.offset()),
            Field::Expect => json::field(out, name, self.expect()),
            Field::From => json::field(out, name, self.from()),
            Field::Limit => json::field(out, name, self.limit()),
            Field::Tail => json::field(out, name, self.tail()),
            Field::Level => json::field(out, name, self.level().map(Level::name)),
            Field::Client => json::field(out, name, self.session().map(|(client, _)| &**client)),
            Field::Seq => json::field(out, name, self.session().map(|(_, seq)| *seq)),
        }
    }
}

/// How many arrays and objects stand in each other.
fn depth(value: &Value) -> usize {
    match value {
        Value::List(values) => 1 + values.iter().map(depth).max().unwrap_or(0),
        Value::Other(json) => depth_of_text(json),
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Str(_) => 0,
    }
}

/// The same of compact JSON.
fn depth_of_text(json: &str) -> usize {
    let (mut depth, mut deepest) = (0usize, 0);
    let (mut quoted, mut escaped) = (false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'[' | b'{' if !quoted => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::super::line::parse_line;
    use super::super::order::Names;
    use super::*;
    use crate::history::{Process, Type};

    #[test]
    fn a_field_that_was_answered_is_there_and_is_written() {
        for &field in Field::ALL {
            assert_eq!(Field::named(field.name()), Some(field));
            let mut event = Event::new(Process::Client(1), Type::Ok, "read");
            assert!(!event.has(field));
            let value = if field == Field::Level { Value::from("local") } else { Value::Int(7) };
            let answered = event.answer(field, value.clone());
            let mut text = Vec::new();
            event.write_field(field, &mut text);
            if matches!(field, Field::Client | Field::Seq) {
                assert!(answered.is_err() && text.is_empty());
                continue;
            }
            assert!(answered.is_ok() && event.has(field));
            event.clear(field);
            assert!(!event.has(field));
            let expected = format!(",\"{}\":{value}", field.name());
            assert_eq!(String::from_utf8(text), Ok(expected));
        }
        assert_eq!(Field::named("process"), None);
    }

    #[test]
    fn what_is_no_number_is_no_offset() {
        let mut event = Event::new(Process::Client(1), Type::Ok, "append");
        for wrong in
            [Value::Int(-1), Value::from("7"), Value::Bool(true), Value::Other("1.5".into())]
        {
            let error = event.answer(Field::Offset, wrong).unwrap_err();
            assert_eq!(error, "`offset` is no whole number from 0 to 2^53");
        }
        assert!(event.answer(Field::Level, Value::from("fresh")).is_err());
        assert!(event.answer(Field::Tail, Value::Null).is_ok(), "null is absence");
        assert_eq!(event, Event::new(Process::Client(1), Type::Ok, "append"));
    }

    #[test]
    fn whatever_may_be_answered_is_read_back() {
        let deep =
            |levels: usize| (0..levels).fold(Value::Null, |value, _| Value::List([value].into()));
        let mut readable = 0;
        let wide = format!(
            "{{{}}}",
            (0..100).map(|n| format!("\"{n}\":{{}}")).collect::<Vec<_>>().join(",")
        );
        let quoted = format!("{{\"a\":\"\\\"{}\"}}", "[".repeat(100));
        let tree = |text: &str| Value::from_json(&serde_json::from_str(text).unwrap());
        let odd = ["{\"a\":[1.5]}", &wide, &quoted].map(tree);
        let odd = odd.into_iter().chain([Value::Int(1 << 53)]);
        for value in [1, 40, 62, 63, 64, 65, 100].map(deep).into_iter().chain(odd) {
            for &field in Field::ALL {
                let mut event = Event::new(Process::Client(1), Type::Ok, "read");
                event.set_time(Some(1));
                if event.answer(field, value.clone()).is_ok() {
                    let mut line = Vec::new();
                    event.to_json_line(&mut line);
                    let text = String::from_utf8(line).unwrap();
                    let read = parse_line(text.trim_end(), &mut Names::default());
                    assert_eq!(read.unwrap(), event, "{text}");
                    readable += 1;
                }
            }
        }
        assert!(readable > 20, "{readable}");
    }
}
