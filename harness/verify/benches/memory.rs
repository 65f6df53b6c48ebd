//! Whether a search keeps to its memory budget. `cargo bench -p schism-verify --bench memory`
//!
//! Each line is one process of its own that searches one hopeless history with one limit: how much
//! its resident memory grew at most beyond the parsed history.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::disallowed_types
)] // a program

use std::process::Command;
use std::time::Duration;

use schism_verify::history::{Event, Process, Type, Value};
use schism_verify::{Budget, CheckOptions, History, check};

/// A model's name and the operation that everybody does at once.
const HISTORIES: [(&str, &str); 3] = [("stack", "push"), ("set", "add"), ("multi-register", "txn")];

fn main() {
    let args: Vec<String> = std::env::args().filter(|arg| arg != "--bench").collect();
    if let [_, which, mib] = &args[..] {
        return one(which.parse().unwrap(), mib.parse().unwrap());
    }
    println!("{:<16} {:>10} {:>12} {:>8}", "history", "limit MiB", "grew by MiB", "of it");
    for which in 0..HISTORIES.len() {
        for mib in [64, 256, 1024] {
            let args = [which.to_string(), mib.to_string()];
            let done = Command::new(std::env::current_exe().unwrap()).args(args).output().unwrap();
            assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
            print!("{}", String::from_utf8_lossy(&done.stdout));
        }
    }
}

fn one(which: usize, mib: u64) {
    let (model, f) = HISTORIES[which];
    let history = hopeless(model, f);
    let before = status_kb("VmRSS:");
    let time = Duration::from_secs(300);
    let options = CheckOptions {
        model: Some(model.into()),
        algorithm: Some("search".into()),
        budget: Budget { time, memory_bytes: mib << 20, ..Budget::default() },
        ..CheckOptions::default()
    };
    let result = check(&history, &options).unwrap();
    let word = format!("{:?}", result.verdict);
    assert!(word.contains("memory budget"), "{word}");
    let grew = (status_kb("VmHWM:") - before) as f64 / 1024.0;
    println!("{model:<16} {mib:>10} {grew:>12.1} {:>6.0} %", 100.0 * grew / mib as f64);
}

/// Everybody at once, each with a value of its own that comes a second time; the last answer is
/// impossible.
fn hopeless(model: &str, f: &str) -> History {
    const WIDTH: u64 = 24;
    let value = |n: u64| match model {
        "multi-register" => {
            let micro = [Value::Str("w".into()), Value::Int(n.cast_signed()), Value::Int(1)];
            Value::List([Value::List(micro.into())].into())
        }
        _ => Value::Int(n.cast_signed()),
    };
    let mut events = Vec::new();
    let mut put = |process, kind, f: &str, value| {
        let mut event = Event::new(Process::Client(process), kind, f);
        event.value = Some(value);
        events.push(event);
    };
    for kind in [Type::Invoke, Type::Ok] {
        (0..WIDTH).for_each(|n| put(n, kind, f, value(n)));
    }
    let wrong = [Value::Str("r".into()), Value::Int(0), Value::Int(7)];
    let (ask, answers): (_, Vec<Value>) = match model {
        // What is pushed again one by one is taken out again: which was which nobody knows.
        "stack" => ("pop", (0..WIDTH).rev().chain([99]).map(value).collect()),
        "set" => ("read", vec![Value::List([].into())]),
        _ => ("txn", vec![Value::List([Value::List(wrong.into())].into())]),
    };
    for n in 0..WIDTH {
        put(90, Type::Invoke, f, value(n));
        put(90, Type::Ok, f, value(n));
    }
    for answer in answers {
        put(90, Type::Invoke, ask, answer.clone());
        put(90, Type::Ok, ask, answer);
    }
    for (index, event) in events.iter_mut().enumerate() {
        event.index = index as u64;
    }
    History::from_events(events).unwrap()
}

fn status_kb(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(field)).unwrap();
    line.chars().filter(char::is_ascii_digit).collect::<String>().parse().unwrap()
}
