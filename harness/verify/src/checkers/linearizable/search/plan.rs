//! One object's operations as steps for the search, with slots given out beforehand.

use crate::checkers::linearizable::own;
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
    /// Whose it is, where ranks do not tell the order of its operations.
    process: u32,
    /// Nobody knows when it returned, even if it is known to have taken effect before `ret`.
    is_lost: bool,
    /// The piece of its process that comes before it although they overlap; `NONE`.
    pub after: u32,
    /// It is that piece of another.
    pub leads: bool,
    /// Where it is lost, and waits for the piece before it in a bit of its own: the count of its
    /// class that it joins then; `NONE` if by then nobody can tell whether it happened.
    pub joins: u32,
}

impl Piece {
    /// A piece of this class, without a slot yet.
    pub fn new<Op>(timed: &Timed<Op>, class: u32, only_reads: bool) -> Self {
        let Timed { id, invoke, ret, process, .. } = *timed;
        let is_lost = timed.is_lost();
        let (slot, after, leads, joins) = (0, NONE, false, NONE);
        Piece { class, only_reads, id, invoke, ret, slot, process, is_lost, after, leads, joins }
    }

    /// It may never happen, and if so only once the piece before it did.
    pub fn waits(&self) -> bool {
        self.ret == u32::MAX && self.after != NONE
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
    /// A lost operation waited for the one before it, which has returned: it is as any other now.
    Join(u32),
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
        keep_own_order(&mut pieces);
        let mut events: Vec<(u32, Moment, u32)> = Vec::with_capacity(2 * pieces.len());
        for (at, piece) in pieces.iter().enumerate() {
            let at = at as u32;
            events.push((piece.invoke, Moment::Event, at));
            if piece.ret != u32::MAX {
                events.push((piece.ret, Moment::Event, at));
                continue;
            }
            if piece.waits() {
                events.push((pieces[piece.after as usize].ret, Moment::Join, at));
            }
            if useful_until(piece.class) != u32::MAX {
                events.push((useful_until(piece.class), Moment::Retire, at));
            }
        }
        events.sort_unstable();

        let (mut open, mut done, mut lost) = (Pool::default(), Pool::default(), Pool::default());
        // The slots of classes of which some operation is lost and not retired.
        let classes = pieces.iter().map(|piece| piece.class + 1).max().unwrap_or(0);
        let mut slot_of = vec![NONE; classes as usize];
        let mut steps = Vec::with_capacity(events.len());
        for (rank, moment, at) in events {
            let piece = &mut pieces[at as usize];
            let slot_of = &mut slot_of[piece.class as usize];
            let pool = if piece.only_reads { &mut done } else { &mut open };
            let step = if moment == Moment::Retire {
                if *slot_of == NONE {
                    continue; // with another of its class
                }
                let slot = std::mem::replace(slot_of, NONE);
                lost.give(slot);
                Step::Retire(slot)
            } else if moment == Moment::Join {
                pool.give(piece.slot);
                if useful_until(piece.class) >= rank {
                    if *slot_of == NONE {
                        *slot_of = lost.take();
                    }
                    piece.joins = *slot_of;
                }
                Step::Join(at)
            } else if piece.ret == u32::MAX && !piece.waits() {
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

/// What comes at a rank: a retirement right after the event, and after who joins then.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Moment {
    Event,
    Join,
    Retire,
}

/// Finds which piece comes after which although they overlap.
fn keep_own_order(pieces: &mut [Piece]) {
    let times = pieces.iter().map(|piece| {
        let ret = if piece.is_lost { u32::MAX } else { piece.ret };
        (piece.process, piece.invoke, ret)
    });
    for (at, after) in own::places(times).into_iter().enumerate() {
        pieces[at].after = after;
        if after != NONE {
            pieces[after as usize].leads = true;
        }
    }
}

pub(super) const NONE: u32 = u32::MAX;
