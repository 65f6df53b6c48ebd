//! The configuration search: every way to explain the history so far, carried along event by event
//! (design: checkers, section 3). It never linearizes an operation before a return forces it, but
//! for those that only read, and it never says valid when it gave up.

use super::config::{Config, Front, clear, has, put};
use super::plan::{Plan, Step};
use super::space::Space;
use crate::budget::{Meter, Spent};

/// How a search ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ended {
    /// Some order explains every answer.
    Explained,
    /// No order explains this return.
    Stuck {
        /// The number of the operation.
        id: u32,
        /// The rank of its return.
        rank: u32,
        /// The states that were possible until then.
        states: Vec<u32>,
    },
    /// The budget is spent. Everything before this rank is explained.
    Spent {
        /// The rank it got to.
        rank: u32,
        /// What ran out.
        spent: Spent,
    },
}

/// An open operation that changes states.
#[derive(Clone, Copy)]
struct Pending<const W: usize> {
    slot: u32,
    class: u32,
    ret: u32,
    /// Slots of pending operations of the same class that return earlier.
    before: [u64; W],
}

/// A class of lost operations.
#[derive(Clone, Copy)]
struct Lost<const W: usize> {
    slot: u32,
    class: u32,
    available: u32,
    /// Slots of pending operations of the same class: those are used first.
    alike: [u64; W],
}

pub(super) struct Engine<'a, S, const W: usize, const I: usize> {
    space: &'a mut S,
    plan: &'a Plan,
    front: Front<W, I>,
    /// Configurations met while one return is being explained.
    met: Front<W, I>,
    survivors: Front<W, I>,
    todo: Vec<u32>,
    pending: Vec<Pending<W>>,
    lost: Vec<Lost<W>>,
    /// Open operations that only read: slot and class.
    reads: Vec<(u32, u32)>,
    /// Per state, which open reads it explains, and for which set of reads that was computed.
    explains: Vec<(u32, [u64; W])>,
    reads_epoch: u32,
    /// Expansions since the clock was looked at.
    ticks: u32,
    /// At most so many configurations are carried along; the least promising are dropped.
    beam: usize,
    /// Some were dropped, so getting stuck means nothing.
    dropped: bool,
}

/// Looking at the clock costs as much as some expansions; this makes it vanish, and is still
/// often enough where states are large.
const TICKS_MAX: u32 = 1 << 7;

impl<'a, S: Space, const W: usize, const I: usize> Engine<'a, S, W, I> {
    pub fn new(space: &'a mut S, plan: &'a Plan, beam: usize) -> Self {
        let mut front = Front::new();
        front.insert(Config { state: 0, open: [0; W], done: [0; W], used: [0; I] });
        Engine {
            space,
            plan,
            front,
            met: Front::new(),
            survivors: Front::new(),
            todo: Vec::new(),
            pending: Vec::new(),
            lost: Vec::new(),
            reads: Vec::new(),
            explains: Vec::new(),
            reads_epoch: 1,
            ticks: 0,
            beam,
            dropped: false,
        }
    }

    /// Goes through all steps; `most` becomes the greatest number of configurations. None: it got
    /// stuck, but only because configurations were dropped.
    pub fn run(mut self, meter: &Meter, most: &mut usize) -> Option<Ended> {
        for &(rank, step) in &self.plan.steps {
            let outcome = match step {
                Step::Invoke(at) => {
                    self.invoke(at);
                    Ok(true)
                }
                Step::Lost(at) => {
                    self.lose(at);
                    Ok(true)
                }
                Step::Retire(slot) => {
                    self.retire(slot);
                    Ok(true)
                }
                Step::Return(at) => self.ret(at, rank, meter),
            };
            match outcome {
                Ok(true) => *most = (*most).max(self.front.len()),
                Ok(false) if self.dropped => return None,
                Ok(false) => {
                    let Step::Return(at) = step else { unreachable!("only returns fail") };
                    let id = self.plan.pieces[at as usize].id;
                    return Some(Ended::Stuck { id, rank, states: self.states() });
                }
                Err(spent) => return Some(Ended::Spent { rank, spent }),
            }
            if self.space.wants_collection() {
                self.collect();
            }
        }
        Some(Ended::Explained)
    }

    /// Every state that was reached in trying to explain the last return.
    fn states(&self) -> Vec<u32> {
        let mut states: Vec<u32> = self.met.iter().map(|config| config.state).collect();
        states.sort_unstable();
        states.dedup();
        states
    }

    fn collect(&mut self) {
        let mut states: Vec<u32> = self.front.iter().map(|config| config.state).collect();
        self.space.collect(&mut states);
        self.survivors.clear();
        for (config, state) in self.front.iter().zip(states) {
            self.survivors.insert(Config { state, ..*config });
        }
        std::mem::swap(&mut self.front, &mut self.survivors);
        self.explains.clear();
    }

    fn invoke(&mut self, at: u32) {
        let piece = self.plan.pieces[at as usize];
        if piece.only_reads {
            self.reads.push((piece.slot, piece.class));
            self.reads_epoch += 1;
            for config in self.front.iter_mut() {
                // Within one state this makes no new dominance: all of them get the bit.
                if self.space.step(config.state, piece.class).is_some() {
                    put(&mut config.done, piece.slot);
                }
            }
            return;
        }
        let place = self.pending.partition_point(|other| other.ret <= piece.ret);
        let mut before = [0; W];
        for other in &mut self.pending {
            if other.class == piece.class && other.ret <= piece.ret {
                put(&mut before, other.slot);
            } else if other.class == piece.class {
                put(&mut other.before, piece.slot);
            }
        }
        if let Some(lost) = self.lost.iter_mut().find(|lost| lost.class == piece.class) {
            put(&mut lost.alike, piece.slot);
        }
        let pending = Pending { slot: piece.slot, class: piece.class, ret: piece.ret, before };
        self.pending.insert(place, pending);
    }

    fn lose(&mut self, at: u32) {
        let piece = self.plan.pieces[at as usize];
        if let Some(lost) = self.lost.iter_mut().find(|lost| lost.slot == piece.slot) {
            lost.available += 1;
            return;
        }
        let mut alike = [0; W];
        for pending in self.pending.iter().filter(|pending| pending.class == piece.class) {
            put(&mut alike, pending.slot);
        }
        self.lost.push(Lost { slot: piece.slot, class: piece.class, available: 1, alike });
    }

    fn retire(&mut self, slot: u32) {
        self.lost.retain(|lost| lost.slot != slot);
        self.rebuild(|config| config.used[slot as usize] = 0);
    }

    /// Changes every configuration and drops those that became dominated.
    fn rebuild(&mut self, change: impl Fn(&mut Config<W, I>)) {
        self.survivors.clear();
        for config in self.front.iter() {
            let mut config = *config;
            change(&mut config);
            self.survivors.insert(config);
        }
        std::mem::swap(&mut self.front, &mut self.survivors);
    }

    /// Explains a return: whether any configuration is left.
    fn ret(&mut self, at: u32, rank: u32, meter: &Meter) -> Result<bool, Spent> {
        let piece = self.plan.pieces[at as usize];
        let explained = |config: &Config<W, I>| {
            let bits = if piece.only_reads { &config.done } else { &config.open };
            has(bits, piece.slot)
        };
        let all = self.front.iter().all(explained);
        if !all {
            self.expand(rank, meter, explained)?;
            if self.survivors.len() == 0 {
                return Ok(false);
            }
            std::mem::swap(&mut self.front, &mut self.survivors);
        }
        if piece.only_reads {
            self.reads.retain(|(slot, _)| *slot != piece.slot);
            self.reads_epoch += 1;
            self.rebuild(|config| clear(&mut config.done, piece.slot));
        } else {
            self.pending.retain(|pending| pending.slot != piece.slot);
            for pending in &mut self.pending {
                clear(&mut pending.before, piece.slot);
            }
            for lost in &mut self.lost {
                clear(&mut lost.alike, piece.slot);
            }
            // Before the bit is cleared all of them have it, so no two become alike.
            self.rebuild(|config| clear(&mut config.open, piece.slot));
        }
        self.rebase();
        if self.front.len() > self.beam {
            self.trim();
        }
        Ok(true)
    }

    /// Keeps the configurations that used up least: they can still do most.
    fn trim(&mut self) {
        let mut best: Vec<Config<W, I>> = self.front.iter().copied().collect();
        best.sort_by_key(|config| config.used.iter().map(|used| u32::from(*used)).sum::<u32>());
        best.truncate(self.beam);
        self.front.clear();
        for config in best {
            self.front.insert(config);
        }
        self.dropped = true;
    }

    /// Whether an expansion has enough to go on with. Always false without a beam.
    fn is_enough(&self) -> bool {
        const WIDER: usize = 4; // more than are kept, so that there is a choice
        const TRIED: usize = 64; // tries for each one kept
        let wide = self.survivors.len() >= self.beam.saturating_mul(WIDER);
        let tried = self.met.len() >= self.beam.saturating_mul(TRIED);
        wide || (tried && self.survivors.len() > 0)
    }

    /// Lost operations that every configuration has used are gone: counts stay small.
    fn rebase(&mut self) {
        for at in 0..self.lost.len() {
            let slot = self.lost[at].slot as usize;
            let least = self.front.iter().map(|config| config.used[slot]).min().unwrap_or(0);
            if least > 0 {
                self.lost[at].available -= u32::from(least);
                for config in self.front.iter_mut() {
                    config.used[slot] -= least;
                }
            }
        }
    }

    /// Fills `survivors` with the configurations that explain a return, reached from `front` by
    /// as few operations as it takes.
    fn expand(
        &mut self,
        rank: u32,
        meter: &Meter,
        explained: impl Fn(&Config<W, I>) -> bool,
    ) -> Result<(), Spent> {
        self.met.clear();
        self.survivors.clear();
        self.todo.clear();
        for config in self.front.iter() {
            if explained(config) {
                self.survivors.insert(*config);
            } else {
                self.todo.extend(self.met.insert(*config));
            }
        }
        self.todo.reverse(); // the most promising come first in the front
        while let Some(number) = self.todo.pop() {
            if self.is_enough() {
                self.dropped = true;
                break;
            }
            let Some(&config) = self.met.get(number) else { continue };
            self.ticks += 1;
            if self.ticks >= TICKS_MAX {
                self.ticks = 0;
                meter.time()?;
                let fronts = self.front.bytes() + self.met.bytes() + self.survivors.bytes();
                meter.memory(fronts + self.space.bytes() + 12 * self.explains.len() as u64)?;
            }
            for at in 0..self.pending.len() {
                let pending = self.pending[at];
                let earlier = pending.before.iter().zip(&config.open).any(|(b, o)| b & !o != 0);
                if has(&config.open, pending.slot) || earlier {
                    continue;
                }
                let Some(mut next) = self.next(&config, pending.class, rank) else { continue };
                put(&mut next.open, pending.slot);
                self.reach(next, &explained);
            }
            for at in 0..self.lost.len() {
                let lost = self.lost[at];
                let used = config.used[lost.slot as usize];
                let alike = lost.alike.iter().zip(&config.open).any(|(a, o)| a & !o != 0);
                if u32::from(used) >= lost.available || alike {
                    continue;
                }
                let Some(mut next) = self.next(&config, lost.class, rank) else { continue };
                if next.state == config.state {
                    continue; // it would be used up for nothing
                }
                if used == u8::MAX {
                    // A byte counts them; nobody has seen a history that needs more.
                    return Err(Spent::Room { open: 0, lost: lost.available });
                }
                next.used[lost.slot as usize] = used + 1;
                self.reach(next, &explained);
            }
        }
        Ok(())
    }

    fn reach(&mut self, config: Config<W, I>, explained: &impl Fn(&Config<W, I>) -> bool) {
        if explained(&config) {
            self.survivors.insert(config);
        } else {
            self.todo.extend(self.met.insert(config));
        }
    }

    /// The configuration after one operation more, with all reads that its state explains.
    fn next(&mut self, config: &Config<W, I>, class: u32, rank: u32) -> Option<Config<W, I>> {
        let state = self.space.step(config.state, class)?;
        if state != config.state && !self.space.may_leave(config.state, class, rank) {
            return None;
        }
        let mut next = Config { state, ..*config };
        let explains = self.explains(state);
        for (done, more) in next.done.iter_mut().zip(explains) {
            *done |= more;
        }
        Some(next)
    }

    fn explains(&mut self, state: u32) -> [u64; W] {
        let at = state as usize;
        if at >= self.explains.len() {
            self.explains.resize(at + 1, (0, [0; W]));
        }
        let (epoch, known) = self.explains[at];
        if epoch == self.reads_epoch {
            return known;
        }
        let mut bits = [0; W];
        for &(slot, class) in &self.reads {
            if self.space.step(state, class).is_some() {
                put(&mut bits, slot);
            }
        }
        self.explains[at] = (self.reads_epoch, bits);
        bits
    }
}
