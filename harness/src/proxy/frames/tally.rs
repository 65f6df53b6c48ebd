//! What an overlay did to links, counted as it happens, and how a frame is kept back meanwhile; a
//! wait is counted by being.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use crate::action::{Effect, HELD_EPOCHS, HELD_FRAMES, LONGEST_HOLD_MS, MEDIAN_HOLD_MS, OverlayId};

/// What one overlay did on all links.
#[derive(Debug, Default)]
pub struct Tally(Mutex<Sums>);

#[derive(Debug, Default)]
struct Sums {
    /// All but what follows from the waits.
    counts: BTreeMap<&'static str, u64>,
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
    pub fn count(&self, counter: &'static str, more: u64) {
        *self.sums().counts.entry(counter).or_default() += more;
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
    pub fn effect(&self) -> Effect {
        let sums = self.sums();
        let now = Instant::now();
        let open = sums.open.iter().map(|(since, _)| now.saturating_duration_since(*since));
        let mut waits: Vec<u64> = open
            .chain(sums.ended.iter().copied())
            .map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX))
            .collect();
        waits.sort_unstable();
        let holds = [
            (HELD_FRAMES, waits.len() as u64),
            (MEDIAN_HOLD_MS, waits.get(waits.len() / 2).copied().unwrap_or(0)),
            (LONGEST_HOLD_MS, waits.last().copied().unwrap_or(0)),
            (HELD_EPOCHS, sums.epochs.len() as u64),
        ];
        let counts = sums.counts.iter().map(|(name, count)| (*name, *count));
        holds.into_iter().chain(counts).collect()
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
    use crate::action::DROPPED_FRAMES;

    #[test]
    fn waits_count_while_they_last_and_after() {
        let tally = Arc::<Tally>::default();
        tally.count(DROPPED_FRAMES, 2);
        let (one, two) = (tally.begin(3), tally.begin(3));
        drop(tally.begin(4));
        let check = |frames, epochs| {
            let effect = tally.effect();
            assert_eq!((effect.count(HELD_FRAMES), effect.count(HELD_EPOCHS)), (frames, epochs));
            assert!(effect.count(MEDIAN_HOLD_MS) <= effect.count(LONGEST_HOLD_MS));
            assert_eq!(effect.count(DROPPED_FRAMES), 2);
        };
        check(3, 2);
        drop((one, two));
        check(3, 2);
    }
}
