//! Operations to try: one file per model that a run can drive; this is their table.
//! It never talks to anyone: it draws from a stream it is given and learns from events it is shown.

mod consensus;
mod counter;
mod keys;
mod kv;
mod log;
mod mutex;
mod queue;
mod register;
mod set;

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use schism_verify::history::{Event, Level, Name, Value};
use schism_verify::models::{self, Model};

pub use consensus::ConsensusGenerator;
pub use counter::CounterGenerator;
pub use keys::Keys;
pub use kv::KvGenerator;
pub use log::{LogGenerator, local_read};
pub use mutex::MutexGenerator;
pub use queue::QueueGenerator;
pub use register::RegisterGenerator;
pub use set::SetGenerator;

/// Draws operations for one client.
pub trait Generator {
    /// The invocation of the next operation, by process `process`. Values are unique as long as a
    /// process number belongs to one generator.
    fn next(&mut self, process: u64, rng: &mut ChaCha8Rng) -> Event;
    /// An operation that shows by its ok that the system makes progress.
    fn probe(&mut self, process: u64) -> Event;
    /// Learns how far the run has come. Any event may be shown, of any process, in order.
    fn observe(&mut self, event: &Event);
}

/// What a workload says of its operations.
#[derive(Clone, PartialEq, Debug)]
pub struct Mix {
    /// Operations of one model with their weights.
    pub operations: Vec<(String, u32)>,
    /// The sizes of values.
    pub value_bytes: Sizes,
    /// How fresh reads must be.
    pub level: Level,
    /// How many objects are asked about. None: one, without a key; of decisions, new ones all the
    /// time.
    pub keys: Option<Keys>,
}

/// How large values are, in bytes of JSON.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Sizes {
    /// Most of them.
    pub usual: usize,
    /// Now and then.
    pub large: Option<Large>,
}

/// Values that are larger than the others.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Large {
    /// So large.
    pub bytes: usize,
    /// So many of a hundred.
    pub percent: f64,
}

impl From<usize> for Sizes {
    fn from(usual: usize) -> Self {
        Sizes { usual, large: None }
    }
}

impl Sizes {
    /// Of this value of that process. Drawn from the two alone, so that which are large depends on
    /// nothing that happens.
    fn of(self, process: u64, counter: u64) -> usize {
        let drawn = mixed(process.wrapping_mul(VALUES_PER_PROCESS).wrapping_add(counter));
        // 53 bits: what a float tells apart.
        let share = (drawn >> 11) as f64 / (1_u64 << 53) as f64;
        match self.large {
            Some(large) if share * 100.0 < large.percent => large.bytes,
            _ => self.usual,
        }
    }
}

/// Any two numbers give numbers that look unrelated: the finalizer of `SplitMix64` (Steele, Lea,
/// Flood 2014).
fn mixed(number: u64) -> u64 {
    let z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Makes one generator after the other, one for each client. They share what they know.
pub type Family = Box<dyn Fn() -> Box<dyn Generator>>;

/// A model that a run can drive.
struct Row {
    model: &'static str,
    make: fn(&Mix) -> Family,
    /// The keys of a workload that says nothing of them. None: one object, without a key; of
    /// decisions, a new one all the time.
    keys: Option<Keys>,
}

/// Enough at once that clients meet on each; so few operations each that any history of one can be
/// searched, and read by a person.
const ROTATING: Option<Keys> = Some(Keys { count: 5, operations: Some(300) });

/// Every model that a run can drive, in the order in which a workload's operations are looked up.
const GENERATORS: &[Row] = &[
    Row { model: "log", make: |mix| family(LogGenerator::new(mix)), keys: None },
    Row {
        model: "consensus",
        make: |mix| {
            let keys = mix.keys.map(|keys| keys.count);
            family(ConsensusGenerator::new(mix.value_bytes, keys))
        },
        keys: None,
    },
    Row { model: "register", make: |mix| family(RegisterGenerator::new(mix)), keys: None },
    Row { model: "kv", make: |mix| family(KvGenerator::new(mix)), keys: ROTATING },
    Row { model: "counter", make: |mix| family(CounterGenerator::new(mix)), keys: None },
    Row { model: "set", make: |mix| family(SetGenerator::new(mix)), keys: ROTATING },
    Row { model: "queue", make: |mix| family(QueueGenerator::new(mix)), keys: None },
    Row { model: "mutex", make: |mix| family(MutexGenerator::new(mix)), keys: None },
    Row { model: "total-queue", make: |mix| family(QueueGenerator::new(mix)), keys: None },
];

/// Clones of this one. What they hold behind a pointer they share.
fn family<G: Generator + Clone + 'static>(first: G) -> Family {
    Box::new(move || Box::new(first.clone()))
}

/// The models that a run can drive.
pub fn models() -> impl Iterator<Item = &'static Model> {
    GENERATORS.iter().map(|row| models::named(row.model).expect("a generator has its model"))
}

fn row(model: &Model) -> &'static Row {
    let row = GENERATORS.iter().find(|row| row.model == model.name);
    row.expect("a workload asks for what a run can drive")
}

/// Those who draw this model's operations in this mix.
pub fn generators(model: &Model, mix: &Mix) -> Family {
    (row(model).make)(mix)
}

/// The keys of a workload that says nothing of them.
pub fn usual_keys(model: &Model) -> Option<Keys> {
    row(model).keys
}

/// Operations by weight.
#[derive(Clone, Debug)]
pub struct Weights {
    operations: Vec<(Name, u32)>,
    total: u32,
}

impl Weights {
    /// Of a workload that has something to try.
    pub fn new(operations: &[(String, u32)]) -> Self {
        let weighted = |(name, weight): &(String, u32)| (name.into(), *weight);
        let operations: Vec<_> = operations.iter().map(weighted).collect();
        let total = operations.iter().map(|(_, weight)| weight).sum();
        assert!(total > 0, "a workload has an operation to try");
        Weights { operations, total }
    }

    /// The next operation.
    pub fn draw(&self, rng: &mut ChaCha8Rng) -> Name {
        let mut left = rng.random_range(0..self.total);
        for (name, weight) in &self.operations {
            match left.checked_sub(*weight) {
                None => return name.clone(),
                Some(less) => left = less,
            }
        }
        unreachable!("the draw is below the sum of the weights")
    }
}

/// Values are process x this + counter. 10^8 leaves 90 million processes within JSON's 2^53, and a
/// process that asks every 0.1 ms needs hours to use its share up.
const VALUES_PER_PROCESS: u64 = 100_000_000;

/// From this size on values are strings; below, whole numbers, which no size of a number exceeds.
const STRING_BYTES_MIN: usize = 32;

/// Values nobody else asks for.
#[derive(Clone, Debug)]
pub struct Values {
    sizes: Sizes,
    counter: u64,
}

impl Values {
    /// Of these sizes.
    pub fn new(sizes: Sizes) -> Self {
        Values { sizes, counter: 0 }
    }

    /// A whole number, or for large values a string of that many bytes of JSON, quotes included.
    pub fn next(&mut self, process: u64) -> Value {
        self.counter += 1;
        let bytes = self.sizes.of(process, self.counter);
        if bytes < STRING_BYTES_MIN {
            assert!(self.counter < VALUES_PER_PROCESS, "a generator is not used up in one run");
            return Value::Int((process * VALUES_PER_PROCESS + self.counter).cast_signed());
        }
        let mut text = format!("p{process}-{}-", self.counter);
        let padding = (bytes - 2).saturating_sub(text.len());
        text.extend(std::iter::repeat_n('x', padding));
        Value::Str(text.into())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use rand_chacha::rand_core::SeedableRng as _;
    use schism_verify::history::Type;
    use schism_verify::models::Proves;

    use super::*;

    fn usual(model: &Model) -> Mix {
        let operations = model.operations.iter().map(|row| (row.name.to_owned(), row.usual));
        let (level, keys) = (Level::Linearizable, usual_keys(model));
        Mix { operations: operations.collect(), value_bytes: 8.into(), level, keys }
    }

    /// Everything that is asked, with a value of its own, by two clients who are always told ok.
    fn drawn(model: &Model, mix: &Mix) -> Vec<Event> {
        let make = generators(model, mix);
        let (mut clients, mut rng) = ([make(), make()], ChaCha8Rng::seed_from_u64(1));
        let mut drawn = Vec::new();
        for at in 0..4_000 {
            let process = at % 2;
            let client = &mut clients[process as usize];
            let probes = at % 40 < 2;
            let asked = if probes { client.probe(process) } else { client.next(process, &mut rng) };
            client.observe(&asked);
            let mut told = asked.clone();
            told.kind = Type::Ok;
            client.observe(&told);
            drawn.push(asked);
        }
        drawn
    }

    #[test]
    fn whatever_is_drawn_the_model_reads_in_the_weights_asked_for() {
        for model in models() {
            let mix = usual(model);
            let total: u32 = mix.operations.iter().map(|(_, weight)| weight).sum();
            assert!(total > 0, "{model:?} has usual weights");
            let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
            let drawn = drawn(model, &mix);
            for event in &drawn {
                assert_eq!(model.validate(event, event), Ok(()), "{model:?}");
                let row = model.operation(&event.f).unwrap();
                *counts.entry(row.name).or_default() += 1;
                let has_key = row.asks.contains(&schism_verify::history::Field::Key);
                let keyed = mix.keys.is_some() || model.name == "consensus";
                assert_eq!(event.key().is_some(), has_key && keyed, "{model:?}: {event:?}");
            }
            for (name, weight) in &mix.operations {
                let count = counts.get(&**name).copied().unwrap_or(0);
                let expected = 4_000 * weight / total;
                // One in twenty is a probe.
                assert!(count.abs_diff(expected) < 260, "{count} {name}, not {expected}");
            }
            let proves = |event: &Event| model.proves(event) != Proves::Nothing;
            let mut one = generators(model, &mix)();
            let probes = [one.probe(7), one.probe(7)];
            assert!(probes.iter().any(proves) || model.name == "mutex", "{model:?}");
        }
    }

    #[test]
    fn no_value_is_asked_for_twice() {
        for model in models().filter(|model| !["counter", "mutex"].contains(&model.name)) {
            let mut seen = BTreeSet::new();
            for event in drawn(model, &usual(model)) {
                let value = match (&*event.f, &event.value) {
                    ("cas", Some(Value::List(pair))) => Some(pair[1].clone()),
                    ("contains" | "remove", _) => None,
                    (_, value) => value.clone().or_else(|| event.element().cloned()),
                };
                assert!(value.is_none_or(|value| seen.insert(value)), "{model:?}: {event:?}");
            }
        }
    }

    #[test]
    fn what_depends_on_what_is_there_has_a_chance() {
        let share = |model: &str, operations: &[(&str, u32)], hits: fn(&Event) -> bool| {
            let model = models::named(model).unwrap();
            let operations =
                operations.iter().map(|(name, weight)| ((*name).to_owned(), *weight)).collect();
            let mix = Mix { operations, ..usual(model) };
            let drawn = drawn(model, &mix);
            let asked =
                drawn.iter().filter(|event| matches!(&*event.f, "cas" | "remove" | "contains"));
            let (all, hits) = (asked.clone().count(), asked.filter(|event| hits(event)).count());
            assert!(all > 500, "{all}");
            100 * hits / all
        };
        let expects = |event: &Event| match &event.value {
            Some(Value::List(pair)) => pair[0] != Value::Int(0) && pair[0] != Value::from("0;"),
            _ => false,
        };
        let member = |event: &Event| event.element() != Some(&Value::Int(0));
        assert!(share("register", &[("write", 1), ("cas", 1)], expects) > 80);
        assert!(share("kv", &[("put", 1), ("cas", 1)], expects) > 80);
        assert!(share("kv", &[("put", 3), ("append", 1), ("cas", 3)], expects) > 60);
        assert!(share("set", &[("add", 2), ("remove", 1)], member) > 80);
        assert!(share("set", &[("add", 1), ("contains", 1)], member) > 80);
    }

    #[test]
    fn now_and_then_a_value_is_large_and_each_is_asked_for_once() {
        let large = Large { bytes: 65_536, percent: 2.0 };
        let sizes = Sizes { usual: 8, large: Some(large) };
        let drawn = || {
            let processes = (0..100_u64).flat_map(|process| {
                let mut values = Values::new(sizes);
                (0..100).map(move |_| values.next(process)).collect::<Vec<_>>()
            });
            processes.collect::<Vec<Value>>()
        };
        let all = drawn();
        assert_eq!(all, drawn());
        let large: Vec<&Value> = all
            .iter()
            .filter(|value| matches!(value, Value::Str(text) if text.len() == 65_534))
            .collect();
        assert!((100..300).contains(&large.len()), "2 % of 10,000: {}", large.len());
        let usual = all.iter().filter(|value| matches!(value, Value::Int(_))).count();
        assert_eq!(usual + large.len(), all.len());
        let different: std::collections::BTreeSet<String> =
            all.iter().map(Value::to_string).collect();
        assert_eq!(different.len(), all.len());
        let mut never = Values::new(Sizes::from(8));
        assert!((0..1_000).all(|_| matches!(never.next(7), Value::Int(_))));
    }
}
