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
    /// It cannot go on, for this reason.
    GaveUp(Spent),
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
pub(super) type Make<'a> = Box<dyn FnOnce() -> Result<Box<dyn Rival + 'a>, Spent> + 'a>;

enum Whose<'a> {
    Unmade(Make<'a>),
    Made(Box<dyn Rival + 'a>),
}

pub(super) struct Purse<'a> {
    meter: &'a Meter,
    account: Account,
    /// Bytes that the search itself holds, as last told.
    held: u64,
    work: u64,
    told: u64,
    carried: u64,
    rival: Option<Whose<'a>>,
    rivals_account: Account,
    /// Why the rival does not go on.
    gave_up: Option<Spent>,
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
#[cfg(not(test))]
const WORK_MAX: u64 = 1 << 10;
/// Small, so that turns are taken in small histories too.
#[cfg(test)]
const WORK_MAX: u64 = 4;

/// Giving back a state takes about this long; a search that ends has to wait for it.
const FREE_NS: u64 = 100;

/// Steps between two words on progress.
const TELL_EVERY: u64 = 64;

/// Where it goes on alone the time is looked at this often.
const ALONE: Duration = Duration::from_millis(10);

impl<'a> Purse<'a> {
    pub fn new(meter: &'a Meter) -> Self {
        Purse {
            meter,
            account: meter.account(),
            held: 0,
            work: 0,
            told: 0,
            carried: 0,
            rival: None,
            rivals_account: meter.account(),
            gave_up: None,
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
        self.held = bytes;
        if let Err(spent) = self.account.hold(bytes) {
            // Who holds more makes room for the other.
            if self.rivals_account.held() <= bytes {
                return Err(spent.into());
            }
            self.rival = None;
            self.rivals_account.hold(0).ok();
            self.gave_up = Some(spent);
            self.account.hold(bytes)?;
        }
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
                Ok(rival) => rival,
                Err(spent) => {
                    self.gave_up = Some(spent);
                    return Ok(());
                }
            },
        };
        loop {
            match rival.go(WORK_MAX) {
                Turn::Going => {}
                Turn::GaveUp(spent) => {
                    self.gave_up = Some(spent);
                    break;
                }
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
            if let Err(spent) = self.rivals_account.hold(bytes) {
                if bytes <= self.held {
                    self.rival = Some(Whose::Made(rival));
                    return Err(spent.into());
                }
                self.gave_up = Some(spent);
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
        self.rivals_account.hold(0).ok();
        Ok(())
    }

    /// The rival goes on alone; the error says why it did not decide it, if there is one.
    pub fn rival_alone(&mut self) -> Result<(Ended, Vec<String>), Option<Spent>> {
        self.held = 0;
        self.account.hold(0).ok();
        while self.decided.is_none() && self.rival.is_some() {
            self.meter.time()?;
            self.own = self.rivals + ALONE;
            self.turned = self.meter.elapsed();
            let _ = self.turn(); // an answer lies in `decided`, a reason in `gave_up`
        }
        self.decided.take().ok_or(self.gave_up)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::Budget;

    /// Holds so many bytes, and ends like this in the turn of this number.
    struct Fake {
        bytes: u64,
        turns: u32,
        end: fn() -> Turn,
    }

    impl Rival for Fake {
        fn go(&mut self, _: u64) -> Turn {
            self.turns -= 1;
            if self.turns == 0 { (self.end)() } else { Turn::Going }
        }

        fn bytes(&self) -> u64 {
            self.bytes
        }

        fn show(&self, _: &[u32]) -> Vec<String> {
            Vec::new()
        }
    }

    fn explained() -> Turn {
        Turn::Ended(Ended::Explained)
    }

    fn gave_up() -> Turn {
        Turn::GaveUp(Spent::Room { open: 7, lost: 0 })
    }

    /// What the search heard at its looks, and what the rival found.
    type Heard = (Vec<Result<(), Stop>>, Result<Ended, Option<Spent>>);

    /// Of a search that holds so many of 100 bytes.
    fn looks(bytes: u64, fake: Fake) -> Heard {
        let meter = Meter::start(Budget::of_memory(100));
        let mut purse = Purse::new(&meter);
        purse.rival(Box::new(move || Ok(Box::new(fake))));
        let looks = (0..3).map(|_| purse.look(bytes, 0, 1)).collect();
        (looks, purse.rival_alone().map(|(ended, _)| ended))
    }

    #[test]
    fn a_rival_that_ends_decides_it() {
        let (looks, alone) = looks(10, Fake { bytes: 10, turns: 1, end: explained });
        assert_eq!((looks[0], alone), (Err(Stop::Decided), Ok(Ended::Explained)));
    }

    #[test]
    fn where_memory_runs_out_who_holds_more_gives_up() {
        let spent = Spent::Memory(100);
        let (looks_on, alone) = looks(50, Fake { bytes: 60, turns: u32::MAX, end: explained });
        assert_eq!(looks_on, [Ok(()); 3], "the search goes on");
        assert_eq!(alone, Err(Some(spent)), "the rival does not");
        let (stops, alone) = looks(70, Fake { bytes: 40, turns: 1 << 20, end: explained });
        assert_eq!(stops[0], Err(Stop::Spent(spent)));
        assert_eq!(alone, Ok(Ended::Explained), "the rival goes on");
    }

    #[test]
    fn a_rival_that_gives_up_says_why_and_the_search_goes_on() {
        let (looks, alone) = looks(10, Fake { bytes: 10, turns: 1, end: gave_up });
        assert_eq!((looks, alone), (vec![Ok(()); 3], Err(Some(Spent::Room { open: 7, lost: 0 }))));
    }
}
