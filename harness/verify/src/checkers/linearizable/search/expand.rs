//! From the configurations before a return to those that explain it.
//! A search with a beam goes the cheapest ways first, and says when it left some out.

use super::config::{Config, Front, has, put};
use super::engine::Engine;
use super::purse::Purse;
use super::space::Space;
use crate::budget::Spent;

/// Of configurations that differ only in what they used up, so many are worth a place before
/// others get one: more would crowd out other states.
const ALIKE_MAX: u32 = 4;

impl<const W: usize, const I: usize> Engine<W, I> {
    /// Fills `survivors` with the configurations that explain a return, reached from `front` by
    /// as few operations as it takes.
    pub(super) fn expand(
        &mut self,
        space: &mut impl Space,
        rank: u32,
        purse: &mut Purse<'_>,
        explained: impl Fn(&Config<W, I>) -> bool,
    ) -> Result<(), Spent> {
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
            self.spend(space, purse, 1 + self.pending.len() as u64)?;
            for at in 0..self.pending.len() {
                let pending = self.pending[at];
                let earlier = pending.before.iter().zip(&config.open).any(|(b, o)| b & !o != 0);
                if has(&config.open, pending.slot) || earlier {
                    continue;
                }
                let next = self.next(space, &config, pending.class, rank);
                let Some(mut next) = next else { continue };
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
                let next = self.next(space, &config, lost.class, rank);
                let Some(mut next) = next else { continue };
                if next.state == config.state {
                    continue; // it would be used up for nothing
                }
                if !self.mode.endless {
                    if used == u8::MAX {
                        // A byte counts them; nobody has seen a history that needs more.
                        return Err(Spent::Room { open: 0, lost: lost.available });
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
    pub(super) fn trim(&mut self) {
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
