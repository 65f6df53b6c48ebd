//! The values of a register's history, numbered. It never judges a history of which a value that
//! somebody saw could have come from two writers, or in which a failed cas says something.

use std::collections::HashMap;

use foldhash::fast::FixedState;

use super::{NONE, Node, Span};
use crate::checkers::linearizable::fast::Certificate;
use crate::checkers::linearizable::fast::certificate;
use crate::history::Value;
use crate::models::register::Op;
use crate::models::spec::Timed;

/// What is known of one value before it is a node.
#[derive(Clone, Copy)]
struct Fact {
    /// The place of the first operation that writes it; `NONE`: the start, or nobody.
    writer: u32,
    /// How many write it; the start counts.
    writers: u32,
    /// An acknowledged operation that found it there; `NONE`: nobody is known to have.
    needed_by: u32,
    node: u32,
}

const INITIAL: usize = 0;

/// Judges a register. None: this cannot.
pub fn judge(initial: &Value, ops: &[Timed<Op>]) -> Option<Result<(), Certificate>> {
    if ops.iter().any(|timed| matches!(timed.op, Op::Not(_))) {
        return None;
    }
    let (mut facts, numbers) = number(initial, ops);
    if let Err(missing) = close(&mut facts, ops, &numbers)? {
        return Some(Err(missing));
    }
    Some(super::judge(&nodes(&mut facts, ops, &numbers)))
}

/// Per value what is known of it; per operation the value it finds, and the value it leaves.
fn number(initial: &Value, ops: &[Timed<Op>]) -> (Vec<Fact>, Vec<(u32, u32)>) {
    let nothing = Fact { writer: NONE, writers: 0, needed_by: NONE, node: NONE };
    let mut facts = vec![Fact { writers: 1, ..nothing }];
    let mut known: HashMap<&Value, u32, FixedState> = HashMap::default();
    known.reserve(ops.len());
    known.insert(initial, INITIAL as u32);
    let mut numbers = Vec::with_capacity(ops.len());
    for (at, timed) in ops.iter().enumerate() {
        let mut number = |value| {
            *known.entry(value).or_insert_with(|| {
                facts.push(nothing);
                facts.len() as u32 - 1
            })
        };
        let (found, left) = match &timed.op {
            Op::Write(value) => (NONE, number(value)),
            Op::Cas(from, to) => (number(from), number(to)),
            Op::Read(value) | Op::Not(value) => (number(value), NONE),
        };
        if left != NONE {
            let fact = &mut facts[left as usize];
            fact.writers = fact.writers.saturating_add(1);
            if fact.writer == NONE {
                fact.writer = at as u32;
            }
        }
        numbers.push((found, left));
    }
    (facts, numbers)
}

/// Finds every value that was certainly there and that somebody found: also what a lost cas must
/// have found, of which the outcome was found. None: one of them has two writers.
fn close(
    facts: &mut [Fact],
    ops: &[Timed<Op>],
    numbers: &[(u32, u32)],
) -> Option<Result<(), Certificate>> {
    let mut missing = None;
    for (timed, &(found, _)) in ops.iter().zip(numbers) {
        if timed.is_lost() || found == NONE {
            continue;
        }
        let mut needed = found;
        let mut through = None;
        while needed != NONE && facts[needed as usize].needed_by == NONE {
            let fact = &mut facts[needed as usize];
            fact.needed_by = timed.id;
            if fact.writers > 1 {
                return None;
            }
            if fact.writers == 0 {
                missing = missing.or(Some((timed.id, through)));
                break;
            }
            let writer = fact.writer;
            if writer == NONE {
                break; // the start
            }
            through = Some(ops[writer as usize].id);
            needed = numbers[writer as usize].0;
        }
    }
    Some(missing.map_or(Ok(()), |(by, through)| {
        let (why, who) = match through {
            None => ("{0}, but nobody ever wrote the value that it found", "{0}"),
            Some(_) => (
                "{0} needs {1}, which needs a value that nobody ever wrote",
                "{0} needs {1}, which",
            ),
        };
        let ids: Vec<Option<u32>> = [Some(by), through].into_iter().flatten().map(Some).collect();
        Err(certificate(&ids, "the start", why).unasked(who))
    }))
}

fn nodes(facts: &mut [Fact], ops: &[Timed<Op>], numbers: &[(u32, u32)]) -> Vec<Node> {
    let mut nodes = Vec::with_capacity(facts.len());
    nodes.push(Node::start());
    facts[INITIAL].node = 0;
    // A cas may come before the writer of what it found.
    for fact in facts.iter_mut().skip(1).filter(|fact| fact.needed_by != NONE) {
        fact.node = nodes.len() as u32;
        nodes.push(Node::start());
    }
    for (timed, &(found, left)) in ops.iter().zip(numbers) {
        let span = Span::of(timed);
        let from = if found == NONE { NONE } else { facts[found as usize].node };
        if left == NONE {
            if !timed.is_lost() {
                nodes[from as usize].read_by(span);
            }
            continue;
        }
        let fact = &facts[left as usize];
        if fact.needed_by != NONE {
            let shown_by = if timed.is_lost() { fact.needed_by } else { NONE };
            nodes[fact.node as usize] =
                Node { writer: span, from, shown_by, ..nodes[fact.node as usize] };
        } else if !timed.is_lost() {
            nodes.push(Node::new(span, from, NONE));
        }
    }
    nodes
}
