//! What a check may spend, time and memory, and how long it took: the one place that looks at the
//! clock. It never turns a spent budget into a verdict but `unknown`.
#![allow(clippy::disallowed_methods)] // a spent budget gives `unknown`, never another verdict

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use crate::progress::Progress;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Budget {
    /// Wall-clock time, of all keys and their explanations together.
    pub time: Duration,
    /// How much of that was spent before the check: reading the file.
    pub used: Duration,
    /// Bytes of configurations and states held at once, of all keys together.
    pub memory_bytes: u64,
}

impl Default for Budget {
    /// A minute, as `schism check` has it, and 2 GiB: half of what a small machine has.
    fn default() -> Self {
        Budget { time: Duration::from_secs(60), used: Duration::ZERO, memory_bytes: 2 << 30 }
    }
}

impl Budget {
    /// As long as it takes, but no more than so many bytes.
    pub(crate) fn of_memory(memory_bytes: u64) -> Self {
        Budget { time: Duration::MAX, memory_bytes, ..Budget::default() }
    }
}

/// A budget being spent. Its clones, and the threads that judge keys, spend the same one.
#[derive(Clone, Debug)]
pub struct Meter {
    budget: Budget,
    started: Instant,
    /// Bytes that all searches hold at this moment.
    held: Arc<AtomicU64>,
    progress: Option<Arc<Progress>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Spent {
    Time(Duration),
    /// The memory, in bytes.
    Memory(u64),
    /// More operations are open at once, or lost, than a configuration has room for.
    Room {
        open: u32,
        lost: u32,
    },
}

impl Meter {
    pub fn start(budget: Budget) -> Self {
        Meter::watched(budget, None)
    }

    /// The same, telling how far it is.
    pub fn watched(budget: Budget, progress: Option<Arc<Progress>>) -> Self {
        Meter { budget, started: Instant::now(), held: Arc::default(), progress }
    }

    pub fn time(&self) -> Result<(), Spent> {
        self.time_before(Duration::ZERO)
    }

    /// Whether the time is over for somebody who needs so long to clean up.
    pub fn time_before(&self, cleanup: Duration) -> Result<(), Spent> {
        let spent = self.budget.used + self.started.elapsed() + cleanup;
        if spent >= self.budget.time { Err(Spent::Time(self.budget.time)) } else { Ok(()) }
    }

    /// How long it has been spent.
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// An account of what one search holds in memory.
    pub fn account(&self) -> Account {
        Account { held: Arc::clone(&self.held), most: self.budget.memory_bytes, bytes: 0 }
    }

    pub fn progress(&self) -> Option<&Progress> {
        self.progress.as_deref()
    }

    /// Half of what is left, for work that may spare the rest: nobody watches it.
    #[must_use]
    pub fn half(&self) -> Meter {
        self.slice(self.budget.time.saturating_sub(self.budget.used + self.started.elapsed()) / 2)
    }

    /// A part of what is left, for work that only makes the answer nicer: nobody watches it.
    #[must_use]
    pub fn slice(&self, most: Duration) -> Meter {
        let left = self.budget.time.saturating_sub(self.budget.used + self.started.elapsed());
        let budget = Budget { time: left.min(most), used: Duration::ZERO, ..self.budget };
        let held = Arc::clone(&self.held);
        Meter { budget, started: Instant::now(), held, progress: None }
    }
}

/// What one search holds, as part of what all hold. Dropped: nothing.
#[derive(Debug)]
pub struct Account {
    held: Arc<AtomicU64>,
    most: u64,
    bytes: u64,
}

impl Account {
    /// The bytes that it holds.
    pub fn held(&self) -> u64 {
        self.bytes
    }

    /// It holds so many bytes now. An error if that is too much, all searches together.
    pub fn hold(&mut self, bytes: u64) -> Result<(), Spent> {
        // Adding the difference, modulo 2^64: what others hold is not known here.
        let more = bytes.wrapping_sub(self.bytes);
        let held = self.held.fetch_add(more, Relaxed).wrapping_add(more);
        self.bytes = bytes;
        if held > self.most { Err(Spent::Memory(self.most)) } else { Ok(()) }
    }
}

/// Runs `work` and says how long it took.
pub fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let result = work();
    (result, start.elapsed())
}

impl Drop for Account {
    fn drop(&mut self) {
        self.held.fetch_sub(self.bytes, Relaxed);
    }
}

impl std::fmt::Display for Spent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Spent::Time(time) => write!(f, "the time budget of {time:?} is spent"),
            Spent::Memory(bytes) => {
                write!(f, "the memory budget of {} MiB is spent", bytes >> 20)
            }
            Spent::Room { open, lost } => write!(
                f,
                "{open} operations are open at once and answers of {lost} kinds of operations \
                 were lost, more than a search can carry"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_of_nothing_is_spent_at_once() {
        let nothing = Budget { time: Duration::ZERO, memory_bytes: 0, ..Budget::default() };
        let meter = Meter::start(nothing);
        assert_eq!(meter.time(), Err(Spent::Time(Duration::ZERO)));
        assert_eq!(meter.account().hold(1), Err(Spent::Memory(0)));
        assert_eq!(meter.account().hold(0), Ok(()));
        let meter = Meter::start(Budget::default());
        assert_eq!(meter.time(), Ok(()));
        assert_eq!(meter.slice(Duration::ZERO).time(), Err(Spent::Time(Duration::ZERO)));
        let minute = Duration::from_secs(60);
        assert_eq!(meter.time_before(minute), Err(Spent::Time(minute)));
        let late = Meter::start(Budget { used: minute, ..Budget::default() });
        assert_eq!(late.time(), Err(Spent::Time(minute)), "reading the file took it all");
    }

    #[test]
    fn memory_is_shared_and_given_back() {
        let meter = Meter::start(Budget { memory_bytes: 10, ..Budget::default() });
        let mut one = meter.account();
        assert_eq!(one.hold(8), Ok(()));
        let mut other = meter.slice(Duration::from_secs(1)).account();
        assert_eq!(other.hold(3), Err(Spent::Memory(10)), "together it is too much");
        assert_eq!(one.hold(2), Ok(()));
        assert_eq!(other.hold(8), Ok(()));
        drop(other);
        assert_eq!(one.hold(10), Ok(()));
    }
}
