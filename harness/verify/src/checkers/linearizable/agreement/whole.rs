//! Whole histories, as text: keys, equal times, refused and unanswered operations. Every algorithm
//! that takes one agrees with brute force over its keys.

use std::fmt::Write;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::small::{ask_counter, ask_kv, ask_mutex, ask_set, lost_take, plain, register_starting};
use super::{int, mutate};
use crate::checkers::linearizable::judged::{self, Judged};
use crate::checkers::linearizable::search::brute::{
    Drawer, draw, linearizable, pick, renumber, tie,
};
use crate::checkers::linearizable::{CheckError, CheckOptions, FailedCas, check};
use crate::history::{History, Value};
use crate::models::spec::Spec;
use crate::models::{counter, kv, mutex, queue, register, set};

/// So many histories of each model, of up to three keys of up to six operations.
const HISTORIES: u64 = 20_000;

/// The fields of a question, and those that its answer adds.
type Say<Op> = fn(&Op) -> (String, String);

/// One line, but for its end.
fn event(process: usize, key: usize, time: u32, kind: &str, fields: &str) -> (u32, String) {
    let text =
        format!(r#"{{"process":{process},"key":{key},"time":{time},"type":"{kind}",{fields}"#);
    (time, text)
}

/// Returns how many histories the fast path judged, in percent.
fn agree<S: Spec>(model: &str, judged: &Judged<S>, drawer: &Drawer<S>, say: Say<S::Op>) -> u64 {
    let mut options = CheckOptions {
        model: Some(model.into()),
        failed_cas: FailedCas::Constrain,
        explain: false,
        ..CheckOptions::default()
    };
    let fast_path = judged.fast_path().map(|(name, _)| name);
    let (mut valid, mut fast) = (0, 0);
    for seed in 0..HISTORIES {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let keys = 1 + pick(&mut rng, 3) as usize;
        let coarse = 1 + pick(&mut rng, 3) as u32; // so many ranks are one time
        let mut lines: Vec<(u32, String)> = Vec::new();
        let mut truth = true;
        for key in 0..keys {
            let mut ops = draw(&judged.spec, drawer, seed * 3 + key as u64, 6, 3);
            mutate(&mut ops, drawer, seed * 3 + key as u64);
            renumber(&mut ops);
            for op in &ops {
                let process = 1000 * (1 + key) + op.process as usize;
                let (asked, answered) = say(&op.op);
                lines.push(event(process, key, op.invoke / coarse, "invoke", &asked));
                if op.is_lost() && pick(&mut rng, 2) == 0 {
                    lines.push(event(process, key, op.invoke + 40, "info", &asked));
                } else if !op.is_lost() {
                    lines.push(event(process, key, op.ret / coarse, "ok", &(asked + &answered)));
                }
            }
            tie(&mut ops, coarse);
            truth &= linearizable(&judged.spec, &ops);
            if let Some(refused) = ops.first().filter(|_| pick(&mut rng, 4) == 0) {
                // It certainly did not happen.
                let (asked, _) = say(&refused.op);
                if !asked.contains("cas") {
                    lines.push(event(99 - key, key, 0, "invoke", &asked));
                    lines.push(event(99 - key, key, 9, "fail", &asked));
                }
            }
        }
        lines.sort_by_key(|(time, _)| *time);
        let mut text = String::new();
        for (_, line) in &lines {
            writeln!(text, "{line}}}").unwrap();
        }
        let (history, _) =
            History::parse(text.as_bytes()).unwrap_or_else(|e| panic!("{e}\n{text}"));
        valid += u64::from(truth);
        for algorithm in [None, Some("search"), Some("depth-first"), fast_path] {
            options.algorithm = algorithm.map(Into::into);
            let found = match check(&history, &options) {
                Err(CheckError::Algorithm { .. }) if algorithm == fast_path => continue,
                Err(CheckError::Touches { .. }) if algorithm == fast_path => {
                    fast += 1; // it fits the operations
                    continue;
                }
                found => found.unwrap_or_else(|e| panic!("{model}, seed {seed}: {e}\n{text}")),
            };
            assert_eq!(
                found.verdict.word() == "valid",
                truth,
                "{model}, seed {seed}, {algorithm:?}: {:?}\n{text}",
                found.verdict
            );
            if algorithm == fast_path {
                fast += 1;
                assert_eq!(found.algorithm, fast_path);
            }
        }
    }
    let share = valid * 100 / HISTORIES;
    assert!((10..=95).contains(&share), "{model}: {share} % are valid: the drawing shows nothing");
    fast * 100 / HISTORIES
}

#[test]
fn registers() {
    use register::Op;
    let say: Say<Op> = |op| match op {
        Op::Write(value) => (format!(r#""f":"write","value":{value}"#), String::new()),
        Op::Cas(from, to) => (format!(r#""f":"cas","value":[{from},{to}]"#), String::new()),
        Op::Read(value) => (r#""f":"read""#.into(), format!(r#","value":{value}"#)),
        Op::Not(_) => unreachable!("not drawn here"),
    };
    let honest = |rng: &mut ChaCha8Rng, state: &Value| match pick(rng, 4) {
        0 => Op::Write(int(pick(rng, 50))),
        1 => Op::Cas(state.clone(), int(50 + pick(rng, 50))),
        _ => Op::Read(state.clone()),
    };
    let lost = |op: &Op| op.clone();
    let fast = agree(
        "register",
        &judged::register(register_starting(Value::Null)),
        &Drawer { honest, lost },
        say,
    );
    assert!(fast > 50, "the fast path fits {fast} %");
}

#[test]
fn key_value_stores() {
    use kv::Op;
    let say: Say<Op> = |op| match op {
        Op::Put(Value::Null) => (r#""f":"delete""#.into(), String::new()),
        Op::Put(value) => (format!(r#""f":"put","value":{value}"#), String::new()),
        Op::Append(value) => (format!(r#""f":"append","value":{value}"#), String::new()),
        Op::Cas(from, to) => (format!(r#""f":"cas","value":[{from},{to}]"#), String::new()),
        Op::Get(value) => (r#""f":"get""#.into(), format!(r#","value":{value}"#)),
        Op::Not(_) | Op::Spoil => unreachable!("not drawn here"),
    };
    let spec = judged::kv(kv::Kv { initial: Value::Null, failed_cas_constrains: true });
    let fast = agree("kv", &spec, &plain(ask_kv), say);
    assert!(fast > 50, "the fast path fits {fast} %");
}

#[test]
fn sets() {
    use set::Op;
    let say: Say<Op> = |op| match op {
        Op::Add(value) => (format!(r#""f":"add","element":{value}"#), String::new()),
        Op::Remove(value) => (format!(r#""f":"remove","element":{value}"#), String::new()),
        Op::Contains(value, is_in) => {
            (format!(r#""f":"contains","element":{value}"#), format!(r#","value":{is_in}"#))
        }
        Op::Read(all) => {
            let all = Value::List(all.iter().cloned().collect());
            (r#""f":"read""#.into(), format!(r#","value":{all}"#))
        }
    };
    let spec = judged::set(set::Set { initial: [].into() });
    let fast = agree("set", &spec, &plain(|rng, state| ask_set(rng, state, 5, 0)), say);
    assert_eq!(fast, 100);
    let fast = agree("set", &spec, &plain(|rng, state| ask_set(rng, state, 5, 2)), say);
    assert!(fast > 10, "the fast path fits {fast} %");
}

#[test]
fn counters() {
    let say: Say<counter::Op> = |op| match op {
        counter::Op::Add(by) => (format!(r#""f":"add","value":{by}"#), String::new()),
        counter::Op::Read(value) => (r#""f":"read""#.into(), format!(r#","value":{value}"#)),
    };
    let drawer = plain(|rng, state| ask_counter(rng, *state, 1));
    assert_eq!(
        agree("counter", &judged::counter(counter::Counter { initial: 0 }), &drawer, say),
        100
    );
}

#[test]
fn mutexes() {
    let say: Say<mutex::Op> = |op| match op {
        mutex::Op::Acquire => (r#""f":"acquire""#.into(), String::new()),
        mutex::Op::Release => (r#""f":"release""#.into(), String::new()),
    };
    assert_eq!(
        agree(
            "mutex",
            &judged::mutex(mutex::Mutex { held: false }),
            &plain(|_, held| ask_mutex(*held)),
            say
        ),
        100
    );
}

#[test]
fn queues() {
    use queue::Op;
    let say: Say<Op> = |op| match op {
        Op::Put(value) => (format!(r#""f":"enqueue","value":{value}"#), String::new()),
        Op::Took(value) => (r#""f":"dequeue""#.into(), format!(r#","value":{value}"#)),
        Op::Empty => (r#""f":"dequeue""#.into(), r#","value":null"#.into()),
        Op::TookSome => (r#""f":"dequeue""#.into(), String::new()),
    };
    let honest = |rng: &mut ChaCha8Rng, state: &Vec<Value>| match pick(rng, 2) {
        0 => Op::Put(int(pick(rng, 60))),
        _ => state.first().map_or(Op::Empty, |value| Op::Took(value.clone())),
    };
    let spec = judged::queue(queue::Queue { initial: Vec::new(), is_stack: false });
    let fast = agree("queue", &spec, &Drawer { honest, lost: lost_take }, say);
    assert!(fast > 50, "the fast path fits {fast} %");
}
