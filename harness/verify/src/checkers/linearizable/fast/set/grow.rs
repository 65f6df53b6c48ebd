//! A set from which nothing is removed, in O(n log n) and the size of the answers.
//!
//! # Why it is exact
//!
//! Each element e has one moment T(e) at which it comes in, and whatever adds it later does
//! nothing. T(e) is after the first invocation of an add of e and after every invocation of a
//! `contains` that answers false; it is before the return of every acknowledged add and of every
//! `contains` that answers true. These are its bounds `low` and `high`; a read has its own two
//! events as bounds.
//!
//! What reads saw must be sets of which each holds the one before (docs/internals/checkers.md).
//! So they make layers: the elements that the smallest read saw, the reads of exactly these, the
//! elements that the next larger read saw too, its reads, ..., the elements that none saw. Whatever
//! is in one layer happens before whatever is in a later one, and nothing else is ordered. Such
//! instants exist if and only if no `low` comes after a `high` of the same thing or of a later
//! layer.

use std::collections::{BTreeSet, HashMap};

use foldhash::fast::FixedState;

use super::{NEVER, Span};
use crate::checkers::linearizable::fast::Certificate;
use crate::checkers::linearizable::fast::certificate;
use crate::history::Value;
use crate::models::set::Op;
use crate::models::spec::Timed;

/// An event of an operation. No operation: the start.
#[derive(Clone, Copy)]
struct Mark {
    rank: i64,
    id: Option<u32>,
}

#[derive(Clone, Copy)]
struct Element {
    /// The add that was invoked first. None: nobody adds it.
    added: Option<Mark>,
    low: Mark,
    high: Mark,
    layer: u32,
}

/// What is in no read.
const NO_LAYER: u32 = u32::MAX;

/// The latest lower bound so far.
#[derive(Clone, Copy)]
struct Latest {
    mark: Mark,
    layer: u32,
    /// The element that it bounds. None: a read.
    element: Option<usize>,
}

#[derive(Default)]
struct Grow<'a> {
    numbers: HashMap<&'a Value, usize, FixedState>,
    elements: Vec<Element>,
    /// Per layer, one read of it.
    layers: Vec<Span>,
    /// Reads with their layers, in the order of layers.
    reads: Vec<(Span, u32)>,
}

pub fn judge(initial: &BTreeSet<Value>, ops: &[Timed<Op>]) -> Result<(), Certificate> {
    let mut grow = Grow::default();
    for value in initial {
        grow.add(value, Span { id: None, invoke: -2, ret: -1 });
    }
    let mut reads = Vec::new();
    for timed in ops {
        let span = Span::of(timed);
        match &timed.op {
            Op::Add(value) => grow.add(value, span),
            Op::Remove(_) => unreachable!("nothing is removed from a set that only grows"),
            _ if timed.is_lost() => {}
            Op::Contains(value, is_in) => grow.contains(value, *is_in, span),
            Op::Read(all) => reads.push((all, span)),
        }
    }
    grow.exist()?;
    reads.sort_by_key(|(all, _)| all.len());
    grow.layer(&reads)?;
    grow.compare()
}

impl<'a> Grow<'a> {
    fn element(&mut self, value: &'a Value) -> &mut Element {
        let new = Element {
            added: None,
            low: Mark { rank: i64::MIN, id: None },
            high: Mark { rank: NEVER, id: None },
            layer: NO_LAYER,
        };
        let number = *self.numbers.entry(value).or_insert(self.elements.len());
        if number == self.elements.len() {
            self.elements.push(new);
        }
        &mut self.elements[number]
    }

    fn add(&mut self, value: &'a Value, span: Span) {
        let element = self.element(value);
        let mark = Mark { rank: span.invoke, id: span.id };
        if element.added.is_none_or(|first| mark.rank < first.rank) {
            element.added = Some(mark);
        }
        if span.ret < element.high.rank {
            element.high = Mark { rank: span.ret, id: span.id };
        }
    }

    fn contains(&mut self, value: &'a Value, is_in: bool, span: Span) {
        let element = self.element(value);
        if is_in && span.ret < element.high.rank {
            element.high = Mark { rank: span.ret, id: span.id };
        }
        if !is_in && span.invoke > element.low.rank {
            element.low = Mark { rank: span.invoke, id: span.id };
        }
    }

    /// What was found has an add, and comes in after it was invoked.
    fn exist(&mut self) -> Result<(), Certificate> {
        for element in &mut self.elements {
            match element.added {
                Some(added) if added.rank > element.low.rank => element.low = added,
                Some(_) => {}
                None if element.high.rank < NEVER => return Err(nobody(element.high.id)),
                None => {}
            }
        }
        Ok(())
    }

    /// Sorts what reads saw into layers.
    fn layer(&mut self, reads: &[(&BTreeSet<Value>, Span)]) -> Result<(), Certificate> {
        let mut size = 0;
        for (all, span) in reads {
            let is_new = self.layers.is_empty() || all.len() > size;
            let layer = (self.layers.len() - usize::from(!is_new)) as u32;
            let mut known = 0;
            for value in *all {
                let number = self.numbers.get(value).copied();
                let element = number.map(|number| &mut self.elements[number]);
                let element = element.filter(|element| element.added.is_some());
                let element = element.ok_or_else(|| nobody(span.id))?;
                if element.layer != NO_LAYER && (element.layer < layer || !is_new) {
                    known += 1;
                } else {
                    element.layer = layer;
                }
            }
            // Either it holds all that the layer before holds, or it is the same as its layer.
            if known != size && !self.layers.is_empty() {
                let other = self.layers[self.layers.len() - 1];
                let why = "{0} and {1} each saw an element that the other missed, but nothing is \
                           ever removed";
                return Err(certificate(&[other.id, span.id], "", why));
            }
            if is_new {
                self.layers.push(*span);
            }
            size = all.len();
            self.reads.push((*span, layer));
        }
        Ok(())
    }

    /// Whether every lower bound comes before the upper bounds of its layer and of later ones.
    fn compare(&self) -> Result<(), Certificate> {
        let mut order: Vec<usize> = (0..self.elements.len()).collect();
        order.sort_by_key(|&at| self.elements[at].layer);
        let mut latest = None;
        let mut rest = &order[..];
        for reads in self.reads.chunk_by(|one, other| one.1 == other.1) {
            let layer = reads[0].1;
            let until = rest.partition_point(|&at| self.elements[at].layer <= layer);
            self.come_in(&rest[..until], &mut latest)?;
            rest = &rest[until..];
            self.are_read(reads, &mut latest)?;
        }
        self.come_in(rest, &mut latest)
    }

    /// The elements of one layer, in any order.
    fn come_in(&self, layer: &[usize], latest: &mut Option<Latest>) -> Result<(), Certificate> {
        for &at in layer {
            let Element { low, high, .. } = self.elements[at];
            if low.rank > high.rank {
                return Err(self.alone(at));
            }
            if let Some(latest) = latest.filter(|latest| latest.mark.rank > high.rank) {
                return Err(self.too_late(latest, high));
            }
        }
        for &at in layer {
            let Element { low, layer, .. } = self.elements[at];
            raise(latest, Latest { mark: low, layer, element: Some(at) });
        }
        Ok(())
    }

    /// The reads of one layer, in any order.
    fn are_read(
        &self,
        reads: &[(Span, u32)],
        latest: &mut Option<Latest>,
    ) -> Result<(), Certificate> {
        for (read, _) in reads {
            let Some(latest) = latest.filter(|latest| latest.mark.rank > read.ret) else {
                continue;
            };
            let why = match latest.element.map(|at| self.elements[at]) {
                Some(element) if element.added.is_some_and(|add| add.id == latest.mark.id) => {
                    "{0} was the first to add an element that {1} saw, and {1} had returned before"
                }
                _ => "{0} missed an element that {1} saw, and {1} had returned before",
            };
            return Err(certificate(&[latest.mark.id, read.id], "the start", why));
        }
        for &(read, layer) in reads {
            let mark = Mark { rank: read.invoke, id: read.id };
            raise(latest, Latest { mark, layer, element: None });
        }
        Ok(())
    }

    /// One element's own bounds contradict each other.
    fn alone(&self, at: usize) -> Certificate {
        let Element { added, low, high, .. } = self.elements[at];
        let why = if added.is_some_and(|add| add.id == low.id) {
            "{0} was the first to add the element that {1} found, and {1} had returned before"
        } else {
            "{0} missed the element of {1}, and {1} had returned before"
        };
        missed(low.id, high.id, why)
    }

    /// An element of a later layer came in before something of an earlier layer could.
    fn too_late(&self, latest: Latest, high: Mark) -> Certificate {
        if latest.element.is_none() {
            let why = "{0} missed the element of {1}, and {1} had returned before";
            return missed(latest.mark.id, high.id, why);
        }
        let between = self.layers[latest.layer as usize];
        let why = "{2} saw the element of {0} and missed that of {1}, but {1} had returned before \
                   {0} was invoked";
        if high.id.is_none() {
            return missed(between.id, None, why);
        }
        certificate(&[latest.mark.id, high.id, between.id], "", why)
    }
}

fn raise(latest: &mut Option<Latest>, other: Latest) {
    if latest.is_none_or(|latest| other.mark.rank > latest.mark.rank) {
        *latest = Some(other);
    }
}

/// The element may have been there from the start.
fn missed(low: Option<u32>, high: Option<u32>, why: &str) -> Certificate {
    let start = "{0} missed an element that was there from the start";
    certificate(&[low, high], "", if high.is_none() { start } else { why })
}

fn nobody(id: Option<u32>) -> Certificate {
    certificate(&[id], "the start", "{0}, but nobody ever added what it found").unasked("{0}")
}
