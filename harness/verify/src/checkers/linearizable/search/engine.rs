//! The configuration search: every way to explain the history so far, carried along event by event
//! (docs/internals/checkers.md). It never linearizes an operation before a return forces it, but
//! for those that only read, and it knows nothing of what is still to come.

use super::config::{Config, Front, clear, has, put};
use super::plan::{Piece, Step};
use super::purse::{Purse, Stop};
use super::space::Space;
use super::waiting::{After, Waiting, joined};
use crate::budget::Spent;

#[derive(Clone, Copy)]
pub(super) struct Mode {
    /// At most so many configurations are carried along; the least promising are dropped.
    pub beam: usize,
    /// Lost operations are never used up: more is explained than can be, so getting stuck counts
    /// and coming through does not.
    pub endless: bool,
}

/// Of configurations that differ only in what they used up, so many are worth a place before
/// others get one: more would crowd out other states.
const ALIKE_MAX: u32 = 4;

pub(super) struct Engine<const W: usize, const I: usize> {
    front: Front<W, I>,
    /// Configurations met while one return is being explained.
    met: Front<W, I>,
    survivors: Front<W, I>,
    /// Numbers in `met` still to be gone on from, by how many lost operations they used up.
    todo: Vec<Vec<u32>>,
    waiting: Waiting<W>,
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
            waiting: Waiting::default(),
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
            waiting: self.waiting.clone(),
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
    ) -> Result<bool, Stop> {
        let alive = match step {
            Step::Invoke(at) => {
                let piece = &pieces[at as usize];
                self.invoke(space, piece, After::of(piece, pieces));
                true
            }
            Step::Lost(at) => {
                let piece = &pieces[at as usize];
                self.waiting.lose(piece.slot, piece.class);
                true
            }
            Step::Join(at) => {
                self.join(&pieces[at as usize])?;
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
    fn spend(&mut self, space: &impl Space, purse: &mut Purse<'_>, work: u64) -> Result<(), Stop> {
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

    fn invoke(&mut self, space: &mut impl Space, piece: &Piece, after: After) {
        self.waiting.invoke(space, piece, after);
        if piece.only_reads {
            self.reads_epoch += 1;
            for config in self.front.iter_mut() {
                // Of those alike but for the reads that they explained, all get the bit, or all
                // that explained the one before it: this makes no new dominance.
                if after.allows(config) && space.step(config.state, piece.class).is_some() {
                    put(&mut config.done, piece.slot);
                }
            }
        }
    }

    /// A lost operation has waited for the one before it.
    fn join(&mut self, piece: &Piece) -> Result<(), Spent> {
        self.waiting.join(piece);
        let counts = !self.mode.endless;
        if !self.front.iter_mut().all(|config| joined(config, piece, counts)) {
            return Err(Spent::Room { open: 0, lost: u32::from(u8::MAX) });
        }
        self.rebuild(|_| {});
        Ok(())
    }

    fn retire(&mut self, slot: u32) {
        self.waiting.retire(slot);
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
    ) -> Result<bool, Stop> {
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
        self.waiting.ret(piece);
        if piece.only_reads {
            self.reads_epoch += 1;
            self.rebuild(|config| clear(&mut config.done, piece.slot));
        } else {
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
        for lost in &mut self.waiting.lost {
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
    fn explains(&mut self, space: &mut impl Space, state: u32) -> [u64; W] {
        let at = state as usize;
        if at >= self.explains.len() {
            self.explains.resize(at + 1, (0, [0; W]));
        }
        let (epoch, known) = self.explains[at];
        if epoch == self.reads_epoch {
            return known;
        }
        let mut bits = [0; W];
        for read in &self.waiting.reads {
            if space.step(state, read.class).is_some() {
                put(&mut bits, read.slot);
            }
        }
        self.explains[at] = (self.reads_epoch, bits);
        bits
    }

    /// Fills `survivors` with the configurations that explain a return, reached from `front` by
    /// as few operations as it takes. With a beam it goes the cheapest ways first, and `dropped`
    /// says when it left some out.
    fn expand(
        &mut self,
        space: &mut impl Space,
        rank: u32,
        purse: &mut Purse<'_>,
        explained: impl Fn(&Config<W, I>) -> bool,
    ) -> Result<(), Stop> {
        self.met.clear();
        self.survivors.clear();
        for level in &mut self.todo {
            level.clear();
        }
        let front = std::mem::replace(&mut self.front, Front::new());
        for config in front.iter() {
            self.reach(*config, &explained);
        }
        self.front = front;
        for level in &mut self.todo {
            level.reverse(); // the most promising come first in the front
        }
        let mut level = 0;
        while level < self.todo.len() {
            let Some(number) = self.todo[level].pop() else {
                level += 1;
                if self.survivors.len() >= self.mode.beam / 4 && level < self.todo.len() {
                    self.dropped = true;
                    break;
                }
                continue;
            };
            if self.is_enough() {
                self.dropped = true;
                break;
            }
            let Some(&config) = self.met.get(number) else { continue };
            self.spend(space, purse, 1 + self.waiting.pending.len() as u64)?;
            for at in 0..self.waiting.pending.len() {
                let pending = self.waiting.pending[at];
                if !pending.may_go(&config) {
                    continue;
                }
                let mut now = config;
                put(&mut now.open, pending.slot);
                let Some(next) = self.next(space, &now, pending.class, rank) else { continue };
                self.reach(next, &explained);
            }
            for at in 0..self.waiting.lost.len() {
                let lost = self.waiting.lost[at];
                let used = config.used[lost.slot as usize];
                if !lost.may_go(&config) {
                    continue;
                }
                let next = self.next(space, &config, lost.class, rank);
                let Some(mut next) = next else { continue };
                if next.state == config.state {
                    continue; // it would be used up for nothing
                }
                if !self.mode.endless {
                    if used == u8::MAX {
                        // A byte counts them; nobody has seen a history that needs more.
                        return Err(Spent::Room { open: 0, lost: lost.available }.into());
                    }
                    next.used[lost.slot as usize] = used + 1;
                }
                self.reach(next, &explained);
            }
        }
        Ok(())
    }

    fn reach(&mut self, config: Config<W, I>, explained: &impl Fn(&Config<W, I>) -> bool) {
        if explained(&config) {
            self.survivors.insert(config);
        } else if let Some(number) = self.met.insert(config) {
            let level = config.total() as usize;
            if self.todo.len() <= level {
                self.todo.resize_with(level + 1, Vec::new);
            }
            self.todo[level].push(number);
        }
    }

    /// The configuration after one operation more, with all reads that its state explains.
    fn next(
        &mut self,
        space: &mut impl Space,
        config: &Config<W, I>,
        class: u32,
        rank: u32,
    ) -> Option<Config<W, I>> {
        let state = space.step(config.state, class)?;
        if state != config.state && !space.may_leave(config.state, class, rank) {
            return None;
        }
        let mut next = Config { state, ..*config };
        let explains = self.explains(space, state);
        if self.waiting.reads_wait {
            self.waiting.read(&mut next, |read| has(&explains, read.slot));
            return Some(next);
        }
        for (done, more) in next.done.iter_mut().zip(explains) {
            *done |= more;
        }
        Some(next)
    }

    /// Whether an expansion has enough to go on with. Always false without a beam.
    fn is_enough(&self) -> bool {
        const WIDER: usize = 4; // more than are kept, so that there is a choice
        const TRIED: usize = 64; // tries for each one kept
        let wide = self.survivors.len() >= self.mode.beam.saturating_mul(WIDER);
        let tried = self.met.len() >= self.mode.beam.saturating_mul(TRIED);
        // What never ends may lead on and on without ever explaining anything.
        wide || (tried && (self.mode.endless || self.survivors.len() > 0))
    }

    /// Keeps the configurations that used up least: they can still do most.
    fn trim(&mut self) {
        let mut best: Vec<(u32, Config<W, I>)> =
            self.front.iter().map(|config| (config.total(), *config)).collect();
        let key = |config: &Config<W, I>| (config.state, config.open);
        best.sort_by_key(|(total, config)| (key(config), *total));
        let mut alike = 0;
        for at in 0..best.len() {
            let same = at > 0 && best[at - 1].1.same_key(&best[at].1);
            alike = if same { alike + 1 } else { 0 };
            best[at].0 += (alike / ALIKE_MAX) << 16; // behind every total
        }
        best.sort_by_key(|(total, _)| *total);
        best.truncate(self.mode.beam);
        self.front.clear();
        for (_, config) in best {
            self.front.insert(config);
        }
        self.dropped = true;
    }
}
