//! Operations on queues: enqueue, dequeue, and drain where the model has it. They serve the queue
//! that keeps its order and the total queue, which does not.
//! Every message is unique in the run, so that one that is received has one source.

use rand_chacha::ChaCha8Rng;
use schism_verify::history::{Event, Process, Type};

use super::keys::Pool;
use super::{Generator, Mix, Values, Weights};

/// Draws operations on queues. One per client; they share keys.
#[derive(Clone, Debug)]
pub struct QueueGenerator {
    weights: Weights,
    messages: Values,
    keys: Pool,
    probes: u64,
}

impl QueueGenerator {
    /// With a workload's weights, size of messages and number of keys.
    pub fn new(mix: &Mix) -> Self {
        QueueGenerator {
            weights: Weights::new(&mix.operations),
            messages: Values::new(mix.value_bytes),
            keys: Pool::new(mix.keys),
            probes: 0,
        }
    }
}

impl Generator for QueueGenerator {
    fn next(&mut self, process: u64, rng: &mut ChaCha8Rng) -> Event {
        let f = self.weights.draw(rng);
        let mut event = Event::new(Process::Client(process), Type::Invoke, f.clone());
        match &*f {
            "enqueue" => event.value = Some(self.messages.next(process)),
            "dequeue" | "drain" => {}
            other => unreachable!("a queue has no operation {other}"),
        }
        event.set_key(self.keys.draw(rng));
        event
    }

    /// An enqueue, to each queue in turn.
    fn probe(&mut self, process: u64) -> Event {
        self.probes += 1;
        let mut event = Event::new(Process::Client(process), Type::Invoke, "enqueue");
        event.set_key(self.keys.turn(self.probes));
        event.value = Some(self.messages.next(process));
        event
    }

    fn observe(&mut self, _: &Event) {}
}
