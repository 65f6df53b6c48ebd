//! Linearizability without a search, for objects and histories that allow it: one file a model,
//! each O(n log n) or better and each with its proof. `judged` says which model has which. A fast
//! path never guesses: it judges exactly, or says that it does not fit the history.

pub mod counter;
pub mod fifo;
pub mod mutex;
pub mod set;
#[cfg(test)]
mod tests;
pub mod zones;

use crate::models::spec::Timed;

/// A fast path found that no order explains the answers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Certificate {
    /// The operations that prove it, by their numbers.
    pub ops: Vec<u32>,
    /// Why, in plain words; operations are named `{0}`, `{1}` by their place in `ops`.
    pub why: String,
    /// Nobody put there what the last of `ops` found: how to begin a sentence about somebody who
    /// asked for it and failed.
    pub unasked: Option<&'static str>,
}

impl Certificate {
    /// Nobody put there what the last operation found.
    fn unasked(self, who: &'static str) -> Certificate {
        Certificate { unasked: Some(who), ..self }
    }
}

/// When an operation was invoked and returned. What is there at the start came before rank 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Span {
    /// Its number. None: the start.
    id: Option<u32>,
    invoke: i64,
    ret: i64,
}

/// The return of an operation of unknown outcome.
const NEVER: i64 = i64::MAX;

impl Span {
    fn of<Op>(op: &Timed<Op>) -> Span {
        let ret = if op.is_lost() { NEVER } else { i64::from(op.ret) };
        Span { id: Some(op.id), invoke: i64::from(op.invoke), ret }
    }

    fn is_lost(&self) -> bool {
        self.ret == NEVER
    }
}

/// A certificate of these operations. In `why` they are named by their place in `ids`; what has
/// no operation is named `start`.
fn certificate(ids: &[Option<u32>], start: &str, why: &str) -> Certificate {
    let mut text = why.to_owned();
    let mut ops: Vec<u32> = Vec::new();
    for (at, id) in ids.iter().enumerate() {
        let name = id.map_or_else(
            || start.to_owned(),
            |id| {
                let place = ops.iter().position(|known| *known == id).unwrap_or_else(|| {
                    ops.push(id);
                    ops.len() - 1
                });
                // Marked, so that it is not taken for a place in `ids`.
                format!("{{#{place}}}")
            },
        );
        text = text.replace(&format!("{{{at}}}"), &name);
    }
    Certificate { ops, why: text.replace("{#", "{"), unasked: None }
}
