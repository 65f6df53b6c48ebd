//! Operations on counters: add, read. Every add adds one, so that what a read finds is a number of
//! adds.

use rand_chacha::ChaCha8Rng;
use schism_verify::history::{Event, Level, Process, Type, Value};

use super::keys::Pool;
use super::{Generator, Mix, Weights};

/// Draws operations on counters. One per client; they share keys.
#[derive(Clone, Debug)]
pub struct CounterGenerator {
    weights: Weights,
    level: Level,
    keys: Pool,
    probes: u64,
}

impl CounterGenerator {
    /// With a workload's weights, level of reads and number of keys.
    pub fn new(mix: &Mix) -> Self {
        let (weights, keys) = (Weights::new(&mix.operations), Pool::new(mix.keys));
        CounterGenerator { weights, level: mix.level, keys, probes: 0 }
    }
}

impl Generator for CounterGenerator {
    fn next(&mut self, process: u64, rng: &mut ChaCha8Rng) -> Event {
        let f = self.weights.draw(rng);
        let mut event = Event::new(Process::Client(process), Type::Invoke, f.clone());
        match &*f {
            "add" => event.value = Some(Value::Int(1)),
            "read" => event.set_level((self.level == Level::Local).then_some(Level::Local)),
            other => unreachable!("a counter has no operation {other}"),
        }
        event.set_key(self.keys.draw(rng));
        event
    }

    /// An add, to each counter in turn.
    fn probe(&mut self, process: u64) -> Event {
        self.probes += 1;
        let mut event = Event::new(Process::Client(process), Type::Invoke, "add");
        event.set_key(self.keys.turn(self.probes));
        event.value = Some(Value::Int(1));
        event
    }

    fn observe(&mut self, _: &Event) {}
}
