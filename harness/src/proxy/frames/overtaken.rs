//! Frames that let those behind them pass: each waits until so many later ones have gone before it,
//! and no longer than a short while.
//! It never loses one, and never changes the order of those that do not wait.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::tally::{Kept, Tally};
use crate::action::{OverlayId, REORDERED_FRAMES};

/// More would say no more: what depends on the order breaks at the first that is out of it.
pub const PASSED_BY_MAX: u8 = 4;

/// Where nothing follows, a frame that waits for it would be lost; a heartbeat comes sooner.
const WAIT_MAX: Duration = Duration::from_millis(200);

/// Were all to wait, none would pass another.
const WAITING_MAX: usize = 4;

/// The frames of one stream that wait.
#[derive(Default)]
pub struct Overtaken {
    /// In the order in which they came.
    waiting: Vec<Waiting>,
    come: u64,
}

/// What a frame waits for.
#[derive(Debug)]
pub struct LetsPass {
    /// Whose doing it is: with the overlay it ends.
    pub overlay: OverlayId,
    /// So many later ones are to go before it.
    pub frames: u8,
    /// Where it is counted.
    pub tally: Arc<Tally>,
}

/// A frame that goes on, and how it is kept from then on.
#[derive(Debug)]
pub struct Released {
    pub frame: Vec<u8>,
    pub kept: Kept,
}

struct Waiting {
    number: u64,
    released: Released,
    lets: LetsPass,
    passed_by: u8,
    until: Instant,
}

impl Overtaken {
    /// The number of a frame that comes now.
    pub fn number(&mut self) -> u64 {
        self.come += 1;
        self.come
    }

    pub fn has_room(&self) -> bool {
        self.waiting.len() < WAITING_MAX
    }

    pub fn has(&self, number: u64) -> bool {
        self.waiting.iter().any(|one| one.number == number)
    }

    pub fn bytes(&self) -> usize {
        self.waiting.iter().map(|one| one.released.frame.len()).sum()
    }

    pub fn wait(&mut self, number: u64, released: Released, lets: LetsPass, now: Instant) {
        assert!(
            self.waiting.last().is_none_or(|last| last.number < number),
            "frames come in order"
        );
        let until = now + WAIT_MAX;
        self.waiting.push(Waiting { number, released, lets, passed_by: 0, until });
    }

    /// This one has gone: those that follow it now, in their order.
    pub fn went(&mut self, number: u64) -> Vec<Released> {
        self.pass(number);
        self.release_where(|_| false)
    }

    /// Those go on that wait for an overlay that is over, and whoever follows them.
    pub fn release(&mut self, is_over: impl Fn(OverlayId) -> bool) -> Vec<Released> {
        self.release_where(|one| is_over(one.lets.overlay))
    }

    /// The same for those whose time is up.
    pub fn release_due(&mut self, now: Instant) -> Vec<Released> {
        self.release_where(|one| one.until <= now)
    }

    pub fn due(&self) -> Option<Instant> {
        self.waiting.iter().map(|one| one.until).min()
    }

    fn release_where(&mut self, is_over: impl Fn(&Waiting) -> bool) -> Vec<Released> {
        let mut released = Vec::new();
        let ready = |one: &Waiting| one.passed_by >= one.lets.frames || is_over(one);
        while let Some(place) = self.waiting.iter().position(ready) {
            let one = self.waiting.remove(place);
            self.pass(one.number);
            released.push(one.released);
        }
        released
    }

    /// Whoever waits and came before this one has been passed by it.
    fn pass(&mut self, number: u64) {
        for one in self.waiting.iter_mut().filter(|one| one.number < number) {
            if one.passed_by == 0 {
                one.lets.tally.count(REORDERED_FRAMES, 1);
            }
            one.passed_by += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: OverlayId = OverlayId(1);
    const LONG: OverlayId = OverlayId(2);

    /// Frames come in this order; those with a number let so many pass. How they go.
    fn order(frames: &[(&str, u8)]) -> (Overtaken, Vec<String>, Arc<Tally>) {
        let (mut overtaken, mut gone) = (Overtaken::default(), Vec::new());
        let tally = Arc::<Tally>::default();
        for &(name, lets_pass) in frames {
            let number = overtaken.number();
            let released = Released { frame: name.into(), kept: Kept::default() };
            if lets_pass > 0 && overtaken.has_room() {
                let overlay = if lets_pass > 3 { LONG } else { SHORT };
                let lets = LetsPass { overlay, frames: lets_pass, tally: tally.clone() };
                overtaken.wait(number, released, lets, Instant::now());
                continue;
            }
            gone.push(name.to_owned());
            gone.extend(names(overtaken.went(number)));
        }
        (overtaken, gone, tally)
    }

    fn names(released: Vec<Released>) -> Vec<String> {
        let name = |one: Released| String::from_utf8(one.frame).expect("a name");
        released.into_iter().map(name).collect()
    }

    #[test]
    fn a_frame_goes_behind_so_many_later_ones() {
        let check = |frames: &[(&str, u8)], expected: &str, reordered: u64| {
            let (overtaken, gone, tally) = order(frames);
            assert_eq!(gone.join(" "), expected, "{frames:?}");
            assert_eq!(tally.effect().count(REORDERED_FRAMES), reordered, "{frames:?}");
            let waits = frames.len() - gone.len();
            assert_eq!((overtaken.waiting.len(), overtaken.bytes() > 0), (waits, waits > 0));
        };
        check(&[("a", 0), ("b", 0)], "a b", 0);
        check(&[("a", 1), ("b", 0), ("c", 0)], "b a c", 1);
        check(&[("a", 2), ("b", 0), ("c", 0), ("d", 0)], "b c a d", 1);
        // One that is let past counts when it goes, itself late or not.
        check(&[("a", 2), ("b", 1), ("c", 0), ("d", 0)], "c b a d", 2);
        check(&[("a", 1), ("b", 2), ("c", 0), ("d", 0)], "c a d b", 2);
        check(&[("a", 3), ("b", 0)], "b", 1);
        check(&[("a", 3)], "", 0);
        // Four wait, and whoever comes then passes them.
        check(&[("a", 1), ("b", 1), ("c", 1), ("d", 1), ("e", 1)], "e a b c d", 4);
    }

    #[test]
    fn with_its_overlay_or_its_time_a_wait_is_over() {
        let (mut overtaken, gone, tally) = order(&[("a", 4), ("b", 2), ("c", 0), ("d", 4)]);
        assert_eq!(gone, ["c"]);
        assert!(overtaken.release_due(Instant::now()).is_empty());
        assert_eq!(names(overtaken.release(|overlay| overlay == SHORT)), ["b"]);
        assert_eq!(tally.effect().count(REORDERED_FRAMES), 2, "what nobody passed is in order");
        let due = overtaken.due().expect("two wait");
        assert_eq!(names(overtaken.release_due(due + WAIT_MAX)), ["a", "d"]);
        assert_eq!((overtaken.due(), overtaken.bytes()), (None, 0));
    }
}
