//! One order of an object's operations that explains their answers, or as much of one as was
//! found: a depth-first search with a bound.

use std::collections::HashSet;

use foldhash::fast::FixedState;

use super::object::objects;
use super::own;
use crate::history::History;
use crate::models::spec::{Spec, Timed};

/// Larger objects are drawn without an order: finding one takes memory that grows with the square.
pub const OPERATIONS_MAX: usize = 5_000;

/// Operations in an order that explains them.
pub(crate) struct Order {
    /// The number of each operation in the history, and the state after it in words.
    pub steps: Vec<(u32, String)>,
}

/// So many states are tried for each object: a second or so.
const TRIES_MAX: usize = 100_000;

/// The longest order found for each key, in words; none of a history that the model cannot read.
pub(crate) fn orders<S: Spec>(spec: &S, history: &History) -> Vec<Order> {
    let objects = objects(spec, history).unwrap_or_default().into_iter();
    let small = objects.filter(|object| object.ops.len() <= OPERATIONS_MAX);
    small.map(|object| Order { steps: longest(spec, &object.ops) }).collect()
}

/// One operation tried, with what may be tried instead of it.
struct Choice<State> {
    op: usize,
    state: State,
    instead: Vec<usize>,
}

fn longest<S: Spec>(spec: &S, ops: &[Timed<S::Op>]) -> Vec<(u32, String)> {
    let certain = ops.iter().filter(|op| !op.is_lost()).count();
    let mut path: Vec<Choice<S::State>> = Vec::new();
    let mut done = vec![0u64; ops.len().div_ceil(64)];
    let mut seen: HashSet<(Vec<u64>, S::State), FixedState> = HashSet::default();
    let (mut best, mut best_count, mut count) = (Vec::new(), 0, 0);
    let before = own::before(ops);
    let mut options = enabled(ops, &before, &done);
    let mut tries = 0;
    loop {
        if count > best_count {
            best_count = count;
            best = path.iter().map(|choice| (choice.op, choice.state.clone())).collect();
        }
        tries += 1;
        if count == certain || tries > TRIES_MAX {
            break;
        }
        let state = path.last().map_or_else(|| spec.initial(), |choice| choice.state.clone());
        let mut next = None;
        while let Some(op) = options.pop() {
            let Some(state) = spec.step(&state, &ops[op].op) else { continue };
            flip(&mut done, op);
            if seen.insert((done.clone(), state.clone())) {
                next = Some((op, state));
                break;
            }
            flip(&mut done, op);
        }
        if let Some((op, state)) = next {
            count += usize::from(!ops[op].is_lost());
            path.push(Choice { op, state, instead: options });
            options = enabled(ops, &before, &done);
        } else if let Some(choice) = path.pop() {
            flip(&mut done, choice.op);
            count -= usize::from(!ops[choice.op].is_lost());
            options = choice.instead;
        } else {
            break;
        }
    }
    best.into_iter().map(|(op, state)| (ops[op].id, spec.show(&state))).collect()
}

fn flip(done: &mut [u64], op: usize) {
    done[op / 64] ^= 1 << (op % 64);
}

/// What may come next: whatever was invoked before any of the rest returned, and after what comes
/// before it in its process. The last is tried first: the one that returns first, and lost ones
/// only when nothing else goes.
fn enabled<Op>(ops: &[Timed<Op>], before: &[u32], done: &[u64]) -> Vec<usize> {
    let is_done = |at: usize| done[at / 64] >> (at % 64) & 1 == 1;
    let mut first_return = u32::MAX;
    let mut open = Vec::new();
    for (at, op) in ops.iter().enumerate() {
        if op.invoke > first_return {
            break;
        }
        if !is_done(at) {
            first_return = first_return.min(op.ret);
            open.push(at);
        }
    }
    let waits = |at: usize| ops.get(before[at] as usize).is_some() && !is_done(before[at] as usize);
    open.retain(|&at| ops[at].invoke < first_return && !waits(at));
    open.sort_by_key(|&at| std::cmp::Reverse((ops[at].ret, at)));
    open
}
