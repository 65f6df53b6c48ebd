//! Histories as text, in formats that other tools read. What is written here reads back as the
//! same history, nemesis and all, with the same meaning. It never leaves an event out.

use std::io::{self, Write};

use super::meaning::Meaning;
use super::{Format, edn};
use crate::history::{Event, History, Process, Value};

/// Our own JSON lines, in the order of the file the history came from.
pub fn jsonl(history: &History, meaning: &Meaning, out: &mut impl Write) -> io::Result<()> {
    let mut line = Vec::new();
    let remark = meaning.remark(Format::Jsonl, history);
    for event in history.in_file_order().chain(&remark) {
        line.clear();
        event.to_json_line(&mut line);
        out.write_all(&line)?;
    }
    Ok(())
}

/// Jepsen's EDN, one map a line. There the order of the file is mostly taken for the order: the
/// events are in the order of their times, and where these are equal in that of the file the
/// history came from. Fields of objects are sorted.
pub fn edn(history: &History, meaning: &Meaning, out: &mut impl Write) -> io::Result<()> {
    // Values that look like `[key value]` tuples must not be taken for such.
    let mut tell_keys = edn::keyed(history.events());
    let ranks = history.file_ranks();
    let mut places: Vec<u32> = (0..ranks.len() as u32).collect();
    places.sort_unstable_by_key(|at| ranks[*at as usize]);
    let event = |at: &u32| &history.events()[*at as usize];
    let counts_up = places.is_sorted_by_key(|at| event(at).index);
    let remark = meaning.remark(Format::Edn, history);
    for event in places.iter().map(event).chain(&remark) {
        let mut line = String::from("{");
        if counts_up {
            field(&mut line, "index", &event.index.to_string());
        }
        if let Some(time) = event.time() {
            field(&mut line, "time", &time.to_string());
        }
        let process = match event.process() {
            Process::Client(number) => number.to_string(),
            Process::Nemesis => ":nemesis".into(),
        };
        field(&mut line, "process", &process);
        field(&mut line, "type", &format!(":{}", event.kind.name()));
        field(&mut line, "f", &word(&event.f));
        if tell_keys && event.is_client() {
            field(&mut line, "key", "nil");
            tell_keys = false;
        }
        fields(&mut line, event);
        line.push_str("}\n");
        out.write_all(line.as_bytes())?;
    }
    Ok(())
}

fn fields(line: &mut String, event: &Event) {
    for (name, value) in
        [("key", event.key()), ("value", event.value.as_ref()), ("element", event.element())]
    {
        if let Some(value) = value {
            field(line, name, &of_value(value));
        }
    }
    let numbers = [
        ("offset", event.offset()),
        ("expect", event.expect()),
        ("from", event.from()),
        ("limit", event.limit()),
        ("tail", event.tail()),
        ("seq", event.session().map(|(_, seq)| *seq)),
    ];
    for (name, number) in numbers {
        if let Some(number) = number {
            field(line, name, &number.to_string());
        }
    }
    if let Some(level) = event.level() {
        field(line, "level", &format!(":{}", level.name()));
    }
    let client = event.session().map(|(client, _)| &**client);
    for (name, text) in
        [("client", client), ("error", event.error()), ("node", event.node.as_deref())]
    {
        if let Some(text) = text {
            field(line, name, &quoted(text));
        }
    }
}

fn field(line: &mut String, name: &str, value: &str) {
    if line.len() > 1 {
        line.push_str(", ");
    }
    line.push(':');
    line.push_str(name);
    line.push(' ');
    line.push_str(value);
}

/// A keyword, where the text can be one.
fn word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_*!?".contains(c);
    if text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.chars().all(plain) {
        return format!(":{text}");
    }
    quoted(text)
}

fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => out.extend(format!("\\u{:04x}", u32::from(c)).chars()),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn of_value(value: &Value) -> String {
    match value {
        Value::Null => "nil".into(),
        Value::Bool(truth) => truth.to_string(),
        Value::Int(number) => number.to_string(),
        Value::Str(text) => quoted(text),
        Value::List(parts) => {
            let parts: Vec<String> = parts.iter().map(of_value).collect();
            format!("[{}]", parts.join(" "))
        }
        Value::Other(json) => match serde_json::from_str::<serde_json::Value>(json) {
            Ok(serde_json::Value::Object(fields)) => {
                let part = |(name, value): (&String, &serde_json::Value)| {
                    format!("{} {}", quoted(name), of_value(&Value::from_json(value)))
                };
                let parts: Vec<String> = fields.iter().map(part).collect();
                format!("{{{}}}", parts.join(", "))
            }
            _ => json.to_string(),
        },
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::history::formats::jsonl as lines;
    use crate::history::{Level, Type};

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::Int),
            any::<String>().prop_map(|text| Value::Str(text.into())),
            Just(Value::Other("{\"a\":[1,null],\"b\":{\"c\":1.5}}".into())),
            Just(Value::Other("1.5".into())),
            Just(Value::Other("1e300".into())),
            Just(Value::Other("12345678901234567890".into())),
        ];
        leaf.prop_recursive(2, 8, 3, |inner| {
            let part = prop_oneof![inner, Just(Value::Null)];
            prop::collection::vec(part, 0..4).prop_map(|values| Value::List(values.into()))
        })
    }

    /// One thing that happens: who, how it ends if it is open, and what is said.
    fn happening()
    -> impl Strategy<Value = (u64, usize, String, [Option<Value>; 3], [Option<u64>; 7])> {
        let f = prop_oneof![Just("append".to_owned()), Just("cas".to_owned()), any::<String>()];
        let values = [0.7, 0.2, 0.1].map(|chance| prop::option::weighted(chance, value()));
        let numbers = prop::array::uniform7(prop::option::weighted(0.2, 0..1u64 << 53));
        (0..5u64, 0..4usize, f, values, numbers)
    }

    prop_compose! {
        fn history()(
            happenings in prop::collection::vec(happening(), 0..12),
            timed in any::<bool>(),
        ) -> History {
            let mut open: [Option<Event>; 4] = Default::default();
            let mut numbers = [0, 1, 2, 3];
            let mut events = Vec::new();
            let mut time = 0;
            for (who, ends, f, [value, key, element], said) in happenings {
                let process = numbers.get(who as usize).copied();
                let asked = process.and_then(|_| open[who as usize].take());
                // An answer is about the key that was asked, said or not.
                let key = asked.as_ref().map_or(key.clone(), |asked| {
                    key.and_then(|_| asked.key().cloned())
                });
                let mut event = match asked {
                    Some(asked) => {
                        let kind = [Type::Ok, Type::Ok, Type::Fail, Type::Info][ends];
                        numbers[who as usize] += 4 * u64::from(kind == Type::Info);
                        Event::new(asked.process(), kind, asked.f)
                    }
                    None => match process {
                        Some(number) => Event::new(Process::Client(number), Type::Invoke, f.as_str()),
                        None => Event::new(Process::Nemesis, Type::Info, f.as_str()),
                    },
                };
                event.value = value;
                event.set_key(key);
                event.set_element(element);
                event.set_offset(said[0]);
                event.set_expect(said[1]);
                event.set_from(said[2]);
                event.set_limit(said[3]);
                event.set_tail(said[4]);
                event.set_session(said[5].map(|seq| (f.as_str().into(), seq)));
                event.set_level(said[6].map(|_| Level::Local));
                event.set_error(said[6].map(|_| f.as_str().into()));
                event.node = said[5].map(|_| f.as_str().into());
                time += ends as u64;
                event.set_time(timed.then_some(time));
                event.index = events.len() as u64;
                if event.kind == Type::Invoke {
                    open[who as usize] = Some(event.clone());
                }
                events.push(event);
            }
            History::from_events(events).unwrap()
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..Default::default() })]

        #[test]
        fn json_lines_read_back_the_same(history in history()) {
            let mut text = Vec::new();
            jsonl(&history, &Meaning::of_format(Format::Jsonl), &mut text).unwrap();
            let (again, notes) = lines::parse(&text).unwrap();
            prop_assert_eq!(notes, vec![]);
            prop_assert_eq!(again, history);
        }

        #[test]
        fn edn_reads_back_the_same(history in history()) {
            let mut text = Vec::new();
            edn(&history, &Meaning::of_format(Format::Edn), &mut text).unwrap();
            let (again, notes) = edn::parse(&text).unwrap();
            prop_assert_eq!(notes, vec![], "{}", String::from_utf8_lossy(&text));
            prop_assert_eq!(again, history, "{}", String::from_utf8_lossy(&text));
        }
    }
}
