//! Proposals: many keys, each asked for by several clients at once with values of their own, and
//! again later, when it should long be decided; or a few keys, for ever.
//! It never proposes a value twice: each decision has one source.

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use schism_verify::history::{Event, Name, Process, Type, Value};

use super::{Generator, Sizes, Values};

/// A new key comes this often, for all clients at once: what they race for. Ten clients at a few
/// milliseconds an answer meet on each key, and a run of 30 s has 1,200 keys, which can all be
/// asked for again at the end.
const KEY_EVERY_NS: u64 = 25_000_000;

/// One proposal in so many goes to an older key, to see whether it keeps its value.
const REVISIT_ONE_IN: u32 = 4;

/// Draws proposals. One per client.
#[derive(Clone, Debug)]
pub struct ConsensusGenerator {
    values: Values,
    /// The newest key, as far as this client's clock has come.
    newest: u64,
    probes: u64,
    /// There are no more keys than this.
    keys: Option<u64>,
    propose: Name,
}

impl ConsensusGenerator {
    /// With a workload's size of values, and its number of keys if that is limited.
    pub fn new(value_bytes: Sizes, keys: Option<u64>) -> Self {
        assert!(keys != Some(0), "there is something to decide");
        let values = Values::new(value_bytes);
        ConsensusGenerator { values, newest: 0, probes: 0, keys, propose: "propose".into() }
    }

    /// A proposal for this key, with a value that nobody else proposes.
    pub fn propose(&mut self, process: u64, key: Value) -> Event {
        let mut event = Event::new(Process::Client(process), Type::Invoke, self.propose.clone());
        event.set_key(Some(key));
        event.value = Some(self.values.next(process));
        event
    }
}

impl Generator for ConsensusGenerator {
    fn next(&mut self, process: u64, rng: &mut ChaCha8Rng) -> Event {
        let revisit = rng.random_range(0..REVISIT_ONE_IN) == 0;
        let key = if revisit { rng.random_range(0..=self.newest) } else { self.newest };
        self.propose(process, named(self.keys.map_or(key, |keys| key % keys)))
    }

    /// A key of its own each time: only a new decision shows that decisions are made. Where keys
    /// are few, one after the other.
    fn probe(&mut self, process: u64) -> Event {
        self.probes += 1;
        let key = match self.keys {
            None => Value::Str(format!("probe{}", self.probes).into()),
            Some(keys) => named(self.probes % keys),
        };
        self.propose(process, key)
    }

    fn observe(&mut self, event: &Event) {
        self.newest = self.newest.max(event.time().unwrap_or(0) / KEY_EVERY_NS);
    }
}

fn named(key: u64) -> Value {
    Value::Str(format!("k{key}").into())
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use rand_chacha::rand_core::SeedableRng as _;

    fn at(generator: &mut ConsensusGenerator, ms: u64) {
        let mut event = Event::new(Process::Client(0), Type::Ok, "propose");
        event.set_time(Some(ms * 1_000_000));
        generator.observe(&event);
    }

    #[test]
    fn clients_meet_on_keys_and_come_back_with_values_of_their_own() {
        let mut asked: BTreeMap<Value, BTreeSet<u64>> = BTreeMap::new();
        let mut values = BTreeSet::new();
        let mut revisits = 0;
        for client in 0..4 {
            let mut generator = ConsensusGenerator::new(8.into(), None);
            let mut rng = ChaCha8Rng::seed_from_u64(client);
            for ms in (0..1_000).step_by(5) {
                at(&mut generator, ms);
                let event = generator.next(client, &mut rng);
                let (key, value) = (event.key().unwrap().clone(), event.value.unwrap());
                revisits += u32::from(key != Value::Str(format!("k{}", ms / 25).into()));
                asked.entry(key).or_default().insert(client);
                assert!(values.insert(value), "a value of its own");
            }
        }
        assert_eq!(asked.len(), 40, "1 s has 40 keys");
        assert!(asked.values().all(|clients| clients.len() == 4), "{asked:?}");
        assert!((120..260).contains(&revisits), "about a quarter of 800, not {revisits}");
    }

    #[test]
    fn every_probe_asks_for_a_new_decision() {
        let mut generator = ConsensusGenerator::new(8.into(), None);
        let mut keys = BTreeSet::new();
        for _ in 0..100 {
            assert!(keys.insert(generator.probe(9).key().unwrap().clone()));
        }
    }

    #[test]
    fn where_keys_are_few_all_of_them_are_asked_for_and_no_others() {
        for keys in 1..4 {
            let mut generator = ConsensusGenerator::new(8.into(), Some(keys));
            let mut rng = ChaCha8Rng::seed_from_u64(1);
            let mut asked = [BTreeSet::new(), BTreeSet::new()];
            for ms in (0..1_000).step_by(5) {
                at(&mut generator, ms);
                let events = [generator.next(9, &mut rng), generator.probe(9)];
                for (asked, event) in asked.iter_mut().zip(events) {
                    asked.insert(event.key().unwrap().clone());
                }
            }
            let all: BTreeSet<Value> = (0..keys).map(named).collect();
            assert_eq!(asked, [all.clone(), all]);
        }
    }
}
