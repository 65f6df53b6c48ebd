//! Which algorithms can judge the objects of each model. This is their table.
//! It never decides a verdict.

use std::collections::{BTreeMap, BTreeSet};

use super::object::judge;
use super::online::SearchMonitor;
use super::options::{CheckError, CheckOptions, FailedCas};
use crate::budget::Meter;
use crate::checkers::search::{LineSpace, RegisterSpace, Searched, search, search_space};
use crate::checkers::{Finding, Monitor, fast};
use crate::history::{History, Value};
use crate::models::consensus::Consensus;
use crate::models::counter::{self, Counter};
use crate::models::kv::{self, Kv};
use crate::models::multi_register::MultiRegister;
use crate::models::mutex::{self, Mutex};
use crate::models::queue::{self, Queue};
use crate::models::register::{self, Register};
use crate::models::set::{self, Set};
use crate::models::spec::{Spec, Timed};

/// A fast path found that no order explains the answers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Certificate {
    /// The operations that prove it, by their numbers.
    pub ops: Vec<u32>,
    /// Why, in plain words; operations are named `{0}`, `{1}` by their place in `ops`.
    pub why: String,
}

/// A model whose objects can be judged.
pub trait Judged: Spec<State: Send + Sync, Op: Send + Sync> + Sync {
    /// The fast path's name; empty: there is none.
    const FAST: &'static str = "";
    /// Which histories the fast path can judge: what follows "it takes".
    const TAKES: &'static str = "";

    /// The general algorithm.
    fn search(&self, ops: &[Timed<Self::Op>], meter: &Meter) -> Searched {
        search(self, ops.to_vec(), meter)
    }

    /// The fast path. None: it does not fit these operations.
    fn fast(&self, ops: &[Timed<Self::Op>]) -> Option<Result<(), Certificate>> {
        let _ = ops;
        None
    }
}

/// A model with its settings: all that is needed to judge a history, or a run that goes on.
pub(super) trait Configured {
    /// Judges every object of a history.
    fn judge(
        &self,
        history: &History,
        options: &CheckOptions,
        meter: &Meter,
    ) -> Result<Finding, CheckError>;

    /// Judges while the run goes on, holding no more than so many bytes.
    fn monitor(&self, memory_bytes: u64) -> Box<dyn Monitor>;
}

impl<S: Judged + 'static> Configured for S {
    fn judge(
        &self,
        history: &History,
        options: &CheckOptions,
        meter: &Meter,
    ) -> Result<Finding, CheckError> {
        judge(self, history, options, meter)
    }

    fn monitor(&self, memory_bytes: u64) -> Box<dyn Monitor> {
        Box::new(SearchMonitor::new(self.clone(), memory_bytes))
    }
}

type Configure = fn(&CheckOptions) -> Result<Box<dyn Configured>, CheckError>;

/// Every model but the log, with what judges its objects.
pub(super) const OBJECTS: &[(&str, Configure)] = &[
    ("register", |options| {
        let initial = options.initial.clone().unwrap_or(Value::Null);
        let register = Register {
            failed_cas_constrains: options.failed_cas == FailedCas::Constrain,
            null_says_nothing: options.null_says_nothing && initial != Value::Null,
            initial,
        };
        Ok(Box::new(register))
    }),
    ("multi-register", |options| {
        let initial = registers(options.initial.as_ref())?;
        let null_says_nothing = options.null_says_nothing && !initial.is_empty();
        Ok(Box::new(MultiRegister { initial, null_says_nothing }))
    }),
    ("kv", |options| {
        let initial = options.initial.clone().unwrap_or(Value::Null);
        let failed_cas_constrains = options.failed_cas == FailedCas::Constrain;
        Ok(Box::new(Kv { initial, failed_cas_constrains }))
    }),
    ("queue", |options| {
        let initial = list(options.initial.as_ref())?;
        Ok(Box::new(Queue { initial, is_stack: false }))
    }),
    ("stack", |options| {
        let initial = list(options.initial.as_ref())?;
        Ok(Box::new(Queue { initial, is_stack: true }))
    }),
    ("set", |options| {
        let initial = match &options.initial {
            None | Some(Value::Null) => BTreeSet::new(),
            Some(value) => set::elements(value).map_err(initial_error)?,
        };
        Ok(Box::new(Set { initial }))
    }),
    ("counter", |options| {
        let initial = match &options.initial {
            None | Some(Value::Null) => 0,
            Some(value) => counter::number(value).map_err(initial_error)?,
        };
        Ok(Box::new(Counter { initial }))
    }),
    ("mutex", |options| {
        let held = match &options.initial {
            None | Some(Value::Null | Value::Bool(false)) => false,
            Some(Value::Bool(true)) => true,
            Some(Value::Str(word)) if &**word == "free" => false,
            Some(Value::Str(word)) if &**word == "held" => true,
            Some(other) => {
                return Err(initial_error(format!("found {other}; expected free or held")));
            }
        };
        Ok(Box::new(Mutex { held }))
    }),
    ("consensus", |options| match &options.initial {
        None | Some(Value::Null) => Ok(Box::new(Consensus)),
        Some(other) => Err(initial_error(format!("a key starts undecided, not as {other}"))),
    }),
];

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

fn initial_error(message: String) -> CheckError {
    CheckError::Initial { message }
}

fn list(initial: Option<&Value>) -> Result<Vec<Value>, CheckError> {
    match initial {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::List(values)) => Ok(values.to_vec()),
        Some(other) => Err(initial_error(format!("found {other}; expected a list"))),
    }
}

/// `{"x":0,"y":0}`: what each register holds.
fn registers(initial: Option<&Value>) -> Result<BTreeMap<Value, Value>, CheckError> {
    let wrong = |found: &Value| {
        initial_error(format!("found {found}; expected a map from registers to their values"))
    };
    match initial {
        None | Some(Value::Null) => Ok(BTreeMap::new()),
        Some(found @ Value::Other(json)) => {
            type Map = serde_json::Map<String, serde_json::Value>;
            let map: Map = serde_json::from_str(json).map_err(|_| wrong(found))?;
            let entry = |(name, value): (String, serde_json::Value)| {
                (Value::Str(name.into()), Value::from_json(&value))
            };
            Ok(map.into_iter().map(entry).collect())
        }
        Some(other) => Err(wrong(other)),
    }
}
