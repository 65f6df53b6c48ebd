//! The search of one object beside a live run: fed with events as they happen, it says at a return
//! whether any order still explains everything. It never needs to know what comes later, and it
//! gives up for good rather than hold up the run.
//!
//! The engine wants to know of each operation, when it is invoked, what will be answered. So it
//! goes only as far as nobody is open that was invoked before: that part is settled. What comes
//! after is searched anew at each return, on a copy, with open operations as lost ones: they may
//! have happened, or not.

use std::collections::{HashMap, VecDeque};

use foldhash::fast::FixedState;

use super::engine::{Engine, Mode};
use super::plan::{Piece, Pool, Step};
use super::purse::Purse;
use super::space::Numbered;
use crate::budget::Meter;
use crate::models::spec::{Spec, Timed};

/// Room for so many open operations, and so many kinds of lost ones; a key that needs more is left
/// to the check after the run.
const WORDS: usize = 4;
const LOST: usize = 128;

/// More configurations than this take longer than an event may: some milliseconds.
#[cfg(not(test))]
const MODE: Mode = Mode { beam: 512, endless: false };
/// Tests compare with brute force, which never gives up.
#[cfg(test)]
const MODE: Mode = Mode { beam: usize::MAX, endless: false };

/// Up to so many events since the settled part are searched again at every return; of more, only
/// when they have grown by this part: each event is searched this often at most, on average.
const AGAIN: usize = 64;

#[derive(Clone)]
enum Known<Op> {
    /// Still open; what it does if nobody ever hears of it again.
    Open(Option<Op>),
    /// Answered; None: nothing follows from it.
    Answered(Option<Op>),
    /// Nobody will ever know.
    Lost(Option<Op>),
}

/// One operation of the part that is not settled.
struct Recent<Op> {
    ticket: u64,
    known: Known<Op>,
    piece: Option<Piece>,
}

#[derive(Clone, Copy)]
struct Moment {
    ticket: u64,
    rank: u32,
    is_return: bool,
}

/// The engine with what gives out its slots.
struct Live {
    engine: Engine<WORDS, LOST>,
    open: Pool,
    done: Pool,
    lost: HashMap<u32, u32, FixedState>,
}

/// What an event did to the search.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Told {
    /// Some order explains everything so far, or it was not tried yet.
    Fine,
    /// No order does.
    Broken,
    /// It has given up on this object.
    GaveUp,
}

/// One object, searched while it is in use.
pub struct Online<S: Spec> {
    space: Numbered<S>,
    live: Live,
    moments: VecDeque<Moment>,
    recent: VecDeque<Recent<S::Op>>,
    told: Told,
    /// Events since the last search of the part that is not settled.
    unsearched: usize,
}

impl<S: Spec> Online<S> {
    pub fn new(spec: S) -> Self {
        Online {
            space: Numbered::new(spec, Vec::new()),
            live: Live {
                engine: Engine::new(MODE),
                open: Pool::default(),
                done: Pool::default(),
                lost: HashMap::default(),
            },
            moments: VecDeque::new(),
            recent: VecDeque::new(),
            told: Told::Fine,
            unsearched: 0,
        }
    }

    /// An operation is invoked at this rank; `op`: what it does if nobody ever hears of it again.
    /// Tickets ascend.
    pub fn invoke(&mut self, ticket: u64, rank: u32, op: Option<S::Op>) {
        if self.told == Told::Fine {
            self.moments.push_back(Moment { ticket, rank, is_return: false });
            self.recent.push_back(Recent { ticket, known: Known::Open(op), piece: None });
        }
    }

    /// Nobody will ever know what became of it.
    pub fn lose(&mut self, ticket: u64, meter: &Meter) -> Told {
        if let Some(recent) = self.recent(ticket)
            && let Known::Open(op) = &recent.known
        {
            recent.known = Known::Lost(op.clone());
        }
        self.settle(meter);
        self.told
    }

    /// It returns at this rank; `op`: with its answer. None: nothing follows from it.
    pub fn ret(&mut self, ticket: u64, rank: u32, op: Option<S::Op>, meter: &Meter) -> Told {
        if self.told != Told::Fine {
            return self.told;
        }
        let says = op.is_some();
        if let Some(recent) = self.recent(ticket) {
            recent.known = Known::Answered(op);
        }
        self.moments.push_back(Moment { ticket, rank, is_return: true });
        self.unsearched += 1;
        self.settle(meter);
        let due = self.unsearched * AGAIN >= self.moments.len();
        if says && due && self.told == Told::Fine && !self.moments.is_empty() {
            self.try_recent(meter);
        }
        self.told
    }

    /// The run is over: what is open stays so.
    pub fn finish(&mut self, meter: &Meter) -> Told {
        for recent in &mut self.recent {
            if let Known::Open(op) = &recent.known {
                recent.known = Known::Lost(op.clone());
            }
        }
        self.settle(meter);
        self.told
    }

    fn recent(&mut self, ticket: u64) -> Option<&mut Recent<S::Op>> {
        let at = self.recent.partition_point(|recent| recent.ticket < ticket);
        self.recent.get_mut(at).filter(|recent| recent.ticket == ticket)
    }

    /// Goes as far as nobody is open that was invoked before.
    fn settle(&mut self, meter: &Meter) {
        let mut purse = Purse::new(meter);
        while self.told == Told::Fine
            && let Some(&moment) = self.moments.front()
        {
            let at = self.recent.partition_point(|recent| recent.ticket < moment.ticket);
            if matches!(self.recent[at].known, Known::Open(_)) {
                break;
            }
            let returns = self.moments.iter().find(|m| m.is_return && m.ticket == moment.ticket);
            let ret = returns.map_or(u32::MAX, |moment| moment.rank);
            let recent = &mut self.recent[at];
            self.told = self.live.take(&mut self.space, recent, moment, ret, &mut purse);
            self.moments.pop_front();
            self.unsearched = self.unsearched.min(self.moments.len());
            while let Some(first) = self.recent.front()
                && self.moments.iter().all(|moment| moment.ticket != first.ticket)
            {
                self.recent.pop_front();
            }
        }
        if self.told != Told::Fine {
            self.moments.clear();
            self.recent.clear();
        }
    }

    /// Searches what is not settled, with open operations as lost ones.
    fn try_recent(&mut self, meter: &Meter) {
        self.unsearched = 0;
        let mut purse = Purse::new(meter);
        let mut live = self.live.fork();
        let mut returns: HashMap<u64, u32, FixedState> = HashMap::default();
        returns.extend(self.moments.iter().filter(|m| m.is_return).map(|m| (m.ticket, m.rank)));
        let mut recents: Vec<Recent<S::Op>> = self
            .recent
            .iter()
            .map(|recent| Recent {
                known: match &recent.known {
                    Known::Open(op) => Known::Lost(op.clone()),
                    known => known.clone(),
                },
                ..*recent
            })
            .collect();
        for &moment in &self.moments {
            let at = recents.partition_point(|recent| recent.ticket < moment.ticket);
            let ret = returns.get(&moment.ticket).copied().unwrap_or(u32::MAX);
            match live.take(&mut self.space, &mut recents[at], moment, ret, &mut purse) {
                Told::Fine => {}
                Told::Broken => {
                    self.told = Told::Broken;
                    return;
                }
                // The settled part says when it is too much for good.
                Told::GaveUp => return,
            }
        }
    }
}

impl Live {
    fn fork(&self) -> Live {
        Live {
            engine: self.engine.fork(),
            open: self.open.clone(),
            done: self.done.clone(),
            lost: self.lost.clone(),
        }
    }

    /// One event of an operation that is not open any more.
    fn take<S: Spec>(
        &mut self,
        space: &mut Numbered<S>,
        recent: &mut Recent<S::Op>,
        moment: Moment,
        ret: u32,
        purse: &mut Purse<'_>,
    ) -> Told {
        let (op, is_lost) = match &recent.known {
            Known::Answered(Some(op)) => (op, false),
            Known::Lost(Some(op)) | Known::Open(Some(op)) => (op, true),
            _ => return Told::Fine,
        };
        if moment.is_return && is_lost {
            return Told::Fine;
        }
        let step = if moment.is_return {
            let piece = recent.piece.as_ref().expect("it was invoked before it returned");
            if piece.only_reads {
                self.done.give(piece.slot);
            } else {
                self.open.give(piece.slot);
            }
            Step::Return(0)
        } else {
            let only_reads = space.spec().only_reads(op);
            if is_lost && only_reads {
                return Told::Fine;
            }
            let class = space.class(op);
            let ret = if is_lost { u32::MAX } else { ret };
            let process = Timed::<()>::NOBODY;
            let timed = Timed { op: (), id: 0, invoke: moment.rank, ret, process };
            let mut piece = Piece::new(&timed, class, only_reads);
            let (slot, step) = if is_lost {
                let next = self.lost.len() as u32;
                (*self.lost.entry(class).or_insert(next), Step::Lost(0))
            } else {
                let pool = if only_reads { &mut self.done } else { &mut self.open };
                (pool.take(), Step::Invoke(0))
            };
            let room = if is_lost { LOST } else { 64 * WORDS };
            if slot as usize >= room {
                return Told::GaveUp;
            }
            piece.slot = slot;
            recent.piece = Some(piece);
            step
        };
        let piece = [recent.piece.expect("made above")];
        match self.engine.step(space, &piece, step, moment.rank, purse) {
            Ok(true) => Told::Fine,
            Ok(false) if !self.engine.dropped => Told::Broken,
            _ => Told::GaveUp,
        }
    }
}
