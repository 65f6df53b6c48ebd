//! Whatever format a history comes in, what it is written to gets the same verdict.

use std::fmt::Write;

use proptest::prelude::*;
use serde_json::json;

use super::{Format, write};
use crate::{CheckOptions, History, check};

/// What happens next: to whom, what it asks, with which two values, and how that ends.
type Step = (usize, usize, u8, u8, usize);

fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec((0..3usize, 0..3usize, 0..3u8, 0..3u8, 0..6usize), 0..14)
}

/// One event as a text is made of it.
struct Told {
    process: usize,
    kind: &'static str,
    f: &'static str,
    key: &'static str,
    /// As JSON.
    value: serde_json::Value,
}

/// Three clients, each asking one thing at a time, of a register or a key-value store.
fn told(steps: &[Step], is_kv: bool) -> Vec<Told> {
    let mut open: [Option<(&'static str, &'static str, serde_json::Value)>; 3] = Default::default();
    let mut numbers = [0, 1, 2];
    let mut all = Vec::new();
    for &(who, what, a, b, end) in steps {
        let word = |number: u8| if number == 0 { String::new() } else { number.to_string() };
        let event = if let Some((f, key, asked)) = open[who].take() {
            let kind = ["ok", "ok", "ok", "ok", "fail", "info"][end];
            let value = match (f, kind) {
                ("get", "ok") => json!(word(a)),
                ("read", "ok") if a == 0 => serde_json::Value::Null,
                ("read", "ok") => json!(a),
                _ => asked,
            };
            let process = numbers[who];
            numbers[who] += if kind == "info" { 3 } else { 0 };
            Told { process, kind, f, key, value }
        } else {
            let (f, value) = match (is_kv, what) {
                (false, 0) => ("write", json!(a)),
                (false, 1) => ("read", serde_json::Value::Null),
                (false, _) => ("cas", json!([a, b])),
                (true, 0) => ("put", json!(word(a))),
                (true, 1) => ("get", serde_json::Value::Null),
                (true, _) => ("append", json!(word(a))),
            };
            let key = ["x", "y"][usize::from(b) % 2];
            open[who] = Some((f, key, value.clone()));
            Told { process: numbers[who], kind: "invoke", f, key, value }
        };
        all.push(event);
    }
    all
}

fn edn(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::Null => "nil".into(),
        other => other.to_string().replace(',', " "),
    }
}

fn text(format: Format, events: &[Told]) -> String {
    if matches!(format, Format::PorcupineOperations) {
        return operations(events);
    }
    let is_kv = events.iter().any(|event| matches!(event.f, "put" | "get" | "append"));
    let mut text = String::new();
    for Told { process, kind, f, key, value } in events {
        let line = match format {
            Format::Jsonl | Format::JsonArray => {
                let mut event = json!({"process": process, "type": kind, "f": f, "value": value});
                if is_kv {
                    event["key"] = json!(key);
                }
                event.to_string()
            }
            Format::Edn | Format::PorcupineKv => {
                let key = if is_kv { format!(", :key {key:?}") } else { String::new() };
                let value = edn(value);
                format!("{{:process {process}, :type :{kind}, :f :{f}{key}, :value {value}}}")
            }
            Format::JepsenText => format!("{process}\t:{kind}\t:{f}\t{}", edn(value)),
            Format::PorcupineRegister => {
                format!("INFO  jepsen.util - {process}\t:{kind}\t:{f}\t{}", edn(value))
            }
            Format::PorcupineOperations | Format::EtcdOperations => unreachable!("see above"),
        };
        let separator = if format == Format::JsonArray && !text.is_empty() { "," } else { "" };
        writeln!(text, "{separator}{line}").unwrap();
    }
    if format == Format::JsonArray { format!("[{text}]") } else { text }
}

/// A fail has no place in them: what failed did not happen and is left out.
fn operations(events: &[Told]) -> String {
    let mut all = Vec::new();
    for (at, event) in events.iter().enumerate().filter(|(_, event)| event.kind == "invoke") {
        let mut later = events.iter().enumerate().skip(at + 1);
        let end = later.find(|(_, other)| other.process == event.process);
        let op = ["get", "put", "append"].iter().position(|f| *f == event.f).unwrap();
        let asks = if event.f == "get" { json!("") } else { event.value.clone() };
        let mut operation = json!({"ClientId": event.process % 3,
            "Input": {"Op": op, "Key": event.key, "Value": asks}, "Call": at});
        match end {
            Some((_, end)) if end.kind == "fail" => continue,
            Some((end, answer)) if answer.kind == "ok" => {
                operation["Output"] = json!({"Value": answer.value});
                operation["Return"] = json!(end);
            }
            _ => operation["Output"] = serde_json::Value::Null,
        }
        all.push(operation);
    }
    serde_json::Value::Array(all).to_string()
}

/// The verdict of a text in this format, and its history with what that means.
fn judged(format: Format, text: &str, model: &str) -> (String, History, CheckOptions) {
    let parsed = (format.row().parse)(text.as_bytes());
    let (history, _) = parsed.unwrap_or_else(|error| panic!("{error} in {text}"));
    let mut options = CheckOptions::for_history(format, &history).unwrap();
    options.model = Some(model.into());
    let verdict = match check(&history, &options) {
        Ok(result) => result.verdict.word().to_owned(),
        Err(error) => format!("refused: {error}"),
    };
    (verdict, history, options)
}

fn same_in_every_format(steps: &[Step], formats: &[Format], model: &str) {
    let events = told(steps, model == "kv");
    for &format in formats {
        let first = text(format, &events);
        let (verdict, history, options) = judged(format, &first, model);
        let mut lines = Vec::new();
        write::jsonl(&history, &options.meaning(), &mut lines).unwrap();
        let lines = String::from_utf8(lines).unwrap();
        let (again, history, options) = judged(Format::Jsonl, &lines, model);
        assert_eq!(again, verdict, "{first}\nas\n{lines}");
        let mut maps = Vec::new();
        write::edn(&history, &options.meaning(), &mut maps).unwrap();
        let maps = String::from_utf8(maps).unwrap();
        let (again, ..) = judged(Format::Edn, &maps, model);
        assert_eq!(again, verdict, "{first}\nas\n{maps}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..Default::default() })]

    #[test]
    fn a_register_has_one_verdict(steps in steps()) {
        let formats = [
            Format::Jsonl, Format::JsonArray, Format::Edn, Format::JepsenText,
            Format::PorcupineRegister,
        ];
        same_in_every_format(&steps, &formats, "register");
    }

    #[test]
    fn a_store_has_one_verdict(steps in steps()) {
        let formats = [
            Format::Jsonl, Format::JsonArray, Format::Edn, Format::PorcupineKv,
            Format::PorcupineOperations,
        ];
        same_in_every_format(&steps, &formats, "kv");
    }
}

/// The meaning of each format is needed: without it verdicts would differ.
#[test]
fn formats_mean_different_things_by_themselves() {
    let verdicts = |events: &[Told], formats: &[Format], model| {
        let of = |format: &Format| judged(*format, &text(*format, events), model).0;
        formats.iter().map(of).collect::<Vec<_>>()
    };
    // Written 1, then read nil, by one after the other.
    let stale = told(&[(0, 0, 1, 0, 0), (0, 0, 1, 0, 0), (1, 1, 0, 0, 0), (1, 1, 0, 0, 0)], false);
    let formats = [Format::Jsonl, Format::Edn, Format::JepsenText];
    assert_eq!(verdicts(&stale, &formats, "register"), ["violated", "valid", "valid"]);
    let empty = told(&[(1, 1, 0, 0, 0), (1, 1, 0, 0, 0)], true);
    let formats = [Format::Jsonl, Format::PorcupineKv, Format::PorcupineOperations];
    assert_eq!(verdicts(&empty, &formats, "kv"), ["violated", "valid", "valid"]);
}
