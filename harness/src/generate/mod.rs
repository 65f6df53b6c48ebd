//! Operations to try: one file per model that a run can drive; this is their table.
//! It never talks to anyone: it draws from a stream it is given and learns from events it is shown.

mod consensus;
mod log;
mod register;

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use schism_verify::history::{Event, Level, Name, Value};
use schism_verify::models::{self, Model};

pub use consensus::ConsensusGenerator;
pub use log::{LogGenerator, local_read};
pub use register::RegisterGenerator;

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
    /// So many keys in all; None: new ones all the time.
    pub keys: Option<u64>,
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

/// How the operations of a model are drawn.
type Make = fn(&Mix) -> Box<dyn Generator>;

/// Every model that a run can drive, in the order in which a workload's operations are looked up.
const GENERATORS: &[(&str, Make)] = &[
    ("log", |mix| Box::new(LogGenerator::new(mix))),
    ("consensus", |mix| Box::new(ConsensusGenerator::new(mix.value_bytes, mix.keys))),
    ("register", |mix| Box::new(RegisterGenerator::new(mix))),
];

/// The models that a run can drive.
pub fn models() -> impl Iterator<Item = &'static Model> {
    GENERATORS.iter().map(|(name, _)| models::named(name).expect("a generator has its model"))
}

/// Draws this model's operations in this mix.
pub fn generator(model: &Model, mix: &Mix) -> Box<dyn Generator> {
    let row = GENERATORS.iter().find(|(name, _)| *name == model.name);
    let (_, make) = row.expect("a workload asks for what a run can drive");
    make(mix)
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
    use super::*;

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
