//! How fast histories of any model are judged. `cargo bench -p schism-verify --bench search`
//!
//! Each line is one history, drawn from a seed: how many operations, which algorithm judged it,
//! and the median time of several runs. With `SCHISM_CORPUS` the etcd histories of Porcupine's
//! tests are judged too: the sum of the medians.

#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::disallowed_methods)] // a program

use std::path::Path;
use std::time::{Duration, Instant};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use schism_verify::history::{Event, Process, Type, Value, formats};
use schism_verify::{Budget, CheckOptions, History, check};

/// What happens when an operation takes effect: it fills in the answer.
type Effect = fn(&mut Vec<i64>, &mut Event);
/// What is asked: by a counter of operations and a random number.
type Ask = fn(&mut ChaCha8Rng, i64, &mut Event);

fn main() {
    etcd();
    println!("{:<54} {:>10} {:>10} {:>10}", "history", "operations", "verdict", "median");
    let unique: Ask = |rng, n, event| ask_register(rng, Some(n), event);
    run(
        "register, 20 clients, unique values, 1% lost",
        &history(20, 1_000_000, 0.01, unique, register),
        "",
    );
    let queue_of: Ask = |rng, n, event| {
        event.f = if rng.random_bool(0.5) { "enqueue" } else { "dequeue" }.into();
        event.value = (&*event.f == "enqueue").then_some(Value::Int(n));
    };
    run("queue, 5 clients", &history(5, 200, 0.0, queue_of, queue), "search");
    run("queue, 20 clients, 1% lost", &history(20, 100_000, 0.01, queue_of, queue), "");
    let registers: [(&str, Ask); 2] = [
        ("register, 20 clients, values 0..5", |rng, _, event| ask_register(rng, None, event)),
        ("register, 20 clients, unique values", |rng, n, event| ask_register(rng, Some(n), event)),
    ];
    for (name, ask) in registers {
        for (operations, lost) in [(2_000, 0.0), (10_000, 0.0), (10_000, 0.01)] {
            let name = format!("{name}, {}% lost", lost * 100.0);
            run(&name, &history(20, operations, lost, ask, register), "search");
        }
    }
}

fn etcd() {
    let Some(root) = std::env::var_os("SCHISM_CORPUS") else {
        println!("the etcd histories are not here: set SCHISM_CORPUS");
        return;
    };
    let root = Path::new(&root).join("histories/porcupine/jepsen");
    let mut files: Vec<_> =
        std::fs::read_dir(root).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    let mut sum = [Duration::ZERO; 2];
    for file in &files {
        let (format, history, _) = formats::parse(&std::fs::read(file).unwrap()).unwrap();
        for (at, explain) in [false, true].into_iter().enumerate() {
            let options = CheckOptions { explain, ..CheckOptions::for_format(format) };
            sum[at] += median(101, || drop(check(&history, &options).unwrap()));
        }
    }
    println!(
        "{} etcd histories, sum of medians: verdicts {:.2?}, with explanations {:.2?}",
        files.len(),
        sum[0],
        sum[1]
    );
}

fn run(name: &str, history: &History, algorithm: &str) {
    let algorithm = (!algorithm.is_empty()).then(|| algorithm.to_owned());
    let budget = Budget { time: Duration::from_secs(20), ..Budget::default() };
    let options = CheckOptions { algorithm, budget, ..CheckOptions::default() };
    let result = check(history, &options).unwrap();
    let runs = if result.elapsed > Duration::from_millis(500) { 1 } else { 5 };
    let again = || drop(check(history, &options).unwrap());
    let time = if runs == 1 { result.elapsed } else { median(runs, again) };
    let name = format!("{name} ({})", result.algorithm.unwrap());
    let operations = history.operations().len();
    println!("{name:<54} {operations:>10} {:>10} {time:>10.1?}", result.verdict.word());
}

fn median(runs: usize, mut work: impl FnMut()) -> Duration {
    let time = |_| {
        let start = Instant::now();
        work();
        start.elapsed()
    };
    let mut times: Vec<Duration> = (0..runs).map(time).collect();
    times.sort();
    times[runs / 2]
}

fn ask_register(rng: &mut ChaCha8Rng, unique: Option<i64>, event: &mut Event) {
    let value = unique.unwrap_or_else(|| rng.random_range(0..5));
    event.f = ["read", "write", "cas"][rng.random_range(0..3usize)].into();
    event.value = match &*event.f {
        "read" => None,
        "write" => Some(Value::Int(value)),
        // From the last value known to be there, or at random: most fail.
        _ => Some(Value::List([Value::Int(rng.random_range(0..5)), Value::Int(value)].into())),
    };
}

/// The state is a list of at most one value.
fn register(state: &mut Vec<i64>, event: &mut Event) {
    match (&*event.f, &mut event.value) {
        ("read", value) => {
            *value = Some(state.first().map_or(Value::Null, |held| Value::Int(*held)));
        }
        ("write", Some(Value::Int(to))) => *state = vec![*to],
        (_, Some(Value::List(pair))) => match (&pair[0], &pair[1]) {
            (Value::Int(from), Value::Int(to)) if state.first() == Some(from) => *state = vec![*to],
            _ => event.kind = Type::Fail,
        },
        _ => unreachable!("a register knows three operations"),
    }
}

fn queue(state: &mut Vec<i64>, event: &mut Event) {
    match (&*event.f, &event.value) {
        ("enqueue", Some(Value::Int(value))) => state.push(*value),
        _ if state.is_empty() => event.value = Some(Value::Null),
        _ => event.value = Some(Value::Int(state.remove(0))),
    }
}

/// Clients that ask as soon as they are answered; each operation takes effect at some moment
/// between.
fn history(clients: u64, operations: usize, lost: f64, ask: Ask, effect: Effect) -> History {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let mut state = Vec::new();
    let mut events = Vec::with_capacity(2 * operations);
    // Each client's process number, its open operation and whether that took effect.
    let mut open: Vec<(u64, Option<(Event, bool)>)> = (0..clients).map(|c| (c, None)).collect();
    let (mut asked, mut processes) = (0, clients);
    while asked < operations || open.iter().any(|client| client.1.is_some()) {
        let (process, open) = &mut open[rng.random_range(0..clients) as usize];
        match open.take() {
            None if asked < operations => {
                let mut event = Event::new(Process::Client(*process), Type::Invoke, "");
                ask(&mut rng, asked.cast_signed() as i64 + 100, &mut event);
                asked += 1;
                events.push(event.clone());
                event.kind = Type::Ok;
                *open = Some((event, false));
            }
            None => {}
            Some((mut event, false)) => {
                let is_lost = rng.random_bool(lost);
                if !is_lost || rng.random_bool(0.5) {
                    effect(&mut state, &mut event);
                }
                if is_lost {
                    *process = processes;
                    processes += 1;
                } else {
                    *open = Some((event, true));
                }
            }
            Some((event, true)) => events.push(event),
        }
    }
    for (index, event) in events.iter_mut().enumerate() {
        event.index = index as u64;
    }
    History::from_events(events).unwrap()
}
