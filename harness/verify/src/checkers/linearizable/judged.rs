//! Which algorithms can judge the objects of each model.

use super::fast::{self, Certificate};
use super::search::{LineSpace, RegisterSpace, Searched, search, search_space};
use crate::budget::Meter;
use crate::models::consensus::Consensus;
use crate::models::counter::{self, Counter};
use crate::models::kv::{self, Kv};
use crate::models::multi_register::MultiRegister;
use crate::models::mutex::{self, Mutex};
use crate::models::queue::{self, Queue};
use crate::models::register::{self, Register};
use crate::models::set::{self, Set};
use crate::models::spec::{Spec, Timed};

pub trait Judged: Spec<State: Send + Sync, Op: Send + Sync> + Sync {
    /// The fast path's name; empty: there is none.
    const FAST: &'static str = "";
    /// Which histories the fast path can judge: what follows "it takes".
    const TAKES: &'static str = "";

    fn search(&self, ops: &[Timed<Self::Op>], meter: &Meter) -> Searched {
        search(self, ops.to_vec(), meter)
    }

    /// The fast path. None: it does not fit these operations.
    fn fast(&self, _ops: &[Timed<Self::Op>]) -> Option<Result<(), Certificate>> {
        None
    }
}

impl Judged for Register {
    const FAST: &'static str = "zones";
    const TAKES: &'static str = "histories in which no value that was found has two writers, the \
                                 initial value included, and no failed cas says anything";

    fn fast(&self, ops: &[Timed<register::Op>]) -> Option<Result<(), Certificate>> {
        fast::zones::judge_register(&self.initial, ops)
    }

    fn search(&self, ops: &[Timed<register::Op>], meter: &Meter) -> Searched {
        let (mut space, pieces) = RegisterSpace::new(&self.initial, ops);
        search_space(&mut space, pieces, meter)
    }
}

impl Judged for MultiRegister {}

impl Judged for Kv {
    const FAST: &'static str = "zones";
    const TAKES: &'static str = "histories in which no value that was found can have come about \
                                 in two ways, and no failed cas says anything";

    fn fast(&self, ops: &[Timed<kv::Op>]) -> Option<Result<(), Certificate>> {
        fast::zones::judge_kv(&self.initial, ops)
    }
}

impl Judged for Queue {
    const FAST: &'static str = "fifo";
    const TAKES: &'static str = "queues, not stacks, into which no value is put twice";

    fn search(&self, ops: &[Timed<queue::Op>], meter: &Meter) -> Searched {
        let (mut space, pieces) = LineSpace::new(self, ops);
        search_space(&mut space, pieces, meter)
    }

    fn fast(&self, ops: &[Timed<queue::Op>]) -> Option<Result<(), Certificate>> {
        if self.is_stack { None } else { fast::fifo::judge(&self.initial, ops) }
    }
}

impl Judged for Set {
    const FAST: &'static str = "elements";
    const TAKES: &'static str = "sets from which nothing is removed, or without reads of all whose \
                                 elements come and go once at most";

    fn fast(&self, ops: &[Timed<set::Op>]) -> Option<Result<(), Certificate>> {
        fast::set::judge(&self.initial, ops)
    }
}

impl Judged for Counter {
    const FAST: &'static str = "matching";
    const TAKES: &'static str = "counters to which every add adds the same";

    fn fast(&self, ops: &[Timed<counter::Op>]) -> Option<Result<(), Certificate>> {
        fast::counter::judge(self.initial, ops)
    }
}

impl Judged for Mutex {
    const FAST: &'static str = "turns";
    const TAKES: &'static str = "every mutex";

    fn fast(&self, ops: &[Timed<mutex::Op>]) -> Option<Result<(), Certificate>> {
        Some(fast::mutex::judge(self.held, ops))
    }
}
impl Judged for Consensus {}
