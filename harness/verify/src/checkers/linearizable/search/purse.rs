//! What one search has spent: work counted cheaply, the clock and the memory looked at now and
//! then.

use std::time::Duration;

use crate::budget::{Account, Meter, Spent};

pub(super) struct Purse<'a> {
    meter: &'a Meter,
    account: Account,
    work: u64,
    told: u64,
    carried: u64,
}

/// Comparisons and steps between two looks at the clock: far below a millisecond for small
/// states, and some milliseconds where one step copies kilobytes.
const WORK_MAX: u64 = 1 << 10;

/// Giving back a state takes about this long; a search that ends has to wait for it.
const FREE_NS: u64 = 100;

/// Steps between two words on progress.
const TELL_EVERY: u64 = 64;

impl<'a> Purse<'a> {
    pub fn new(meter: &'a Meter) -> Self {
        Purse { meter, account: meter.account(), work: 0, told: 0, carried: 0 }
    }

    /// Notes work; true if it is time to look at the budget.
    pub fn note(&mut self, work: u64) -> bool {
        self.work += work;
        self.work >= WORK_MAX
    }

    /// Looks at the budget: so many bytes are held, so many states have to be given back one by
    /// one, so many configurations are alive.
    pub fn look(&mut self, bytes: u64, states: u64, alive: u64) -> Result<(), Spent> {
        self.work = 0;
        if let Some(progress) = self.meter.progress() {
            progress.carry(self.carried, alive);
            self.carried = alive;
        }
        self.meter.time_before(Duration::from_nanos(FREE_NS * states))?;
        self.account.hold(bytes)
    }

    /// So many steps are explained, counted from the start.
    pub fn reached(&mut self, steps: u64) {
        if steps >= self.told + TELL_EVERY
            && let Some(progress) = self.meter.progress()
        {
            progress.explained(steps - self.told);
            self.told = steps;
        }
    }

    pub fn told(&self) -> u64 {
        self.told
    }
}

impl Drop for Purse<'_> {
    fn drop(&mut self) {
        if let Some(progress) = self.meter.progress() {
            progress.carry(self.carried, 0);
        }
    }
}
