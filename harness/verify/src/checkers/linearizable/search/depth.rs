//! The depth-first search: one way to explain the history is followed until it gets stuck at a
//! return, then the next (Wing and Gong 1993). No configuration is gone on from twice at the same
//! return (Lowe 2017, "Testing for linearizability").
//!
//! It goes over the same configurations as the [engine](super::engine), which carries all of them
//! along. Where almost every way leads through, it is done when the first one is; where most ways
//! lead nowhere, or there is none, it has no end. So the two take turns.

use std::collections::HashSet;

use foldhash::fast::FixedState;

use super::Ended;
use super::config::{Config, clear, has, put};
use super::plan::{Plan, Step};
use super::purse::{Rival, Turn};
use super::space::{Space, table_bytes};
use super::waiting::{After, Waiting, joined};
use crate::budget::Spent;

/// Where a return is to be explained.
struct Layer<const W: usize> {
    /// Its place among the plan's steps.
    at: usize,
    waiting: Waiting<W>,
}

pub(super) struct Depth<'a, S, const W: usize, const I: usize> {
    space: S,
    plan: &'a Plan,
    /// Every return, in order.
    layers: Vec<Layer<W>>,
    layers_bytes: u64,
    /// Configurations with the return at which they were gone on from.
    met: HashSet<(u32, Config<W, I>), FixedState>,
    /// The same, still to be gone on from; the last is the next.
    todo: Vec<(u32, Config<W, I>)>,
    /// The furthest return that some way came to and none explained, and the states there.
    furthest: u32,
    states: Vec<u32>,
    /// Everything was explained on the way to the first return that is to be explained.
    explained: bool,
    /// Some way was left out, so getting stuck means nothing.
    dropped: bool,
    work: u64,
}

/// What waits at all returns may take so much; a history that needs more has too many open
/// operations, or is too long, to be followed one way at a time.
const LAYERS_BYTES_MAX: u64 = 128 << 20;

impl<'a, S: Space, const W: usize, const I: usize> Depth<'a, S, W, I> {
    /// An error: what waits at all returns takes too much memory.
    pub fn new(space: S, plan: &'a Plan) -> Result<Self, Spent> {
        let mut waiting = Waiting::<W>::default();
        let mut layers = Vec::new();
        let mut layers_bytes = 0;
        for (at, &(_, step)) in plan.steps.iter().enumerate() {
            let piece = |at: u32| &plan.pieces[at as usize];
            match step {
                Step::Invoke(at) => {
                    let after = After::of(piece(at), &plan.pieces);
                    waiting.invoke(&space, piece(at), after);
                }
                Step::Lost(at) => waiting.lose(piece(at).slot, piece(at).class),
                Step::Join(at) => waiting.join(piece(at)),
                Step::Retire(slot) => waiting.retire(slot),
                Step::Return(returned) => {
                    layers_bytes += waiting.bytes();
                    if layers_bytes > LAYERS_BYTES_MAX {
                        return Err(Spent::Memory(LAYERS_BYTES_MAX));
                    }
                    layers.push(Layer { at, waiting: waiting.clone() });
                    waiting.ret(piece(returned));
                }
            }
        }
        let mut depth = Depth {
            space,
            plan,
            layers,
            layers_bytes,
            met: HashSet::default(),
            todo: Vec::new(),
            furthest: 0,
            states: Vec::new(),
            explained: false,
            dropped: false,
            work: 0,
        };
        let start = Config { state: 0, open: [0; W], done: [0; W], used: [0; I] };
        depth.explained = depth.arrive(0, 0, start);
        Ok(depth)
    }

    /// Takes the steps from this one up to the next return that is not explained yet; whether there
    /// is none.
    fn arrive(&mut self, mut layer: u32, mut from: usize, mut config: Config<W, I>) -> bool {
        loop {
            let Some(Layer { at, .. }) = self.layers.get(layer as usize) else { return true };
            for &(_, step) in &self.plan.steps[from..*at] {
                match step {
                    Step::Invoke(piece) => {
                        let piece = &self.plan.pieces[piece as usize];
                        let reads = piece.only_reads
                            && After::of(piece, &self.plan.pieces).allows(&config)
                            && self.space.step(config.state, piece.class).is_some();
                        if reads {
                            put(&mut config.done, piece.slot);
                        }
                    }
                    Step::Join(piece) => {
                        let piece = &self.plan.pieces[piece as usize];
                        if !joined(&mut config, piece, true) {
                            self.dropped = true;
                            return false;
                        }
                    }
                    Step::Retire(slot) => config.used[slot as usize] = 0,
                    Step::Lost(_) | Step::Return(_) => {}
                }
            }
            let Step::Return(piece) = self.plan.steps[*at].1 else {
                unreachable!("a layer is at a return")
            };
            let piece = &self.plan.pieces[piece as usize];
            let bits = if piece.only_reads { &mut config.done } else { &mut config.open };
            if !has(bits, piece.slot) {
                self.reach(layer, config);
                return false;
            }
            clear(bits, piece.slot);
            self.work += 1;
            from = at + 1;
            layer += 1;
        }
    }

    fn reach(&mut self, layer: u32, config: Config<W, I>) {
        if layer > self.furthest {
            self.furthest = layer;
            self.states.clear();
        }
        if self.met.insert((layer, config)) {
            if layer == self.furthest {
                self.states.push(config.state);
            }
            self.todo.push((layer, config));
        }
    }

    /// Goes on from one configuration; whether everything is explained.
    fn go_on(&mut self, number: u32, config: Config<W, I>) -> bool {
        // Borrowed apart, so that the rest can change.
        let mut waiting = std::mem::take(&mut self.layers[number as usize].waiting);
        let explained = self.try_all(number, &mut waiting, config);
        self.layers[number as usize].waiting = waiting;
        explained
    }

    /// What is tried last goes on first: lost operations are the last resort, and of the others
    /// the one that returns first is the most urgent.
    fn try_all(&mut self, number: u32, waiting: &mut Waiting<W>, config: Config<W, I>) -> bool {
        self.work += 1;
        let rank = self.plan.steps[self.layers[number as usize].at].0;
        for lost in waiting.lost.iter().rev() {
            let used = config.used[lost.slot as usize];
            if !lost.may_go(&config) {
                continue;
            }
            if used == u8::MAX {
                self.dropped = true; // a byte counts them
                continue;
            }
            let Some(mut next) = self.next(waiting, &config, lost.class, rank) else { continue };
            if next.state == config.state {
                continue; // it would be used up for nothing
            }
            next.used[lost.slot as usize] = used + 1;
            if self.enter(number, next) {
                return true;
            }
        }
        for pending in waiting.pending.iter().rev() {
            if !pending.may_go(&config) {
                continue;
            }
            let mut now = config;
            put(&mut now.open, pending.slot);
            let Some(next) = self.next(waiting, &now, pending.class, rank) else { continue };
            if self.enter(number, next) {
                return true;
            }
        }
        false
    }

    /// A configuration at this return, explained or not; whether it explains everything.
    fn enter(&mut self, number: u32, config: Config<W, I>) -> bool {
        let at = self.layers[number as usize].at;
        self.arrive(number, at, config)
    }

    /// The configuration after one operation more, with all reads that its state explains.
    fn next(
        &mut self,
        waiting: &Waiting<W>,
        config: &Config<W, I>,
        class: u32,
        rank: u32,
    ) -> Option<Config<W, I>> {
        self.work += 1;
        let state = self.space.step(config.state, class)?;
        if state != config.state && !self.space.may_leave(config.state, class, rank) {
            return None;
        }
        let mut next = Config { state, ..*config };
        if state != config.state || waiting.reads_wait {
            waiting.read(&mut next, |read| self.space.step(state, read.class).is_some());
            self.work += waiting.reads.len() as u64 / 8;
        }
        Some(next)
    }

    /// No way explains the furthest return.
    fn stuck(&mut self) -> Ended {
        let (rank, step) = self.plan.steps[self.layers[self.furthest as usize].at];
        let Step::Return(piece) = step else { unreachable!("a layer is at a return") };
        let id = self.plan.pieces[piece as usize].id;
        let mut states = std::mem::take(&mut self.states);
        states.sort_unstable();
        states.dedup();
        Ended::Stuck { id, rank, states, late: false }
    }
}

impl<S: Space, const W: usize, const I: usize> Rival for Depth<'_, S, W, I> {
    fn go(&mut self, work: u64) -> Turn {
        if self.explained {
            return Turn::Ended(Ended::Explained);
        }
        let until = self.work + work;
        while self.work < until {
            let Some((layer, config)) = self.todo.pop() else {
                return if self.dropped {
                    Turn::GaveUp(Spent::Room { open: 0, lost: u32::from(u8::MAX) })
                } else {
                    Turn::Ended(self.stuck())
                };
            };
            if self.go_on(layer, config) {
                return Turn::Ended(Ended::Explained);
            }
        }
        Turn::Going
    }

    fn bytes(&self) -> u64 {
        let entry = size_of::<(u32, Config<W, I>)>();
        self.layers_bytes
            + self.space.bytes()
            + table_bytes(self.met.len(), self.met.capacity(), entry)
            + (self.todo.capacity() * entry) as u64
    }

    fn show(&self, states: &[u32]) -> Vec<String> {
        states.iter().map(|&state| self.space.show(state)).collect()
    }
}
