//! The search where it is tempted most, against brute force: many lost answers, values that are
//! put in once, and histories fed event by event.

use rand_chacha::ChaCha8Rng;

use super::brute::{Drawer, draw_losing, linearizable, pick, tie};
use super::{Ended, LineSpace, Online, RegisterSpace, Space, Told, Way, search_space};
use crate::budget::{Budget, Meter};
use crate::history::Value;
use crate::models::queue::{self, Queue};
use crate::models::register::{self, Register};
use crate::models::spec::{Spec, Timed};

/// So many histories of each kind take seconds.
const HISTORIES: u64 = 10_000;

/// Nine operations, some of them lost, are the most that brute force does thousands of times.
const OPS_MAX: usize = 9;

const MANY_LOST: [f64; 3] = [0.2, 0.5, 0.8];

fn int(number: u64) -> Value {
    Value::Int(number.cast_signed())
}

fn agree<S: Spec, P: Space>(
    spec: &S,
    drawer: &Drawer<S>,
    losses: [f64; 3],
    space: impl Fn(&[Timed<S::Op>]) -> (P, Vec<super::Piece>),
) {
    let meter = Meter::start(Budget::of_memory(u64::MAX));
    let mut valid = 0;
    for seed in 0..HISTORIES {
        let mut ops = draw_losing(spec, drawer, seed, OPS_MAX, 2 + seed as usize % 4, losses);
        live(spec, drawer, seed, &ops, &meter);
        tie(&mut ops, [1, 1, 2, 3][seed as usize / 4 % 4]);
        let truth = linearizable(spec, &ops);
        valid += u64::from(truth);
        for (name, way) in Way::ALL {
            let (mut space, pieces) = space(&ops);
            let found = search_space(&mut space, pieces, way, &meter).ended;
            assert!(!matches!(found, Ended::Spent { .. }), "seed {seed}, {name}: {found:?}");
            let explained = found == Ended::Explained;
            assert_eq!(explained, truth, "seed {seed}, {name}: {found:?}\n{ops:#?}");
        }
    }
    let share = valid * 100 / HISTORIES;
    assert!((10..=95).contains(&share), "{share} % are valid: the drawing shows nothing");
}

/// Fed event by event it says at the very return that no order explains everything so far.
fn live<S: Spec>(spec: &S, drawer: &Drawer<S>, seed: u64, ops: &[Timed<S::Op>], meter: &Meter) {
    let mut events: Vec<(u32, &Timed<S::Op>)> = Vec::new();
    for op in ops {
        events.push((op.invoke, op));
        events.extend((!op.is_lost()).then_some((op.ret, op)));
    }
    events.sort_by_key(|event| event.0);
    let mut online = Online::new(spec.clone());
    for &(rank, op) in &events {
        let ticket = u64::from(op.id);
        if op.invoke == rank {
            online.invoke(ticket, rank, Some((drawer.lost)(&op.op)));
            continue;
        }
        let told = online.ret(ticket, rank, Some(op.op.clone()), meter);
        let mut prefix = Vec::new();
        for op in ops.iter().filter(|op| op.invoke <= rank) {
            let mut op = op.clone();
            if op.ret > rank {
                op.ret = u32::MAX;
                op.op = (drawer.lost)(&op.op);
            }
            prefix.push(op);
        }
        prefix.retain(|op| !(op.is_lost() && spec.only_reads(&op.op)));
        let truth = if linearizable(spec, &prefix) { Told::Fine } else { Told::Broken };
        assert_eq!(told, truth, "seed {seed}, rank {rank}\n{ops:?}");
        if truth == Told::Broken {
            return;
        }
    }
    assert_eq!(online.finish(meter), Told::Fine, "seed {seed}");
}

fn lines(is_stack: bool, values: u64, losses: [f64; 3]) {
    let spec = Queue { initial: vec![int(1), int(2)], is_stack };
    // The drawer is a plain function: one for each end and number of values.
    let honest: fn(&mut ChaCha8Rng, &Vec<Value>) -> queue::Op = match (is_stack, values) {
        (false, 4) => |rng, state| put_or_take(rng, state.first(), 4),
        (false, _) => |rng, state| put_or_take(rng, state.first(), 99),
        (true, 4) => |rng, state| put_or_take(rng, state.last(), 4),
        (true, _) => |rng, state| put_or_take(rng, state.last(), 99),
    };
    let lost = |op: &queue::Op| match op {
        queue::Op::Put(_) => op.clone(),
        _ => queue::Op::TookSome,
    };
    agree(&spec, &Drawer { honest, lost }, losses, |ops| LineSpace::new(&spec, ops));
}

fn put_or_take(rng: &mut ChaCha8Rng, end: Option<&Value>, values: u64) -> queue::Op {
    if pick(rng, 2) == 0 {
        return queue::Op::Put(int(3 + pick(rng, values)));
    }
    end.map_or(queue::Op::Empty, |value| queue::Op::Took(value.clone()))
}

#[test]
fn queues_and_stacks_of_different_values() {
    lines(false, 99, [0.0, 0.0, 0.1]);
    lines(true, 99, [0.0, 0.0, 0.1]);
}

#[test]
fn queues_and_stacks_that_lose_answers() {
    for values in [4, 99] {
        lines(false, values, MANY_LOST);
        lines(true, values, MANY_LOST);
    }
}

#[test]
fn registers_that_lose_answers() {
    let spec = Register { initial: int(0), failed_cas_constrains: true, null_says_nothing: false };
    let ask = |rng: &mut ChaCha8Rng, state: &Value| {
        let value = int(pick(rng, 3));
        match pick(rng, 4) {
            0 => register::Op::Write(value),
            1 if *state != value => register::Op::Cas(state.clone(), value),
            2 if *state != value => register::Op::Not(value),
            _ => register::Op::Read(state.clone()),
        }
    };
    let drawer = Drawer { honest: ask, lost: Clone::clone };
    agree(&spec, &drawer, MANY_LOST, |ops| RegisterSpace::new(&int(0), ops));
}
