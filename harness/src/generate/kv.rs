//! Operations on a key-value store: get, put, append, delete, cas.
//! Every value is unique in the run. Where appends are asked for, all values are strings, and each
//! can be found again in what they are put together to.

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use schism_verify::history::{Event, Level, Process, Type, Value};

use super::keys::{Known, Pool};
use super::{Generator, Mix, Values, Weights};

/// One cas in so many expects what the key surely does not hold: it must fail.
const WRONG_ONE_IN: u32 = 10;

/// Draws operations on a key-value store. One per client; they share keys and what is known.
#[derive(Clone, Debug)]
pub struct KvGenerator {
    weights: Weights,
    values: Values,
    /// All values are strings.
    appends: bool,
    level: Level,
    keys: Pool,
    known: Known,
    probes: u64,
}

impl KvGenerator {
    /// With a workload's weights, size of values, level of reads and number of keys.
    pub fn new(mix: &Mix) -> Self {
        KvGenerator {
            weights: Weights::new(&mix.operations),
            values: Values::new(mix.value_bytes),
            appends: mix.operations.iter().any(|(name, weight)| name == "append" && *weight > 0),
            level: mix.level,
            keys: Pool::new(mix.keys),
            known: Known::default(),
            probes: 0,
        }
    }

    fn value(&mut self, process: u64) -> Value {
        match self.values.next(process) {
            Value::Int(number) if self.appends => text(number),
            value => value,
        }
    }

    /// Mostly what the key was last known to hold, so that a cas has a chance.
    fn expected(&self, key: Option<&Value>, rng: &mut ChaCha8Rng) -> Value {
        let wrong = rng.random_range(0..WRONG_ONE_IN) == 0;
        // No generator of values draws 0: their counters start at 1.
        let never_put = || if self.appends { text(0) } else { Value::Int(0) };
        self.known.get(key).filter(|_| !wrong).unwrap_or_else(never_put)
    }
}

/// A string that ends where no other does.
fn text(number: i64) -> Value {
    Value::Str(format!("{number};").into())
}

impl Generator for KvGenerator {
    fn next(&mut self, process: u64, rng: &mut ChaCha8Rng) -> Event {
        let f = self.weights.draw(rng);
        let key = self.keys.draw(rng);
        let mut event = Event::new(Process::Client(process), Type::Invoke, f.clone());
        match &*f {
            "get" => event.set_level((self.level == Level::Local).then_some(Level::Local)),
            "put" | "append" => event.value = Some(self.value(process)),
            "delete" => {}
            "cas" => {
                let pair = [self.expected(key.as_ref(), rng), self.value(process)];
                event.value = Some(Value::List(pair.into()));
            }
            other => unreachable!("a key-value store has no operation {other}"),
        }
        event.set_key(key);
        event
    }

    /// A put, to each key in turn.
    fn probe(&mut self, process: u64) -> Event {
        self.probes += 1;
        let mut event = Event::new(Process::Client(process), Type::Invoke, "put");
        event.set_key(self.keys.turn(self.probes));
        event.value = Some(self.value(process));
        event
    }

    fn observe(&mut self, event: &Event) {
        if event.kind != Type::Ok {
            return;
        }
        let held = match (&*event.f, &event.value) {
            ("cas", Some(Value::List(pair))) => pair.last().cloned(),
            ("get" | "put", value) => value.clone(),
            // What was put at the end of what is not known.
            _ => None,
        };
        match held {
            Some(held) => self.known.set(event.key().cloned(), held),
            None => self.known.forget(event.key()),
        }
    }
}
