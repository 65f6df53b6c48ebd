//! A counter whose every add adds the same, with lost answers, in O(n log n). It never judges adds
//! of different size: which of them make up a sum is a knapsack.
//!
//! # Why it is exact
//!
//! Count in steps from the start: position k is the moment T(k) at which the counter reaches k
//! steps, T(1) < T(2) < ... (docs/internals/checkers.md). A read of v lies between T(v) and
//! T(v + 1). So T(k) must come after `lo(k)`, the last invocation of a read of less than k, and
//! before `hi(k)`, the first return of a read of k or more; and if each T(k) does, the reads find
//! their places. An add takes one position, at an instant inside its own interval. Every
//! acknowledged add must have one, and every position up to the greatest read must be taken.
//!
//! Both `lo` and `hi` only grow with k. So two adds that took their positions in the wrong order
//! of time can change places: any assignment of adds to positions of which each pair of intervals
//! meets can be put in order. And the positions that an add can take are neighbours, from the
//! first with hi(k) after its invocation to the last with lo(k) before its return.
//!
//! What is left is a matching of positions with intervals of positions (a convex bipartite graph):
//! giving each position in turn to the add that has to go soonest fills all positions that can be
//! filled (Glover, 1967). It leaves out an acknowledged add only where too many have to share too
//! few positions; lost adds, which can go last of all, never take a position from one.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::{NEVER, Span, certificate};
use crate::checkers::linearizable::fast::Certificate;
use crate::models::counter::Op;
use crate::models::spec::Timed;

/// A read, with what it saw in steps.
#[derive(Clone, Copy)]
struct Read {
    steps: usize,
    span: Span,
}

/// An add and the positions that it can take.
#[derive(Clone, Copy)]
struct Add {
    span: Span,
    from: usize,
    to: usize,
}

/// Judges a counter. None: the adds differ, or 64 bits may be too few.
pub fn judge(initial: i64, ops: &[Timed<Op>]) -> Option<Result<(), Certificate>> {
    let mut adds = ops.iter().filter_map(|timed| match timed.op {
        Op::Add(by) => Some((by, Span::of(timed))),
        Op::Read(_) => None,
    });
    let by = adds.clone().next().map_or(1, |(by, _)| by);
    if by == 0 || adds.clone().any(|(other, _)| other != by) {
        return None;
    }
    let spans: Vec<Span> = adds.by_ref().map(|(_, span)| span).collect();
    let most = i128::from(initial) + i128::from(by) * spans.len() as i128;
    i64::try_from(most).ok()?;
    let mut reads = Vec::new();
    for timed in ops.iter().filter(|timed| !timed.is_lost()) {
        let Op::Read(value) = timed.op else { continue };
        let span = Span::of(timed);
        let above = i128::from(value) - i128::from(initial);
        let by = i128::from(by);
        let steps = above / by;
        if steps < 0 || steps * by != above {
            let why = format!("{{0}}, but it starts at {initial} and every add adds {by}");
            return Some(Err(certificate(&[span.id], "", &why)));
        }
        if steps > spans.len() as i128 {
            let why = format!("{{0}}, but only {} at all", were_asked(spans.len()));
            return Some(Err(certificate(&[span.id], "", &why)));
        }
        reads.push(Read { steps: steps as usize, span });
    }
    Some(Bounds::new(&reads).and_then(|bounds| bounds.fill(&spans)))
}

fn were_asked(adds: usize) -> String {
    if adds == 1 { "1 add was invoked".into() } else { format!("{adds} adds were invoked") }
}

/// Per position, the reads that bound it.
struct Bounds {
    /// At k - 1, for position k: the read of less that was invoked last.
    low: Vec<Option<Read>>,
    /// At k - 1, for position k: the read of as much or more that returned first. One shorter.
    high: Vec<Read>,
}

impl Bounds {
    fn new(reads: &[Read]) -> Result<Bounds, Certificate> {
        let greatest = reads.iter().map(|read| read.steps).max().unwrap_or(0);
        let mut low: Vec<Option<Read>> = vec![None; greatest + 1];
        let mut high: Vec<Option<Read>> = vec![None; greatest];
        for read in reads {
            let slot = &mut low[read.steps];
            if slot.is_none_or(|known| read.span.invoke > known.span.invoke) {
                *slot = Some(*read);
            }
            let Some(slot) = read.steps.checked_sub(1).map(|at| &mut high[at]) else { continue };
            if slot.is_none_or(|known| read.span.ret < known.span.ret) {
                *slot = Some(*read);
            }
        }
        for at in 1..low.len() {
            if low[at - 1].map(|read| read.span.invoke) > low[at].map(|read| read.span.invoke) {
                low[at] = low[at - 1];
            }
        }
        for at in (1..high.len()).rev() {
            let ret = |read: Option<Read>| read.map_or(NEVER, |read| read.span.ret);
            if ret(high[at]) < ret(high[at - 1]) {
                high[at - 1] = high[at];
            }
        }
        let some = |read: Option<Read>| read.expect("somebody read the greatest");
        let high: Vec<Read> = high.into_iter().map(some).collect();
        for (low, high) in low.iter().zip(&high) {
            if let Some(low) = low.filter(|low| low.span.invoke > high.span.ret) {
                let why = "{0} saw less than {1}, which had returned before {0} was invoked";
                return Err(certificate(&[low.span.id, high.span.id], "", why));
            }
        }
        Ok(Bounds { low, high })
    }

    fn fill(&self, adds: &[Span]) -> Result<(), Certificate> {
        let mut adds: Vec<Add> = adds.iter().map(|span| self.place(*span)).collect();
        adds.sort_unstable_by_key(|add| (add.from, add.span.invoke));
        // Adds that can take this position, the one that has to go soonest first.
        let mut ready: BinaryHeap<Reverse<(usize, usize)>> = BinaryHeap::new();
        let mut taken: Vec<usize> = Vec::with_capacity(self.high.len());
        let mut next = 0;
        for position in 1..=self.high.len() {
            while adds.get(next).is_some_and(|add| add.from <= position) {
                ready.push(Reverse((adds[next].to, next)));
                next += 1;
            }
            let Some(Reverse((to, add))) = ready.pop() else {
                return Err(self.too_few(position));
            };
            if to < position {
                return Err(self.too_many(&adds, &taken, add));
            }
            taken.push(add);
        }
        // Whoever is left goes beyond what anybody read.
        ready.extend((next..adds.len()).map(|at| Reverse((adds[at].to, at))));
        match ready.pop() {
            Some(Reverse((to, add))) if to <= self.high.len() => {
                Err(self.too_many(&adds, &taken, add))
            }
            _ => Ok(()),
        }
    }

    fn place(&self, span: Span) -> Add {
        let before = |read: &Option<Read>| read.is_none_or(|read| read.span.invoke < span.ret);
        Add {
            span,
            from: 1 + self.high.partition_point(|read| read.span.ret < span.invoke),
            to: self.low.partition_point(before),
        }
    }

    fn too_few(&self, position: usize) -> Certificate {
        let read = self.high[position - 1];
        let why = format!(
            "{{0}} needs {} since the start, but only {} before it returned",
            if read.steps == 1 { "1 add".into() } else { format!("{} adds", read.steps) },
            were_asked(position - 1)
        );
        certificate(&[read.span.id], "", &why)
    }

    /// More acknowledged adds than positions between two reads. `taken` is by position, from 1.
    fn too_many(&self, adds: &[Add], taken: &[usize], left_out: usize) -> Certificate {
        let last = adds[left_out].to;
        let mut first = adds[left_out].from;
        let mut crowd = vec![adds[left_out].span.id];
        let mut position = last;
        while position >= first {
            let add = &adds[taken[position - 1]];
            first = first.min(add.from);
            crowd.push(add.span.id);
            position -= 1;
        }
        let count = crowd.len();
        let after = self.low[last].expect("an add that must not go further was before a read");
        let before = first.checked_sub(2).map(|at| self.high[at]);
        let mut ids = vec![before.and_then(|read| read.span.id), after.span.id];
        ids.extend(crowd);
        let why = format!(
            "{count} adds were acknowledged between {{0}} and {{1}}, {{2}} among them, which is \
             more than the second read shows"
        );
        certificate(&ids, "the start", &why)
    }
}
