//! What becomes of one frame under the overlays on its flow.
//! It never carries the frame, and never looks further than its header.

use rand::{Rng, RngExt};

use super::bites::FlowState;
use super::delay;
use super::frames::Header;
use super::overtaken::{LetsPass, PASSED_BY_MAX};
use super::queue::{Gate, Kept};
use super::reading::Reading;
use crate::action::{FrameFate, Until};

/// What becomes of a frame.
#[derive(Debug)]
pub(super) struct Fate {
    /// How often it goes on.
    pub(super) copies: usize,
    /// How the last of them is kept.
    pub(super) kept: Kept,
    /// Whom the last of them lets pass before that.
    pub(super) lets_pass: Option<LetsPass>,
}

/// Asks every overlay in turn; dropped is dropped. What the frame shows of its sender is noted.
pub(super) fn fate(
    header: Header,
    flow: &FlowState,
    reading: &Reading,
    random: &mut impl Rng,
) -> Fate {
    let mut fate = Fate { copies: 1, kept: Kept::default(), lets_pass: None };
    if !reading.note(header) {
        return fate;
    }
    for rule in flow.frames.iter().filter(|rule| rule.kinds.contains(&header.kind)) {
        if rule.probability < 1.0 && random.random::<f64>() >= rule.probability {
            continue;
        }
        let overlay = rule.overlay;
        let until = match rule.fate {
            FrameFate::Drop => {
                rule.holds.count_dropped();
                return Fate { copies: 0, kept: Kept::default(), lets_pass: None };
            }
            FrameFate::Duplicate => {
                rule.holds.count_duplicated();
                fate.copies += 1;
                continue;
            }
            FrameFate::Reorder => {
                let (frames, holds) = (random.random_range(1..=PASSED_BY_MAX), rule.holds.clone());
                fate.lets_pass = Some(LetsPass { overlay, frames, holds });
                continue;
            }
            FrameFate::Hold(Until::Moved) if reading.is_beyond(header.epoch) => continue,
            FrameFate::Hold(until) => until,
        };
        fate.kept.waits.push(rule.holds.begin(header.epoch));
        match until {
            Until::Heal => fate.kept.gates.push(Gate { overlay, beyond: None }),
            Until::Moved => fate.kept.gates.push(Gate { overlay, beyond: Some(header.epoch) }),
            Until::Delay(by) => fate.kept.later += delay::draw(&by, random),
        }
    }
    fate
}
