//! Which algorithms can judge the objects of each model.

use super::fast::{self, Certificate};
use super::search::{LineSpace, RegisterSpace, Searched, Way, search, search_space};
use crate::budget::Meter;
use crate::models::counter::Counter;
use crate::models::kv::Kv;
use crate::models::mutex::Mutex;
use crate::models::queue::{Op, Queue};
use crate::models::register::Register;
use crate::models::set::Set;
use crate::models::spec::{Spec, Timed};

/// A model, with what judges its objects.
#[derive(Clone)]
pub(super) struct Judged<S: Spec> {
    pub spec: S,
    /// What is known of an operation before it is answered.
    pub unanswered: fn(&S::Op) -> S::Op,
    search: Search<S>,
    fast: Option<Fast<S>>,
}

type Search<S> = fn(&S, &[Timed<<S as Spec>::Op>], Way, &Meter) -> Searched;
type Judge<S> = fn(&S, &[Timed<<S as Spec>::Op>]) -> Option<Result<(), Certificate>>;

/// What judges some histories without a search.
#[derive(Clone)]
struct Fast<S: Spec> {
    name: &'static str,
    /// Which histories: what follows "it takes".
    takes: &'static str,
    /// None: it does not fit these operations.
    judge: Judge<S>,
}

impl<S: Spec> Judged<S> {
    /// Any model: by search alone.
    pub fn plain(spec: S) -> Self {
        Judged {
            spec,
            unanswered: Clone::clone,
            search: |spec, ops, way, meter| search(spec, ops.to_vec(), way, meter),
            fast: None,
        }
    }

    fn with(spec: S, name: &'static str, takes: &'static str, judge: Judge<S>) -> Self {
        Judged { fast: Some(Fast { name, takes, judge }), ..Judged::plain(spec) }
    }

    pub fn search(&self, ops: &[Timed<S::Op>], way: Way, meter: &Meter) -> Searched {
        (self.search)(&self.spec, ops, way, meter)
    }

    /// None: there is no fast path, or it does not fit these operations.
    pub fn fast(&self, ops: &[Timed<S::Op>]) -> Option<Result<(), Certificate>> {
        (self.fast.as_ref()?.judge)(&self.spec, ops)
    }

    /// The fast path's name, and which histories it takes.
    pub fn fast_path(&self) -> Option<(&'static str, &'static str)> {
        self.fast.as_ref().map(|fast| (fast.name, fast.takes))
    }
}

pub(super) fn register(spec: Register) -> Judged<Register> {
    let takes = "histories in which no value that was found has two writers, the initial value \
                 included, and no failed cas says anything";
    let judge = |spec: &Register, ops: &[_]| fast::zones::judge_register(&spec.initial, ops);
    Judged {
        search: |spec, ops, way, meter| {
            let (mut space, pieces) = RegisterSpace::new(&spec.initial, ops);
            search_space(&mut space, pieces, way, meter)
        },
        ..Judged::with(spec, "zones", takes, judge)
    }
}

pub(super) fn kv(spec: Kv) -> Judged<Kv> {
    let takes = "histories in which no value that was found can have come about in two ways, and \
                 no failed cas says anything";
    Judged::with(spec, "zones", takes, |spec, ops| fast::zones::judge_kv(&spec.initial, ops))
}

pub(super) fn queue(spec: Queue) -> Judged<Queue> {
    let takes = "queues, not stacks, into which no value is put twice";
    let judge = |spec: &Queue, ops: &[_]| {
        if spec.is_stack { None } else { fast::fifo::judge(&spec.initial, ops) }
    };
    Judged {
        search: |spec, ops, way, meter| {
            let (mut space, pieces) = LineSpace::new(spec, ops);
            search_space(&mut space, pieces, way, meter)
        },
        unanswered: |op| match op {
            Op::Put(_) => op.clone(),
            Op::Took(_) | Op::TookSome | Op::Empty => Op::TookSome,
        },
        ..Judged::with(spec, "fifo", takes, judge)
    }
}

pub(super) fn set(spec: Set) -> Judged<Set> {
    let takes = "sets from which nothing is removed, or without reads of all whose elements come \
                 and go once at most";
    Judged::with(spec, "elements", takes, |spec, ops| fast::set::judge(&spec.initial, ops))
}

pub(super) fn counter(spec: Counter) -> Judged<Counter> {
    let takes = "counters to which every add adds the same";
    Judged::with(spec, "matching", takes, |spec, ops| fast::counter::judge(spec.initial, ops))
}

pub(super) fn mutex(spec: Mutex) -> Judged<Mutex> {
    let judge = |spec: &Mutex, ops: &[_]| Some(fast::mutex::judge(spec.held, ops));
    Judged::with(spec, "turns", "every mutex", judge)
}
