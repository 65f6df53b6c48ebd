//! Operations on sets: add, remove, contains, read of all.
//! Every element is added once in the run, so that an element that is seen has one source.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use schism_verify::history::{Event, Level, Process, Type, Value};

use super::keys::Pool;
use super::{Generator, Mix, Values, Weights};

/// One in so many is asked for though nobody ever adds it.
const WRONG_ONE_IN: u32 = 10;

/// No generator of values draws this: their counters start at 1.
const NEVER_ADDED: Value = Value::Int(0);

/// So many of the elements that were added last are remembered of each set: those that a node
/// which is behind does not have yet.
const RECENT_MAX: usize = 64;

/// More sets than any run asks about at once; of replaced ones nothing is asked any more.
const SETS_MAX: usize = 20_000;

/// Draws operations on sets. One per client; they share keys and what is known.
#[derive(Clone, Debug)]
pub struct SetGenerator {
    weights: Weights,
    elements: Values,
    level: Level,
    keys: Pool,
    /// What was added to each set last and not removed, as far as anyone knows.
    recent: Rc<RefCell<BTreeMap<Option<Value>, Vec<Value>>>>,
    probes: u64,
}

impl SetGenerator {
    /// With a workload's weights, size of elements, level of reads and number of keys.
    pub fn new(mix: &Mix) -> Self {
        SetGenerator {
            weights: Weights::new(&mix.operations),
            elements: Values::new(mix.value_bytes),
            level: mix.level,
            keys: Pool::new(mix.keys),
            recent: Rc::default(),
            probes: 0,
        }
    }

    /// One that is mostly in this set; with `take`, not for long.
    fn member(&self, key: Option<&Value>, take: bool, rng: &mut ChaCha8Rng) -> Value {
        let wrong = rng.random_range(0..WRONG_ONE_IN) == 0;
        let mut recent = self.recent.borrow_mut();
        match recent.get_mut(&key.cloned()).filter(|recent| !wrong && !recent.is_empty()) {
            None => NEVER_ADDED,
            Some(recent) => {
                let at = rng.random_range(0..recent.len());
                if take { recent.swap_remove(at) } else { recent[at].clone() }
            }
        }
    }
}

impl Generator for SetGenerator {
    fn next(&mut self, process: u64, rng: &mut ChaCha8Rng) -> Event {
        let f = self.weights.draw(rng);
        let key = self.keys.draw(rng);
        let mut event = Event::new(Process::Client(process), Type::Invoke, f.clone());
        match &*f {
            "add" => event.set_element(Some(self.elements.next(process))),
            "remove" => event.set_element(Some(self.member(key.as_ref(), true, rng))),
            "contains" => event.set_element(Some(self.member(key.as_ref(), false, rng))),
            "read" => {}
            other => unreachable!("a set has no operation {other}"),
        }
        if matches!(&*f, "contains" | "read") {
            event.set_level((self.level == Level::Local).then_some(Level::Local));
        }
        event.set_key(key);
        event
    }

    /// An add, to each set in turn.
    fn probe(&mut self, process: u64) -> Event {
        self.probes += 1;
        let mut event = Event::new(Process::Client(process), Type::Invoke, "add");
        event.set_key(self.keys.turn(self.probes));
        event.set_element(Some(self.elements.next(process)));
        event
    }

    fn observe(&mut self, event: &Event) {
        if event.kind != Type::Ok || &*event.f != "add" {
            return;
        }
        let mut recent = self.recent.borrow_mut();
        if recent.len() >= SETS_MAX {
            recent.clear();
        }
        let own = recent.entry(event.key().cloned()).or_default();
        own.extend(event.element().cloned());
        if own.len() > RECENT_MAX {
            own.remove(0);
        }
    }
}
