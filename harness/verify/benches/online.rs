//! What judging beside a run costs. `cargo bench -p schism-verify --bench online`
//!
//! Nanoseconds per operation (its two events) for writing the history down and for each monitor,
//! and the share of one core that makes at 50,000 operations a second.

#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::disallowed_methods)] // a program

use std::time::{Duration, Instant};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use schism_verify::history::{Event, Process, Type, Value};
use schism_verify::models;
use schism_verify::{CheckOptions, monitor};

/// The rate that the share of a core is given for.
const RATE: f64 = 50_000.0;

const OPERATIONS: usize = 200_000;
const CLIENTS: u64 = 20;

fn main() {
    let log = history(|rng, state, event| {
        if event.kind == Type::Invoke {
            event.f = ["append", "read"][rng.random_range(0..2usize)].into();
            event.value = (&*event.f == "append").then(|| Value::Int(rng.random_range(0..1 << 40)));
            event.set_from((&*event.f == "read").then(|| state.len().saturating_sub(4) as u64));
        } else if &*event.f == "append" {
            event.set_offset(Some(state.len() as u64));
            state.push(event.value.clone().unwrap());
        } else {
            event.value = Some(Value::List(state[event.from().unwrap() as usize..].into()));
            event.set_tail(Some(state.len() as u64));
        }
    });
    let kv = history(|rng, state, event| {
        const KEYS: u64 = 100;
        state.resize(KEYS as usize, Value::Null);
        if event.kind == Type::Invoke {
            event.f = ["put", "get"][rng.random_range(0..2usize)].into();
            event.set_key(Some(Value::Int(rng.random_range(0..KEYS.cast_signed()))));
            event.value = (&*event.f == "put").then(|| Value::Int(rng.random_range(0..1 << 40)));
            return;
        }
        let Some(Value::Int(key)) = event.key() else { unreachable!("every operation has one") };
        let held = &mut state[key as usize];
        match &event.value {
            Some(value) => *held = value.clone(),
            None => event.value = Some(held.clone()),
        }
    });
    println!("{:<24} {:>14} {:>20}", "", "ns/operation", "of a core at 50k/s");
    let write = measure(|| {
        let mut bytes = Vec::with_capacity(1 << 16);
        for event in &log {
            event.to_json_line(&mut bytes);
            if bytes.len() > 1 << 16 {
                bytes.clear();
            }
        }
    });
    show("writing down, log", write);
    for (model, events) in [("log", &log), ("kv", &kv)] {
        let judge = measure(|| {
            let model = models::named(model).unwrap();
            let mut monitor = monitor(model, &CheckOptions::default()).unwrap();
            for event in events {
                assert_eq!(monitor.observe(event), None, "the history is honest");
            }
            assert_eq!(monitor.finish().word(), "valid");
        });
        show(&format!("monitor, {model}"), judge);
    }
}

fn show(name: &str, took: Duration) {
    let each = took.as_nanos() as f64 / OPERATIONS as f64;
    println!("{name:<24} {each:>14.0} {:>18.2} %", each * RATE / 1e9 * 100.0);
}

/// The median of five.
fn measure(mut work: impl FnMut()) -> Duration {
    let time = |_| {
        let start = Instant::now();
        work();
        start.elapsed()
    };
    let mut times: Vec<Duration> = (0..5).map(time).collect();
    times.sort();
    times[2]
}

/// Clients that ask as soon as they are answered; operations take effect when they return.
fn history(fill: impl Fn(&mut ChaCha8Rng, &mut Vec<Value>, &mut Event)) -> Vec<Event> {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let mut state = Vec::new();
    let mut open: Vec<Option<Event>> = vec![None; CLIENTS as usize];
    let mut events = Vec::with_capacity(2 * OPERATIONS);
    let mut asked = 0;
    while asked < OPERATIONS || open.iter().any(Option::is_some) {
        let client = rng.random_range(0..CLIENTS);
        let place = &mut open[client as usize];
        let mut event = match place.take() {
            None if asked == OPERATIONS => continue,
            None => {
                asked += 1;
                Event::new(Process::Client(client), Type::Invoke, "")
            }
            Some(mut event) => {
                event.kind = Type::Ok;
                event
            }
        };
        fill(&mut rng, &mut state, &mut event);
        if event.kind == Type::Invoke {
            *place = Some(event.clone());
        }
        event.index = events.len() as u64;
        event.set_time(Some(10_000 * event.index));
        events.push(event);
    }
    events
}
