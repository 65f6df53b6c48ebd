//! The search, each fast path and brute force agree on random small histories of every model.

use rand_chacha::ChaCha8Rng;

use super::objects::Judged;
use crate::budget::{Budget, Meter};
use crate::checkers::search::Ended;
use crate::checkers::search::brute::{Drawer, draw, linearizable, pick};
use crate::history::Value;
use crate::models::consensus::{Consensus, Propose};
use crate::models::counter::{self, Counter};
use crate::models::kv::{self, Kv};
use crate::models::multi_register::{Micro, MultiRegister};
use crate::models::mutex::{self, Mutex};
use crate::models::queue::{self, Queue};
use crate::models::register::{self, Register};
use crate::models::set::{self, Set};

/// So many histories of each kind: all of them together take seconds.
const HISTORIES: u64 = 100_000;

/// Eight operations have up to 40,320 orders, tried one by one.
const OPS_MAX: usize = 8;

/// Returns how many histories the fast path judged.
fn agree<S: Judged>(name: &str, spec: &S, drawer: &Drawer<S>) -> u64 {
    let meter = Meter::start(Budget::default());
    let (mut valid, mut fast) = (0, 0);
    for seed in 0..HISTORIES {
        let ops = draw(spec, drawer, seed, OPS_MAX, 2 + seed as usize % 4);
        let truth = linearizable(spec, &ops);
        valid += u64::from(truth);
        let searched = spec.search(&ops, &meter).ended;
        let explained = match &searched {
            Ended::Explained => true,
            Ended::Stuck { .. } => false,
            Ended::Spent { .. } => panic!("{name}, seed {seed}: gave up"),
        };
        assert_eq!(explained, truth, "{name}, seed {seed}: {searched:?}\n{ops:#?}");
        if let Some(found) = spec.fast(&ops) {
            fast += 1;
            assert_eq!(found.is_ok(), truth, "{name}, seed {seed}, fast: {found:?}\n{ops:#?}");
            if let Err(certificate) = found {
                certificate_holds(name, seed, spec, &ops, &certificate.ops);
            }
        }
    }
    let share = valid * 100 / HISTORIES;
    assert!((10..=95).contains(&share), "{name}: {share} % are valid: the drawing shows nothing");
    fast
}

/// What is asked of the named operations alone cannot be explained, even if nothing is asked of
/// the others but not to come too early.
fn certificate_holds<S: Judged>(
    name: &str,
    seed: u64,
    spec: &S,
    ops: &[crate::models::spec::Timed<S::Op>],
    named: &[u32],
) {
    let mut weak = ops.to_vec();
    for op in &mut weak {
        if !named.contains(&op.id) {
            op.ret = u32::MAX;
        }
    }
    weak.retain(|op| !(op.is_lost() && spec.only_reads(&op.op)));
    assert!(!linearizable(spec, &weak), "{name}, seed {seed}: {named:?} prove nothing\n{ops:#?}");
}

fn int(number: u64) -> Value {
    Value::Int(number.cast_signed())
}

fn register(rng: &mut ChaCha8Rng, state: &Value, values: u64) -> register::Op {
    use register::Op;
    let value = int(pick(rng, values));
    match pick(rng, 5) {
        0 | 1 => Op::Write(value),
        2 if *state != value => Op::Cas(state.clone(), value),
        3 if *state != value => Op::Not(value),
        _ => Op::Read(state.clone()),
    }
}

#[test]
fn register_of_few_values() {
    let spec = Register { initial: int(0), failed_cas_constrains: true, null_says_nothing: false };
    agree(
        "register, 3 values",
        &spec,
        &Drawer { honest: |rng, state| register(rng, state, 3), lost: Clone::clone },
    );
}

#[test]
fn kv() {
    use kv::{Op, State};
    let spec = Kv { initial: Value::Null, failed_cas_constrains: true };
    let honest = |rng: &mut ChaCha8Rng, state: &State| {
        let word = |number| Value::Str(["a", "b", "ab", "c", "d", "e", ""][number as usize].into());
        let State::Holds(held) = state else { return Op::Get(Value::Null) };
        match pick(rng, 9) {
            0 => Op::Put(word(pick(rng, 7))),
            1..=3 => Op::Append(word(pick(rng, 7))),
            4 => Op::Put(Value::Null),
            5 if *held != word(0) => Op::Cas(held.clone(), word(0)),
            6 if *held != word(2) => Op::Not(word(2)),
            _ => Op::Get(held.clone()),
        }
    };
    agree("kv", &spec, &Drawer { honest, lost: Clone::clone });
}

#[test]
fn queue_and_stack_with_duplicates() {
    for is_stack in [false, true] {
        let spec = Queue { initial: vec![int(1)], is_stack };
        let honest = |rng: &mut ChaCha8Rng, state: &Vec<Value>| take_or_put(rng, state, false);
        let stack = |rng: &mut ChaCha8Rng, state: &Vec<Value>| take_or_put(rng, state, true);
        let honest = if is_stack { stack } else { honest };
        agree("queue or stack", &spec, &Drawer { honest, lost: lost_take });
    }
}

#[test]
fn queue_of_different_values() {
    let spec = Queue { initial: vec![int(1), int(2)], is_stack: false };
    let honest = |rng: &mut ChaCha8Rng, state: &Vec<Value>| {
        if pick(rng, 2) == 0 {
            return queue::Op::Put(int(3 + pick(rng, 40)));
        }
        state.first().map_or(queue::Op::Empty, |value| queue::Op::Took(value.clone()))
    };
    let fast = agree("queue, different values", &spec, &Drawer { honest, lost: lost_take });
    assert!(fast > HISTORIES / 2, "the fast path fits {fast} only");
    let spec = Queue { initial: Vec::new(), is_stack: false };
    agree("queue, different values, empty", &spec, &Drawer { honest, lost: lost_take });
}

fn take_or_put(rng: &mut ChaCha8Rng, state: &[Value], is_stack: bool) -> queue::Op {
    use queue::Op;
    if pick(rng, 2) == 0 {
        return Op::Put(int(pick(rng, 4)));
    }
    let taken = if is_stack { state.last() } else { state.first() };
    taken.map_or(Op::Empty, |value| Op::Took(value.clone()))
}

fn lost_take(op: &queue::Op) -> queue::Op {
    match op {
        queue::Op::Put(_) => op.clone(),
        _ => queue::Op::TookSome,
    }
}

#[test]
fn set() {
    use set::Op;
    let spec = Set { initial: [int(0)].into() };
    let honest = |rng: &mut ChaCha8Rng, state: &std::collections::BTreeSet<Value>| {
        let value = int(pick(rng, 3));
        match pick(rng, 5) {
            0 | 1 => Op::Add(value),
            2 => Op::Remove(value),
            3 => Op::Contains(value.clone(), state.contains(&value)),
            _ => Op::Read(state.clone()),
        }
    };
    agree("set", &spec, &Drawer { honest, lost: Clone::clone });
}

#[test]
fn counter() {
    use counter::Op;
    let honest = |rng: &mut ChaCha8Rng, state: &i64| match pick(rng, 3) {
        0 => Op::Read(*state),
        1 => Op::Add(1),
        _ => Op::Add(pick(rng, 5).cast_signed() - 2),
    };
    agree("counter", &Counter { initial: 0 }, &Drawer { honest, lost: Clone::clone });
}

#[test]
fn consensus() {
    let honest = |rng: &mut ChaCha8Rng, state: &Option<Value>| {
        let asked = int(pick(rng, 4));
        Propose { decided: Some(state.clone().unwrap_or_else(|| asked.clone())), asked }
    };
    let lost = |op: &Propose| Propose { decided: None, ..op.clone() };
    agree("consensus", &Consensus, &Drawer { honest, lost });
}

#[test]
fn mutex() {
    use mutex::Op;
    let honest = |_: &mut ChaCha8Rng, held: &bool| if *held { Op::Release } else { Op::Acquire };
    agree("mutex", &Mutex { held: false }, &Drawer { honest, lost: Clone::clone });
}

#[test]
fn multi_register() {
    type State = std::collections::BTreeMap<Value, Value>;
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
    let spec = MultiRegister { initial: State::new(), null_says_nothing: false };
    agree("multi-register", &spec, &Drawer { honest, lost });
}
