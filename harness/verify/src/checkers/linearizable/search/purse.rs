//! What one search has spent: work counted cheaply, the clock and the memory looked at now and
//! then; and whose turn it is.

use std::time::Duration;

use super::Ended;
use crate::budget::{Account, Meter, Spent};

/// Another way to search the same, which gets as much time.
pub(super) trait Rival {
    /// Goes on for about so much work.
    fn go(&mut self, work: u64) -> Turn;
    /// Bytes of memory that it holds.
    fn bytes(&self) -> u64;
    /// Its states, in words.
    fn show(&self, states: &[u32]) -> Vec<String>;
}

/// How far a rival came in its turn.
pub(super) enum Turn {
    Going,
    /// It went to the end.
    Ended(Ended),
    /// It cannot go on.
    GaveUp,
}

/// Why a search stops before its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stop {
    Spent(Spent),
    /// The rival has decided it.
    Decided,
}

impl From<Spent> for Stop {
    fn from(spent: Spent) -> Stop {
        Stop::Spent(spent)
    }
}

/// A rival is made at its first turn: most searches are over before.
pub(super) type Make<'a> = Box<dyn FnOnce() -> Option<Box<dyn Rival + 'a>> + 'a>;

enum Whose<'a> {
    Unmade(Make<'a>),
    Made(Box<dyn Rival + 'a>),
}

pub(super) struct Purse<'a> {
    meter: &'a Meter,
    account: Account,
    work: u64,
    told: u64,
    carried: u64,
    rival: Option<Whose<'a>>,
    rivals_account: Account,
    /// When the rival's last turn was over.
    turned: Duration,
    /// How long the search itself has gone on, and the rival.
    own: Duration,
    rivals: Duration,
    /// What the rival found, its states in words.
    decided: Option<(Ended, Vec<String>)>,
}

/// Comparisons and steps between two looks at the clock: far below a millisecond for small
/// states, and some milliseconds where one step copies kilobytes.
const WORK_MAX: u64 = 1 << 10;

/// Giving back a state takes about this long; a search that ends has to wait for it.
const FREE_NS: u64 = 100;

/// Steps between two words on progress.
const TELL_EVERY: u64 = 64;

/// Where it goes on alone the time is looked at this often.
const ALONE: Duration = Duration::from_millis(10);

/// A rival may hold so much of the memory at most: the other wants some too.
const RIVALS_PART: u64 = 2;

impl<'a> Purse<'a> {
    pub fn new(meter: &'a Meter) -> Self {
        Purse {
            meter,
            account: meter.account(),
            work: 0,
            told: 0,
            carried: 0,
            rival: None,
            rivals_account: meter.account(),
            turned: meter.elapsed(),
            own: Duration::ZERO,
            rivals: Duration::ZERO,
            decided: None,
        }
    }

    /// From now on the two take turns.
    pub fn rival(&mut self, make: Make<'a>) {
        self.rival = Some(Whose::Unmade(make));
        self.turned = self.meter.elapsed();
    }

    /// Notes work; true if it is time to look at the budget.
    pub fn note(&mut self, work: u64) -> bool {
        self.work += work;
        self.work >= WORK_MAX
    }

    /// Looks at the budget: so many bytes are held, so many states have to be given back one by
    /// one, so many configurations are alive.
    pub fn look(&mut self, bytes: u64, states: u64, alive: u64) -> Result<(), Stop> {
        self.work = 0;
        if let Some(progress) = self.meter.progress() {
            progress.carry(self.carried, alive);
            self.carried = alive;
        }
        self.meter.time_before(Duration::from_nanos(FREE_NS * states))?;
        self.account.hold(bytes)?;
        let now = self.meter.elapsed();
        self.own += now.saturating_sub(self.turned);
        self.turned = now;
        // A turn may have been longer than it should: the next ones are left out.
        if self.rivals > self.own { Ok(()) } else { self.turn() }
    }

    /// The rival's turn, until it has had as much time.
    fn turn(&mut self) -> Result<(), Stop> {
        let mut rival = match self.rival.take() {
            None => return Ok(()),
            Some(Whose::Made(rival)) => rival,
            Some(Whose::Unmade(make)) => match make() {
                Some(rival) => rival,
                None => return Ok(()), // it is not for this history
            },
        };
        loop {
            match rival.go(WORK_MAX) {
                Turn::Going => {}
                Turn::GaveUp => break,
                Turn::Ended(ended) => {
                    let states = match &ended {
                        Ended::Stuck { states, .. } => rival.show(states),
                        _ => Vec::new(),
                    };
                    self.decided = Some((ended, states));
                    return Err(Stop::Decided);
                }
            }
            let bytes = rival.bytes();
            if self.rivals_account.hold(bytes).is_err() || bytes > self.meter.memory() / RIVALS_PART
            {
                break;
            }
            let now = self.meter.elapsed();
            self.rivals += now.saturating_sub(self.turned);
            self.turned = now;
            if self.rivals >= self.own {
                self.rival = Some(Whose::Made(rival));
                return Ok(());
            }
        }
        let _ = self.rivals_account.hold(0);
        Ok(())
    }

    /// The rival goes on alone until it is done or the time is spent; None: it did not decide it.
    pub fn rival_alone(&mut self) -> Option<(Ended, Vec<String>)> {
        let _ = self.account.hold(0);
        while self.decided.is_none() && self.rival.is_some() && self.meter.time().is_ok() {
            self.own = self.rivals + ALONE;
            self.turned = self.meter.elapsed();
            let _ = self.turn();
        }
        self.decided.take()
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
