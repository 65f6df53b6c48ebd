//! A queue's or a stack's states as lists of numbered values, with what the whole history says
//! about each value. It never looks ahead in a way that could drop the only way on: every rule
//! here says why.

use std::collections::HashMap;
use std::rc::Rc;

use foldhash::fast::FixedState;

use super::space::table_bytes;
use super::{Piece, Space};
use crate::checkers::linearizable::own;
use crate::history::Value;
use crate::models::queue::{Op, Queue};
use crate::models::spec::Timed;

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Class {
    Put(u32),
    Took(u32),
    TookSome,
    Empty,
}

#[derive(Clone)]
struct Fact {
    value: Value,
    /// How often it is put in, the start included.
    puts: u32,
    /// How often it is taken out by an operation that names it, lost ones included.
    takes: u32,
    /// When it is put in for certain, at the latest.
    put_ret: u32,
    /// When the last operation that took it was invoked and returned.
    take_invoke: u32,
    take_ret: u32,
    /// One of these comes before or after another of its process although they overlap.
    ordered: bool,
}

#[derive(Clone)]
pub struct LineSpace {
    is_stack: bool,
    initial: Vec<u32>,
    classes: Vec<Class>,
    facts: Vec<Fact>,
    /// When the operations that took nobody knows what were invoked, ascending.
    some: Vec<u32>,
    states: Vec<Rc<[u32]>>,
    numbers: HashMap<Rc<[u32]>, u32, FixedState>,
    state_bytes: u64,
    collect_at: u64,
    scratch: Vec<u32>,
}

/// Stands for every value that no operation names as taken: one is as good as another.
const UNNAMED: u32 = 0;

/// Fewer bytes of states than this are not worth a collection: they fit the cache.
const COLLECT_BYTES_MIN: u64 = 1 << 20;

impl LineSpace {
    pub fn new(queue: &Queue, ops: &[Timed<Op>]) -> (LineSpace, Vec<Piece>) {
        let mut numbers: HashMap<&Value, u32, FixedState> = HashMap::default();
        let mut facts = vec![Fact::new(&Value::Null)];
        let mut number = |value, facts: &mut Vec<Fact>| {
            *numbers.entry(value).or_insert_with(|| {
                facts.push(Fact::new(value));
                facts.len() as u32 - 1
            })
        };
        let mut initial: Vec<u32> =
            queue.initial.iter().map(|value| number(value, &mut facts)).collect();
        for &value in &initial {
            facts[value as usize].puts += 1;
            facts[value as usize].put_ret = 0;
        }
        let mut some = Vec::new();
        let mut raw = Vec::with_capacity(ops.len());
        for timed in ops {
            raw.push(match &timed.op {
                Op::Put(value) => {
                    let value = number(value, &mut facts);
                    facts[value as usize].puts += 1;
                    facts[value as usize].put_ret = timed.ret;
                    Class::Put(value)
                }
                Op::Took(value) => {
                    let value = number(value, &mut facts);
                    let fact = &mut facts[value as usize];
                    fact.takes += 1;
                    (fact.take_invoke, fact.take_ret) = (timed.invoke, timed.ret);
                    Class::Took(value)
                }
                Op::TookSome => {
                    some.push(timed.invoke);
                    Class::TookSome
                }
                Op::Empty => Class::Empty,
            });
        }
        for (at, before) in own::before(ops).into_iter().enumerate() {
            let before = ops.get(before as usize).map(|_| before as usize);
            for place in before.into_iter().flat_map(|before| [before, at]) {
                if let Class::Put(value) | Class::Took(value) = raw[place] {
                    facts[value as usize].ordered = true;
                }
            }
        }
        some.sort_unstable();
        for fact in &mut facts {
            if fact.is_sure() {
                fact.put_ret = fact.put_ret.min(fact.take_ret);
            }
        }
        let named = |value: u32| if facts[value as usize].takes == 0 { UNNAMED } else { value };
        for value in &mut initial {
            *value = named(*value);
        }

        let mut known: HashMap<Class, u32, FixedState> = HashMap::default();
        let mut classes = Vec::new();
        let mut pieces = Vec::with_capacity(ops.len());
        for (timed, class) in ops.iter().zip(raw) {
            let class =
                if let Class::Put(value) = class { Class::Put(named(value)) } else { class };
            let number = *known.entry(class).or_insert_with(|| {
                classes.push(class);
                classes.len() as u32 - 1
            });
            let mut piece = Piece::new(timed, number, class == Class::Empty);
            if let (Class::Put(value), true) = (class, timed.is_lost()) {
                // Nothing needs a value that nobody names, so it may as well never have come; one
                // that was taken, and can only have come from here, was put in before.
                match &facts[value as usize] {
                    _ if value == UNNAMED => continue,
                    fact if fact.is_sure() => piece.ret = fact.take_ret,
                    _ => {}
                }
            }
            pieces.push(piece);
        }
        let mut space = LineSpace {
            is_stack: queue.is_stack,
            initial,
            classes,
            facts,
            some,
            states: Vec::new(),
            numbers: HashMap::default(),
            state_bytes: 0,
            collect_at: COLLECT_BYTES_MIN,
            scratch: Vec::new(),
        };
        space.restart();
        (space, pieces)
    }

    fn number(&mut self, state: Rc<[u32]>) -> u32 {
        let number = self.states.len() as u32;
        self.state_bytes += 32 + 4 * state.len() as u64; // counts, and the allocator's own
        self.numbers.insert(state.clone(), number);
        self.states.push(state);
        number
    }

    /// Whether a value can still be put behind (a queue) or upon (a stack) these without a
    /// contradiction later. All values here are taken by at most one operation each.
    fn may_put(&self, held: &[u32], value: u32) -> bool {
        let fact = &self.facts[value as usize];
        if self.is_stack {
            // What lies above another must be taken before it.
            let mut unnamed = usize::from(value == UNNAMED);
            for &below in held.iter().rev() {
                let other = &self.facts[below as usize];
                if below == UNNAMED {
                    unnamed += 1;
                } else if other.is_sure() {
                    let late = fact.is_sure() && other.take_ret < fact.take_invoke;
                    if late || unnamed > self.some_before(other.take_ret) {
                        return false;
                    }
                }
            }
            return true;
        }
        // What stands before another must be taken before it.
        if !fact.is_sure() {
            return true;
        }
        let unnamed = held.iter().filter(|&&other| other == UNNAMED).count();
        unnamed <= self.some_before(fact.take_ret)
            && held.iter().all(|&before| {
                let other = &self.facts[before as usize];
                !other.is_sure() || other.take_invoke < fact.take_ret
            })
    }

    /// How many operations that took nobody knows what can have done so before this rank.
    fn some_before(&self, rank: u32) -> usize {
        self.some.partition_point(|&invoke| invoke < rank)
    }
}

impl Fact {
    fn new(value: &Value) -> Fact {
        let value = value.clone();
        let (puts, takes, put_ret, take_invoke, take_ret) = (0, 0, 0, 0, 0);
        Fact { value, puts, takes, put_ret, take_invoke, take_ret, ordered: false }
    }

    /// It is put in once, and it is known which operation takes it: no other can.
    fn is_sure(&self) -> bool {
        self.puts == 1 && self.takes == 1 && self.take_ret != u32::MAX
    }
}

impl Space for LineSpace {
    fn step(&mut self, state: u32, class: u32) -> Option<u32> {
        let held = Rc::clone(&self.states[state as usize]);
        let end = if self.is_stack { held.len().wrapping_sub(1) } else { 0 };
        let taken = held.get(end).copied();
        let next = match self.classes[class as usize] {
            Class::Empty => return held.is_empty().then_some(state),
            Class::Put(value) => {
                if !self.may_put(&held, value) {
                    return None;
                }
                self.scratch.clear();
                self.scratch.extend_from_slice(&held);
                self.scratch.push(value);
                &self.scratch[..]
            }
            Class::Took(value) if taken != Some(value) => return None,
            // It would take what another operation is known to have taken.
            Class::TookSome if taken.is_some_and(|v| self.facts[v as usize].is_sure()) => {
                return None;
            }
            Class::TookSome if taken.is_none() => return Some(state),
            Class::Took(_) | Class::TookSome if self.is_stack => &held[..end],
            Class::Took(_) | Class::TookSome => &held[1..],
        };
        if let Some(&number) = self.numbers.get(next) {
            return Some(number);
        }
        let next = next.into();
        Some(self.number(next))
    }

    /// Values are but names: two that are each put in once and taken once can change theirs. So
    /// where both fit either place, the one that must be put in first goes first.
    ///
    /// A queue: they leave in the order in which they came; the first may leave wherever the
    /// second does if it is asked for no later and gone no later. A stack: surely both are in
    /// before the second can leave, so the first leaves last; the other way round.
    fn precedes(&self, first: u32, second: u32) -> bool {
        let (Class::Put(a), Class::Put(b)) =
            (self.classes[first as usize], self.classes[second as usize])
        else {
            return first == second;
        };
        let (fact, other) = (&self.facts[a as usize], &self.facts[b as usize]);
        let ordered = fact.ordered || other.ordered;
        if a == b || ordered || !fact.is_sure() || !other.is_sure() {
            return a == b;
        }
        if self.is_stack {
            other.take_invoke <= fact.take_invoke
                && other.take_ret <= fact.take_ret
                && fact.put_ret < other.take_invoke
        } else {
            fact.take_invoke <= other.take_invoke && fact.take_ret <= other.take_ret
        }
    }

    fn bytes(&self) -> u64 {
        self.state_bytes
            + 16 * self.states.capacity() as u64
            + table_bytes(self.numbers.len(), self.numbers.capacity(), 24)
    }

    fn states(&self) -> usize {
        self.states.len()
    }

    fn wants_collection(&self) -> bool {
        self.state_bytes >= self.collect_at
    }

    fn collect(&mut self, live: &mut [u32]) {
        let old = std::mem::take(&mut self.states);
        self.numbers.clear();
        self.state_bytes = 0;
        for state in live {
            let held = &old[*state as usize];
            let known = self.numbers.get(held).copied();
            *state = known.unwrap_or_else(|| self.number(Rc::clone(held)));
        }
        self.collect_at = COLLECT_BYTES_MIN.max(4 * self.state_bytes);
    }

    fn restart(&mut self) {
        self.states.clear();
        self.numbers.clear();
        self.state_bytes = 0;
        let initial = self.number(self.initial.as_slice().into());
        assert!(initial == 0, "the first state has number 0");
    }

    fn show(&self, state: u32) -> String {
        let name = |&value: &u32| match value {
            UNNAMED => "a value never taken".to_owned(),
            _ => self.facts[value as usize].value.to_string(),
        };
        let held: Vec<String> = self.states[state as usize].iter().map(name).collect();
        format!("[{}]", held.join(", "))
    }
}
