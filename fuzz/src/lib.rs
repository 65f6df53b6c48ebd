//! What must hold of every reader, whatever bytes it is given: it never panics, an error says where
//! and what, and what was understood reads back the same after it was written. And what must hold
//! of the judge, whatever clients were told.
//!
//! One function each. The fuzzers of `fuzz_targets` call them on nightly; `tests/quick/fuzz.rs` calls the
//! same functions on every test run. They never read files.
//!
//! ```text
//! cargo install cargo-fuzz && cargo +nightly fuzz run jsonl
//! cargo test -p schism --test quick fuzz
//! ```

use std::time::Duration;

use bytes::Bytes;
use schism::workload::{Overrides, from_text};
use schism_facts::{BugRow, Catalogue, SystemRow};
use schism_protocol::raft::message::Message;
use schism_protocol::wire::Wire;
use schism_verify::history::formats::meaning::Meaning;
use schism_verify::history::formats::{self, Format, write};
use schism_verify::history::{Event, Field, Process, Type, Value};
use schism_verify::models::{MODELS, Model, Operation};
use schism_verify::verdict::Verdict;
use schism_verify::{Budget, CheckOptions, History, check, monitor};

/// Takes any bytes; panics where something that must hold does not.
type Target = fn(&[u8]);

/// Every reader, by the name of its folder in `corpus/`.
#[allow(dead_code)] // the fuzzers name theirs
pub const TARGETS: &[(&str, Target)] = &[
    ("jsonl", jsonl),
    ("edn", edn),
    ("jepsen_text", jepsen_text),
    ("json_array", json_array),
    ("packed", packed),
    ("porcupine_register", porcupine_register),
    ("porcupine_kv", porcupine_kv),
    ("operations", operations),
    ("workload", workload),
    ("wire", wire),
    ("judge", judge),
];

/// Our own JSON lines.
pub fn jsonl(bytes: &[u8]) {
    if let Some(history) = parsed(Format::Jsonl, bytes) {
        let (_, read, _) = formats::read(bytes, Some(Format::Jsonl)).expect("it was just parsed");
        assert_eq!(read, history, "a stream says what its bytes say");
    }
}

/// Jepsen's EDN.
pub fn edn(bytes: &[u8]) {
    if let Some(history) = parsed(Format::Edn, bytes) {
        let mut text = Vec::new();
        let meaning = Meaning::of_format(Format::Edn);
        write::edn(&history, &meaning, &mut text).expect("memory takes everything");
        let (again, _) = formats::edn::parse(&text).expect("what we write can be read");
        assert_eq!(again.operations(), history.operations(), "no operation is lost or changed");
    }
}

/// Jepsen's history.txt.
pub fn jepsen_text(bytes: &[u8]) {
    parsed(Format::JepsenText, bytes);
}

/// A file packed by gzip or zstd: what it unpacks to, or a refusal that says why.
pub fn packed(bytes: &[u8]) {
    match formats::read(bytes, None) {
        Ok((format, history, _)) => {
            let (again, same, _) = formats::parse(bytes).expect("it was just read");
            assert_eq!((again, same), (format, history), "a stream says what its bytes say");
        }
        Err(error) => assert!(!error.to_string().is_empty(), "an error says something"),
    }
}

/// A JSON array.
pub fn json_array(bytes: &[u8]) {
    parsed(Format::JsonArray, bytes);
}

/// Porcupine's log of a register.
pub fn porcupine_register(bytes: &[u8]) {
    parsed(Format::PorcupineRegister, bytes);
}

/// Porcupine's log of a key-value store.
pub fn porcupine_kv(bytes: &[u8]) {
    parsed(Format::PorcupineKv, bytes);
}

/// Operations of Go programs, Porcupine's and etcd's.
pub fn operations(bytes: &[u8]) {
    parsed(Format::PorcupineOperations, bytes);
    parsed(Format::EtcdOperations, bytes);
}

/// A workload file.
pub fn workload(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let bug = BugRow { id: "raft-vote-twice", system: "raft", ..BugRow::default() };
    let (systems, bugs) = (vec![SystemRow::new("raft", "")], vec![bug]);
    let catalogue = Catalogue { systems, bugs, ..Catalogue::default() };
    if let Err(error) = from_text("w.yaml", text, &Overrides::default(), &catalogue) {
        assert!(!error.to_string().is_empty(), "an error says something");
    }
}

/// A frame between two nodes.
pub fn wire(bytes: &[u8]) {
    if let Ok(message) = Message::decode(Bytes::copy_from_slice(bytes)) {
        let again = Message::decode(message.encode()).expect("what we write can be read");
        assert_eq!(again, message, "a message says the same after it travelled");
    }
}

/// Whatever clients were told, by whichever model: it never panics, a violation has its proof in
/// the history, and whoever judges beside a run sees no more than the check afterwards.
///
/// The first byte is the model. Each three after it are an event: who (three bits), at the time of
/// the event before (one bit), about which key (four bits); what; and with which values.
pub fn judge(bytes: &[u8]) {
    let Some((first, rest)) = bytes.split_first() else { return };
    let model = &MODELS[usize::from(*first) % MODELS.len()];
    let history = told(model, rest);
    let options = CheckOptions {
        model: Some(model.name.into()),
        budget: Budget { time: Duration::from_millis(20), ..Budget::default() },
        ..CheckOptions::default()
    };
    let mut beside = monitor(model, &options).expect("every model can be judged beside a run");
    for event in history.events() {
        beside.observe(event);
    }
    let beside = beside.finish();
    let Ok(result) = check(&history, &options) else { return };
    if let Verdict::Violated(anomalies) = &result.verdict {
        assert!(!anomalies.is_empty(), "a violation has a proof");
        for anomaly in anomalies {
            let found = |index: &u64| history.position(*index).is_some();
            assert!(!anomaly.explanation.is_empty() && anomaly.events.iter().all(found));
        }
    }
    let more = matches!(beside, Verdict::Violated(_)) && result.verdict == Verdict::Valid;
    assert!(!more, "{beside:?}, but {result:?}");
}

/// A history of this model, one event for each three bytes.
fn told(model: &Model, bytes: &[u8]) -> History {
    const PROCESSES: usize = 8;
    let mut open: [Option<Event>; PROCESSES] = Default::default();
    let mut numbers: [u64; PROCESSES] = std::array::from_fn(|process| process as u64);
    let mut events: Vec<Event> = Vec::new();
    let mut time = 0;
    for three in bytes.chunks_exact(3) {
        let (who, what, with) = (three[0], usize::from(three[1]), three[2]);
        let process = usize::from(who) % PROCESSES;
        time += u64::from(who & 8 == 0);
        let event = if let Some(asked) = open[process].take() {
            let operation = model.operation(&asked.f).expect("it was asked of this model");
            if what % 8 == 6 && what < 128 {
                numbers[process] += PROCESSES as u64; // as whoever never hears of it should
            }
            answer(model.name, operation, &asked, what, with)
        } else {
            let operation = &model.operations[what % model.operations.len()];
            let number = Process::Client(numbers[process]);
            let asked = question(model.name, operation, number, who >> 4, with);
            open[process] = Some(asked.clone());
            asked
        };
        events.push(event);
        let last = events.last_mut().expect("it was just put there");
        last.set_time(Some(time));
    }
    History::from_events(events).expect("every process asks one thing at a time")
}

fn question(model: &str, operation: &Operation, who: Process, key: u8, with: u8) -> Event {
    let mut event = Event::new(who, Type::Invoke, operation.name);
    for &field in operation.asks {
        match field {
            Field::Key if key == 0 => {}
            Field::Key => event.set_key(Some(i64::from(key).into())),
            Field::Client if with & 128 != 0 => event.set_session(Some(("c".into(), 1))),
            Field::Client | Field::Seq | Field::Level => {}
            Field::From | Field::Limit if with & 64 == 0 => {}
            _ => event.answer(field, value(model, operation.name, field, with)).expect("it fits"),
        }
    }
    event
}

fn answer(model: &str, operation: &Operation, asked: &Event, what: usize, with: u8) -> Event {
    let mut event = Event::new(asked.process(), Type::Ok, operation.name);
    let says: &[&[Field]] = match what % 8 {
        0..=3 => &[operation.answers],
        4 => &[operation.answers, operation.may_answer],
        5 => {
            event.kind = Type::Fail;
            event.set_error(Some("conflict".into()));
            &[operation.fails]
        }
        6 => {
            event.kind = Type::Info;
            &[]
        }
        _ => &[],
    };
    for &field in says.iter().copied().flatten() {
        event.answer(field, value(model, operation.name, field, with)).expect("it fits");
    }
    event
}

/// A value that such a field of such an operation may have, mostly.
fn value(model: &str, f: &str, field: Field, with: u8) -> Value {
    let int = |number: u8| Value::Int(i64::from(number));
    let micro = |what: &str| Value::List([what.into(), int(with % 2), int(with / 8 % 4)].into());
    match (model, f, field) {
        ("log" | "set", "read", Field::Value) => {
            Value::List((with / 32..with / 32 + with % 32).map(int).collect())
        }
        (_, "cas", _) => Value::List([int(with % 4), int(with / 4 % 4)].into()),
        ("set", "contains", Field::Value) => Value::Bool(with.is_multiple_of(2)),
        ("multi-register", _, _) => Value::List([micro("r"), micro("w")].into()),
        ("kv", "append" | "put" | "get", Field::Value) => {
            let letters = (0..with % 4).map(|at| char::from(b'a' + (with >> at) % 4));
            Value::Str(letters.collect::<String>().into())
        }
        ("queue" | "stack", "dequeue" | "pop", Field::Value) if with.is_multiple_of(16) => {
            Value::Null
        }
        _ => int(with % 32),
    }
}

/// The history, which must read back the same from JSON lines; None: it is none, and the error
/// names a line that is there.
fn parsed(format: Format, bytes: &[u8]) -> Option<History> {
    let history = match (format.row().parse)(bytes) {
        Ok((history, _)) => history,
        Err(error) => {
            let lines = bytes.split(|byte| *byte == b'\n').count() as u64;
            assert!((1..=lines).contains(&error.line), "line {} of {lines}", error.line);
            assert!(!error.message.is_empty(), "an error says something");
            return None;
        }
    };
    let mut text = Vec::new();
    let meaning = Meaning::of_format(Format::Jsonl);
    write::jsonl(&history, &meaning, &mut text).expect("memory takes everything");
    let (again, _) = History::parse(&text).expect("what we write can be read");
    assert_eq!(again, history, "a history reads back the same");
    Some(history)
}
