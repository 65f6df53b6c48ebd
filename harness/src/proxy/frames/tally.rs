//! What an overlay did to links, counted as it happens, and how a frame is kept back meanwhile; a
//! wait is counted by being.
//! It never decides what happens, nor how long anything waits.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use crate::action::{Bite, OverlayId};

/// One overlay's doings on all links.
#[derive(Debug, Default)]
pub struct Tally(Mutex<Sums>);

#[derive(Debug, Default)]
struct Sums {
    /// All but what follows from the waits.
    counts: Bite,
    ended: Vec<Duration>,
    /// When the waits began that have not ended: (when, which).
    open: BTreeSet<(Instant, u64)>,
    begun: u64,
    epochs: BTreeSet<u64>,
}

/// A frame that waits. Dropped, the wait has ended.
#[derive(Debug)]
pub struct Wait {
    tally: Arc<Tally>,
    key: (Instant, u64),
}

/// How bytes are kept back, and with them all behind them.
#[derive(Debug, Default)]
pub struct Kept {
    /// So much later than they would, they may be written.
    pub later: Duration,
    /// And not before all of these are open.
    pub gates: Vec<Gate>,
    /// Waits that end when they are written.
    pub waits: Vec<Wait>,
}

/// What keeps a frame.
#[derive(Clone, Copy, Debug)]
pub struct Gate {
    /// Whose it is: with the overlay it is gone.
    pub overlay: OverlayId,
    /// It opens when the receiver has moved beyond this epoch. None: with the overlay only.
    pub beyond: Option<u64>,
}

impl Tally {
    /// Counts something that waits for nothing.
    pub fn count(&self, add: impl FnOnce(&mut Bite)) {
        add(&mut self.sums().counts);
    }

    /// A frame of this epoch begins to wait.
    pub fn begin(self: &Arc<Self>, epoch: u64) -> Wait {
        let mut sums = self.sums();
        sums.begun += 1;
        sums.epochs.insert(epoch);
        let key = (Instant::now(), sums.begun);
        sums.open.insert(key);
        Wait { tally: self.clone(), key }
    }

    /// So far; a wait that goes on counts with what it has lasted.
    pub fn bite(&self) -> Bite {
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
            ..sums.counts.clone()
        }
    }

    fn sums(&self) -> MutexGuard<'_, Sums> {
        self.0.lock().expect("no panic while counting")
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        let mut sums = self.tally.sums();
        sums.open.remove(&self.key);
        sums.ended.push(self.key.0.elapsed());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_count_while_they_last_and_after() {
        let tally = Arc::<Tally>::default();
        tally.count(|bite| bite.dropped_frames += 2);
        let (one, two) = (tally.begin(3), tally.begin(3));
        drop(tally.begin(4));
        let check = |frames, epochs| {
            let bite = tally.bite();
            assert_eq!((bite.held_frames, bite.held_epochs), (frames, epochs));
            assert!(bite.median_hold_ms <= bite.longest_hold_ms);
            assert_eq!(bite.dropped_frames, 2);
        };
        check(3, 2);
        drop((one, two));
        check(3, 2);
    }
}
