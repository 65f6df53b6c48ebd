//! Time along the bottom, faults behind: what all pictures of a stretch of time share.
//! It never hides a strike: one too short to see is drawn two pixels wide.

use super::super::facts::Facts;
use crate::draw::svg::{LEFT, RIGHT, Svg, WIDTH, fit};
use crate::faults;

/// A stretch of time on the width of a picture.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Axis {
    pub from_ns: u64,
    /// At the right end; after `from_ns`.
    pub to_ns: u64,
}

impl Axis {
    pub fn of_run(facts: &Facts<'_>) -> Axis {
        Axis { from_ns: 0, to_ns: facts.end_ns.max(1) }
    }

    /// Where a moment is, kept inside the picture.
    pub fn x(&self, at: u64) -> f64 {
        let at = at.clamp(self.from_ns, self.to_ns);
        let share = (at - self.from_ns) as f64 / (self.to_ns - self.from_ns).max(1) as f64;
        LEFT + share * (WIDTH - LEFT - RIGHT)
    }

    /// Whether a stretch is seen at all.
    pub fn sees(&self, from: u64, to: u64) -> bool {
        from <= self.to_ns && to >= self.from_ns
    }

    /// Ticks with labels under `bottom`, hair lines up to `top`.
    pub fn draw(&self, svg: &mut Svg, facts: &Facts<'_>, top: f64, bottom: f64) {
        let step = step(self.to_ns - self.from_ns);
        let mut at = self.from_ns.div_ceil(step) * step;
        while at <= self.to_ns {
            let x = self.x(at);
            svg.line((x, top), (x, bottom), "hair");
            svg.text((x, bottom + 14.0), "tick mid", &label(at, step, facts.timed));
            at = at.saturating_add(step);
            if at == u64::MAX {
                break; // only a hostile history has such times
            }
        }
        svg.base(bottom);
    }

    /// Every strike as a faint band over the whole height.
    pub fn bands(&self, svg: &mut Svg, facts: &Facts<'_>, top: f64, bottom: f64) {
        for strike in facts.strikes.iter().take(STRIKES_MAX) {
            let to = strike.to_ns.unwrap_or(facts.end_ns);
            if self.sees(strike.from_ns, to) {
                let (from, to) = (self.x(strike.from_ns), self.x(to));
                let shape = (from, top, (to - from).max(2.0), bottom - top);
                let class = format!("band {}", faults::class(&strike.fault));
                svg.rect(shape, &class, &strike.title());
            }
        }
    }

    /// One row per kind of fault, each strike a bar with what it was. Returns the rows' bottom.
    pub fn fault_rows(&self, svg: &mut Svg, facts: &Facts<'_>, top: f64) -> f64 {
        let mut kinds: Vec<&str> = Vec::new();
        let seen = |strike: &&super::super::facts::strikes::Strike| {
            self.sees(strike.from_ns, strike.to_ns.unwrap_or(facts.end_ns))
        };
        for strike in facts.strikes.iter().take(STRIKES_MAX).filter(seen) {
            if !kinds.contains(&&*strike.fault) {
                kinds.push(&strike.fault);
            }
        }
        for (row, kind) in kinds.iter().enumerate() {
            let y = top + row as f64 * ROW;
            svg.text((LEFT - 8.0, y + 12.0), "name end", &fit(kind, LEFT));
            let shown = facts.strikes.iter().take(STRIKES_MAX).filter(seen);
            let own = shown.filter(|strike| *strike.fault == **kind);
            for strike in own {
                let to = strike.to_ns.unwrap_or(facts.end_ns);
                let (x, end) = (self.x(strike.from_ns), self.x(to));
                let width = (end - x).max(2.0);
                let idle = if strike.effective == Some(false) { " idle" } else { "" };
                let class = format!("strike {}{idle}", faults::class(kind));
                let title = format!(
                    "{} ({} to {}): {}",
                    strike.title(),
                    facts.show(strike.from_ns),
                    strike.to_ns.map_or("the end".into(), |to| facts.show(to)),
                    strike.effect_words(),
                );
                svg.rect((x, y + 1.0, width, ROW - 4.0), &class, &title);
                let words = strike.describe.strip_prefix(*kind).unwrap_or(&strike.describe).trim();
                let targets: Vec<String> = strike.targets.iter().map(ToString::to_string).collect();
                let targets = targets.join(" ");
                let room = width - 6.0;
                let shown = if fit(words, room) == words || fit(&targets, room) != targets {
                    fit(words, room)
                } else {
                    targets // the row says what, so whom says more than the first letters
                };
                svg.text((x + 4.0, y + 11.5), "on-strike", &shown);
            }
        }
        top + kinds.len() as f64 * ROW
    }
}

/// A strike a second for eight minutes; more only make the page large, and the caption says so.
pub const STRIKES_MAX: usize = 500;

/// Height of a row of strikes: a label of 10 px with air.
const ROW: f64 = 18.0;

/// A step of 1, 2 or 5 times a power of ten that gives 6 to 14 ticks.
fn step(span_ns: u64) -> u64 {
    let mut power = 1_000_u64; // nothing is finer than a microsecond
    loop {
        for factor in [1, 2, 5] {
            if span_ns / (power * factor) <= 14 {
                return power * factor;
            }
        }
        power *= 10;
    }
}

fn label(at: u64, step: u64, timed: bool) -> String {
    if !timed {
        return (at / 1_000_000).to_string();
    }
    let decimals = match step {
        1_000_000_000.. => 0,
        100_000_000.. => 1,
        10_000_000.. => 2,
        1_000_000.. => 3,
        _ => 6,
    };
    format!("{:.decimals$} s", at as f64 / 1e9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_few_and_round() {
        for (span_ns, step_ns) in [
            (60_000_000_000, 5_000_000_000),
            (2_500_000_000, 200_000_000),
            (10_000_000, 1_000_000),
            (1, 1_000),
        ] {
            assert_eq!(step(span_ns), step_ns);
        }
        assert_eq!(label(2_400_000_000, 200_000_000, true), "2.4 s");
        assert_eq!(label(2_400_000_000, 200_000_000, false), "2400");
    }
}
