//! A register's states as numbers of values, with what the whole history says about each value.
//! It never looks ahead in a way that could drop the only way on: every rule here says why.

use std::collections::{BinaryHeap, HashMap};

use foldhash::fast::FixedState;

use super::{Piece, Space};
use crate::history::Value;
use crate::models::register::Op;
use crate::models::spec::Timed;

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Class {
    Write(u32),
    Cas(u32, u32),
    Read(u32),
    Not(u32),
}

#[derive(Clone)]
struct Fact {
    value: Value,
    /// Some operation can tell this value from others.
    named: bool,
    /// How many operations (and the start) could put the register in this state.
    producers: u32,
    /// When the last read of it is invoked.
    read_at: u32,
    /// The class of an acknowledged cas from it; `NONE`, or `MANY`.
    successor: u32,
    /// When the last operation that needs it returns.
    until: u32,
}

#[derive(Clone)]
pub struct RegisterSpace {
    classes: Vec<Class>,
    facts: Vec<Fact>,
}

const NONE: u32 = u32::MAX;
const MANY: u32 = u32::MAX - 1;

/// Stands for every value that no operation can tell from another: written, never named again.
const UNNAMED: u32 = 1;

impl RegisterSpace {
    pub fn new(initial: &Value, ops: &[Timed<Op>]) -> (RegisterSpace, Vec<Piece>) {
        let mut numbers: HashMap<&Value, u32, FixedState> = HashMap::default();
        let mut facts = vec![Fact::new(initial, 1), Fact::new(&Value::Null, MANY)];
        numbers.insert(initial, 0);
        let mut raw = Vec::with_capacity(ops.len());
        for timed in ops {
            let mut number = |value| {
                *numbers.entry(value).or_insert_with(|| {
                    facts.push(Fact::new(value, 0));
                    facts.len() as u32 - 1
                })
            };
            raw.push(match &timed.op {
                Op::Write(value) => Class::Write(number(value)),
                Op::Cas(from, to) => Class::Cas(number(from), number(to)),
                Op::Read(value) => Class::Read(number(value)),
                Op::Not(value) => Class::Not(number(value)),
            });
        }
        learn(&mut facts, ops, &raw);

        let mut known: HashMap<Class, u32, FixedState> = HashMap::default();
        let mut classes = Vec::new();
        let mut pieces = Vec::with_capacity(ops.len());
        for (timed, class) in ops.iter().zip(raw) {
            let merged = |value: u32| if facts[value as usize].named { value } else { UNNAMED };
            let class = match class {
                Class::Write(value) => Class::Write(merged(value)),
                Class::Cas(from, to) => Class::Cas(from, merged(to)),
                other => other,
            };
            let number = *known.entry(class).or_insert_with(|| {
                classes.push(class);
                classes.len() as u32 - 1
            });
            if let (Class::Cas(from, _), false) = (class, timed.is_lost()) {
                let successor = &mut facts[from as usize].successor;
                *successor = if *successor == NONE { number } else { MANY };
            }
            let only_reads = matches!(class, Class::Read(_) | Class::Not(_));
            pieces.push(Piece::new(timed, number, only_reads));
        }
        (RegisterSpace { classes, facts }, pieces)
    }
}

impl Fact {
    fn new(value: &Value, producers: u32) -> Fact {
        let value = value.clone();
        Fact { value, named: false, producers, read_at: 0, successor: NONE, until: 0 }
    }
}

/// Fills in what the history says of each value.
fn learn(facts: &mut [Fact], ops: &[Timed<Op>], classes: &[Class]) {
    // While some failed cas is still to be explained, any value may help: it is another one.
    let mut other_until = 0;
    for (timed, class) in ops.iter().zip(classes) {
        match *class {
            Class::Write(value) => produce(&mut facts[value as usize]),
            Class::Cas(from, to) => {
                facts[from as usize].named = true;
                produce(&mut facts[to as usize]);
                if !timed.is_lost() {
                    facts[from as usize].until = facts[from as usize].until.max(timed.ret);
                }
            }
            Class::Read(value) if !timed.is_lost() => {
                let fact = &mut facts[value as usize];
                fact.named = true;
                fact.read_at = fact.read_at.max(timed.invoke);
                fact.until = fact.until.max(timed.ret);
            }
            Class::Not(value) if !timed.is_lost() => {
                facts[value as usize].named = true;
                other_until = other_until.max(timed.ret);
            }
            Class::Read(_) | Class::Not(_) => {}
        }
    }
    for fact in facts.iter_mut() {
        fact.until = fact.until.max(other_until);
    }
    // A lost cas is needed as long as what it leads to, and so is what it starts from.
    let mut lost_to: HashMap<u32, Vec<u32>, FixedState> = HashMap::default();
    for (timed, class) in ops.iter().zip(classes) {
        if let (Class::Cas(from, to), true) = (*class, timed.is_lost()) {
            lost_to.entry(to).or_default().push(from);
        }
    }
    let mut heap: BinaryHeap<(u32, u32)> =
        lost_to.keys().map(|&to| (facts[to as usize].until, to)).collect();
    while let Some((until, to)) = heap.pop() {
        for &from in lost_to.get(&to).map_or(&[][..], Vec::as_slice) {
            if facts[from as usize].until < until {
                facts[from as usize].until = until;
                heap.push((until, from));
            }
        }
    }
}

fn produce(fact: &mut Fact) {
    fact.producers = fact.producers.saturating_add(1);
}

impl Space for RegisterSpace {
    fn step(&mut self, state: u32, class: u32) -> Option<u32> {
        match self.classes[class as usize] {
            Class::Write(value) => Some(value),
            Class::Cas(from, to) => (state == from).then_some(to),
            Class::Read(value) => (state == value).then_some(state),
            Class::Not(value) => (state != value).then_some(state),
        }
    }

    /// A value that only one operation writes never comes back. So it must not be left while a
    /// read of it is still to be invoked, nor by another way than the acknowledged cas from it.
    fn may_leave(&self, from: u32, class: u32, rank: u32) -> bool {
        let fact = &self.facts[from as usize];
        fact.producers != 1
            || (fact.read_at <= rank && (fact.successor == NONE || fact.successor == class))
    }

    fn useful_until(&self, class: u32) -> u32 {
        match self.classes[class as usize] {
            Class::Write(value) | Class::Cas(_, value) => self.facts[value as usize].until,
            Class::Read(_) | Class::Not(_) => u32::MAX,
        }
    }

    fn show(&self, state: u32) -> String {
        match state {
            UNNAMED => "a value that nobody ever read".into(),
            _ => self.facts[state as usize].value.to_string(),
        }
    }
}
