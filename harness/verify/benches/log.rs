//! `cargo bench -p schism-verify --bench log [-- OPERATIONS... | --write FILE OPERATIONS]`: writes
//! histories of a log to a file as the recorder does, reads them back and judges them. Prints
//! milliseconds, the processor's milliseconds beside them (a busy machine stretches only the
//! first), and the greatest memory from the reading on. With `--write` it only writes the file,
//! for `schism check`. It proves nothing; tests do.
#![allow(clippy::print_stdout, clippy::disallowed_methods, clippy::cast_possible_wrap)] // a program that measures

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::Instant;

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use schism_verify::checkers::log::LogMonitor;
use schism_verify::history::{Event, Process, Type, Value};
use schism_verify::{History, Monitor};

/// Clients at work.
const CLIENTS: usize = 20;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let count = |text: &String| text.parse::<usize>().expect("a number of operations");
    if let [write, file, operations] = &args[..]
        && write == "--write"
    {
        generate(count(operations), Path::new(file));
        return;
    }
    let mut sizes: Vec<usize> = args.iter().map(count).collect();
    if sizes.is_empty() {
        sizes = vec![200_000, 1_000_000];
    }
    println!(
        "{:>10} {:>8} {:>19} {:>7} {:>19} {:>7}",
        "operations", "MB", "parse ms (cpu)", "MB/s", "judge ms (cpu)", "peak MB"
    );
    for operations in sizes {
        measure(operations);
    }
}

fn measure(operations: usize) {
    let file = std::env::temp_dir().join(format!("schism-bench-{}.jsonl", std::process::id()));
    generate(operations, &file);
    let bytes = fs::metadata(&file).expect("it was just written").len() as f64;
    forget_peak();

    let (start, cpu) = (Instant::now(), cpu_ms());
    let (history, notes) =
        History::read(File::open(&file).expect("it is there")).expect("it was just written");
    let (parse, parse_cpu) = (start.elapsed(), cpu_ms() - cpu);
    assert!(notes.is_empty(), "nothing is odd about it: {notes:?}");
    fs::remove_file(&file).expect("it is ours");

    let (start, cpu) = (Instant::now(), cpu_ms());
    let mut monitor = Box::new(LogMonitor::new());
    for event in history.events() {
        assert_eq!(monitor.observe(event), None, "the log is honest");
    }
    let verdict = monitor.finish();
    let (judge, judge_cpu) = (start.elapsed(), cpu_ms() - cpu);
    assert_eq!(verdict.word(), "valid", "{verdict:?}");
    println!(
        "{operations:>10} {:>8.1} {:>10.0} ({parse_cpu:>6}) {:>7.0} {:>10.0} ({judge_cpu:>6}) {:>7}",
        bytes / 1e6,
        parse.as_secs_f64() * 1e3,
        bytes / 1e6 / parse.as_secs_f64(),
        judge.as_secs_f64() * 1e3,
        peak_mb()
    );
}

/// An honest log: 50 appends, 45 reads near the tail, 5 tails of a hundred; 1 % lose their answer.
fn generate(operations: usize, file: &Path) {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut out = BufWriter::new(File::create(file).expect("the file can be written"));
    let mut line = Vec::new();
    let mut log: Vec<Value> = Vec::new();
    let mut open: Vec<Option<Event>> = vec![None; CLIENTS];
    let mut numbers: Vec<u64> = (0..CLIENTS as u64).collect();
    let (mut asked, mut index, mut time) = (0, 0, 0);
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
        event.index = index;
        event.set_time(Some(time));
        index += 1;
        line.clear();
        event.to_json_line(&mut line);
        out.write_all(&line).expect("the file can be written");
    }
    out.flush().expect("the file can be written");
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

/// From now on the greatest memory is counted anew, where the system can.
fn forget_peak() {
    let _ = fs::write("/proc/self/clear_refs", "5");
}

/// What this process has used of processors so far, in milliseconds.
fn cpu_ms() -> u64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks = after_name.split_whitespace().skip(11).take(2); // utime and stime of proc(5)
    ticks.map(|ticks| ticks.parse::<u64>().unwrap_or(0) * 10).sum() // 100 ticks a second
}

/// The greatest resident memory of this process.
fn peak_mb() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap_or_default();
    let kb: String = line.chars().filter(char::is_ascii_digit).collect();
    kb.parse::<u64>().unwrap_or(0) / 1024
}
