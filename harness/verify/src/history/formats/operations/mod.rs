//! Operations as Go programs write them for Porcupine: `{ClientId, Input, Call, Output, Return}`,
//! in an array or one after the other, in any order. What is asked and answered has a file for each
//! kind of input. It never takes a part of a file for the whole: what is missing from it may be
//! what explains the rest.

mod etcd;
mod kv;

use std::collections::HashMap;

use foldhash::fast::FixedState;
use schism_facts::foreign::excerpt;
use serde_json::Value as Json;

use super::edn::line_feeds;
use crate::history::lines::Lines;
use crate::history::order::order;
use crate::history::processes;
use crate::history::scan::{INTEGER_MAX, ScanError, Scanner, TIME_MAX};
use crate::history::{Event, History, Name, Note, ParseError, Process, Type, Value};

/// Reads operations whose input is that of Porcupine's own key-value store.
pub fn porcupine(bytes: &[u8]) -> Result<(History, Vec<Note>), ParseError> {
    parse(bytes, kv::told)
}

/// Reads operations of etcd's robustness tests.
pub fn etcd(bytes: &[u8]) -> Result<(History, Vec<Note>), ParseError> {
    let (history, mut notes) = parse(bytes, etcd::told)?;
    if !history.operations().is_empty() {
        let message = "only keys and values are judged, and no revisions";
        notes.push(Note { line: None, message: message.into() });
    }
    Ok((history, notes))
}

/// One operation of the file.
struct Operation {
    line: u64,
    /// Its number as digits, or its name.
    client: Option<String>,
    input: Json,
    call: i64,
    output: Json,
    /// None: nobody heard of its return.
    ret: Option<i64>,
}

/// What it asked and was told.
struct Told {
    f: &'static str,
    key: Option<Value>,
    asks: Option<Value>,
    /// None: nobody knows whether it happened.
    answers: Option<Answer>,
}

/// What an operation that happened answered.
enum Answer {
    Nothing,
    Value(Value),
}

/// What an operation says; None: it changes nothing that is judged, and asks for nothing of it. An
/// error says what was found and what was expected.
type Tell = fn(&Operation) -> Result<Option<Told>, String>;

/// The names of an operation, as they are compared.
const NAMES: [&str; 6] = ["clientid", "input", "call", "output", "return", "metadata"];

/// Whether a text that begins with `{` or `[` begins with an operation.
pub(super) fn is_one(bytes: &[u8]) -> bool {
    let Some(name) = first_name(bytes) else { return false };
    NAMES.contains(&&*bare(name))
}

/// Whether the first operation's input is etcd's: it begins with the type of a request.
pub(super) fn is_etcds(bytes: &[u8]) -> bool {
    const INPUT: &[u8] = b"\"Input\"";
    let input = bytes.windows(INPUT.len()).position(|at| at.eq_ignore_ascii_case(INPUT));
    let input = input.map(|at| &bytes[at + INPUT.len()..]);
    input.and_then(first_name).is_some_and(|name| name.eq_ignore_ascii_case("type"))
}

/// The first text in quotes, if nothing but braces, colons and white space stands before it.
fn first_name(bytes: &[u8]) -> Option<&str> {
    let start = bytes.iter().position(|byte| *byte == b'"')?;
    let before = |byte: &u8| byte.is_ascii_whitespace() || b"[{:".contains(byte);
    let rest = bytes[..start].iter().all(before).then(|| &bytes[start + 1..])?;
    let end = rest.iter().take(40).position(|byte| *byte == b'"')?;
    std::str::from_utf8(&rest[..end]).ok()
}

/// A name without its case and its underscores: `ClientId`, `client_id`.
fn bare(name: &str) -> String {
    name.chars().filter(|c| *c != '_').map(|c| c.to_ascii_lowercase()).collect()
}

/// A field by its name, of whatever case; null where there is none.
fn field<'a>(json: &'a Json, name: &str) -> &'a Json {
    const NONE: &Json = &Json::Null;
    let fields = json.as_object();
    let found = fields.and_then(|fields| fields.iter().find(|(own, _)| bare(own) == name));
    found.map_or(NONE, |(_, value)| value)
}

fn parse(bytes: &[u8], tell: Tell) -> Result<(History, Vec<Note>), ParseError> {
    let (text, torn) = super::edn::text(bytes)?;
    let mut operations = read(text).map_err(|(line, error)| {
        let message = if error.cut || torn { CUT.into() } else { error.message };
        ParseError { line, column: None, message }
    })?;
    operations.sort_by_key(|operation| operation.call);
    let mut made = Made::default();
    let mut passed_over = 0;
    let mut clients = Clients::of(&operations);
    // A history's times begin at 0 or later.
    let shift = operations.first().map_or(0, |first| first.call.min(0));
    for operation in &operations {
        let Operation { line, call, .. } = *operation;
        let wrong = |message: String| ParseError { line, column: None, message };
        let Some(told) = tell(operation).map_err(wrong)? else {
            passed_over += 1;
            continue;
        };
        let ret = operation.ret.filter(|_| told.answers.is_some());
        if let Some(ret) = ret.filter(|ret| *ret < call) {
            return Err(wrong(format!(
                "it returns at {ret} and was called at {call}, which is later"
            )));
        }
        let process = clients.process(operation.client.as_deref(), call, ret);
        let (call, ret) = (call.abs_diff(shift), ret.map(|ret| ret.abs_diff(shift)));
        if ret.unwrap_or(call) > TIME_MAX {
            return Err(wrong(format!("it is more than {TIME_MAX} later than the first one")));
        }
        made.push(line, process, told, call, ret);
    }
    let (history, mut notes) = made.history()?;
    if passed_over > 0 {
        let message = format!(
            "{passed_over} operations change no value and ask for none, so they are passed over"
        );
        notes.push(Note { line: None, message });
    }
    notes.extend(clients.told().map(|message| Note { line: None, message }));
    Ok((history, notes))
}

const CUT: &str = "the file ends inside this operation; here operations stand in any order, so what is \
    missing may be what explains the rest: get the whole file";

/// Who asked, as processes. A client here may have several operations at once. Each needs a process
/// of its own, and also one that begins when another ends: Porcupine takes these as concurrent.
struct Clients {
    /// The processes of each that got their answers, with the times of these.
    free: HashMap<String, Vec<(u64, i64)>, FixedState>,
    /// The numbers of those that have names.
    named: HashMap<Name, u64, FixedState>,
    /// No client and no process has this number or a higher one.
    next: u64,
}

impl Clients {
    fn of(operations: &[Operation]) -> Self {
        let clients = operations.iter().filter_map(|operation| operation.client.as_deref());
        let next = clients.filter_map(own_number).max().map_or(0, |last| last + 1);
        Clients { free: HashMap::default(), named: HashMap::default(), next }
    }

    /// The process of an operation. They come in the order of their calls.
    fn process(&mut self, client: Option<&str>, call: i64, ret: Option<i64>) -> u64 {
        let mut fresh = || {
            self.next += 1;
            self.next - 1
        };
        let Some(client) = client else { return fresh() };
        let free = self.free.get_mut(client);
        let process = match (free, own_number(client)) {
            (Some(free), _) => match free.iter().position(|(_, until)| *until < call) {
                Some(at) => free.swap_remove(at).0,
                None => fresh(),
            },
            (None, Some(number)) => number,
            (None, None) => *self.named.entry(client.into()).or_insert_with(fresh),
        };
        let free = self.free.entry(client.into()).or_default();
        free.extend(ret.map(|ret| (process, ret)));
        process
    }

    fn told(&self) -> Option<String> {
        (!self.named.is_empty()).then(|| processes::told(&self.named))
    }
}

/// The number that a client has by itself. Larger ones are as good as names.
fn own_number(client: &str) -> Option<u64> {
    client.parse().ok().filter(|number| *number < INTEGER_MAX / 2)
}

/// All operations of a file, in its order. An error has its line.
fn read(text: &str) -> Result<Vec<Operation>, (u64, ScanError)> {
    let (mut line, mut counted) = (1, 0);
    let mut line_of = |at: usize| {
        line += line_feeds(&text.as_bytes()[counted..at]);
        counted = at;
        line
    };
    let mut operations = Vec::new();
    let mut scanner = Scanner::new(text);
    let mut start = 0;
    let mut one = |scanner: &mut Scanner<'_>| {
        scanner.peek();
        start = scanner.here();
        operations.push(operation(scanner, line_of(start))?);
        Ok(())
    };
    let mut all = || -> Result<(), ScanError> {
        while let Some(byte) = scanner.peek() {
            match byte {
                b'[' => scanner.elements(&mut one)?,
                _ => one(&mut scanner)?,
            }
        }
        Ok(())
    };
    match all() {
        Ok(()) => Ok(operations),
        Err(error) => Err((line_of(error.at.max(start).min(text.len())), error)),
    }
}

fn operation(scanner: &mut Scanner<'_>, line: u64) -> Result<Operation, ScanError> {
    let at = scanner.here();
    let mut found: [Option<&str>; NAMES.len()] = [None; NAMES.len()];
    scanner.object(|scanner, name| {
        let name = bare(name);
        let value = scanner.skip()?;
        if let Some(at) = NAMES.iter().position(|known| *known == name) {
            found[at] = Some(value);
        }
        Ok(())
    })?;
    let wrong = |message: String| ScanError { at, message, cut: false };
    let number = |at: usize| {
        let text = found[at].filter(|text| *text != "null");
        let number = |text: &str| {
            let expected = || {
                wrong(format!("`{}` is {}; expected a whole number", GO_NAMES[at], excerpt(text)))
            };
            text.parse::<i64>().map_err(|_| expected())
        };
        text.map(number).transpose()
    };
    let json = |at: usize| {
        let text = found[at].unwrap_or("null");
        let broken = |error| wrong(format!("`{}` cannot be read: {error}", GO_NAMES[at]));
        serde_json::from_str::<Json>(text).map_err(broken)
    };
    let missing = |at: usize| wrong(format!("the operation has no `{}`", GO_NAMES[at]));
    found[1].ok_or_else(|| missing(1))?;
    Ok(Operation {
        line,
        client: match json(0)? {
            Json::Null => None,
            Json::String(name) => Some(name),
            other => Some(other.to_string()),
        },
        input: json(1)?,
        call: number(2)?.ok_or_else(|| missing(2))?,
        output: json(3)?,
        // Go programs write the greatest time where there was no return.
        ret: number(4)?.filter(|ret| *ret != i64::MAX),
    })
}

/// The same names as Go writes them.
const GO_NAMES: [&str; 6] = ["ClientId", "Input", "Call", "Output", "Return", "Metadata"];

/// Events, to be put in the order of their times.
#[derive(Default)]
struct Made {
    events: Vec<(u64, bool, u64, Event)>,
}

impl Made {
    fn push(&mut self, line: u64, process: u64, told: Told, call: u64, ret: Option<u64>) {
        let process = Process::Client(process);
        let Told { f, key, asks, answers } = told;
        let mut invoke = Event::new(process, Type::Invoke, f);
        invoke.set_key(key);
        invoke.value = asks;
        invoke.set_time(Some(call));
        if let (Some(ret), Some(answer)) = (ret, answers) {
            let mut ok = Event::new(process, Type::Ok, f);
            if let Answer::Value(value) = answer {
                ok.value = Some(value);
            }
            ok.set_time(Some(ret));
            self.events.push((ret, true, line, ok));
        }
        self.events.push((call, false, line, invoke));
    }

    fn history(mut self) -> Result<(History, Vec<Note>), ParseError> {
        self.events.sort_by_key(|(time, is_return, ..)| (*time, *is_return));
        let mut lines = Lines::default();
        let number = |(at, (_, _, line, mut event)): (usize, (u64, bool, u64, Event))| {
            lines.push(line);
            event.index = at as u64;
            event
        };
        let events = self.events.into_iter().enumerate().map(number).collect();
        order(events, lines)
    }
}

/// A part of the input or output as a value.
fn value(json: &Json) -> Value {
    Value::from_json(json)
}

#[cfg(test)]
mod tests;
