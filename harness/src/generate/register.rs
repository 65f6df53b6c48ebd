//! Operations on registers: write, read, cas. One register, or a few of them by key.
//! Every value is unique in the run, so that what a read finds has one source.

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use schism_verify::history::{Event, Level, Process, Type, Value};

use super::keys::{Known, Pool};
use super::{Generator, Mix, Values, Weights};

/// One cas in so many expects a value that the register surely does not hold: it must fail.
const WRONG_ONE_IN: u32 = 10;

/// No generator of values draws this: their counters start at 1.
const NEVER_WRITTEN: Value = Value::Int(0);

/// Draws operations on registers. One per client; they share keys and what is known.
#[derive(Clone, Debug)]
pub struct RegisterGenerator {
    weights: Weights,
    values: Values,
    level: Level,
    keys: Pool,
    known: Known,
    probes: u64,
}

impl RegisterGenerator {
    /// With a workload's weights, size of values, level of reads and number of keys.
    pub fn new(mix: &Mix) -> Self {
        RegisterGenerator {
            weights: Weights::new(&mix.operations),
            values: Values::new(mix.value_bytes),
            level: mix.level,
            keys: Pool::new(mix.keys),
            known: Known::default(),
            probes: 0,
        }
    }

    /// Mostly what the register was last known to hold, so that a cas has a chance.
    fn expected(&self, key: Option<&Value>, rng: &mut ChaCha8Rng) -> Value {
        let wrong = rng.random_range(0..WRONG_ONE_IN) == 0;
        self.known.get(key).filter(|_| !wrong).unwrap_or(NEVER_WRITTEN)
    }
}

impl Generator for RegisterGenerator {
    fn next(&mut self, process: u64, rng: &mut ChaCha8Rng) -> Event {
        let f = self.weights.draw(rng);
        let key = self.keys.draw(rng);
        let mut event = Event::new(Process::Client(process), Type::Invoke, f.clone());
        match &*f {
            "write" => event.value = Some(self.values.next(process)),
            "cas" => {
                let pair = [self.expected(key.as_ref(), rng), self.values.next(process)];
                event.value = Some(Value::List(pair.into()));
            }
            "read" => event.set_level((self.level == Level::Local).then_some(Level::Local)),
            other => unreachable!("a register has no operation {other}"),
        }
        event.set_key(key);
        event
    }

    /// A write, of each register in turn.
    fn probe(&mut self, process: u64) -> Event {
        self.probes += 1;
        let mut event = Event::new(Process::Client(process), Type::Invoke, "write");
        event.set_key(self.keys.turn(self.probes));
        event.value = Some(self.values.next(process));
        event
    }

    fn observe(&mut self, event: &Event) {
        if event.kind != Type::Ok {
            return;
        }
        let held = match (&*event.f, &event.value) {
            ("cas", Some(Value::List(pair))) => pair.last().cloned(),
            ("read" | "write", value) => value.clone(),
            _ => None,
        };
        if let Some(held) = held {
            self.known.set(event.key().cloned(), held);
        }
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::rand_core::SeedableRng as _;

    use super::super::Keys;
    use super::super::keys::named;
    use super::*;

    #[test]
    fn a_cas_mostly_expects_what_anyone_saw_of_its_own_register() {
        let operations = [("write", 1), ("read", 2), ("cas", 1)];
        let operations = operations.map(|(name, weight)| (name.to_owned(), weight)).into();
        let (level, keys) = (Level::Linearizable, Some(Keys::fixed(2)));
        let mix = Mix { operations, value_bytes: 8.into(), level, keys };
        let mut generator = RegisterGenerator::new(&mix);
        let mut other = generator.clone();
        let mut read = Event::new(Process::Client(1), Type::Ok, "read");
        read.set_key(Some(named(1)));
        read.value = Some(Value::Int(77));
        other.observe(&read);
        let (mut rng, mut right) = (ChaCha8Rng::seed_from_u64(1), [0, 0]);
        for _ in 0..4_000 {
            let event = generator.next(3, &mut rng);
            let Some(Value::List(pair)) = &event.value else { continue };
            let own = usize::from(event.key() == Some(&named(1)));
            right[own] += u32::from(pair[0] == Value::Int(77));
        }
        assert_eq!(right[0], 0, "nothing is known of the other register");
        assert!((400..500).contains(&right[1]), "nine in ten of about 500, not {}", right[1]);
    }
}
