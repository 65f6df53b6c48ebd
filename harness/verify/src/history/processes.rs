//! Processes that have names and no numbers. It never makes one process of two.

use std::collections::{BTreeSet, HashMap, HashSet};

use foldhash::fast::FixedState;
use schism_facts::foreign::excerpt;

use crate::history::{Event, Name, Process, Type};

/// So many names are told with their numbers.
const TOLD_MAX: usize = 4;

#[derive(Default)]
pub(super) struct Processes {
    /// Each event, by its place, whose process has a name.
    named: Vec<(usize, Name)>,
}

impl Processes {
    pub fn push(&mut self, at: usize, name: Name) {
        self.named.push((at, name));
    }

    /// Adds those of a piece of the file that begins after `before` events.
    pub fn append(&mut self, piece: Processes, before: usize) {
        self.named.extend(piece.named.into_iter().map(|(at, name)| (at + before, name)));
    }

    /// Gives clients with names a number each, and says which if a reader could not guess it.
    /// Whoever never invokes anything only remarks, as the nemesis does.
    pub fn number(self, events: &mut [Event]) -> Option<String> {
        let invokes = |(at, _): &&(usize, Name)| events[*at].kind == Type::Invoke;
        let clients = self.named.iter().filter(invokes).filter(|(_, name)| !is_nemesis(name));
        let clients: HashSet<Name, FixedState> = clients.map(|(_, name)| name.clone()).collect();
        if clients.is_empty() {
            return None;
        }
        let named: HashSet<usize, FixedState> = self.named.iter().map(|(at, _)| *at).collect();
        let others = events.iter().enumerate().filter(|(at, _)| !named.contains(at));
        let taken = others.filter_map(|(_, event)| match event.process() {
            Process::Client(number) => Some(number),
            Process::Nemesis => None,
        });
        let taken: BTreeSet<u64> = taken.collect();
        let guessed = own_numbers(&clients).filter(|own| taken.is_disjoint(&own.1));
        let is_guessed = guessed.is_some();
        let numbers = guessed.map_or_else(
            || {
                let mut next = taken.last().map_or(0, |last| last + 1);
                let mut numbers: HashMap<Name, u64, FixedState> = HashMap::default();
                for (_, name) in &self.named {
                    if clients.contains(name) && !numbers.contains_key(name) {
                        numbers.insert(name.clone(), next);
                        next += 1;
                    }
                }
                numbers
            },
            |own| own.0,
        );
        for (at, name) in &self.named {
            if let Some(number) = numbers.get(name) {
                events[*at].set_process(Process::Client(*number));
            }
        }
        (!is_guessed).then(|| told(&numbers))
    }
}

fn is_nemesis(name: &str) -> bool {
    name.starts_with("nemesis")
}

/// The numbers that names end with, such as 3 of `p3`, where each has one of its own.
fn own_numbers(
    names: &HashSet<Name, FixedState>,
) -> Option<(HashMap<Name, u64, FixedState>, BTreeSet<u64>)> {
    let mut numbers: HashMap<Name, u64, FixedState> = HashMap::default();
    for name in names {
        let digits = name.trim_start_matches(|c: char| !c.is_ascii_digit());
        let number = digits.parse().ok().filter(|number| *number < 1 << 32)?;
        numbers.insert(name.clone(), number);
    }
    let used: BTreeSet<u64> = numbers.values().copied().collect();
    (used.len() == names.len()).then_some((numbers, used))
}

/// Says which number each name got.
pub(super) fn told(numbers: &HashMap<Name, u64, FixedState>) -> String {
    let mut all: Vec<(u64, &Name)> = numbers.iter().map(|(name, number)| (*number, name)).collect();
    all.sort_unstable();
    let more = if all.len() > TOLD_MAX { ", ..." } else { "" };
    let first = all.iter().take(TOLD_MAX);
    let told: Vec<String> =
        first.map(|(number, name)| format!("p{number} is {}", excerpt(name))).collect();
    format!("processes have names here, and numbers in what follows: {}{more}", told.join(", "))
}
