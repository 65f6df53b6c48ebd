//! The objects that a run asks about: their keys, and what each was last known to hold. All clients
//! share them. A key may be replaced by a fresh one after so many operations, so that a long run
//! stays checkable and a violation is small.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use schism_verify::history::Value;

/// How many objects a workload asks about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Keys {
    /// So many at once.
    pub count: u64,
    /// Each is replaced by a fresh one after so many operations. None: never.
    pub operations: Option<u64>,
}

impl Keys {
    /// So many in all.
    pub const fn fixed(count: u64) -> Self {
        Keys { count, operations: None }
    }
}

/// The keys that are asked about now. A clone shares them.
#[derive(Clone, Debug)]
pub struct Pool(Option<Rc<Current>>);

#[derive(Debug)]
struct Current {
    /// After so many operations a key is replaced.
    operations: Option<u64>,
    /// Each key's number, and how often it was asked about.
    slots: RefCell<Vec<(u64, u64)>>,
    /// The number of the next fresh key.
    fresh: Cell<u64>,
}

impl Pool {
    /// These; None: there is one object, and it has no key.
    pub fn new(keys: Option<Keys>) -> Self {
        Pool(keys.map(|Keys { count, operations }| {
            assert!(count > 0 && operations != Some(0), "there is something to ask about");
            let slots = RefCell::new((0..count).map(|key| (key, 0)).collect());
            Rc::new(Current { operations, slots, fresh: Cell::new(count) })
        }))
    }

    /// The key of the next operation, any of them.
    pub fn draw(&self, rng: &mut ChaCha8Rng) -> Option<Value> {
        let current = self.0.as_ref()?;
        let count = current.slots.borrow().len();
        Some(current.ask(rng.random_range(0..count)))
    }

    /// The same, each of them in turn.
    pub fn turn(&self, round: u64) -> Option<Value> {
        let current = self.0.as_ref()?;
        let count = current.slots.borrow().len() as u64;
        Some(current.ask((round % count) as usize))
    }
}

impl Current {
    /// The key in this place, for one more operation.
    fn ask(&self, place: usize) -> Value {
        let (key, asked) = &mut self.slots.borrow_mut()[place];
        if self.operations == Some(*asked) {
            (*key, *asked) = (self.fresh.replace(self.fresh.get() + 1), 0);
        }
        *asked += 1;
        named(*key)
    }
}

/// `k7`.
pub fn named(key: u64) -> Value {
    Value::Str(format!("k{key}").into())
}

/// More keys than any run asks about at once; what was known of replaced ones is of no use.
const KNOWN_MAX: usize = 20_000;

/// What each object was last known to hold. A clone shares it.
#[derive(Clone, Debug, Default)]
pub struct Known(Rc<RefCell<BTreeMap<Option<Value>, Value>>>);

impl Known {
    /// It holds this now.
    pub fn set(&self, key: Option<Value>, held: Value) {
        let mut known = self.0.borrow_mut();
        if known.len() >= KNOWN_MAX {
            known.clear();
        }
        known.insert(key, held);
    }

    /// Nobody knows what it holds.
    pub fn forget(&self, key: Option<&Value>) {
        self.0.borrow_mut().remove(&key.cloned());
    }

    /// What it holds, as far as anyone knows; null is nothing.
    pub fn get(&self, key: Option<&Value>) -> Option<Value> {
        self.0.borrow().get(&key.cloned()).filter(|held| **held != Value::Null).cloned()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use rand_chacha::rand_core::SeedableRng as _;

    #[test]
    fn a_key_is_replaced_after_so_many_operations_by_one_that_was_never_asked_about() {
        let pool = Pool::new(Some(Keys { count: 3, operations: Some(10) }));
        let (own, mut rng) = (pool.clone(), ChaCha8Rng::seed_from_u64(1));
        let mut asked: BTreeMap<Value, u64> = BTreeMap::new();
        for round in 0..300 {
            let key = if round % 3 == 0 { own.turn(round) } else { pool.draw(&mut rng) };
            *asked.entry(key.unwrap()).or_default() += 1;
        }
        assert!(asked.values().all(|count| *count <= 10), "{asked:?}");
        let whole = asked.values().filter(|count| **count == 10).count();
        assert!(whole >= 27 && asked.len() <= whole + 3, "{asked:?}");
    }

    #[test]
    fn without_a_limit_the_keys_stay_and_without_keys_there_are_none() {
        let (pool, mut rng) = (Pool::new(Some(Keys::fixed(2))), ChaCha8Rng::seed_from_u64(1));
        let keys: BTreeSet<Value> = (0..100).filter_map(|_| pool.draw(&mut rng)).collect();
        assert_eq!(keys, [named(0), named(1)].into());
        assert_eq!((pool.turn(3), Pool::new(None).draw(&mut rng)), (Some(named(1)), None));
    }
}
