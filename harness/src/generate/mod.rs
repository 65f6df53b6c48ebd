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
    /// The size of values.
    pub value_bytes: usize,
    /// How fresh reads must be.
    pub level: Level,
    /// So many keys in all; None: new ones all the time.
    pub keys: Option<u64>,
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
    bytes: usize,
    counter: u64,
}

impl Values {
    /// Of so many bytes.
    pub fn new(bytes: usize) -> Self {
        Values { bytes, counter: 0 }
    }

    /// A whole number, or for large values a string of that many bytes of JSON, quotes included.
    pub fn next(&mut self, process: u64) -> Value {
        self.counter += 1;
        if self.bytes < STRING_BYTES_MIN {
            assert!(self.counter < VALUES_PER_PROCESS, "a generator is not used up in one run");
            return Value::Int((process * VALUES_PER_PROCESS + self.counter).cast_signed());
        }
        let mut text = format!("p{process}-{}-", self.counter);
        let padding = (self.bytes - 2).saturating_sub(text.len());
        text.extend(std::iter::repeat_n('x', padding));
        Value::Str(text.into())
    }
}
