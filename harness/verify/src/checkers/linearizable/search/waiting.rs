//! The operations that wait to take effect at some moment: what a configuration can be gone on
//! with.
//! It knows operations by slot and class, never a state.

use super::config::{clear, put};
use super::plan::Piece;
use super::space::Space;

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

#[derive(Clone, Default)]
pub(super) struct Waiting<const W: usize> {
    /// By return.
    pub pending: Vec<Pending<W>>,
    pub lost: Vec<Lost<W>>,
    /// Open operations that only read: slot and class.
    pub reads: Vec<(u32, u32)>,
}

impl<const W: usize> Waiting<W> {
    pub fn invoke(&mut self, space: &impl Space, piece: &Piece) {
        if piece.only_reads {
            self.reads.push((piece.slot, piece.class));
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

    pub fn lose(&mut self, piece: &Piece) {
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

    /// Bytes of memory that it takes.
    pub fn bytes(&self) -> u64 {
        let pending = self.pending.len() * size_of::<Pending<W>>();
        let lost = self.lost.len() * size_of::<Lost<W>>();
        (size_of::<Self>() + pending + lost + 8 * self.reads.len()) as u64
    }

    pub fn retire(&mut self, slot: u32) {
        self.lost.retain(|lost| lost.slot != slot);
    }

    pub fn ret(&mut self, piece: &Piece) {
        if piece.only_reads {
            self.reads.retain(|(slot, _)| *slot != piece.slot);
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
}
