//! A set without reads of all: each element by itself, as one that changes at most twice, in O(n).
//! It never judges an element that comes and goes more often.
//!
//! # Why it is exact
//!
//! Nothing joins two elements, so each is an object of its own. It is in its first state (out, or
//! in if it was there at the start) until something changes it, and may be changed back.
//!
//! Without an operation that changes it back it changes once, at a moment as in `grow`. With one
//! operation of either kind, c and b, there are two orders. If b comes first it does nothing, and
//! the element changes once, at T(c) after T(b). If c comes first, the element is changed from T(c)
//! to T(b): whoever found it changed needs a moment between them, and whoever found it in its first
//! state needs one outside. So T(c) has to come before the return of c and of everyone who found it
//! changed, and T(b) after the invocation of b and of these; the later T(c) and the earlier T(b),
//! the more is left outside. Let the one be as late and the other as early as can be, but still in
//! this order: the element is then changed between the two bounds if the first is before the
//! second, and for no time at all if not. A lost operation that does not happen is one that happens
//! after all others.

use std::collections::{BTreeSet, HashMap};

use foldhash::fast::FixedState;

use super::{NEVER, Span};
use crate::checkers::linearizable::fast::Certificate;
use crate::checkers::linearizable::fast::certificate;
use crate::history::Value;
use crate::models::set::Op;
use crate::models::spec::Timed;

#[derive(Clone, Default)]
struct Life {
    changes: Vec<Span>,
    /// Whatever changes it back.
    backs: Vec<Span>,
    /// Who found it changed, and who found it in its first state.
    changed: Vec<Span>,
    first: Vec<Span>,
}

/// Judges a set, element by element. None: one of them comes and goes too often.
pub fn judge(initial: &BTreeSet<Value>, ops: &[Timed<Op>]) -> Option<Result<(), Certificate>> {
    let mut numbers: HashMap<&Value, u32, FixedState> = HashMap::default();
    // Per operation: its element, its place, and whether it asks for or found the changed state.
    let mut entries: Vec<(u32, u32, bool)> = Vec::with_capacity(ops.len());
    for (at, timed) in ops.iter().enumerate() {
        let (value, is_in) = match &timed.op {
            Op::Add(value) => (value, true),
            Op::Remove(value) => (value, false),
            Op::Contains(value, is_in) if !timed.is_lost() => (value, *is_in),
            Op::Contains(..) | Op::Read(_) => continue,
        };
        let next = numbers.len() as u32;
        let number = *numbers.entry(value).or_insert(next);
        entries.push((number, at as u32, is_in != initial.contains(value)));
    }
    entries.sort_unstable();
    let mut life = Life::default();
    let mut wrong = None;
    for element in entries.chunk_by(|one, other| one.0 == other.0) {
        life.fill(ops, element);
        if !life.fits() {
            return None;
        }
        if wrong.is_none() && !life.explained() {
            wrong = Some(life.certificate());
        }
    }
    Some(wrong.map_or(Ok(()), Err))
}

impl Life {
    /// Becomes that of this element: one life serves all, so that nothing is allocated for each.
    fn fill(&mut self, ops: &[Timed<Op>], element: &[(u32, u32, bool)]) {
        let Life { changes, backs, changed, first } = self;
        for list in [&mut *changes, &mut *backs, &mut *changed, &mut *first] {
            list.clear();
        }
        for &(_, at, to_changed) in element {
            let timed = &ops[at as usize];
            let list = match (&timed.op, to_changed) {
                (Op::Contains(..), true) => &mut *changed,
                (Op::Contains(..), false) => &mut *first,
                (_, true) => &mut *changes,
                (_, false) => &mut *backs,
            };
            list.push(Span::of(timed));
        }
    }

    /// Changed back never, or changed once and changed back once.
    fn fits(&self) -> bool {
        self.backs.is_empty()
            || self.changes.is_empty()
            || self.changes.len() + self.backs.len() == 2
    }

    fn explained(&self) -> bool {
        let changes = || self.changes.iter().chain(&self.changed);
        let change_by = changes().map(|span| span.ret).min().unwrap_or(NEVER);
        let asked = self.changes.iter().map(|span| span.invoke).min().unwrap_or(NEVER);
        let back = self.backs.first().filter(|_| !self.changes.is_empty());
        let back_done = back.filter(|back| !back.is_lost()).map(|back| back.invoke);
        let firsts = self.first.iter().map(|span| span.invoke);
        let change_after = firsts.chain(back_done).chain([asked]).max().unwrap_or(asked);
        if change_by == NEVER || change_after < change_by {
            return true;
        }
        let Some(back) = back else { return false };
        let found = self.changed.iter().map(|span| span.invoke);
        let back_after = found.chain([back.invoke]).max().unwrap_or(back.invoke);
        let possible = asked < change_by && back_after < back.ret && asked < back.ret;
        let (from, to) = (change_by.min(back.ret), back_after.max(asked));
        let inside = |span: &Span| span.invoke > from && span.ret < to;
        possible && !self.first.iter().any(inside)
    }

    /// The few operations that contradict each other.
    fn certificate(&self) -> Certificate {
        let mut few = Life::default();
        // Whatever was asked later than the first changes nothing.
        few.changes.extend(self.changes.iter().min_by_key(|span| span.invoke));
        few.changes.extend(self.changes.iter().min_by_key(|span| span.ret));
        few.changes.dedup();
        few.backs.extend(self.backs.iter().take(1));
        // Those that give the bounds, and the one that is inside.
        few.changed.extend(self.changed.iter().min_by_key(|span| span.ret));
        few.changed.extend(self.changed.iter().max_by_key(|span| span.invoke));
        few.changed.dedup();
        few.first.extend(self.first.iter().max_by_key(|span| span.invoke));
        let with = |first: &Span| {
            let mut more = few.clone();
            more.first.push(*first);
            more
        };
        if few.explained() {
            let inside = self.first.iter().find(|first| !with(first).explained());
            few = with(inside.expect("somebody found it in its first state inside"));
        }
        few.shrink();
        let lists = [&few.changes, &few.backs, &few.changed, &few.first];
        let spans = || lists.into_iter().flatten().filter(|span| !span.is_lost());
        let ids: Vec<Option<u32>> = spans().map(|span| span.id).collect();
        let names: Vec<String> = (0..ids.len()).map(|at| format!("{{{at}}}")).collect();
        let times = if self.backs.is_empty() || self.changes.is_empty() { "once" } else { "twice" };
        let why = match &names[..] {
            [only] => format!("{only}, but nobody ever asked for what makes that possible"),
            names => format!(
                "{} contradict each other: their element can have changed {times} at most, and at \
                 no moment so that all of them are right",
                names.join(", ")
            ),
        };
        let found = certificate(&ids, "", &why);
        if names.len() == 1 { found.unasked("{0}") } else { found }
    }

    /// Takes away what is not needed: reads go, others may have happened at any time or never.
    fn shrink(&mut self) {
        const READS: [fn(&mut Life) -> &mut Vec<Span>; 2] =
            [|life| &mut life.changed, |life| &mut life.first];
        const WRITES: [fn(&mut Life) -> &mut Vec<Span>; 2] =
            [|life| &mut life.changes, |life| &mut life.backs];
        for list in READS {
            for at in (0..list(self).len()).rev() {
                let mut less = self.clone();
                list(&mut less).remove(at);
                self.keep_if_wrong(less);
            }
        }
        for list in WRITES {
            for at in 0..list(self).len() {
                let mut less = self.clone();
                list(&mut less)[at].ret = NEVER;
                self.keep_if_wrong(less);
            }
        }
    }

    fn keep_if_wrong(&mut self, less: Life) {
        if !less.explained() {
            *self = less;
        }
    }
}
