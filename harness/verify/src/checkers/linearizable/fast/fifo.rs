//! A first-in first-out queue whose values are all different, in O(n log n)
//! (docs/internals/checkers.md). It never judges a queue into which a value is put twice.

use std::collections::HashMap;

use foldhash::fast::FixedState;

use super::{NEVER, Span, certificate};
use crate::checkers::linearizable::fast::Certificate;
use crate::history::Value;
use crate::models::queue::Op;
use crate::models::spec::Timed;

/// What is known of one value: the ranks of its two operations, and their numbers.
#[derive(Clone, Copy)]
struct Life {
    put: Span,
    /// None: nobody is known to have taken it.
    took: Option<Span>,
}

/// Judges a queue. None: a value is put in twice, so this cannot.
pub fn judge(initial: &[Value], ops: &[Timed<Op>]) -> Option<Result<(), Certificate>> {
    let mut lives: HashMap<&Value, Life, FixedState> = HashMap::default();
    for (rank, value) in
        (0..initial.len() as u32).rev().map(|back| -2 - 2 * i64::from(back)).zip(initial)
    {
        let put = Span { id: None, invoke: rank, ret: rank + 1 };
        if lives.insert(value, Life { put, took: None }).is_some() {
            return None;
        }
    }
    for op in ops {
        match &op.op {
            Op::Put(value) => {
                let before = lives.insert(value, Life { put: Span::of(op), took: None });
                before.is_none().then_some(())?;
            }
            Op::Took(_) | Op::Empty if op.is_lost() => return None,
            _ => {}
        }
    }
    Some(one_by_one(&mut lives, ops).and_then(|()| {
        let lives: Vec<Life> = lives.into_values().collect();
        let mut lost: Vec<i64> = Vec::new();
        lost.extend(ops.iter().filter(|op| op.op == Op::TookSome).map(|op| i64::from(op.invoke)));
        lost.sort_unstable();
        in_order(&lives, &lost)?;
        empty(&lives, &lost, ops)
    }))
}

/// What is taken was put in before, and is taken once.
fn one_by_one(
    lives: &mut HashMap<&Value, Life, FixedState>,
    ops: &[Timed<Op>],
) -> Result<(), Certificate> {
    for op in ops {
        let Op::Took(value) = &op.op else { continue };
        let took = Span::of(op);
        let Some(life) = lives.get_mut(value) else {
            let found = proof(&[took], "{0}, but nobody ever put that value in".into());
            return found.map_err(|certificate| certificate.unasked("{0}"));
        };
        if let Some(first) = life.took {
            return proof(&[first, took, life.put], "{0} and {1} took the same value".into());
        }
        if life.put.invoke > took.ret {
            return proof(&[took, life.put], "{0}, but {1} was only invoked afterwards".into());
        }
        life.took = Some(took);
    }
    Ok(())
}

/// What was certainly put in before another value is taken before it.
fn in_order(lives: &[Life], lost: &[i64]) -> Result<(), Certificate> {
    // Values by when their put was invoked, latest first, each with the one of itself and all
    // later ones whose taking returned first.
    let mut taken: Vec<(&Life, Span)> =
        lives.iter().filter_map(|life| life.took.map(|took| (life, took))).collect();
    taken.sort_by_key(|(life, _)| life.put.invoke);
    let mut first = vec![0; taken.len()];
    for at in (0..taken.len()).rev() {
        first[at] = match first.get(at + 1) {
            Some(&later) if taken[later].1.ret < taken[at].1.ret => later,
            _ => at,
        };
    }
    // Of the values certainly put in after this one, the one whose taking returned first.
    let overtaker = |life: &Life| {
        let from = taken.partition_point(|(other, _)| other.put.invoke <= life.put.ret);
        first.get(from).map(|&at| taken[at])
    };
    let mut missing: Vec<(i64, &Life, &Life, Span)> = Vec::new();
    for life in lives {
        let Some((other, overtook)) = overtaker(life) else { continue };
        match life.took {
            Some(took) if took.invoke > overtook.ret => {
                let why = "{0} and then {1} were put in, but {2} came before {3}";
                return proof(&[life.put, other.put, overtook, took], why.into());
            }
            Some(_) => {}
            None => missing.push((overtook.ret, life, other, overtook)),
        }
    }
    // Each of these must have been taken by a dequeue whose answer is lost.
    missing.sort_by_key(|(until, ..)| *until);
    for (at, (until, ..)) in missing.iter().enumerate() {
        if lost.get(at).is_none_or(|invoke| invoke > until) {
            let mut spans = Vec::new();
            for (_, life, other, overtook) in &missing[..=at] {
                spans.extend([life.put, other.put, *overtook]);
            }
            let why = if at == 0 {
                "{0} and then {1} were put in, but {2} came though nobody had taken the first"
                    .to_owned()
            } else {
                let so_many = at + 1;
                format!(
                    "{so_many} values were put in before others that were taken, {{0}} among \
                     them, and never seen again, but too few dequeues are unanswered"
                )
            };
            return proof(&spans, why);
        }
    }
    Ok(())
}

/// Whoever found the queue empty did so at an instant at which it can have been.
fn empty(lives: &[Life], lost: &[i64], ops: &[Timed<Op>]) -> Result<(), Certificate> {
    let empties: Vec<Span> = ops.iter().filter(|op| op.op == Op::Empty).map(Span::of).collect();
    if empties.is_empty() {
        return Ok(());
    }
    // Changes at ranks: values surely inside and taken later; values inside that only a lost
    // dequeue can have taken; lost dequeues.
    let mut changes: Vec<(i64, i64, i64)> = Vec::new();
    for life in lives.iter().filter(|life| life.put.ret != NEVER) {
        match life.took {
            Some(took) if life.put.ret < took.invoke => {
                changes.extend([(life.put.ret, 1, 0), (took.invoke, -1, 0)]);
            }
            Some(_) => {}
            None => changes.push((life.put.ret, 0, 1)),
        }
    }
    changes.extend(lost.iter().map(|&invoke| (invoke, 0, -1)));
    changes.extend(empties.iter().flat_map(|span| [(span.invoke, 0, 0), (span.ret, 0, 0)]));
    changes.sort_unstable();
    // Per change, how many instants right after a change up to here may have been empty.
    let (mut inside, mut stuck, mut count) = (0, 0, 0u32);
    let mut good = Vec::with_capacity(changes.len() + 1);
    good.push(0);
    for (at, change) in changes.iter().enumerate() {
        inside += change.1;
        stuck += change.2;
        let last = changes.get(at + 1).is_none_or(|next| next.0 > change.0);
        count += u32::from(last && inside == 0 && stuck <= 0);
        good.push(count);
    }
    for found in empties {
        let from = changes.partition_point(|change| change.0 < found.invoke);
        let to = changes.partition_point(|change| change.0 < found.ret);
        if good[to] == good[from] {
            return proof(&never_empty(lives, lost, found), EMPTY.into());
        }
    }
    Ok(())
}

const EMPTY: &str = "{0} found the queue empty, but all the while something was in it: the values \
                     of the operations beside it";

/// The operations that prove that the queue was not empty while somebody found it so.
fn never_empty(lives: &[Life], lost: &[i64], found: Span) -> Vec<Span> {
    let mut spans = vec![found];
    let mut covering: Vec<(i64, i64, &Life)> = Vec::new();
    for life in lives.iter().filter(|life| life.put.ret < found.ret) {
        match life.took {
            Some(took) if life.put.ret < took.invoke && took.invoke > found.invoke => {
                covering.push((life.put.ret, took.invoke, life));
            }
            None if !lost.is_empty() => spans.push(life.put),
            None => covering.push((life.put.ret, NEVER, life)),
            Some(_) => {}
        }
    }
    // With lost dequeues about, everything counts; else the fewest that cover the interval.
    if !lost.is_empty() {
        for (_, _, life) in covering {
            spans.push(life.put);
            spans.extend(life.took);
        }
        return spans;
    }
    covering.sort_by_key(|(from, ..)| *from);
    let (mut at, mut covered) = (0, found.invoke);
    while covered < found.ret {
        let mut best: Option<(i64, &Life)> = None;
        while let Some((from, to, life)) = covering.get(at).filter(|(from, ..)| *from <= covered) {
            debug_assert!(from < to, "an interval has a length");
            if best.is_none_or(|(end, _)| *to > end) {
                best = Some((*to, life));
            }
            at += 1;
        }
        let Some((end, life)) = best.filter(|(end, _)| *end > covered) else { break };
        covered = end;
        spans.push(life.put);
        spans.extend(life.took);
    }
    spans
}

fn proof(spans: &[Span], why: String) -> Result<(), Certificate> {
    let ids: Vec<Option<u32>> = spans.iter().map(|span| span.id).collect();
    Err(certificate(&ids, "a value that was there at the start", &why))
}
