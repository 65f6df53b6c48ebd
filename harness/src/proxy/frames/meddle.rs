//! What becomes of one frame under the overlays on its flow.
//! It never carries the frame, and never looks further than its header.

use std::sync::Arc;

use rand::{Rng, RngExt};

use super::Header;
use super::overtaken::{LetsPass, PASSED_BY_MAX};
use super::reading::Reading;
use super::tally::{Gate, Kept, Tally};
use crate::action::{DROPPED_FRAMES, DUPLICATED_FRAMES, FrameFate, OverlayId, Until};
use crate::proxy::delay;

/// What one overlay does to frames.
#[derive(Clone, Debug)]
pub struct FrameRule {
    pub overlay: OverlayId,
    /// The kinds it meets, as their first byte says them.
    pub kinds: Vec<u8>,
    pub probability: f64,
    pub fate: FrameFate,
    pub tally: Arc<Tally>,
}

#[derive(Debug)]
pub struct Fate {
    /// How often it goes on.
    pub copies: usize,
    /// How the last of them is kept.
    pub kept: Kept,
    /// Whom the last of them lets pass before that.
    pub lets_pass: Option<LetsPass>,
}

/// Asks every overlay in turn; dropped is dropped. What the frame shows of its sender is noted.
pub fn fate(header: Header, rules: &[FrameRule], reading: &Reading, random: &mut impl Rng) -> Fate {
    let mut fate = Fate { copies: 1, kept: Kept::default(), lets_pass: None };
    if !reading.note(header) {
        return fate;
    }
    for rule in rules.iter().filter(|rule| rule.kinds.contains(&header.kind)) {
        if rule.probability < 1.0 && random.random::<f64>() >= rule.probability {
            continue;
        }
        let overlay = rule.overlay;
        let until = match rule.fate {
            FrameFate::Drop => {
                rule.tally.count(DROPPED_FRAMES, 1);
                return Fate { copies: 0, kept: Kept::default(), lets_pass: None };
            }
            FrameFate::Duplicate => {
                rule.tally.count(DUPLICATED_FRAMES, 1);
                fate.copies += 1;
                continue;
            }
            FrameFate::Reorder => {
                let (frames, tally) = (random.random_range(1..=PASSED_BY_MAX), rule.tally.clone());
                fate.lets_pass = Some(LetsPass { overlay, frames, tally });
                continue;
            }
            FrameFate::Hold(Until::Moved) if reading.is_beyond(header.epoch) => continue,
            FrameFate::Hold(until) => until,
        };
        fate.kept.waits.push(rule.tally.begin(header.epoch));
        match until {
            Until::Heal => fate.kept.gates.push(Gate { overlay, beyond: None }),
            Until::Moved => fate.kept.gates.push(Gate { overlay, beyond: Some(header.epoch) }),
            Until::Delay(by) => fate.kept.later += delay::draw(&by, random),
        }
    }
    fate
}
