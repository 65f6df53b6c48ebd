//! What happened to frames under an overlay, counted as it happens; a wait is counted by being.
//! It never decides how long anything waits.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use crate::action::Bite;

/// One overlay's doings to frames.
#[derive(Debug, Default)]
pub(super) struct Holds(Mutex<Sums>);

#[derive(Debug, Default)]
struct Sums {
    ended: Vec<Duration>,
    /// When the waits began that have not ended: (when, which).
    open: BTreeSet<(Instant, u64)>,
    begun: u64,
    epochs: BTreeSet<u64>,
    dropped: u64,
    duplicated: u64,
    reordered: u64,
}

/// A frame that waits. Dropped, the wait has ended.
#[derive(Debug)]
pub(super) struct Wait {
    holds: Arc<Holds>,
    key: (Instant, u64),
}

impl Holds {
    /// A frame of this epoch begins to wait.
    pub(super) fn begin(self: &Arc<Self>, epoch: u64) -> Wait {
        let mut sums = self.sums();
        sums.begun += 1;
        sums.epochs.insert(epoch);
        let key = (Instant::now(), sums.begun);
        sums.open.insert(key);
        Wait { holds: self.clone(), key }
    }

    pub(super) fn count_dropped(&self) {
        self.sums().dropped += 1;
    }

    pub(super) fn count_duplicated(&self) {
        self.sums().duplicated += 1;
    }

    /// A later frame has gone before one.
    pub(super) fn count_reordered(&self) {
        self.sums().reordered += 1;
    }

    /// So far; a wait that goes on counts with what it has lasted.
    pub(super) fn bite(&self) -> Bite {
        let sums = self.sums();
        let now = Instant::now();
        let open = sums.open.iter().map(|(since, _)| now.saturating_duration_since(*since));
        let mut waits: Vec<u64> = open
            .chain(sums.ended.iter().copied())
            .map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX))
            .collect();
        waits.sort_unstable();
        Bite {
            held_frames: waits.len() as u64,
            median_hold_ms: waits.get(waits.len() / 2).copied().unwrap_or(0),
            longest_hold_ms: waits.last().copied().unwrap_or(0),
            held_epochs: sums.epochs.len() as u64,
            dropped_frames: sums.dropped,
            duplicated_frames: sums.duplicated,
            reordered_frames: sums.reordered,
            ..Bite::default()
        }
    }

    fn sums(&self) -> MutexGuard<'_, Sums> {
        self.0.lock().expect("no panic while counting")
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        let mut sums = self.holds.sums();
        sums.open.remove(&self.key);
        sums.ended.push(self.key.0.elapsed());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_count_while_they_last_and_after() {
        let holds = Arc::<Holds>::default();
        let (one, two) = (holds.begin(3), holds.begin(3));
        drop(holds.begin(4));
        let check = |frames, epochs| {
            let bite = holds.bite();
            assert_eq!((bite.held_frames, bite.held_epochs), (frames, epochs));
            assert!(bite.median_hold_ms <= bite.longest_hold_ms);
        };
        check(3, 2);
        drop((one, two));
        check(3, 2);
    }
}
