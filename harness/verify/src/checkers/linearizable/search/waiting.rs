//! The operations that wait to take effect at some moment: what a configuration can be gone on
//! with. It knows operations by slot and class, never a state.

use super::config::{Config, clear, has, put};
use super::plan::{NONE, Piece};
use super::space::Space;

/// What must have taken effect before an operation can: the one of its process before it, where
/// both are open.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum After {
    Nothing,
    /// The operation of this slot, which changes states.
    Open(u32),
    /// The operation of this slot, which only reads.
    Done(u32),
}

impl After {
    /// Of this piece, where all pieces are these.
    pub fn of(piece: &Piece, pieces: &[Piece]) -> After {
        pieces.get(piece.after as usize).map_or(After::Nothing, After::this)
    }

    /// What waits for this piece waits for that.
    fn this(piece: &Piece) -> After {
        if piece.only_reads { After::Done(piece.slot) } else { After::Open(piece.slot) }
    }

    pub fn allows<const W: usize, const I: usize>(self, config: &Config<W, I>) -> bool {
        match self {
            After::Nothing => true,
            After::Open(slot) => has(&config.open, slot),
            After::Done(slot) => has(&config.done, slot),
        }
    }

    fn lift(&mut self, returned: After) {
        if *self == returned {
            *self = After::Nothing;
        }
    }
}

/// An open operation that changes states, or a lost one that waits for the one before it.
#[derive(Clone, Copy)]
pub(super) struct Pending<const W: usize> {
    pub slot: u32,
    pub class: u32,
    ret: u32,
    after: After,
    /// Another waits for it.
    leads: bool,
    /// Slots of pending operations that go before it, if any order explains anything.
    before: [u64; W],
}

impl<const W: usize> Pending<W> {
    /// It can change places with an equal one that would go before it: it waits for nobody, and is
    /// none of those that may never happen.
    fn goes_first(&self) -> bool {
        self.after == After::Nothing && self.ret != u32::MAX
    }

    /// Whether it may take effect now.
    pub fn may_go<const I: usize>(&self, config: &Config<W, I>) -> bool {
        !has(&config.open, self.slot)
            && !some_is_open(&self.before, config)
            && self.after.allows(config)
    }
}

/// A class of lost operations.
#[derive(Clone, Copy)]
pub(super) struct Lost<const W: usize> {
    pub slot: u32,
    pub class: u32,
    pub available: u32,
    /// Slots of pending operations of the same class: those are used first.
    alike: [u64; W],
}

impl<const W: usize> Lost<W> {
    /// Whether one of them may take effect now.
    pub fn may_go<const I: usize>(&self, config: &Config<W, I>) -> bool {
        u32::from(config.used[self.slot as usize]) < self.available
            && !some_is_open(&self.alike, config)
    }
}

/// Whether one of these slots has not taken effect.
fn some_is_open<const W: usize, const I: usize>(slots: &[u64; W], config: &Config<W, I>) -> bool {
    slots.iter().zip(&config.open).any(|(slots, open)| slots & !open != 0)
}

/// An open operation that only reads.
#[derive(Clone, Copy)]
pub(super) struct Read {
    pub slot: u32,
    pub class: u32,
    after: After,
}

#[derive(Clone, Default)]
pub(super) struct Waiting<const W: usize> {
    /// By return.
    pub pending: Vec<Pending<W>>,
    pub lost: Vec<Lost<W>>,
    /// In the order of invocation.
    pub reads: Vec<Read>,
    /// Some reads wait for others.
    pub reads_wait: bool,
}

impl<const W: usize> Waiting<W> {
    pub fn invoke(&mut self, space: &impl Space, piece: &Piece, after: After) {
        let Piece { slot, class, ret, leads, only_reads, .. } = *piece;
        // Two change places only where the one that goes first then waits for nobody, and nobody
        // waits for the other.
        let waits = after != After::Nothing;
        if only_reads {
            self.reads.push(Read { slot, class, after });
            self.reads_wait |= waits;
            return;
        }
        let place = self.pending.partition_point(|other| other.ret <= ret);
        let mut before = [0; W];
        for other in &mut self.pending {
            if other.ret <= ret {
                if other.goes_first() && !leads && space.precedes(other.class, class) {
                    put(&mut before, other.slot);
                }
            } else if !waits && !other.leads && space.precedes(class, other.class) {
                put(&mut other.before, slot);
            }
        }
        let alike = self.lost.iter_mut().find(|lost| lost.class == class && !waits);
        if let Some(lost) = alike {
            put(&mut lost.alike, slot);
        }
        self.pending.insert(place, Pending { slot, class, ret, after, leads, before });
    }

    /// One more lost operation of this class, whose count has this slot.
    pub fn lose(&mut self, slot: u32, class: u32) {
        if let Some(lost) = self.lost.iter_mut().find(|lost| lost.slot == slot) {
            lost.available += 1;
            return;
        }
        let mut alike = [0; W];
        let first = |one: &&Pending<W>| one.class == class && one.goes_first();
        for pending in self.pending.iter().filter(first) {
            put(&mut alike, pending.slot);
        }
        self.lost.push(Lost { slot, class, available: 1, alike });
    }

    /// A lost operation has waited for the one before it.
    pub fn join(&mut self, piece: &Piece) {
        self.pending.retain(|pending| pending.slot != piece.slot);
        if piece.joins != NONE {
            self.lose(piece.joins, piece.class);
        }
    }

    pub fn retire(&mut self, slot: u32) {
        self.lost.retain(|lost| lost.slot != slot);
    }

    pub fn ret(&mut self, piece: &Piece) {
        if piece.leads {
            let returned = After::this(piece);
            self.pending.iter_mut().for_each(|pending| pending.after.lift(returned));
            self.reads.iter_mut().for_each(|read| read.after.lift(returned));
            self.reads_wait = self.reads.iter().any(|read| read.after != After::Nothing);
        }
        if piece.only_reads {
            self.reads.retain(|read| read.slot != piece.slot);
            return;
        }
        self.pending.retain(|pending| pending.slot != piece.slot);
        for pending in &mut self.pending {
            clear(&mut pending.before, piece.slot);
        }
        for lost in &mut self.lost {
            clear(&mut lost.alike, piece.slot);
        }
    }

    /// Explains all open reads that `explains` says its state does and that need not wait.
    pub fn read<const I: usize>(
        &self,
        config: &mut Config<W, I>,
        mut explains: impl FnMut(&Read) -> bool,
    ) {
        for read in &self.reads {
            if read.after.allows(config) && explains(read) {
                put(&mut config.done, read.slot);
            }
        }
    }

    /// Bytes of memory that it takes.
    pub fn bytes(&self) -> u64 {
        let pending = self.pending.len() * size_of::<Pending<W>>();
        let lost = self.lost.len() * size_of::<Lost<W>>();
        let reads = self.reads.len() * size_of::<Read>();
        (size_of::<Self>() + pending + lost + reads) as u64
    }
}

/// Adds a lost operation that joins its class to those that a configuration used, if it did; false:
/// a byte does not count so many.
pub(super) fn joined<const W: usize, const I: usize>(
    config: &mut Config<W, I>,
    piece: &Piece,
    counts: bool,
) -> bool {
    let used = has(&config.open, piece.slot);
    clear(&mut config.open, piece.slot);
    if !used || !counts || piece.joins == NONE {
        return true;
    }
    let count = &mut config.used[piece.joins as usize];
    let more = count.checked_add(1);
    *count = more.unwrap_or(*count);
    more.is_some()
}
