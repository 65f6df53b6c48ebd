//! States and operations as small numbers: what the search works on.
//! It never forgets a state that a live configuration is in.

use std::collections::HashMap;
use std::rc::Rc;

use foldhash::fast::FixedState;

use crate::models::spec::Spec;

/// An object whose states and kinds of operation have numbers. Equal operations have one class.
pub trait Space: Clone {
    /// The state after an operation of this class; None: impossible here.
    fn step(&mut self, state: u32, class: u32) -> Option<u32>;

    /// Whether the object can leave `from` by this class at this rank. `false` only if every way
    /// on is sure to fail.
    fn may_leave(&self, _from: u32, _class: u32, _rank: u32) -> bool {
        true
    }

    /// Whether of two pending operations the first may be made to go first: where the second goes
    /// first in some order that explains everything, another does so in which it does not. Asked
    /// only if the first returns no later than the second. Equal operations are one class.
    fn precedes(&self, first: u32, second: u32) -> bool {
        first == second
    }

    /// After which rank nobody can tell any more whether a lost operation of this class happened.
    fn useful_until(&self, _class: u32) -> u32 {
        u32::MAX
    }

    /// Bytes held for states, and those that growing soon will take.
    fn bytes(&self) -> u64 {
        0
    }

    /// States that have to be given back one by one.
    fn states(&self) -> usize {
        0
    }

    /// Whether it is worth forgetting states that nobody is in.
    fn wants_collection(&self) -> bool {
        false
    }

    /// Forgets all states but these, and numbers them anew, in place.
    fn collect(&mut self, _live: &mut [u32]) {}

    /// Makes state 0 the initial one again, after states were collected.
    fn restart(&mut self) {}

    fn show(&self, state: u32) -> String;
}

/// Any model, with its states numbered as they are met and its steps remembered.
#[derive(Clone)]
pub struct Numbered<S: Spec> {
    spec: S,
    classes: Vec<S::Op>,
    /// Numbers of classes that were met on the way.
    known: HashMap<S::Op, u32, FixedState>,
    states: Vec<Rc<S::State>>,
    numbers: HashMap<Rc<S::State>, u32, FixedState>,
    /// Steps already asked for; `IMPOSSIBLE` where there is none.
    steps: HashMap<(u32, u32), u32, FixedState>,
    /// What the states take, without the tables.
    state_bytes: u64,
    collect_at: usize,
}

const IMPOSSIBLE: u32 = u32::MAX;

/// Fewer states than this are not worth a collection: they fit the cache.
const COLLECT_STATES_MIN: usize = 1 << 13;

impl<S: Spec> Numbered<S> {
    /// The space of these classes, with the initial state as number 0.
    pub fn new(spec: S, classes: Vec<S::Op>) -> Self {
        let mut space = Numbered {
            spec,
            classes,
            known: HashMap::default(),
            states: Vec::new(),
            numbers: HashMap::default(),
            steps: HashMap::default(),
            state_bytes: 0,
            collect_at: COLLECT_STATES_MIN,
        };
        let initial = space.number(Rc::new(space.spec.initial()));
        assert!(initial == 0, "the first state has number 0");
        space
    }

    /// The number of this operation's class, a new one if need be.
    pub(super) fn class(&mut self, op: &S::Op) -> u32 {
        if let Some(&class) = self.known.get(op) {
            return class;
        }
        let class = self.classes.len() as u32;
        self.classes.push(op.clone());
        self.known.insert(op.clone(), class);
        class
    }

    pub(super) fn spec(&self) -> &S {
        &self.spec
    }

    fn number(&mut self, state: Rc<S::State>) -> u32 {
        if let Some(&number) = self.numbers.get(&state) {
            return number;
        }
        let number = self.states.len() as u32;
        // A count, the state, and what the allocator needs beside each of its parts.
        self.state_bytes += 48 + size_of::<S::State>() as u64 + self.spec.bytes(&state);
        self.numbers.insert(state.clone(), number);
        self.states.push(state);
        number
    }
}

/// Bytes of a hash table, with those of the one that it soon grows into: while it grows both are
/// there.
pub(super) fn table_bytes(len: usize, capacity: usize, entry: usize) -> u64 {
    let buckets = |capacity: usize| (capacity * 8 / 7).next_power_of_two();
    let soon = len + SOON > capacity;
    let mut places = if capacity == 0 { 0 } else { buckets(capacity) };
    if soon {
        places += buckets(len + SOON);
    }
    (places * (entry + 1)) as u64 // one byte each tells what is in it
}

/// Between two looks at the budget no more than about so many states come in.
const SOON: usize = 1 << 10;

impl<S: Spec> Space for Numbered<S> {
    fn step(&mut self, state: u32, class: u32) -> Option<u32> {
        if let Some(&next) = self.steps.get(&(state, class)) {
            return (next != IMPOSSIBLE).then_some(next);
        }
        let from = self.states[state as usize].clone();
        let next = self.spec.step(&from, &self.classes[class as usize]);
        let next = next.map(|next| self.number(Rc::new(next)));
        self.steps.insert((state, class), next.unwrap_or(IMPOSSIBLE));
        next
    }

    fn bytes(&self) -> u64 {
        let (states, steps) = (self.numbers.len(), self.steps.len());
        self.state_bytes
            + 8 * self.states.capacity() as u64
            + table_bytes(states, self.numbers.capacity(), 16)
            + table_bytes(steps, self.steps.capacity(), 12)
    }

    fn states(&self) -> usize {
        self.states.len()
    }

    fn wants_collection(&self) -> bool {
        self.states.len() >= self.collect_at || self.steps.len() >= 16 * self.collect_at
    }

    fn collect(&mut self, live: &mut [u32]) {
        let old = std::mem::take(&mut self.states);
        self.numbers.clear();
        self.steps.clear();
        self.state_bytes = 0;
        for state in live {
            *state = self.number(old[*state as usize].clone());
        }
        self.collect_at = COLLECT_STATES_MIN.max(4 * self.states.len());
    }

    fn restart(&mut self) {
        self.states.clear();
        self.numbers.clear();
        self.steps.clear();
        self.state_bytes = 0;
        let initial = self.number(Rc::new(self.spec.initial()));
        assert!(initial == 0, "the first state has number 0");
    }

    fn show(&self, state: u32) -> String {
        self.spec.show(&self.states[state as usize])
    }
}
