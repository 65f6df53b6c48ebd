//! An event as a line of JSON: written by the recorder, read back by the judge.
//! It never keeps a field that contracts.md does not name.

use super::order::{NO_INDEX, Names};
use super::scan::{INTEGER_MAX, ScanError, Scanner};
use super::{Event, Level, Process, Type, Value};

impl Event {
    /// Appends this event as one line of JSON, with its line feed.
    pub fn to_json_line(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"index\":");
        digits(out, self.index);
        optional(out, "time", self.time);
        match self.process {
            Process::Client(number) => optional(out, "process", Some(number)),
            Process::Nemesis => out.extend_from_slice(b",\"process\":\"nemesis\""),
        }
        out.extend_from_slice(match self.kind {
            Type::Invoke => b",\"type\":\"invoke\"",
            Type::Ok => b",\"type\":\"ok\"",
            Type::Fail => b",\"type\":\"fail\"",
            Type::Info => b",\"type\":\"info\"",
        });
        text(out, "f", Some(&self.f));
        for (name, field) in [("key", &self.key), ("value", &self.value)] {
            if let Some(field) = field {
                label(out, name);
                field.to_json(out);
            }
        }
        optional(out, "offset", self.offset);
        optional(out, "expect", self.expect);
        optional(out, "from", self.from);
        optional(out, "limit", self.limit);
        optional(out, "tail", self.tail);
        out.extend_from_slice(match self.level {
            None => b"",
            Some(Level::Linearizable) => b",\"level\":\"linearizable\"",
            Some(Level::Local) => b",\"level\":\"local\"",
        });
        if let Some(element) = &self.element {
            label(out, "element");
            element.to_json(out);
        }
        if let Some((client, seq)) = &self.session {
            text(out, "client", Some(client));
            optional(out, "seq", Some(*seq));
        }
        text(out, "error", self.error.as_deref());
        text(out, "node", self.node.as_deref());
        out.extend_from_slice(b"}\n");
    }
}

impl Value {
    /// Appends this value as compact JSON.
    pub fn to_json(&self, out: &mut Vec<u8>) {
        match self {
            Value::Null => out.extend_from_slice(b"null"),
            Value::Bool(true) => out.extend_from_slice(b"true"),
            Value::Bool(false) => out.extend_from_slice(b"false"),
            Value::Int(number) => {
                if *number < 0 {
                    out.push(b'-');
                }
                digits(out, number.unsigned_abs());
            }
            Value::Str(string) => quoted(out, string),
            Value::List(values) => {
                out.push(b'[');
                for (at, value) in values.iter().enumerate() {
                    if at > 0 {
                        out.push(b',');
                    }
                    value.to_json(out);
                }
                out.push(b']');
            }
            Value::Other(json) => out.extend_from_slice(json.as_bytes()),
        }
    }
}

impl std::fmt::Display for Value {
    /// Compact JSON.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut out = Vec::new();
        self.to_json(&mut out);
        f.write_str(&String::from_utf8_lossy(&out))
    }
}

fn label(out: &mut Vec<u8>, name: &str) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}

fn optional(out: &mut Vec<u8>, name: &str, number: Option<u64>) {
    if let Some(number) = number {
        label(out, name);
        digits(out, number);
    }
}

fn text(out: &mut Vec<u8>, name: &str, string: Option<&str>) {
    if let Some(string) = string {
        label(out, name);
        quoted(out, string);
    }
}

fn quoted(out: &mut Vec<u8>, string: &str) {
    let plain = |byte: u8| byte >= 0x20 && byte != b'"' && byte != b'\\';
    if string.bytes().all(plain) {
        out.push(b'"');
        out.extend_from_slice(string.as_bytes());
        out.push(b'"');
    } else {
        serde_json::to_writer(out, string).expect("writing to memory does not fail");
    }
}

fn digits(out: &mut Vec<u8>, mut number: u64) {
    let mut buffer = [0; 20]; // u64::MAX has 20 digits
    let mut at = buffer.len();
    loop {
        at -= 1;
        buffer[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&buffer[at..]);
}

/// The bit of a field we know, to find duplicates.
fn bit(name: &str) -> Option<u32> {
    let place = match name {
        "index" => 0,
        "time" => 1,
        "process" => 2,
        "type" => 3,
        "f" => 4,
        "key" => 5,
        "value" => 6,
        "offset" => 7,
        "expect" => 8,
        "from" => 9,
        "limit" => 10,
        "tail" => 11,
        "level" => 12,
        "element" => 13,
        "client" => 14,
        "seq" => 15,
        "error" => 16,
        "node" => 17,
        _ => return None,
    };
    Some(1 << place)
}

/// Reads an event from a line. Its index is [`NO_INDEX`] where the line gives none. Fields that
/// contracts.md does not name are read over; null in an optional field is absence, but for values.
pub(super) fn parse_line(line: &str, names: &mut Names) -> Result<Event, ScanError> {
    let mut event = Event::new(Process::Nemesis, Type::Info, names.get(""));
    event.index = NO_INDEX;
    let mut seen = 0u32;
    let mut client = None;
    let mut seq = None;
    let mut scanner = Scanner::new(line);
    scanner.object(|scanner, name| {
        let Some(field) = bit(name) else {
            return scanner.skip().map(drop);
        };
        if seen & field != 0 {
            return Err(scanner.expected(&format!("each field once, but `{name}` comes twice")));
        }
        seen |= field;
        match name {
            "index" => {
                event.index = scanner.number_or_null(INTEGER_MAX)?.unwrap_or(NO_INDEX);
            }
            "time" => event.time = scanner.number_or_null(u64::MAX)?,
            "process" => event.process = process(scanner)?,
            "type" => event.kind = kind(scanner)?,
            "f" => event.f = names.get(&scanner.string()?),
            "key" => event.key = Some(value(scanner)?),
            "value" => event.value = Some(value(scanner)?),
            "offset" => event.offset = scanner.number_or_null(INTEGER_MAX)?,
            "expect" => event.expect = scanner.number_or_null(INTEGER_MAX)?,
            "from" => event.from = scanner.number_or_null(INTEGER_MAX)?,
            "limit" => event.limit = scanner.number_or_null(INTEGER_MAX)?,
            "tail" => event.tail = scanner.number_or_null(INTEGER_MAX)?,
            "level" => event.level = level(scanner)?,
            "element" => event.element = Some(value(scanner)?),
            "client" => client = name_or_other(scanner, names)?,
            "seq" => seq = scanner.number_or_null(INTEGER_MAX)?,
            "error" => event.error = name_or_other(scanner, names)?,
            _ => event.node = name_or_other(scanner, names)?,
        }
        Ok(())
    })?;
    scanner.end()?;
    event.session = client.zip(seq);
    for name in ["process", "type", "f"] {
        if bit(name).is_none_or(|field| seen & field == 0) {
            let message = format!("the field `{name}` is missing");
            return Err(ScanError { at: 0, message, cut: false });
        }
    }
    Ok(event)
}

fn process(scanner: &mut Scanner<'_>) -> Result<Process, ScanError> {
    if scanner.peek() == Some(b'"') {
        let error = scanner.expected("a process: a whole number, or \"nemesis\"");
        return match &*scanner.string()? {
            "nemesis" | ":nemesis" => Ok(Process::Nemesis),
            _ => Err(error),
        };
    }
    scanner.number(INTEGER_MAX).map(Process::Client)
}

fn kind(scanner: &mut Scanner<'_>) -> Result<Type, ScanError> {
    let error = scanner.expected("a type: \"invoke\", \"ok\", \"fail\" or \"info\"");
    match &*scanner.string()? {
        "invoke" => Ok(Type::Invoke),
        "ok" => Ok(Type::Ok),
        "fail" => Ok(Type::Fail),
        "info" => Ok(Type::Info),
        _ => Err(error),
    }
}

fn level(scanner: &mut Scanner<'_>) -> Result<Option<Level>, ScanError> {
    let error = scanner.expected("a level: \"linearizable\" or \"local\"");
    if scanner.peek() == Some(b'n') {
        return scanner.skip().map(|_| None);
    }
    match &*scanner.string()? {
        "linearizable" => Ok(Some(Level::Linearizable)),
        "local" => Ok(Some(Level::Local)),
        _ => Err(error),
    }
}

/// Values repeat as errors and nodes do not, so they are not shared.
fn value(scanner: &mut Scanner<'_>) -> Result<Value, ScanError> {
    scanner.value()
}

fn name_or_other(
    scanner: &mut Scanner<'_>,
    names: &mut Names,
) -> Result<Option<super::Name>, ScanError> {
    match scanner.peek() {
        Some(b'"') => scanner.string().map(|text| Some(names.get(&text))),
        Some(b'n') => scanner.skip().map(|_| None),
        _ => scanner.skip().map(|text| Some(names.get(text))),
    }
}
