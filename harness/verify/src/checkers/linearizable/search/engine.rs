//! The configuration search: every way to explain the history so far, carried along event by event
//! (docs/internals/checkers.md). It never linearizes an operation before a return forces it, but
//! for those that only read, and it knows nothing of what is still to come.

use super::config::{Config, Front, clear, has, put};
use super::plan::{Piece, Step};
use super::purse::Purse;
use super::space::Space;
use crate::budget::Spent;

/// An open operation that changes states.
#[derive(Clone, Copy)]
pub(super) struct Pending<const W: usize> {
    pub slot: u32,
    pub class: u32,
    pub ret: u32,
    /// Slots of pending operations that go before it, if any order explains anything.
    pub before: [u64; W],
}

/// A class of lost operations.
#[derive(Clone, Copy)]
pub(super) struct Lost<const W: usize> {
    pub slot: u32,
    pub class: u32,
    pub available: u32,
    /// Slots of pending operations of the same class: those are used first.
    pub alike: [u64; W],
}

#[derive(Clone, Copy)]
pub(super) struct Mode {
    /// At most so many configurations are carried along; the least promising are dropped.
    pub beam: usize,
    /// Lost operations are never used up: more is explained than can be, so getting stuck counts
    /// and coming through does not.
    pub endless: bool,
}

/// The search between two events.
pub(super) struct Engine<const W: usize, const I: usize> {
    pub(super) front: Front<W, I>,
    /// Configurations met while one return is being explained.
    pub(super) met: Front<W, I>,
    pub(super) survivors: Front<W, I>,
    /// Numbers in `met` still to be gone on from, by how many lost operations they used up.
    pub(super) todo: Vec<Vec<u32>>,
    pub(super) pending: Vec<Pending<W>>,
    pub(super) lost: Vec<Lost<W>>,
    /// Open operations that only read: slot and class.
    reads: Vec<(u32, u32)>,
    /// Per state, which open reads it explains, and for which set of reads that was computed.
    explains: Vec<(u32, [u64; W])>,
    reads_epoch: u32,
    pub(super) mode: Mode,
    /// Some were dropped, so getting stuck means nothing.
    pub(super) dropped: bool,
    /// A copy: states must keep their numbers, which another engine knows too.
    is_fork: bool,
}

impl<const W: usize, const I: usize> Engine<W, I> {
    /// At the start, in state 0.
    pub fn new(mode: Mode) -> Self {
        let mut front = Front::new();
        front.insert(Config { state: 0, open: [0; W], done: [0; W], used: [0; I] });
        Engine {
            front,
            met: Front::new(),
            survivors: Front::new(),
            todo: Vec::new(),
            pending: Vec::new(),
            lost: Vec::new(),
            reads: Vec::new(),
            explains: Vec::new(),
            reads_epoch: 1,
            mode,
            dropped: false,
            is_fork: false,
        }
    }

    /// A copy to try something with: without what is only needed while a return is explained.
    pub fn fork(&self) -> Self {
        let mut front = Front::new();
        for config in self.front.iter() {
            front.insert(*config);
        }
        Engine {
            front,
            pending: self.pending.clone(),
            lost: self.lost.clone(),
            reads: self.reads.clone(),
            dropped: self.dropped,
            is_fork: true,
            ..Engine::new(self.mode)
        }
    }

    /// Takes one step; whether any configuration is left.
    pub fn step(
        &mut self,
        space: &mut impl Space,
        pieces: &[Piece],
        step: Step,
        rank: u32,
        purse: &mut Purse<'_>,
    ) -> Result<bool, Spent> {
        let alive = match step {
            Step::Invoke(at) => {
                self.invoke(space, &pieces[at as usize]);
                true
            }
            Step::Lost(at) => {
                self.lose(&pieces[at as usize]);
                true
            }
            Step::Retire(slot) => {
                self.retire(slot);
                true
            }
            Step::Return(at) => self.ret(space, &pieces[at as usize], rank, purse)?,
        };
        self.spend(space, purse, self.front.len() as u64)?;
        if alive && !self.is_fork && space.wants_collection() {
            self.collect(space);
        }
        Ok(alive)
    }

    pub fn alive(&self) -> usize {
        self.front.len()
    }

    /// Every state that was reached in trying to explain the last return.
    pub fn states(&self) -> Vec<u32> {
        let mut states: Vec<u32> = self.met.iter().map(|config| config.state).collect();
        states.sort_unstable();
        states.dedup();
        states
    }

    /// Notes work, and looks at the budget when it is time.
    pub(super) fn spend(
        &mut self,
        space: &impl Space,
        purse: &mut Purse<'_>,
        work: u64,
    ) -> Result<(), Spent> {
        let compared = self.met.take_work() + self.survivors.take_work() + self.front.take_work();
        if !purse.note(work + compared) {
            return Ok(());
        }
        let fronts = self.front.bytes() + self.met.bytes() + self.survivors.bytes();
        let explains = self.explains.capacity() * size_of::<(u32, [u64; W])>();
        let todo: usize = self.todo.iter().map(Vec::capacity).sum();
        let bytes = fronts + space.bytes() + (explains + 4 * todo) as u64;
        let alive = self.front.len().max(self.survivors.len());
        purse.look(bytes, space.states() as u64, alive as u64)
    }

    fn collect(&mut self, space: &mut impl Space) {
        let mut states: Vec<u32> = self.front.iter().map(|config| config.state).collect();
        space.collect(&mut states);
        self.survivors.clear();
        for (config, state) in self.front.iter().zip(states) {
            self.survivors.insert(Config { state, ..*config });
        }
        std::mem::swap(&mut self.front, &mut self.survivors);
        self.explains.clear();
    }

    fn invoke(&mut self, space: &mut impl Space, piece: &Piece) {
        if piece.only_reads {
            self.reads.push((piece.slot, piece.class));
            self.reads_epoch += 1;
            for config in self.front.iter_mut() {
                // Within one state this makes no new dominance: all of them get the bit.
                if space.step(config.state, piece.class).is_some() {
                    put(&mut config.done, piece.slot);
                }
            }
            return;
        }
        let place = self.pending.partition_point(|other| other.ret <= piece.ret);
        let mut before = [0; W];
        for other in &mut self.pending {
            if other.ret <= piece.ret {
                if space.precedes(other.class, piece.class) {
                    put(&mut before, other.slot);
                }
            } else if space.precedes(piece.class, other.class) {
                put(&mut other.before, piece.slot);
            }
        }
        if let Some(lost) = self.lost.iter_mut().find(|lost| lost.class == piece.class) {
            put(&mut lost.alike, piece.slot);
        }
        let pending = Pending { slot: piece.slot, class: piece.class, ret: piece.ret, before };
        self.pending.insert(place, pending);
    }

    fn lose(&mut self, piece: &Piece) {
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
    fn ret(
        &mut self,
        space: &mut impl Space,
        piece: &Piece,
        rank: u32,
        purse: &mut Purse<'_>,
    ) -> Result<bool, Spent> {
        let explained = |config: &Config<W, I>| {
            let bits = if piece.only_reads { &config.done } else { &config.open };
            has(bits, piece.slot)
        };
        if !self.front.iter().all(explained) {
            self.expand(space, rank, purse, explained)?;
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
        if self.front.len() > self.mode.beam {
            self.trim();
        }
        Ok(true)
    }

    /// Lost operations that every configuration has used are gone: counts stay small.
    fn rebase(&mut self) {
        for lost in &mut self.lost {
            let slot = lost.slot as usize;
            let least = self.front.iter().map(|config| config.used[slot]).min().unwrap_or(0);
            if least > 0 {
                lost.available -= u32::from(least);
                for config in self.front.iter_mut() {
                    config.used[slot] -= least;
                }
            }
        }
    }

    /// Which open reads this state explains.
    pub(super) fn explains(&mut self, space: &mut impl Space, state: u32) -> [u64; W] {
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
            if space.step(state, class).is_some() {
                put(&mut bits, slot);
            }
        }
        self.explains[at] = (self.reads_epoch, bits);
        bits
    }
}
