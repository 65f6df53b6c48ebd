//! What a link does now, with the tallies of the overlays on it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use super::shape::{FlowShape, LinkShape, Passage};
use crate::action::{
    DELAYED_SEGMENTS, DROPPED_BYTES, Delay, Effect, HELD_BYTES, Meddling, OverlayId,
    REFUSED_CONNECTIONS, RESET_CONNECTIONS, Style,
};
use crate::proxy::frames::meddle::FrameRule;
use crate::proxy::frames::tally::Tally;
use schism_facts::FrameRow;

/// The tallies of every overlay that was ever on a link.
#[derive(Debug, Default)]
pub struct Registry {
    tallies: Mutex<BTreeMap<OverlayId, Arc<Tally>>>,
    /// The frames on links between nodes; none if nobody may look at them.
    kinds: &'static [FrameRow],
}

/// What a link does now: never changed, only replaced.
#[derive(Debug, Default)]
pub struct LinkState {
    pub shape: LinkShape,
    pub forward: FlowState,
    pub backward: FlowState,
    /// How many times resets have begun on this link: a connection older than the last one is
    /// reset even if it slept through it.
    pub resets: u64,
}

/// One direction of it, with the tallies of the overlays on it.
#[derive(Clone, Debug)]
pub struct FlowState {
    pub passage: Passage,
    pub delays: Vec<(Delay, Arc<Tally>)>,
    pub frames: Vec<FrameRule>,
    blocks: Vec<(OverlayId, Style, Arc<Tally>)>,
}

impl Registry {
    /// Nothing has been counted. `kinds` are the frames on links between nodes.
    pub fn new(kinds: &'static [FrameRow]) -> Registry {
        Registry { tallies: Mutex::default(), kinds }
    }

    fn of(&self, overlay: OverlayId) -> Arc<Tally> {
        let mut tallies = self.tallies.lock().expect("no panic while counting");
        tallies.entry(overlay).or_default().clone()
    }

    pub fn effect(&self, overlay: OverlayId) -> Effect {
        self.of(overlay).effect()
    }

    /// The state that follows `before` when the link takes this shape.
    pub fn state(&self, shape: LinkShape, before: &LinkState) -> LinkState {
        let begins = shape.resets() && shape != before.shape;
        LinkState {
            forward: self.flow(&shape.forward),
            backward: self.flow(&shape.backward),
            resets: before.resets + u64::from(begins),
            shape,
        }
    }

    fn flow(&self, shape: &FlowShape) -> FlowState {
        FlowState {
            passage: shape.passage(),
            delays: shape.delays.iter().map(|&(id, delay)| (delay, self.of(id))).collect(),
            frames: shape.frames.iter().map(|(id, meddling)| self.rule(*id, meddling)).collect(),
            blocks: shape.blocks.iter().map(|&(id, style)| (id, style, self.of(id))).collect(),
        }
    }

    fn rule(&self, overlay: OverlayId, meddling: &Meddling) -> FrameRule {
        let met = meddling.met(self.kinds).expect("who puts it on has asked for the kind");
        FrameRule {
            overlay,
            kinds: met.iter().map(|row| row.kind).collect(),
            probability: meddling.probability,
            fate: meddling.what,
            tally: self.of(overlay),
        }
    }
}

impl LinkState {
    /// Whether a connection has to be reset that came when `resets` resets had begun.
    pub fn resets_since(&self, resets: u64) -> bool {
        self.resets != resets || self.shape.resets()
    }

    pub fn count_reset(&self) {
        for (_, _, tally) in self.blocks().filter(|(_, style, _)| *style == Style::Reset) {
            tally.count(RESET_CONNECTIONS, 1);
        }
    }

    /// So many attempts to connect were refused or left hanging.
    pub fn count_refused(&self, attempts: u64) {
        for (_, _, tally) in self.blocks() {
            tally.count(REFUSED_CONNECTIONS, attempts);
        }
    }

    /// Once for each overlay, also where it blocks both directions.
    fn blocks(&self) -> impl Iterator<Item = &(OverlayId, Style, Arc<Tally>)> {
        let forward = &self.forward.blocks;
        let other = |block: &&(OverlayId, Style, Arc<Tally>)| {
            forward.iter().all(|(overlay, ..)| *overlay != block.0)
        };
        forward.iter().chain(self.backward.blocks.iter().filter(other))
    }
}

impl FlowState {
    /// Whether bytes pass at once.
    pub fn is_straight(&self) -> bool {
        self.passage == Passage::Pass && self.delays.is_empty() && self.frames.is_empty()
    }

    pub fn count_held(&self, bytes: usize) {
        self.stopping().for_each(|tally| tally.count(HELD_BYTES, bytes as u64));
    }

    pub fn count_dropped(&self, bytes: usize) {
        self.stopping().for_each(|tally| tally.count(DROPPED_BYTES, bytes as u64));
    }

    pub fn count_delayed(&self) {
        for (_, tally) in &self.delays {
            tally.count(DELAYED_SEGMENTS, 1);
        }
    }

    fn stopping(&self) -> impl Iterator<Item = &Tally> {
        self.blocks.iter().filter(|&&(_, style, _)| style != Style::Refuse).map(|(.., t)| &**t)
    }
}

impl Default for FlowState {
    fn default() -> Self {
        let (delays, frames, blocks) = (Vec::new(), Vec::new(), Vec::new());
        FlowState { passage: Passage::Pass, delays, frames, blocks }
    }
}
