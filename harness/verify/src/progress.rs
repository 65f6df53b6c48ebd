//! How far a check is, for whoever watches it from another thread.
//! It never reads a clock and never changes what is found.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

#[derive(Debug, Default)]
pub struct Progress {
    events: AtomicU64,
    events_done: AtomicU64,
    keys: AtomicU64,
    keys_decided: AtomicU64,
    configurations: AtomicU64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Seen {
    /// Events that have to be explained, of all keys.
    pub events: u64,
    pub events_done: u64,
    /// Objects to be judged.
    pub keys: u64,
    pub keys_decided: u64,
    /// Configurations that all searches carry along.
    pub configurations: u64,
}

impl Progress {
    /// So many keys with so many events are to be judged.
    pub fn begin(&self, keys: u64, events: u64) {
        self.keys.store(keys, Relaxed);
        self.events.store(events, Relaxed);
    }

    /// So many events more are explained.
    pub fn explained(&self, events: u64) {
        self.events_done.fetch_add(events, Relaxed);
    }

    /// One key more is decided, or given up.
    pub fn decided(&self) {
        self.keys_decided.fetch_add(1, Relaxed);
    }

    /// Somebody carried `before` configurations along and carries `now`.
    pub fn carry(&self, before: u64, now: u64) {
        // Modulo 2^64: the sum of all is what counts.
        self.configurations.fetch_add(now.wrapping_sub(before), Relaxed);
    }

    pub fn see(&self) -> Seen {
        Seen {
            events: self.events.load(Relaxed),
            events_done: self.events_done.load(Relaxed),
            keys: self.keys.load(Relaxed),
            keys_decided: self.keys_decided.load(Relaxed),
            configurations: self.configurations.load(Relaxed),
        }
    }
}

impl Seen {
    /// The share of events done, from 0 to 1; None: nothing is known yet.
    pub fn share(&self) -> Option<f64> {
        (self.events > 0 && self.events_done > 0)
            .then(|| self.events_done.min(self.events) as f64 / self.events as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_add_up() {
        let progress = Progress::default();
        assert_eq!(progress.see().share(), None);
        progress.begin(2, 10);
        progress.explained(4);
        progress.decided();
        progress.carry(0, 7);
        progress.carry(7, 3);
        let seen = progress.see();
        assert_eq!((seen.keys, seen.keys_decided, seen.configurations), (2, 1, 3));
        assert_eq!(seen.share(), Some(0.4));
    }
}
