//! `cargo bench -p schism-verify`: generates histories of a log, writes them as the recorder does,
//! parses and judges them. Prints milliseconds and the greatest memory. It proves nothing; tests
//! do.
#![allow(clippy::print_stdout, clippy::disallowed_methods, clippy::cast_possible_wrap)] // a program that measures

use std::time::Instant;

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use schism_verify::checkers::log::LogMonitor;
use schism_verify::history::{Event, Process, Type, Value};
use schism_verify::{History, Monitor};

/// Clients at work, as in the design's bars.
const CLIENTS: usize = 20;

fn main() {
    println!(
        "{:>10} {:>9} {:>9} {:>9} {:>9} {:>9}",
        "operations", "MB", "write", "parse", "judge", "peak MB"
    );
    for operations in [200_000, 1_000_000] {
        measure(operations);
    }
}

fn measure(operations: usize) {
    let events = generate(operations);
    let start = Instant::now();
    let mut text = Vec::new();
    for event in &events {
        event.to_json_line(&mut text);
    }
    let write = start.elapsed();
    drop(events);

    let start = Instant::now();
    let (history, notes) = History::parse(&text).expect("it was just written");
    let parse = start.elapsed();
    assert!(notes.is_empty(), "nothing is odd about it: {notes:?}");
    let bytes = text.len();
    drop(text);

    let start = Instant::now();
    let mut monitor = Box::new(LogMonitor::new());
    for event in history.events() {
        assert_eq!(monitor.observe(event), None, "the log is honest");
    }
    let verdict = monitor.finish();
    let judge = start.elapsed();
    assert_eq!(verdict.word(), "valid", "{verdict:?}");
    println!(
        "{operations:>10} {:>9.1} {:>6.0} ms {:>6.0} ms {:>6.0} ms {:>9}",
        bytes as f64 / 1e6,
        write.as_secs_f64() * 1e3,
        parse.as_secs_f64() * 1e3,
        judge.as_secs_f64() * 1e3,
        peak_mb()
    );
}

/// An honest log: 50 appends, 45 reads near the tail, 5 tails of a hundred; 1 % lose their answer.
fn generate(operations: usize) -> Vec<Event> {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut log: Vec<Value> = Vec::new();
    let mut events = Vec::with_capacity(operations * 2);
    let mut open: Vec<Option<Event>> = vec![None; CLIENTS];
    let mut numbers: Vec<u64> = (0..CLIENTS as u64).collect();
    let mut asked = 0;
    let mut time = 0;
    while asked < operations || open.iter().any(Option::is_some) {
        time += 1 + u64::from(rng.next_u32() % 20_000);
        let who = rng.random_range(0..CLIENTS);
        let mut event = match open[who].take() {
            None if asked == operations => continue,
            None => {
                asked += 1;
                let event = question(numbers[who], asked, log.len() as u64, &mut rng);
                open[who] = Some(event.clone());
                event
            }
            Some(question) => {
                let event = answer(&question, &mut log, &mut rng);
                if event.kind == Type::Info {
                    numbers[who] += CLIENTS as u64;
                }
                event
            }
        };
        event.index = events.len() as u64;
        event.set_time(Some(time));
        events.push(event);
    }
    events
}

fn question(process: u64, number: usize, length: u64, rng: &mut ChaCha8Rng) -> Event {
    let f = match rng.random_range(0..100) {
        0..50 => "append",
        50..95 => "read",
        _ => "tail",
    };
    let mut event = Event::new(Process::Client(process), Type::Invoke, f);
    event.node = Some(["n1", "n2", "n3", "n4", "n5"][process as usize % 5].into());
    match f {
        "append" => event.value = Some(Value::Int(number as i64)),
        "read" => {
            event.set_from(Some(length.saturating_sub(rng.random_range(0..20))));
            event.set_limit(Some(100));
        }
        _ => {}
    }
    event
}

fn answer(question: &Event, log: &mut Vec<Value>, rng: &mut ChaCha8Rng) -> Event {
    let mut event = Event::new(question.process(), Type::Ok, question.f.clone());
    event.node.clone_from(&question.node);
    let lost = rng.random_bool(0.01);
    let happened = !lost || rng.random_bool(0.5);
    if let Some(value) = question.value.clone().filter(|_| happened) {
        event.set_offset(Some(log.len() as u64));
        log.push(value);
    }
    if lost {
        event.kind = Type::Info;
        event.set_offset(None);
        event.set_error(Some("timeout".into()));
        return event;
    }
    event.value.clone_from(&question.value);
    if &*question.f == "read" {
        let from = question.from().unwrap_or(0) as usize;
        let there = &log[from.min(log.len())..];
        event.value = Some(Value::List(there[..there.len().min(100)].into()));
    }
    if &*question.f != "append" {
        event.set_tail(Some(log.len() as u64));
    }
    event
}

/// The greatest resident memory of this process so far.
fn peak_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap_or_default();
    let kb: String = line.chars().filter(char::is_ascii_digit).collect();
    kb.parse::<u64>().unwrap_or(0) / 1024
}
