//! Operations on a log: append, append-if, read, tail.
//! Every value is unique in the run, so that each entry of the log has one source.

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use schism_verify::history::{Event, Level, Name, Process, Type, Value};

use super::{Generator, Mix, Values, Weights};

/// Reads ask for at most so many entries, and start at most so far before the known end: enough to
/// compare neighbours, and no O(log) work per read.
const READ_ENTRIES_MAX: u64 = 100;

/// Draws operations on a log. One per client.
#[derive(Clone, Debug)]
pub struct LogGenerator {
    weights: Weights,
    append: Name,
    values: Values,
    level: Level,
    known_tail: u64,
}

impl LogGenerator {
    /// With a workload's weights, size of values and level of reads.
    pub fn new(mix: &Mix) -> Self {
        LogGenerator {
            weights: Weights::new(&mix.operations),
            append: "append".into(),
            values: Values::new(mix.value_bytes),
            level: mix.level,
            known_tail: 0,
        }
    }

    /// A value nobody else appends.
    pub fn value(&mut self, process: u64) -> Value {
        self.values.next(process)
    }

    /// One past the last offset anyone was seen to know of.
    pub fn known_tail(&self) -> u64 {
        self.known_tail
    }

    /// Mostly among the last entries, sometimes from the beginning or beyond the end.
    fn read_from(&self, rng: &mut ChaCha8Rng) -> u64 {
        match rng.random_range(0..100) {
            0..=3 => self.known_tail + rng.random_range(0..=10),
            4 => rng.random_range(0..=self.known_tail),
            _ => self.known_tail.saturating_sub(rng.random_range(0..=READ_ENTRIES_MAX)),
        }
    }

    /// Mostly the length as far as known, sometimes one that is surely over or surely to come.
    fn expected(&self, rng: &mut ChaCha8Rng) -> u64 {
        match rng.random_range(0..10) {
            0 => self.known_tail.saturating_sub(rng.random_range(1..=3)),
            1 => self.known_tail + rng.random_range(1..=3),
            _ => self.known_tail,
        }
    }
}

/// Asks a node for entries of its own, however old.
pub fn local_read(process: u64, from: u64, limit: u64) -> Event {
    let mut event = Event::new(Process::Client(process), Type::Invoke, "read");
    event.set_from(Some(from));
    event.set_limit(Some(limit));
    event.set_level(Some(Level::Local));
    event
}

impl Generator for LogGenerator {
    fn next(&mut self, process: u64, rng: &mut ChaCha8Rng) -> Event {
        let f = self.weights.draw(rng);
        let mut event = Event::new(Process::Client(process), Type::Invoke, f.clone());
        match &*f {
            "append" => event.value = Some(self.value(process)),
            "append-if" => {
                event.set_expect(Some(self.expected(rng)));
                event.value = Some(self.value(process));
            }
            "read" => {
                event.set_from(Some(self.read_from(rng)));
                event.set_limit(Some(READ_ENTRIES_MAX));
                event.set_level((self.level == Level::Local).then_some(Level::Local));
            }
            "tail" => {}
            other => unreachable!("a log has no operation {other}"),
        }
        event
    }

    fn probe(&mut self, process: u64) -> Event {
        let mut event = Event::new(Process::Client(process), Type::Invoke, self.append.clone());
        event.value = Some(self.value(process));
        event
    }

    fn observe(&mut self, event: &Event) {
        let after_append = event.offset().map(|offset| offset + 1);
        let seen = match event.kind {
            Type::Ok => event.tail().max(after_append),
            Type::Fail => event.tail(), // a conflict that names the length
            Type::Invoke | Type::Info => None,
        };
        self.known_tail = self.known_tail.max(seen.unwrap_or(0));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::STRING_BYTES_MIN;
    use super::*;
    use rand_chacha::rand_core::SeedableRng as _;

    fn mix(operations: &[(&str, u32)], value_bytes: usize) -> LogGenerator {
        let operations: Vec<_> =
            operations.iter().map(|(name, weight)| ((*name).to_owned(), *weight)).collect();
        let (level, keys) = (Level::Linearizable, None);
        LogGenerator::new(&Mix { operations, value_bytes: value_bytes.into(), level, keys })
    }

    fn usual() -> LogGenerator {
        mix(&[("append", 50), ("read", 40), ("append-if", 5), ("tail", 5)], 8)
    }

    fn draw(generator: &mut LogGenerator, process: u64, count: usize, stream: u64) -> Vec<Event> {
        let mut rng = ChaCha8Rng::seed_from_u64(stream);
        (0..count).map(|_| generator.next(process, &mut rng)).collect()
    }

    #[test]
    fn a_stream_draws_the_same_operations_again() {
        let first = draw(&mut usual(), 3, 500, 3);
        assert_eq!(first, draw(&mut usual(), 3, 500, 3));
        assert_ne!(first, draw(&mut usual(), 3, 500, 4));
    }

    #[test]
    fn weights_are_kept() {
        let mut generator = mix(&[("append", 3), ("tail", 1), ("read", 0)], 8);
        let ops = draw(&mut generator, 0, 4_000, 0);
        let tails = ops.iter().filter(|op| op.f == "tail").count();
        assert!((900..1_100).contains(&tails), "a quarter of 4,000, not {tails}");
        assert!(!ops.iter().any(|op| op.f == "read"));
    }

    #[test]
    fn values_are_unique_and_of_the_size_asked_for() {
        let mut seen = BTreeSet::new();
        for bytes in [8, 31, 32, 100, 65_536] {
            for process in [0, 1, 10, 4_000_000] {
                let mut generator = mix(&[("append", 1)], bytes);
                for _ in 0..100 {
                    let value = generator.value(process);
                    if let Value::Str(text) = &value {
                        assert_eq!(text.len() + 2, bytes);
                    }
                    assert_eq!(matches!(value, Value::Str(_)), bytes >= STRING_BYTES_MIN);
                    assert!(matches!(value, Value::Int(n) if n < 1 << 53) || bytes >= 32);
                    assert!(seen.insert((bytes >= 32, bytes, value)), "unique in one run");
                }
            }
        }
    }

    #[test]
    fn reads_stay_near_the_end_that_was_seen() {
        let mut generator = mix(&[("read", 1)], 8);
        let mut event = Event::new(Process::Client(1), Type::Ok, "append");
        event.set_offset(Some(9_999));
        generator.observe(&event);
        assert_eq!(generator.known_tail(), 10_000);
        let ops = draw(&mut generator, 0, 1_000, 0);
        assert!(ops.iter().all(|op| op.limit() == Some(READ_ENTRIES_MAX)));
        let from = |op: &Event| op.from().unwrap();
        let near = ops.iter().filter(|op| (9_900..=10_000).contains(&from(op))).count();
        let beyond = ops.iter().filter(|op| from(op) > 10_000).count();
        assert!(near > 900 && beyond > 5, "{near} near, {beyond} beyond");
    }

    #[test]
    fn only_what_is_certain_moves_the_known_end() {
        let mut generator = usual();
        let mut show = |kind, offset, tail| {
            let mut event = Event::new(Process::Client(1), kind, "append-if");
            event.set_offset(offset);
            event.set_tail(tail);
            generator.observe(&event);
            generator.known_tail()
        };
        assert_eq!(show(Type::Info, Some(4), Some(4)), 0);
        assert_eq!(show(Type::Ok, Some(4), None), 5);
        assert_eq!(show(Type::Fail, None, Some(7)), 7);
        assert_eq!(show(Type::Ok, None, Some(6)), 7);
    }

    #[test]
    fn a_conditional_append_mostly_expects_the_end() {
        let mut generator = mix(&[("append-if", 1)], 8);
        generator.known_tail = 50;
        let ops = draw(&mut generator, 0, 1_000, 0);
        let right = |op: &&Event| op.expect() == Some(50);
        assert!((700..900).contains(&ops.iter().filter(right).count()));
    }
}
