//! One object beside a live run: by the algorithm without a search as long as that fits, asked
//! again whenever the history has grown by a part; by the search from then on, unless too many
//! clients are at it at once. What it sees broken stays broken: whatever comes later explains
//! nothing that is over.

use super::judged::Judged;
use super::search::{Online, Told};
use crate::budget::Meter;
use crate::models::spec::{Spec, Timed};

/// The algorithm is asked again after so many returns, and of a long history after this part of it
/// again: so each operation is looked at a few times, whatever there are.
const AGAIN_MIN: usize = 16;
const AGAIN_PART: usize = 4;

/// Beyond this the algorithm takes longer than an event may. The check after the run says all.
const OPERATIONS_MAX: usize = 50_000;

/// With more at once on one object the search takes longer than an event may.
const OPEN_MAX: usize = 12;

/// Bytes that an operation takes as long as it is kept, and each part of a list that it found.
const OPERATION_BYTES: u64 = 128;
const PART_BYTES: u64 = 32;

/// What is known of one operation.
struct Seen<Op> {
    ticket: u64,
    invoke: u32,
    /// `u32::MAX`: it has not returned, or nobody knows.
    ret: u32,
    /// What it does if nobody hears of it again; once it is answered, what it did.
    op: Option<Op>,
    /// Nobody will ever know.
    lost: bool,
}

enum Way<S: Spec> {
    /// All operations so far, in the order of invocation.
    Fast(Vec<Seen<S::Op>>),
    Search(Box<Online<S>>),
    /// It was said what there is to say.
    Over,
}

pub(super) struct Watch<S: Spec> {
    way: Way<S>,
    open: usize,
    returns: usize,
    /// The algorithm is asked at so many returns.
    due: usize,
    /// Parts of lists that were found.
    parts: u64,
}

impl<S: Spec> Watch<S> {
    pub fn new(judged: &Judged<S>) -> Self {
        let way = match judged.fast_path() {
            Some(_) => Way::Fast(Vec::new()),
            None => Way::Search(Box::new(Online::new(judged.spec.clone()))),
        };
        Watch { way, open: 0, returns: 0, due: AGAIN_MIN, parts: 0 }
    }

    /// What it holds, but for what a search does.
    pub fn bytes(&self) -> u64 {
        match &self.way {
            Way::Fast(seen) => seen.len() as u64 * OPERATION_BYTES + self.parts * PART_BYTES,
            Way::Search(_) | Way::Over => 0,
        }
    }

    /// It was shown a list of so many parts.
    pub fn found(&mut self, parts: usize) {
        self.parts += parts as u64;
    }

    /// Nothing more is said of it, and nothing is kept.
    pub fn give_up(&mut self) {
        self.way = Way::Over;
    }

    /// An operation is invoked; `op`: what it does if nobody ever hears of it again.
    pub fn invoke(&mut self, ticket: u64, rank: u32, op: Option<S::Op>) {
        self.open += 1;
        match &mut self.way {
            Way::Fast(seen) => {
                seen.push(Seen { ticket, invoke: rank, ret: u32::MAX, op, lost: false });
            }
            Way::Search(_) if self.open > OPEN_MAX => self.way = Way::Over,
            Way::Search(online) => online.invoke(ticket, rank, op),
            Way::Over => {}
        }
    }

    /// Nobody will ever know what became of it.
    pub fn lose(&mut self, ticket: u64, meter: &Meter) -> Told {
        self.open -= 1;
        match &mut self.way {
            Way::Fast(all) => {
                if let Some(seen) = find(all, ticket) {
                    seen.lost = true;
                }
                Told::Fine
            }
            Way::Search(online) => online.lose(ticket, meter),
            Way::Over => Told::Fine,
        }
    }

    /// It returns at this rank; `op`: with its answer. None: nothing follows from it.
    pub fn ret(
        &mut self,
        ticket: u64,
        rank: u32,
        op: Option<S::Op>,
        (judged, meter): (&Judged<S>, &Meter),
    ) -> Told {
        self.open -= 1;
        let all = match &mut self.way {
            Way::Fast(all) => all,
            Way::Search(online) => return online.ret(ticket, rank, op, meter),
            Way::Over => return Told::Fine,
        };
        if let Some(seen) = find(all, ticket) {
            (seen.ret, seen.op) = (rank, op);
        }
        self.returns += 1;
        if self.returns < self.due {
            return Told::Fine;
        }
        self.due = self.returns + AGAIN_MIN.max(self.returns / AGAIN_PART);
        let found = judged.fast(&timed(all));
        match found {
            Some(Ok(())) if all.len() <= OPERATIONS_MAX => Told::Fine,
            Some(Ok(())) => self.ends(Told::GaveUp),
            Some(Err(_)) => self.ends(Told::Broken),
            None if self.open > OPEN_MAX => self.ends(Told::GaveUp),
            None => {
                let (online, told) = searched(judged, all, meter);
                self.way = Way::Search(Box::new(online));
                told
            }
        }
    }

    /// The run is over: what is open stays so.
    pub fn finish(&mut self, judged: &Judged<S>, meter: &Meter) -> Told {
        match &mut self.way {
            Way::Fast(all) => match judged.fast(&timed(all)) {
                Some(Ok(())) => Told::Fine,
                Some(Err(_)) => Told::Broken,
                None => {
                    let (mut online, told) = searched(judged, all, meter);
                    if told == Told::Fine { online.finish(meter) } else { told }
                }
            },
            Way::Search(online) => online.finish(meter),
            Way::Over => Told::GaveUp,
        }
    }

    fn ends(&mut self, told: Told) -> Told {
        self.way = Way::Over;
        told
    }
}

fn find<Op>(all: &mut [Seen<Op>], ticket: u64) -> Option<&mut Seen<Op>> {
    let at = all.partition_point(|seen| seen.ticket < ticket);
    all.get_mut(at).filter(|seen| seen.ticket == ticket)
}

/// As the algorithm takes them.
fn timed<Op: Clone>(all: &[Seen<Op>]) -> Vec<Timed<Op>> {
    let of = |(id, seen): (usize, &Seen<Op>)| {
        let Seen { invoke, ret, .. } = *seen;
        let (id, process) = (id as u32, Timed::<Op>::NOBODY);
        Some(Timed { op: seen.op.clone()?, id, invoke, ret, process })
    };
    all.iter().enumerate().filter_map(of).collect()
}

/// The search, having seen all of them.
fn searched<S: Spec>(
    judged: &Judged<S>,
    all: &mut Vec<Seen<S::Op>>,
    meter: &Meter,
) -> (Online<S>, Told) {
    let mut online = Online::new(judged.spec.clone());
    let mut moments: Vec<(u32, usize)> = Vec::new();
    for (at, seen) in all.iter().enumerate() {
        moments.push((seen.invoke, at));
        if seen.ret != u32::MAX {
            moments.push((seen.ret, at));
        }
    }
    moments.sort_unstable();
    let mut told = Told::Fine;
    for (rank, at) in moments {
        let Seen { ticket, invoke, op, .. } = &all[at];
        if rank == *invoke {
            online.invoke(*ticket, rank, op.as_ref().map(judged.unanswered));
            if all[at].lost {
                told = online.lose(*ticket, meter);
            }
        } else {
            told = online.ret(*ticket, rank, op.clone(), meter);
        }
        if told != Told::Fine {
            break;
        }
    }
    all.clear();
    (online, told)
}

#[cfg(test)]
mod tests {
    use super::super::judged;
    use super::*;
    use crate::budget::Budget;
    use crate::models::register::{Op, Register};

    /// So many clients write and read one after the other within rounds; in the last round a read
    /// finds what was there a round before. Told after how many rounds, if at all.
    fn broken_after(clients: u64, rounds: u64, deletes: bool) -> Option<u64> {
        let judged = judged::register(Register::default());
        let meter = Meter::start(Budget::default());
        let mut watch = Watch::new(&judged);
        let mut rank = 0;
        let mut next = || {
            rank += 1;
            rank
        };
        for round in 1..=rounds {
            let value = |round: u64| crate::history::Value::Int(round.cast_signed());
            // Written again and again, which the algorithm without a search does not take.
            let written = if deletes { value(round % 2 + 1) } else { value(round) };
            let write = Op::Write(written.clone());
            let is_last = round == rounds;
            let found = if is_last { value(rounds + 7) } else { written };
            let ops =
                |client: u64| if client == 0 { write.clone() } else { Op::Read(found.clone()) };
            watch.invoke(round * clients, next(), Some(ops(0)));
            if watch.ret(round * clients, next(), Some(ops(0)), (&judged, &meter)) == Told::Broken {
                return Some(round);
            }
            let readers = 1..clients;
            readers.clone().for_each(|c| watch.invoke(round * clients + c, next(), None));
            for client in readers {
                let ticket = round * clients + client;
                let told = watch.ret(ticket, next(), Some(ops(client)), (&judged, &meter));
                if told == Told::Broken {
                    return Some(round);
                }
            }
        }
        (watch.finish(&judged, &meter) == Told::Broken).then_some(rounds)
    }

    #[test]
    fn what_is_broken_is_seen_however_many_ask_at_once() {
        assert_eq!(broken_after(3, 200, false), Some(200));
        assert_eq!(broken_after(100, 20, false), Some(20));
        // By the search, where few do; where many do, it is left to the check after the run.
        assert_eq!(broken_after(3, 50, true), Some(50));
        assert_eq!(broken_after(100, 20, true), None);
    }

    #[test]
    fn what_is_kept_is_counted() {
        let judged = judged::register(Register::default());
        let mut watch = Watch::new(&judged);
        assert_eq!(watch.bytes(), 0);
        watch.invoke(1, 1, None);
        let one = watch.bytes();
        watch.found(1_000);
        assert!(one > 0 && watch.bytes() >= one + 1_000);
        watch.give_up();
        assert_eq!(watch.bytes(), 0);
    }

    #[test]
    fn what_nobody_answered_may_have_happened() {
        let judged = judged::register(Register::default());
        let meter = Meter::start(Budget::default());
        for lost in [true, false] {
            let mut watch = Watch::new(&judged);
            let mut told = Told::Fine;
            for round in 0..40_u32 {
                let (ticket, value) = (u64::from(3 * round), crate::history::Value::Int(7));
                if round == 0 && lost {
                    watch.invoke(1, 1, Some(Op::Write(value.clone())));
                    assert_eq!(watch.lose(1, &meter), Told::Fine);
                }
                let found = if round < 20 { crate::history::Value::Null } else { value };
                watch.invoke(ticket + 3, 10 + 2 * round, None);
                let read = Some(Op::Read(found));
                told = watch.ret(ticket + 3, 11 + 2 * round, read, (&judged, &meter));
                if told != Told::Fine {
                    break;
                }
            }
            assert_eq!(told, if lost { Told::Fine } else { Told::Broken });
        }
    }
}
