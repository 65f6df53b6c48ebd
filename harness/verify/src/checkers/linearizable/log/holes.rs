//! Positions that no acknowledged append explains must be filled by appends that nobody knows the
//! outcome of, each early enough: asked for before anyone had seen the log longer than that. Greedy
//! is exact, because each fits all positions from one on (docs/internals/checkers.md).

use std::collections::HashMap;

use foldhash::fast::FixedState;

use super::bounds::{Bounds, Step};
use super::content::Content;
use super::ops::OpId;
use crate::history::Value;

/// An append that may take effect at any time after its invocation, or never.
#[derive(Clone, Debug)]
pub(super) struct Pending {
    pub op: OpId,
    pub value: Value,
    pub expect: Option<u64>,
    /// It was acknowledged, which promises little here.
    pub told: bool,
    /// The length that the log had before it was asked for: it stands at no position below.
    pub least: u64,
}

#[derive(Clone, Debug)]
pub(super) struct Hole {
    pub at: u64,
    pub value: Option<Value>,
    /// Who saw the log that long, unless only local answers did.
    pub deadline: Option<Step>,
    /// An append that could have filled it, had it not been invoked after the deadline.
    pub late: Option<OpId>,
    /// An append-if of its value that may only stand elsewhere.
    pub elsewhere: Option<OpId>,
    /// How many appends of unknown outcome there are at all.
    pub pending: u64,
}

/// Fills every position below `length`, or names one that cannot be filled.
pub(super) fn fill(
    length: u64,
    pending: &mut [Pending],
    asked: u64,
    content: &mut Content,
    bounds: &Bounds,
) -> Result<(), Box<Hole>> {
    pending.sort_by_key(|append| (append.least, append.op));
    let mut used = vec![false; pending.len()];
    let mut conditional: HashMap<u64, Vec<usize>, FixedState> = HashMap::default();
    for (number, append) in pending.iter().enumerate() {
        if let Some(expect) = append.expect {
            conditional.entry(expect).or_default().push(number);
        }
    }
    let mut known: HashMap<Value, Vec<u64>, FixedState> = HashMap::default();
    let mut unknown = Vec::new();
    // Beyond as many positions as there are appends at all, one must stay empty: a lie of a huge
    // length need not be walked to its end.
    for at in 0..length.min(asked + 1) {
        let cell = content.get(at);
        if cell.is_some_and(|cell| cell.append.is_some()) {
            continue;
        }
        let value = cell.map(|cell| &cell.value);
        let candidates = conditional.get(&at).map_or(&[][..], Vec::as_slice);
        let fits = |&&number: &&usize| {
            let append = &pending[number];
            append.least <= at && value.is_none_or(|value| *value == append.value)
        };
        match (candidates.iter().find(fits), value) {
            (Some(&number), _) => used[number] = true,
            (None, Some(value)) => known.entry(value.clone()).or_default().push(at),
            (None, None) => unknown.push(at),
        }
    }
    let empty = |at: u64, value: Option<&Value>, late: Option<usize>| {
        let elsewhere = pending.iter().find(|append| {
            append.expect.is_some_and(|expect| expect != at) && Some(&append.value) == value
        });
        Box::new(Hole {
            at,
            value: value.cloned(),
            deadline: bounds.deadline(at + 1),
            late: late.map(|number| pending[number].op),
            elsewhere: elsewhere.map(|append| append.op),
            pending: pending.iter().filter(|append| !append.told).count() as u64,
        })
    };

    // Per value: of the appends that are early enough the one with the least choice, so that those
    // stay that fit more positions.
    let mut plain: HashMap<&Value, Vec<usize>, FixedState> = HashMap::default();
    for (number, append) in pending.iter().enumerate() {
        if append.expect.is_none() && known.contains_key(&append.value) {
            plain.entry(&append.value).or_default().push(number);
        }
    }
    let mut values: Vec<(&Value, &Vec<u64>)> = known.iter().collect();
    values.sort_by_key(|(_, holes)| holes[0]);
    for (value, holes) in values {
        let mut coming = plain.remove(value).unwrap_or_default().into_iter().peekable();
        let mut early = Vec::new();
        for &at in holes {
            while let Some(number) = coming.next_if(|&n| pending[n].least <= at) {
                early.push(number);
            }
            let Some(number) = early.pop() else {
                // One of this place alone can only have been asked for too late.
                let own = conditional.get(&at).into_iter().flatten();
                let own = own.copied().find(|&number| pending[number].value == *value);
                return Err(empty(at, Some(value), coming.peek().copied().or(own)));
            };
            used[number] = true;
        }
    }

    // Whatever is left may stand at any unknown position, earliest first.
    let mut rest = (0..pending.len()).filter(|&n| !used[n] && pending[n].expect.is_none());
    for at in unknown {
        let number = rest.next();
        if number.is_none_or(|number| pending[number].least > at) {
            return Err(empty(at, None, number));
        }
    }
    Ok(())
}
