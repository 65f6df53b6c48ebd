//! Operations on locks: acquire, release. A client releases only what it holds, or may hold since
//! nobody answered, and acquires nothing before that is settled. So no lock stays held because an
//! answer was lost, whatever the weights are.

use rand_chacha::ChaCha8Rng;
use schism_verify::history::{Event, Process, Type, Value};

use super::keys::Pool;
use super::{Generator, Mix, Weights};

/// Draws operations on locks. One per client; they share keys.
#[derive(Clone, Debug)]
pub struct MutexGenerator {
    weights: Weights,
    keys: Pool,
    /// The lock that this client holds or may hold.
    held: Option<Lock>,
    probes: u64,
}

/// A lock, by its key if there is more than one.
#[derive(Clone, Debug)]
struct Lock(Option<Value>);

impl MutexGenerator {
    /// With a workload's weights and number of keys.
    pub fn new(mix: &Mix) -> Self {
        let (weights, keys) = (Weights::new(&mix.operations), Pool::new(mix.keys));
        MutexGenerator { weights, keys, held: None, probes: 0 }
    }

    /// Gives back what is held, or else takes this lock.
    fn turn(&self, process: u64, key: impl FnOnce() -> Option<Value>) -> Event {
        let (f, key) = match &self.held {
            Some(Lock(key)) => ("release", key.clone()),
            None => ("acquire", key()),
        };
        let mut event = Event::new(Process::Client(process), Type::Invoke, f);
        event.set_key(key);
        event
    }
}

impl Generator for MutexGenerator {
    fn next(&mut self, process: u64, rng: &mut ChaCha8Rng) -> Event {
        // A draw that is not used keeps this client's stream the same whatever it holds.
        self.weights.draw(rng);
        self.turn(process, || self.keys.draw(rng))
    }

    fn probe(&mut self, process: u64) -> Event {
        self.probes += 1;
        self.turn(process, || self.keys.turn(self.probes))
    }

    fn observe(&mut self, event: &Event) {
        match (&*event.f, event.kind) {
            // Nobody knows whether it was granted or given back: it may be held.
            ("acquire", Type::Ok | Type::Info) | ("release", Type::Info) => {
                self.held = Some(Lock(event.key().cloned()));
            }
            ("release", Type::Ok) => self.held = None,
            // The node looked, and nobody holds it. Any other refusal leaves it held.
            ("release", Type::Fail) if event.error() == Some("not-held") => self.held = None,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::rand_core::SeedableRng as _;
    use schism_verify::history::Level;

    use super::super::Keys;
    use super::*;

    #[test]
    fn a_client_releases_what_it_holds_or_may_hold_and_takes_nothing_before() {
        let operations = vec![("acquire".to_owned(), 1), ("release".to_owned(), 1)];
        let (level, keys) = (Level::Linearizable, Some(Keys { count: 2, operations: Some(3) }));
        let mix = Mix { operations, value_bytes: 8.into(), level, keys };
        let (mut generator, mut rng) = (MutexGenerator::new(&mix), ChaCha8Rng::seed_from_u64(1));
        let mut held = None;
        // How each operation ends; what follows it.
        for (end, error, next) in [
            (Type::Fail, Some("held"), "acquire"),
            (Type::Ok, None, "release"),
            (Type::Fail, Some("not-leader"), "release"),
            (Type::Ok, None, "acquire"),
            (Type::Info, Some("timeout"), "release"),
            (Type::Info, Some("timeout"), "release"),
            (Type::Fail, Some("not-held"), "acquire"),
        ] {
            let mut event = generator.next(1, &mut rng);
            assert!(held.is_none_or(|key| Some(&key) == event.key()), "it is about the same lock");
            event.kind = end;
            event.set_error(error.map(Into::into));
            generator.observe(&event);
            held = (next == "release").then(|| event.key().cloned().unwrap());
            assert_eq!(generator.clone().next(1, &mut rng).f, next, "after {event:?}");
            assert_eq!(generator.clone().probe(1).f, next);
        }
    }
}
