//! Every model's operations, drawn. It never draws an answer that its state does not give; lies are
//! told elsewhere.

use std::collections::{BTreeMap, BTreeSet};

use rand_chacha::ChaCha8Rng;

use super::{agree, agree_when_large, int, word};
use crate::checkers::linearizable::judged::{self, Judged};
use crate::checkers::linearizable::search::brute::{Drawer, pick};
use crate::history::Value;
use crate::models::consensus::{Consensus, Propose};
use crate::models::counter::{self, Counter};
use crate::models::kv::{self, Kv};
use crate::models::multi_register::{Micro, MultiRegister};
use crate::models::mutex::{self, Mutex};
use crate::models::queue::{self, Queue};
use crate::models::register::{self, Register};
use crate::models::set::{self, Set};

pub(super) fn plain<S: crate::models::spec::Spec>(
    honest: fn(&mut ChaCha8Rng, &S::State) -> S::Op,
) -> Drawer<S> {
    Drawer { honest, lost: Clone::clone }
}

fn ask_register(rng: &mut ChaCha8Rng, state: &Value, values: u64) -> register::Op {
    use register::Op;
    let value = int(1 + pick(rng, values));
    match pick(rng, 7) {
        0 | 1 => Op::Write(value),
        2 | 3 if *state != value => Op::Cas(state.clone(), value),
        _ => Op::Read(state.clone()),
    }
}

pub(super) fn register_starting(initial: Value) -> Register {
    Register { initial, failed_cas_constrains: true, null_says_nothing: false }
}

#[test]
fn register_of_few_values() {
    let few = |rng: &mut ChaCha8Rng, state: &Value| match pick(rng, 6) {
        0 if *state != int(1) => register::Op::Not(int(1)),
        _ => ask_register(rng, state, 3),
    };
    agree("register, 3 values", &judged::register(register_starting(int(0))), &plain(few));
}

#[test]
fn register_of_many_values() {
    let some = plain(|rng, state| ask_register(rng, state, 12));
    let fast = agree("register, 12 values", &judged::register(register_starting(int(0))), &some);
    assert!((40..99).contains(&fast), "the fast path fits {fast} %");
    let many = plain(|rng, state| ask_register(rng, state, 1_000_000));
    let fast =
        agree("register, many values", &judged::register(register_starting(Value::Null)), &many);
    assert!(fast > 80, "the fast path fits {fast} %");
    let fast = agree_when_large(
        "register, many values",
        &judged::register(register_starting(int(0))),
        &many,
    );
    assert!(fast > 80, "the fast path fits {fast} %");
}

#[test]
fn kv_of_few_values() {
    use kv::{Op, State};
    let spec = judged::kv(Kv { initial: Value::Null, failed_cas_constrains: true });
    let honest = |rng: &mut ChaCha8Rng, state: &State| {
        let word = |number| Value::Str(["a", "b", "ab", "c", "d", "e", ""][number as usize].into());
        let State::Holds(held) = state else { return Op::Get(Value::Null) };
        match pick(rng, 10) {
            0 => Op::Put(word(pick(rng, 7))),
            1..=3 if !matches!(held, Value::Int(_)) => Op::Append(word(pick(rng, 7))),
            4 => Op::Put(Value::Null),
            5 if *held != word(0) => Op::Cas(held.clone(), word(0)),
            6 if *held != word(2) => Op::Not(word(2)),
            7 if pick(rng, 4) == 0 => Op::Put(int(1)),
            _ => Op::Get(held.clone()),
        }
    };
    agree("kv", &spec, &plain(honest));
}

pub(super) fn ask_kv(rng: &mut ChaCha8Rng, state: &kv::State) -> kv::Op {
    use kv::{Op, State};
    let State::Holds(held) = state else { return Op::Get(Value::Null) };
    let number = pick(rng, 1_000_000);
    match pick(rng, 16) {
        0 => Op::Put(word("p", number)),
        1..=6 => Op::Append(word("", number)),
        7 => Op::Cas(held.clone(), word("c", number)),
        8 if number < 500_000 => Op::Put(Value::Null),
        9 => Op::Append(word("", number % 7)),
        _ => Op::Get(held.clone()),
    }
}

#[test]
fn kv_of_different_tokens() {
    for initial in [Value::Null, Value::Str("".into()), word("s", 0)] {
        let spec = judged::kv(Kv { initial, failed_cas_constrains: true });
        let fast = agree("kv, different tokens", &spec, &plain(ask_kv));
        assert!(fast > 70, "the fast path fits {fast} %");
        let fast = agree_when_large("kv, different tokens", &spec, &plain(ask_kv));
        assert!(fast > 10, "the fast path fits {fast} %");
    }
}

#[test]
fn queue_and_stack_with_duplicates() {
    for is_stack in [false, true] {
        let spec = judged::queue(Queue { initial: vec![int(1)], is_stack });
        let honest = |rng: &mut ChaCha8Rng, state: &Vec<Value>| take_or_put(rng, state, false);
        let stack = |rng: &mut ChaCha8Rng, state: &Vec<Value>| take_or_put(rng, state, true);
        let honest = if is_stack { stack } else { honest };
        agree("queue or stack", &spec, &Drawer { honest, lost: lost_take });
    }
}

#[test]
fn queue_of_different_values() {
    let honest = |rng: &mut ChaCha8Rng, state: &Vec<Value>| {
        if pick(rng, 2) == 0 {
            return queue::Op::Put(int(3 + pick(rng, 100_000)));
        }
        state.first().map_or(queue::Op::Empty, |value| queue::Op::Took(value.clone()))
    };
    let drawer = Drawer { honest, lost: lost_take };
    for initial in [vec![int(1), int(2)], Vec::new()] {
        let spec = judged::queue(Queue { initial, is_stack: false });
        let fast = agree("queue, different values", &spec, &drawer);
        assert!(fast > 80, "the fast path fits {fast} %");
        let fast = agree_when_large("queue, different values", &spec, &drawer);
        assert!(fast > 80, "the fast path fits {fast} %");
    }
}

pub(super) fn take_or_put(rng: &mut ChaCha8Rng, state: &[Value], is_stack: bool) -> queue::Op {
    use queue::Op;
    if pick(rng, 2) == 0 {
        return Op::Put(int(pick(rng, 4)));
    }
    let taken = if is_stack { state.last() } else { state.first() };
    taken.map_or(Op::Empty, |value| Op::Took(value.clone()))
}

pub(super) fn lost_take(op: &queue::Op) -> queue::Op {
    match op {
        queue::Op::Put(_) => op.clone(),
        _ => queue::Op::TookSome,
    }
}

#[test]
fn set() {
    let spec = judged::set(Set { initial: [int(0)].into() });
    agree("set", &spec, &plain(|rng, state| ask_set(rng, state, 3, 1)));
}

/// `kinds`: 0 never removes, 2 never reads all.
pub(super) fn ask_set(
    rng: &mut ChaCha8Rng,
    state: &BTreeSet<Value>,
    elements: u64,
    kinds: u8,
) -> set::Op {
    use set::Op;
    let value = int(pick(rng, elements));
    match pick(rng, 5) {
        0 | 1 => Op::Add(value),
        2 if kinds > 0 => Op::Remove(value),
        3 if kinds < 2 => Op::Read(state.clone()),
        _ => Op::Contains(value.clone(), state.contains(&value)),
    }
}

#[test]
fn set_that_only_grows() {
    for elements in [BTreeSet::new(), [int(0)].into()] {
        let spec = judged::set(Set { initial: elements });
        let few = plain(|rng, state| ask_set(rng, state, 4, 0));
        assert_eq!(agree("set, grows", &spec, &few), 100);
        let many = plain(|rng, state| ask_set(rng, state, 30, 0));
        assert_eq!(agree("set, grows, many", &spec, &many), 100);
        assert_eq!(agree_when_large("set, grows", &spec, &many), 100);
    }
}

#[test]
fn set_of_which_elements_come_and_go() {
    let spec = judged::set(Set { initial: [int(0), int(3)].into() });
    let few = plain(|rng, state| ask_set(rng, state, 3, 2));
    let fast = agree("set, elements", &spec, &few);
    assert!(fast > 40, "the fast path fits {fast} %");
    let many = plain(|rng, state| ask_set(rng, state, 60, 2));
    let fast = agree_when_large("set, elements", &spec, &many);
    assert!(fast > 40, "the fast path fits {fast} %");
}

#[test]
fn counter() {
    use counter::Op;
    let honest = |rng: &mut ChaCha8Rng, state: &i64| match pick(rng, 3) {
        0 => Op::Read(*state),
        1 => Op::Add(1),
        _ => Op::Add(pick(rng, 5).cast_signed() - 2),
    };
    agree("counter", &judged::counter(Counter { initial: 0 }), &plain(honest));
}

pub(super) fn ask_counter(rng: &mut ChaCha8Rng, state: i64, by: i64) -> counter::Op {
    if pick(rng, 2) == 0 { counter::Op::Add(by) } else { counter::Op::Read(state) }
}

#[test]
fn counter_of_equal_adds() {
    let up = plain(|rng, state| ask_counter(rng, *state, 1));
    assert_eq!(agree("counter, +1", &judged::counter(Counter { initial: 0 }), &up), 100);
    assert_eq!(
        agree_when_large("counter, +1", &judged::counter(Counter { initial: -7 }), &up),
        100
    );
    let down = plain(|rng, state| ask_counter(rng, *state, -3));
    assert_eq!(agree("counter, -3", &judged::counter(Counter { initial: 5 }), &down), 100);
    assert_eq!(
        agree_when_large("counter, -3", &judged::counter(Counter { initial: 0 }), &down),
        100
    );
}

pub(super) fn ask_mutex(held: bool) -> mutex::Op {
    if held { mutex::Op::Release } else { mutex::Op::Acquire }
}

#[test]
fn mutex() {
    for held in [false, true] {
        let spec = judged::mutex(Mutex { held });
        assert_eq!(agree("mutex", &spec, &plain(|_, held| ask_mutex(*held))), 100);
        assert_eq!(agree_when_large("mutex", &spec, &plain(|_, held| ask_mutex(*held))), 100);
    }
}

#[test]
fn multi_register() {
    type State = BTreeMap<Value, Value>;
    let honest = |rng: &mut ChaCha8Rng, state: &State| {
        let mut state = state.clone();
        let micro = |_| {
            let name = int(pick(rng, 2));
            if pick(rng, 2) == 0 {
                let value = int(pick(rng, 3));
                state.insert(name.clone(), value.clone());
                Micro::Write(name, value)
            } else {
                let value = state.get(&name).cloned().unwrap_or(Value::Null);
                Micro::Read(name, value)
            }
        };
        (0..2).map(micro).collect()
    };
    // A lost transaction says nothing of its reads.
    let lost = |op: &Vec<Micro>| {
        op.iter().filter(|micro| matches!(micro, Micro::Write(..))).cloned().collect()
    };
    let spec = Judged::plain(MultiRegister { initial: State::new(), null_says_nothing: false });
    agree("multi-register", &spec, &Drawer { honest, lost });
}

#[test]
fn consensus() {
    let honest = |rng: &mut ChaCha8Rng, state: &Option<Value>| {
        let asked = int(pick(rng, 4));
        Propose { decided: Some(state.clone().unwrap_or_else(|| asked.clone())), asked }
    };
    let lost = |op: &Propose| Propose { decided: None, ..op.clone() };
    agree("consensus", &Judged::plain(Consensus), &Drawer { honest, lost });
}
