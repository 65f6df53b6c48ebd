//! One object's operations as steps for the search, with slots given out beforehand.

use crate::models::spec::Timed;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Piece {
    /// Equal operations have one class.
    pub class: u32,
    /// It leaves every state as it is.
    pub only_reads: bool,
    pub id: u32,
    pub invoke: u32,
    /// When it returned; `u32::MAX`: nobody knows what became of it.
    pub ret: u32,
    /// Its bit, or the count of its class where it is lost.
    pub slot: u32,
}

impl Piece {
    /// A piece of this class, without a slot yet.
    pub fn new<Op>(timed: &Timed<Op>, class: u32, only_reads: bool) -> Self {
        let Timed { id, invoke, ret, .. } = *timed;
        Piece { class, only_reads, id, invoke, ret, slot: 0 }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Step {
    /// An operation with a known answer starts.
    Invoke(u32),
    /// It returns: by now it has taken effect.
    Return(u32),
    /// A lost operation may take effect from now on, or never.
    Lost(u32),
    /// Nobody can tell any more whether lost operations of this slot happened.
    Retire(u32),
}

/// The steps of one object, and what room a configuration needs.
pub(super) struct Plan {
    pub pieces: Vec<Piece>,
    /// In order, each with its rank.
    pub steps: Vec<(u32, Step)>,
    /// Slots for operations that change states, and for those that only read.
    pub open_slots: u32,
    pub done_slots: u32,
    /// Slots for classes of lost operations.
    pub lost_slots: u32,
}

/// Slots given out, lowest first, and taken back.
#[derive(Clone, Default)]
pub(super) struct Pool {
    free: Vec<u32>,
    size: u32,
}

impl Pool {
    pub fn take(&mut self) -> u32 {
        self.free.pop().unwrap_or_else(|| {
            self.size += 1;
            self.size - 1
        })
    }

    pub fn give(&mut self, slot: u32) {
        self.free.push(slot);
    }
}

impl Plan {
    /// Orders the pieces' events. Lost operations that only read, or that come when nobody can
    /// tell whether they happened, are left out.
    pub fn new(mut pieces: Vec<Piece>, useful_until: impl Fn(u32) -> u32) -> Plan {
        pieces.retain(|piece| {
            piece.ret != u32::MAX || (!piece.only_reads && piece.invoke < useful_until(piece.class))
        });
        // A retirement comes right after the event of its rank.
        let mut events: Vec<(u32, bool, u32)> = Vec::with_capacity(2 * pieces.len());
        for (at, piece) in pieces.iter().enumerate() {
            events.push((piece.invoke, false, at as u32));
            if piece.ret != u32::MAX {
                events.push((piece.ret, false, at as u32));
            } else if useful_until(piece.class) != u32::MAX {
                events.push((useful_until(piece.class), true, at as u32));
            }
        }
        events.sort_unstable();

        let (mut open, mut done, mut lost) = (Pool::default(), Pool::default(), Pool::default());
        // The slots of classes of which some operation is lost and not retired.
        let classes = pieces.iter().map(|piece| piece.class + 1).max().unwrap_or(0);
        let mut slot_of = vec![NONE; classes as usize];
        let mut steps = Vec::with_capacity(events.len());
        for (rank, retires, at) in events {
            let piece = &mut pieces[at as usize];
            let slot_of = &mut slot_of[piece.class as usize];
            let pool = if piece.only_reads { &mut done } else { &mut open };
            let step = if retires {
                if *slot_of == NONE {
                    continue; // with another of its class
                }
                let slot = std::mem::replace(slot_of, NONE);
                lost.give(slot);
                Step::Retire(slot)
            } else if piece.ret == u32::MAX {
                if *slot_of == NONE {
                    *slot_of = lost.take();
                }
                piece.slot = *slot_of;
                Step::Lost(at)
            } else if piece.invoke == rank {
                piece.slot = pool.take();
                Step::Invoke(at)
            } else {
                pool.give(piece.slot);
                Step::Return(at)
            };
            steps.push((rank, step));
        }
        Plan { pieces, steps, open_slots: open.size, done_slots: done.size, lost_slots: lost.size }
    }
}

const NONE: u32 = u32::MAX;
