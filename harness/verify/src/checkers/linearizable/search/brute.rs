//! Brute force over small histories of any model: every order is tried, nothing is remembered.
//! It shares no code with the search but what an operation does.

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::models::spec::{Spec, Timed};

/// Whether some order explains every answer.
pub fn linearizable<S: Spec>(spec: &S, ops: &[Timed<S::Op>]) -> bool {
    let left: Vec<&Timed<S::Op>> = ops.iter().collect();
    some_order(spec, &spec.initial(), &left)
}

fn some_order<S: Spec>(spec: &S, state: &S::State, left: &[&Timed<S::Op>]) -> bool {
    if left.iter().all(|op| op.is_lost()) {
        return true;
    }
    let first_return = left.iter().map(|op| op.ret).min().expect("some are left");
    (0..left.len()).any(|at| {
        let comes_later = |other: &&Timed<S::Op>| {
            let own = other.process == left[at].process && other.process != Timed::<()>::NOBODY;
            own && !other.is_lost() && other.invoke < left[at].invoke
        };
        if left[at].invoke > first_return || left.iter().any(comes_later) {
            return false;
        }
        let Some(next) = spec.step(state, &left[at].op) else { return false };
        let mut rest = left.to_vec();
        rest.remove(at);
        some_order(spec, &next, &rest)
    })
}

/// How one model's histories are drawn.
pub struct Drawer<S: Spec> {
    /// An operation with the answer that this state gives.
    pub honest: fn(&mut ChaCha8Rng, &S::State) -> S::Op,
    /// The operation as it is known when its answer is lost.
    pub lost: fn(&S::Op) -> S::Op,
}

/// A random history of at most so many operations: honest, but for a few answers exchanged.
pub fn draw<S: Spec>(
    spec: &S,
    drawer: &Drawer<S>,
    seed: u64,
    most: usize,
    processes: usize,
) -> Vec<Timed<S::Op>> {
    draw_losing(spec, drawer, seed, most, processes, [0.0, 0.1, 0.4])
}

/// The same with one of these shares of lost answers.
pub fn draw_losing<S: Spec>(
    spec: &S,
    drawer: &Drawer<S>,
    seed: u64,
    most: usize,
    processes: usize,
    losses: [f64; 3],
) -> Vec<Timed<S::Op>> {
    struct Open<Op> {
        at: usize,
        took_effect: Option<Op>,
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let rng = &mut rng;
    let count = rng.random_range(1..=most);
    let lies = [0.0, 0.15, 0.4][rng.random_range(0..3usize)];
    let losses = losses[rng.random_range(0..3usize)];
    let mut ops: Vec<Timed<S::Op>> = Vec::new();
    let mut state = spec.initial();
    let mut open: Vec<Option<Open<S::Op>>> = (0..processes).map(|_| None).collect();
    let mut ghosts: Vec<usize> = Vec::new(); // lost before they took effect
    let mut rank = 0;
    let effect = |rng: &mut ChaCha8Rng, state: &mut S::State| {
        let op = (drawer.honest)(rng, state);
        *state = spec.step(state, &op).expect("an honest answer is possible");
        op
    };
    loop {
        rank += 1;
        let process = rng.random_range(0..processes);
        if let Some(at) = ghosts.pop_if(|_| rng.random_bool(0.2)) {
            ops[at].op = (drawer.lost)(&effect(rng, &mut state));
        }
        match open[process].take() {
            None if ops.len() < count => {
                let op = (drawer.honest)(rng, &state);
                let id = ops.len() as u32;
                open[process] = Some(Open { at: ops.len(), took_effect: None });
                ops.push(Timed { op, id, invoke: rank, ret: u32::MAX, process: process as u32 });
            }
            None => {
                if open.iter().all(Option::is_none) {
                    return ops;
                }
            }
            Some(Open { at, took_effect: None }) if rng.random_bool(losses) => {
                ops[at].op = (drawer.lost)(&ops[at].op);
                ghosts.push(at);
            }
            Some(Open { at, took_effect: None }) => {
                let op = effect(rng, &mut state);
                open[process] = Some(Open { at, took_effect: Some(op) });
            }
            Some(Open { at, took_effect: Some(op) }) => {
                let elsewhere = rng.random_bool(lies);
                ops[at].op = if elsewhere { (drawer.honest)(rng, &spec.initial()) } else { op };
                if rng.random_bool(losses) {
                    ops[at].op = (drawer.lost)(&ops[at].op);
                } else {
                    ops[at].ret = rank;
                }
            }
        }
    }
}

/// The same on a clock so coarse that this many ranks are one time: events at one time overlap,
/// though each process keeps its own order.
pub fn tie<Op>(ops: &mut [Timed<Op>], coarse: u32) {
    let mut events: Vec<(u32, bool, u32, &mut u32)> = Vec::new();
    for op in ops.iter_mut() {
        events.push((op.invoke / coarse, false, op.invoke, &mut op.invoke));
        if op.ret != u32::MAX {
            events.push((op.ret / coarse, true, op.ret, &mut op.ret));
        }
    }
    events.sort_unstable();
    for (at, (.., rank)) in (1..).zip(events) {
        *rank = at;
    }
    ops.sort_by_key(|op| op.invoke);
}

/// Whoever never heard of an operation goes on under another number, as in histories.
pub fn renumber<Op>(ops: &mut [Timed<Op>]) {
    const PROCESSES: u32 = 10; // more than are ever drawn
    let mut numbers: [u32; PROCESSES as usize] = std::array::from_fn(|process| process as u32);
    for op in ops {
        let number = &mut numbers[op.process as usize];
        op.process = *number;
        if op.ret == u32::MAX {
            *number += PROCESSES;
        }
    }
}

/// A whole number below `below`.
pub fn pick(rng: &mut ChaCha8Rng, below: u64) -> u64 {
    rng.next_u64() % below
}
