//! A mutex, with lost answers, in O(n log n). It never knows who holds it: any process may release
//! it, as in the model.
//!
//! # Why it is exact
//!
//! Acquires and releases take turns, so at any moment a history needs only to be asked: which of
//! the invoked operations have taken effect? Let nothing take effect before a return forces it.
//! When an operation returns that has not taken effect yet and it is its turn, it does, and nothing
//! else: had another pair taken effect before it, that pair can still do so now, right after. When
//! it is not its turn, one of the other kind has to go first: the one that must return soonest, a
//! lost one last of all. Had another gone instead, the two could exchange their moments, since all
//! of one kind do the same and the one kept back has more time left. If none of the other kind is
//! there, no order explains the return.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::{NEVER, Span, certificate};
use crate::checkers::linearizable::fast::Certificate;
use crate::minimize::minimize;
use crate::models::mutex::Op;
use crate::models::spec::Timed;

/// A proof of more operations than this is not made smaller: each attempt judges them all.
const MINIMIZE_OPS_MAX: usize = 2_000;

/// A sentence names at most so many operations.
const NAMED_MAX: usize = 4;

struct Stuck {
    /// The return that nothing explains.
    rank: i64,
    /// The last moment before it at which nothing was open, and nothing lost; and whether the
    /// mutex was held then.
    quiet: i64,
    held: bool,
}

pub fn judge(held: bool, ops: &[Timed<Op>]) -> Result<(), Certificate> {
    let spans: Vec<(Span, bool)> =
        ops.iter().map(|timed| (Span::of(timed), timed.op == Op::Acquire)).collect();
    let Err(stuck) = turns(held, &spans) else { return Ok(()) };
    let since = |span: &&(Span, bool)| span.0.invoke > stuck.quiet && span.0.invoke < stuck.rank;
    let late: Vec<(Span, bool)> = spans.iter().filter(since).copied().collect();
    let culprit = late.iter().position(|(span, _)| span.ret == stuck.rank);
    let culprit = culprit.expect("what returns was invoked after a quiet moment");
    // What is not kept may have happened at any later time, or never.
    let violated = |kept: &[usize]| {
        let mut weak = late.clone();
        for (at, (span, _)) in weak.iter_mut().enumerate() {
            if at != culprit && kept.binary_search(&at).is_err() {
                span.ret = NEVER;
            }
        }
        turns(stuck.held, &weak).is_err()
    };
    let returned = |at: &usize| late[*at].0.ret < stuck.rank;
    let mut proof: Vec<usize> = (0..late.len()).filter(returned).collect();
    if proof.len() <= MINIMIZE_OPS_MAX {
        proof = minimize(proof, &mut |kept: &[usize]| violated(kept));
    }
    proof.push(culprit);
    Err(explain(&late, &proof, culprit, stuck.held))
}

fn explain(late: &[(Span, bool)], proof: &[usize], culprit: usize, held: bool) -> Certificate {
    let mut ids = vec![late[culprit].0.id];
    ids.extend(proof.iter().filter(|at| **at != culprit).map(|at| late[*at].0.id));
    let word = |held| if held { "held" } else { "free" };
    let (start, needed) = (word(held), word(!late[culprit].1));
    let others = ids.len() - 1;
    let then = match others {
        0 => String::new(),
        1..NAMED_MAX => {
            let names: Vec<String> = (1..ids.len()).map(|at| format!("{{{at}}}")).collect();
            format!(", and then came {}", names.join(", "))
        }
        _ => format!(", and then came {others} other operations"),
    };
    let why = format!(
        "{{0}} returned, but at no moment until then can the mutex have been {needed} for it: \
         it was {start} before{then}"
    );
    certificate(&ids, "", &why)
}

/// Lets everything take effect as late as it can.
fn turns(mut held: bool, spans: &[(Span, bool)]) -> Result<(), Stuck> {
    let mut events: Vec<(i64, usize)> = Vec::with_capacity(2 * spans.len());
    for (at, (span, _)) in spans.iter().enumerate() {
        events.push((span.invoke, at));
        if !span.is_lost() {
            events.push((span.ret, at));
        }
    }
    events.sort_unstable();
    // Per kind (release, acquire), what is invoked and has not taken effect, soonest return first.
    let mut waiting: [BinaryHeap<Reverse<(i64, usize)>>; 2] = Default::default();
    let mut done = vec![false; spans.len()];
    let (mut open, mut quiet) = (0usize, (-1, held));
    for (rank, at) in events {
        let (span, acquires) = spans[at];
        if rank == span.invoke {
            waiting[usize::from(acquires)].push(Reverse((span.ret, at)));
            open += 1;
            continue;
        }
        if !done[at] {
            if held == acquires {
                let Some(other) = soonest(&mut waiting[usize::from(!acquires)], &done) else {
                    return Err(Stuck { rank, quiet: quiet.0, held: quiet.1 });
                };
                done[other] = true;
            }
            done[at] = true;
            held = acquires;
        }
        open -= 1; // a lost operation stays open for good
        if open == 0 {
            quiet = (rank, held);
        }
    }
    Ok(())
}

fn soonest(waiting: &mut BinaryHeap<Reverse<(i64, usize)>>, done: &[bool]) -> Option<usize> {
    while let Some(Reverse((_, at))) = waiting.pop() {
        if !done[at] {
            return Some(at);
        }
    }
    None
}
