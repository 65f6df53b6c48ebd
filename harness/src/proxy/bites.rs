//! What overlays do to links, counted as it happens.
//! It never decides what happens; it only adds up.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use crate::action::{Bite, Delay, FrameFate, FrameKind, Meddling, OverlayId, Style};

use super::holds::Holds;
use super::shape::{FlowShape, LinkShape, Passage};

/// One overlay's doings on all links.
#[derive(Debug, Default)]
pub(super) struct Counters {
    held_bytes: AtomicU64,
    dropped_bytes: AtomicU64,
    reset_connections: AtomicU64,
    refused_connections: AtomicU64,
    delayed_segments: AtomicU64,
    frames: Arc<Holds>,
}

/// The counters of every overlay that was ever on a link.
#[derive(Debug, Default)]
pub(super) struct Registry {
    counters: Mutex<BTreeMap<OverlayId, Arc<Counters>>>,
    /// The frames on links between nodes; none if nobody may look at them.
    kinds: Vec<FrameKind>,
}

/// What a link does now: never changed, only replaced.
#[derive(Debug, Default)]
pub(super) struct LinkState {
    pub(super) shape: LinkShape,
    pub(super) forward: FlowState,
    pub(super) backward: FlowState,
    /// How many times resets have begun on this link: a connection older than the last one is
    /// reset even if it slept through it.
    pub(super) resets: u64,
}

/// One direction of it, with the counters of the overlays on it.
#[derive(Clone, Debug)]
pub(super) struct FlowState {
    pub(super) passage: Passage,
    pub(super) delays: Vec<(Delay, Arc<Counters>)>,
    pub(super) frames: Vec<FrameRule>,
    blocks: Vec<(OverlayId, Style, Arc<Counters>)>,
}

/// What one overlay does to frames.
#[derive(Clone, Debug)]
pub(super) struct FrameRule {
    pub(super) overlay: OverlayId,
    /// The kinds it meets, as their first byte says them.
    pub(super) kinds: Vec<u8>,
    pub(super) probability: f64,
    pub(super) fate: FrameFate,
    pub(super) holds: Arc<Holds>,
}

impl Registry {
    /// Nothing has been counted. `kinds` are the frames on links between nodes.
    pub(super) fn new(kinds: &[FrameKind]) -> Registry {
        Registry { counters: Mutex::default(), kinds: kinds.to_vec() }
    }

    fn of(&self, overlay: OverlayId) -> Arc<Counters> {
        let mut counters = self.counters.lock().expect("no panic while counting");
        counters.entry(overlay).or_default().clone()
    }

    /// What this overlay did so far.
    pub(super) fn bite(&self, overlay: OverlayId) -> Bite {
        let counters = self.of(overlay);
        Bite {
            held_bytes: counters.held_bytes.load(Relaxed),
            dropped_bytes: counters.dropped_bytes.load(Relaxed),
            reset_connections: counters.reset_connections.load(Relaxed),
            refused_connections: counters.refused_connections.load(Relaxed),
            delayed_segments: counters.delayed_segments.load(Relaxed),
            ..counters.frames.bite()
        }
    }

    /// The state that follows `before` when the link takes this shape.
    pub(super) fn state(&self, shape: LinkShape, before: &LinkState) -> LinkState {
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
        let met = meddling.met(&self.kinds).expect("who puts it on has asked for the kind");
        FrameRule {
            overlay,
            kinds: met.iter().map(|row| row.kind).collect(),
            probability: meddling.probability,
            fate: meddling.what,
            holds: self.of(overlay).frames.clone(),
        }
    }
}

impl LinkState {
    /// Whether a connection has to be reset that came when `resets` resets had begun.
    pub(super) fn resets_since(&self, resets: u64) -> bool {
        self.resets != resets || self.shape.resets()
    }

    /// A connection was reset by a block.
    pub(super) fn count_reset(&self) {
        self.each_block(|style, counters| {
            if style == Style::Reset {
                counters.reset_connections.fetch_add(1, Relaxed);
            }
        });
    }

    /// So many attempts to connect were refused or left hanging.
    pub(super) fn count_refused(&self, attempts: u64) {
        self.each_block(|_, counters| {
            counters.refused_connections.fetch_add(attempts, Relaxed);
        });
    }

    /// Once for each overlay, also where it blocks both directions.
    fn each_block(&self, count: impl Fn(Style, &Counters)) {
        let forward = &self.forward.blocks;
        let other = |&&(id, ..): &&(OverlayId, Style, Arc<Counters>)| {
            forward.iter().all(|&(one, ..)| one != id)
        };
        for (_, style, counters) in forward.iter().chain(self.backward.blocks.iter().filter(other))
        {
            count(*style, counters);
        }
    }
}

impl FlowState {
    /// Whether bytes pass at once.
    pub(super) fn is_straight(&self) -> bool {
        self.passage == Passage::Pass && self.delays.is_empty() && self.frames.is_empty()
    }

    /// Bytes were made to wait.
    pub(super) fn count_held(&self, bytes: usize) {
        self.stopping().for_each(|counters| {
            counters.held_bytes.fetch_add(bytes as u64, Relaxed);
        });
    }

    /// Bytes vanished.
    pub(super) fn count_dropped(&self, bytes: usize) {
        self.stopping().for_each(|counters| {
            counters.dropped_bytes.fetch_add(bytes as u64, Relaxed);
        });
    }

    /// A segment was delayed.
    pub(super) fn count_delayed(&self) {
        for (_, counters) in &self.delays {
            counters.delayed_segments.fetch_add(1, Relaxed);
        }
    }

    fn stopping(&self) -> impl Iterator<Item = &Counters> {
        self.blocks.iter().filter(|&&(_, style, _)| style != Style::Refuse).map(|(.., c)| &**c)
    }
}

impl Default for FlowState {
    fn default() -> Self {
        let (delays, frames, blocks) = (Vec::new(), Vec::new(), Vec::new());
        FlowState { passage: Passage::Pass, delays, frames, blocks }
    }
}
