//! How fast histories of any model are judged. `cargo bench -p schism-verify --bench search`
//!
//! Each line is one history, drawn from a seed: how many operations, which algorithm judged it,
//! and the median time of several runs. With `SCHISM_CORPUS` the etcd histories of Porcupine's
//! tests are judged too: the sum of the medians. `-- ways` compares the ways to search instead.

#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::disallowed_methods)] // a program

use std::path::Path;
use std::time::{Duration, Instant};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use schism_verify::history::{Event, Name, Process, Type, Value, formats};
use schism_verify::{Budget, CheckOptions, History, check};

/// What happens when an operation takes effect: it fills in the answer.
type Effect = fn(&mut Vec<i64>, &mut Event);
/// What is asked: by a counter of operations and a random number.
type Ask = fn(&mut ChaCha8Rng, i64, &mut Event);

fn main() {
    if std::env::args().any(|arg| arg == "ways") {
        return ways();
    }
    etcd();
    println!("{:<62} {:>10} {:>10} {:>10}", "history", "operations", "verdict", "median");
    let unique: Ask = |rng, n, event| ask_register(rng, Some(n), event);
    without_search();
    run("queue, 20 clients, 1% lost", &history(20, 100_000, 0.01, ASK_QUEUE, queue), "fifo");
    let registers: [(&str, Ask); 2] = [
        ("register, 20 clients, values 0..5", |rng, _, event| ask_register(rng, None, event)),
        ("register, 20 clients, unique values", unique),
    ];
    for (name, ask) in registers {
        for (operations, lost) in [(2_000, 0.0), (10_000, 0.0), (10_000, 0.01)] {
            let name = format!("{name}, {}% lost", lost * 100.0);
            run(&name, &history(20, operations, lost, ask, register), "search");
        }
    }
    families();
}

/// What has an algorithm of its own.
fn without_search() {
    let unique: Ask = |rng, n, event| ask_register(rng, Some(n), event);
    let name = "register, 20 clients, unique values, 1% lost";
    run(name, &history(20, 1_000_000, 0.01, unique, register), "zones");
    let kv_of: Ask = |rng, n, event| {
        event.f = ["put", "append", "append", "append", "get"][rng.random_range(0..5usize)].into();
        event.value = (&*event.f != "get").then(|| Value::Str(format!("{n};").into()));
    };
    run("kv, 20 clients, 1% lost", &history(20, 100_000, 0.01, kv_of, kv_tokens), "zones");
    let grow: Ask = |rng, n, event| {
        event.f = match rng.random_range(0..10_000) {
            0 => "read",
            1..5_000 => "add",
            _ => "contains",
        }
        .into();
        let element = if &*event.f == "add" { n } else { rng.random_range(100..100 + n) };
        event.set_element((&*event.f != "read").then_some(Value::Int(element)));
    };
    let name = "set that grows, 20 clients, 1% lost";
    run(name, &history(20, 200_000, 0.01, grow, set), "elements");
    let once: Ask = |rng, n, event| {
        event.f = ["add", "remove", "contains"][rng.random_range(0..3usize)].into();
        // What was added some time ago is removed; that of other operations never was there.
        let ago = if &*event.f == "remove" { 200 } else { rng.random_range(0..400) };
        event.set_element(Some(Value::Int(if &*event.f == "add" { n } else { n - ago })));
    };
    let name = "set, elements once, 20 clients, 1% lost";
    run(name, &history(20, 1_000_000, 0.01, once, set), "elements");
    let steps: Ask = |rng, _, event| {
        event.f = if rng.random_bool(0.5) { "add" } else { "read" }.into();
        event.value = (&*event.f == "add").then_some(Value::Int(1));
    };
    let name = "counter, +1, 20 clients, 1% lost";
    run(name, &history(20, 1_000_000, 0.01, steps, counter), "matching");
    let turns: Ask = |rng, _, event| {
        event.f = if rng.random_bool(0.5) { "acquire" } else { "release" }.into();
    };
    run("mutex, 20 clients", &history(20, 1_000_000, 0.0, turns, mutex), "turns");
    run("mutex, 20 clients, 1% lost", &history(20, 1_000_000, 0.01, turns, mutex), "turns");
}

/// Kinds of history that are hard for a search, honest and with a few wrong answers.
fn families() {
    let few: [(&str, Ask); 3] = [
        ("register, values 0..2", |rng, _, event| ask_few(rng, 2, event)),
        ("register, values 0..3", |rng, _, event| ask_few(rng, 3, event)),
        ("register, values 0..4", |rng, _, event| ask_few(rng, 4, event)),
    ];
    for (name, ask) in few {
        for (operations, lost) in [(2_000, 0.2), (20_000, 0.05), (20_000, 0.2)] {
            family(name, 20, operations, lost, ask, register);
        }
    }
    family("kv, values 0..4", 20, 10_000, 0.1, ask_kv, kv);
    run(
        "multi-register, 3 of 3 values, 10 clients, 10% lost",
        &history(10, 2_000, 0.1, ask_txn, txn),
        "search",
    );
    for (clients, operations, lost) in
        [(5, 200, 0.0), (5, 2_000, 0.0), (5, 2_000, 0.05), (20, 2_000, 0.0), (20, 10_000, 0.02)]
    {
        family("queue", clients, operations, lost, ASK_QUEUE, queue);
        family("stack", clients, operations, lost, ASK_STACK, stack);
    }
    family("queue, values 0..9", 10, 2_000, 0.0, ASK_QUEUE_FEW, queue);
    family("stack, values 0..9", 10, 2_000, 0.0, ASK_STACK_FEW, stack);
}

fn family(name: &str, clients: u64, operations: usize, lost: f64, ask: Ask, effect: Effect) {
    let name = format!("{name}, {clients} clients, {:.0}% lost", lost * 100.0);
    let honest = history(clients, operations, lost, ask, effect);
    run(&name, &honest, "search");
    // An early answer is exchanged for a later one: mostly a lie.
    let mut events = honest.events().to_vec();
    let told = |event: &&Event| event.kind == Type::Ok && ANSWERS.contains(&&*event.f);
    let middle = events.len() / 2;
    let later = events[middle..].iter().find(told).unwrap().value.clone();
    let early = events[middle / 25..].iter_mut();
    let early = early.filter(|event| told(&&**event)).find(|event| event.value != later);
    early.unwrap().value = later;
    run(&format!("{name}, a lie"), &History::from_events(events).unwrap(), "search");
}

/// Registers with few values and lost answers, by each way to search alone and by both in turns.
fn ways() {
    const WAYS: [&str; 3] = ["configurations", "depth-first", "search"];
    let budget = Budget { time: Duration::from_secs(5), ..Budget::default() };
    let ask: Ask = |rng, _, event| ask_register(rng, None, event);
    let [carried, deep, turns] = ["configurations", "depth-first", "in turns"];
    let name = "register, values 0..5";
    println!("{name:<40} {carried:>14} {deep:>14} {turns:>14}  times the better");
    for clients in [5, 20, 50] {
        for lost in [0.03, 0.1, 0.2] {
            for operations in [1_000, 2_000, 5_000, 10_000] {
                let history = history(clients, operations, lost, ask, register);
                let times = WAYS.map(|way| {
                    let algorithm = Some(way.to_owned());
                    let options = CheckOptions { algorithm, budget, ..CheckOptions::default() };
                    let result = check(&history, &options).unwrap();
                    (result.verdict.word() != "unknown").then_some(result.elapsed)
                });
                let told = |time: Option<Duration>| {
                    time.map_or("undecided".to_owned(), |time| format!("{time:.1?}"))
                };
                let better = times[0].into_iter().chain(times[1]).min();
                let ratio = better.zip(times[2]).map(|(b, t)| t.as_secs_f64() / b.as_secs_f64());
                println!(
                    "{:<40} {:>14} {:>14} {:>14}  {}",
                    format!(
                        "{clients} clients, {:.0} % lost, {operations} operations",
                        lost * 100.0
                    ),
                    told(times[0]),
                    told(times[1]),
                    told(times[2]),
                    ratio.map_or(String::new(), |ratio| format!("{ratio:.2}"))
                );
            }
        }
    }
}

/// Operations whose answer says something.
const ANSWERS: [&str; 4] = ["read", "get", "dequeue", "pop"];

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
    let budget = Budget { time: Duration::from_secs(10), ..Budget::default() };
    // Its operations alone may be of a queue that keeps no order.
    let model = name.contains("queue").then(|| "queue".to_owned());
    let options = CheckOptions { model, algorithm, budget, ..CheckOptions::default() };
    let result = check(history, &options).unwrap();
    let runs = if result.elapsed > Duration::from_millis(500) { 1 } else { 5 };
    let again = || drop(check(history, &options).unwrap());
    let time = if runs == 1 { result.elapsed } else { median(runs, again) };
    let name = format!("{name} ({})", result.algorithm.unwrap());
    let operations = history.operations().len();
    println!("{name:<62} {operations:>10} {:>10} {time:>10.1?}", result.verdict.word());
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
        // From one that was written of late, or at random: most fail.
        _ => {
            let from = rng.random_range(0..5);
            let from = unique.map_or(from, |value| value - 1 - 4 * from);
            Some(Value::List([Value::Int(from), Value::Int(value)].into()))
        }
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

/// The state is the numbers of the tokens.
fn kv_tokens(state: &mut Vec<i64>, event: &mut Event) {
    let Some(Value::Str(token)) = &event.value else {
        let tokens: Vec<String> = state.iter().map(|token| format!("{token};")).collect();
        let text = tokens.concat();
        event.value = Some(if text.is_empty() { Value::Null } else { Value::Str(text.into()) });
        return;
    };
    if &*event.f == "put" {
        state.clear();
    }
    state.push(token.trim_end_matches(';').parse().unwrap());
}

/// The state is sorted.
fn set(state: &mut Vec<i64>, event: &mut Event) {
    let Some(Value::Int(element)) = event.element().cloned() else {
        event.value = Some(Value::List(state.iter().copied().map(Value::Int).collect()));
        return;
    };
    let place = state.binary_search(&element);
    match (&*event.f, place) {
        ("add", Err(place)) => state.insert(place, element),
        ("remove", Ok(place)) => drop(state.remove(place)),
        ("contains", place) => event.value = Some(Value::Bool(place.is_ok())),
        _ => {}
    }
}

/// The state is one number, or none: 0.
fn counter(state: &mut Vec<i64>, event: &mut Event) {
    let count = state.first().copied().unwrap_or(0);
    match &event.value {
        Some(Value::Int(by)) => *state = vec![count + by],
        _ => event.value = Some(Value::Int(count)),
    }
}

/// Whoever cannot have it, or has nothing to release, is refused. The state is empty if it is free.
fn mutex(state: &mut Vec<i64>, event: &mut Event) {
    match (&*event.f, state.is_empty()) {
        ("acquire", true) => state.push(1),
        ("release", false) => state.clear(),
        _ => event.kind = Type::Fail,
    }
}

/// The same text for the same name, as in a history that was read from a file.
fn name_of(names: &mut Vec<Name>, name: &str) -> Name {
    if let Some(known) = names.iter().find(|known| &***known == name) {
        return known.clone();
    }
    names.push(name.into());
    names[names.len() - 1].clone()
}

fn stack(state: &mut Vec<i64>, event: &mut Event) {
    match (&*event.f, &event.value) {
        ("push", Some(Value::Int(value))) => state.push(*value),
        _ => event.value = Some(state.pop().map_or(Value::Null, Value::Int)),
    }
}

/// As `register`, by other names.
fn kv(state: &mut Vec<i64>, event: &mut Event) {
    match (&*event.f, &mut event.value) {
        ("delete", _) => state.clear(),
        ("put", Some(Value::Int(to))) => *state = vec![*to],
        ("get", value) => {
            *value = Some(state.first().map_or(Value::Null, |held| Value::Int(*held)));
        }
        _ => register(state, event),
    }
}

/// Three registers; the state has a value for each, or is empty at the start.
fn txn(state: &mut Vec<i64>, event: &mut Event) {
    state.resize(3, 0);
    let Some(Value::List(micros)) = &event.value else { unreachable!("a txn has a list") };
    let done = micros.iter().map(|micro| {
        let Value::List(micro) = micro else { unreachable!("of lists") };
        let [Value::Str(f), Value::Int(name), value] = &micro[..] else { unreachable!("of three") };
        let held = &mut state[*name as usize];
        match value {
            Value::Int(value) => *held = *value,
            _ if *held == 0 => return Value::List(micro.clone()),
            _ => {}
        }
        Value::List([Value::Str(f.clone()), Value::Int(*name), Value::Int(*held)].into())
    });
    event.value = Some(Value::List(done.collect()));
}

fn ask_few(rng: &mut ChaCha8Rng, values: i64, event: &mut Event) {
    let (from, value) = (rng.random_range(0..values), rng.random_range(0..values));
    event.f = ["read", "read", "write", "cas"][rng.random_range(0..4usize)].into();
    event.value = match &*event.f {
        "read" => None,
        "write" => Some(Value::Int(value)),
        _ => Some(Value::List([Value::Int(from), Value::Int(value)].into())),
    };
}

fn ask_kv(rng: &mut ChaCha8Rng, _: i64, event: &mut Event) {
    ask_few(rng, 4, event);
    event.f = match &*event.f {
        "read" => "get",
        "write" if rng.random_bool(0.2) => "delete",
        "write" => "put",
        _ => "cas",
    }
    .into();
    if &*event.f == "delete" {
        event.value = None;
    }
}

fn ask_txn(rng: &mut ChaCha8Rng, _: i64, event: &mut Event) {
    event.f = "txn".into();
    let micro = |_| {
        let is_read = rng.random_bool(0.5);
        let value = Value::Int(rng.random_range(1..4));
        let f = Value::Str(if is_read { "r" } else { "w" }.into());
        let name = Value::Int(rng.random_range(0..3));
        Value::List([f, name, if is_read { Value::Null } else { value }].into())
    };
    event.value = Some(Value::List((0..2).map(micro).collect()));
}

const ASK_QUEUE: Ask = |rng, n, event| put_or_take(rng, ["enqueue", "dequeue"], n, event);
const ASK_STACK: Ask = |rng, n, event| put_or_take(rng, ["push", "pop"], n, event);
const ASK_QUEUE_FEW: Ask = |rng, n, event| put_or_take(rng, ["enqueue", "dequeue"], n % 10, event);
const ASK_STACK_FEW: Ask = |rng, n, event| put_or_take(rng, ["push", "pop"], n % 10, event);
fn put_or_take(rng: &mut ChaCha8Rng, names: [&'static str; 2], n: i64, event: &mut Event) {
    event.f = names[rng.random_range(0..2usize)].into();
    event.value = (&*event.f == names[0]).then_some(Value::Int(n));
}

/// Clients that ask as soon as they are answered; each operation takes effect at some moment
/// between.
fn history(clients: u64, operations: usize, lost: f64, ask: Ask, effect: Effect) -> History {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let (mut state, mut names) = (Vec::new(), Vec::new());
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
                event.f = name_of(&mut names, &event.f);
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
