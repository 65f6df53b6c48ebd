//! What a check may spend: time and memory. The one place beside the stopwatch that looks at the
//! clock. It never turns a spent budget into a verdict but `unknown`.
#![allow(clippy::disallowed_methods)] // a spent budget gives `unknown`, never another verdict

use std::time::{Duration, Instant};

/// What a check may spend.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Budget {
    /// Wall-clock time, of all keys together.
    pub time: Duration,
    /// Bytes of configurations and states held at once.
    pub memory_bytes: u64,
}

impl Default for Budget {
    /// A minute, as `schism check` has it, and 2 GiB: half of what a small machine has.
    fn default() -> Self {
        Budget { time: Duration::from_secs(60), memory_bytes: 2 << 30 }
    }
}

/// A budget being spent. Shared by the threads that judge keys.
#[derive(Clone, Copy, Debug)]
pub struct Meter {
    budget: Budget,
    started: Instant,
}

/// What ran out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Spent {
    /// The time.
    Time(Duration),
    /// The memory, in bytes.
    Memory(u64),
    /// More operations are open at once, or lost, than a configuration has room for.
    Room {
        /// Open at once.
        open: u32,
        /// Kinds of lost operations.
        lost: u32,
    },
}

impl Meter {
    /// Starts the clock.
    pub fn start(budget: Budget) -> Self {
        Meter { budget, started: Instant::now() }
    }

    /// Whether the time is over.
    pub fn time(&self) -> Result<(), Spent> {
        let spent = self.started.elapsed() >= self.budget.time;
        if spent { Err(Spent::Time(self.budget.time)) } else { Ok(()) }
    }

    /// Whether so many bytes are more than allowed.
    pub fn memory(&self, bytes: u64) -> Result<(), Spent> {
        let most = self.budget.memory_bytes;
        if bytes > most { Err(Spent::Memory(most)) } else { Ok(()) }
    }

    /// A part of what is left, for work that only makes the answer nicer.
    #[must_use]
    pub fn slice(&self, most: Duration) -> Meter {
        let left = self.budget.time.saturating_sub(self.started.elapsed());
        Meter::start(Budget { time: left.min(most), ..self.budget })
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
        let meter = Meter::start(Budget { time: Duration::ZERO, memory_bytes: 0 });
        assert_eq!(meter.time(), Err(Spent::Time(Duration::ZERO)));
        assert_eq!(meter.memory(1), Err(Spent::Memory(0)));
        assert_eq!(meter.memory(0), Ok(()));
        let meter = Meter::start(Budget::default());
        assert_eq!(meter.time(), Ok(()));
        assert_eq!(meter.slice(Duration::ZERO).time(), Err(Spent::Time(Duration::ZERO)));
    }
}
