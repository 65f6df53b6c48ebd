//! Every model but the log, ready to judge: what its objects hold at the start, from the options.
//! This is their table.

use std::collections::{BTreeMap, BTreeSet};

use super::judge::judge;
use super::judged::{self, Judged};
use super::online::ObjectsMonitor;
use super::options::{CheckError, CheckOptions, FailedCas};
use super::order::{Order, orders};
use crate::budget::Meter;
use crate::checkers::{CheckResult, Monitor};
use crate::history::{History, Value};
use crate::models::consensus::Consensus;
use crate::models::counter::{self, Counter};
use crate::models::kv::Kv;
use crate::models::multi_register::MultiRegister;
use crate::models::mutex::Mutex;
use crate::models::queue::Queue;
use crate::models::register::Register;
use crate::models::set::{self, Set};
use crate::models::spec::Spec;

/// A model with its settings: all that is needed to judge a history, or a run that goes on.
pub(super) trait Configured {
    fn judge(
        &self,
        history: &History,
        options: &CheckOptions,
        meter: &Meter,
    ) -> Result<CheckResult, CheckError>;

    /// Judges while the run goes on, holding no more than so many bytes.
    fn monitor(&self, memory_bytes: u64) -> Box<dyn Monitor>;

    /// For each key an order that explains all, or as much as was found.
    fn orders(&self, history: &History) -> Vec<Order>;
}

impl<S> Configured for Judged<S>
where
    S: Spec<State: Send + Sync, Op: Send + Sync> + Sync + 'static,
{
    fn judge(
        &self,
        history: &History,
        options: &CheckOptions,
        meter: &Meter,
    ) -> Result<CheckResult, CheckError> {
        judge(self, history, options, meter)
    }

    fn monitor(&self, memory_bytes: u64) -> Box<dyn Monitor> {
        Box::new(ObjectsMonitor::new(self.clone(), memory_bytes))
    }

    fn orders(&self, history: &History) -> Vec<Order> {
        orders(&self.spec, history)
    }
}

type Configure = fn(&CheckOptions) -> Result<Box<dyn Configured>, CheckError>;

/// Every model but the log, with what judges its objects.
pub(super) const OBJECTS: &[(&str, Configure)] = &[
    ("register", |options| {
        let initial = options.initial.clone().unwrap_or(Value::Null);
        let register = Register {
            failed_cas_constrains: options.failed_cas == FailedCas::Constrain,
            null_says_nothing: options.null_says_nothing,
            initial,
        };
        Ok(Box::new(judged::register(register)))
    }),
    ("multi-register", |options| {
        let initial = registers(options.initial.as_ref())?;
        let null_says_nothing = options.null_says_nothing;
        Ok(Box::new(Judged::plain(MultiRegister { initial, null_says_nothing })))
    }),
    ("kv", |options| {
        let initial = options.initial.clone().unwrap_or(Value::Null);
        let failed_cas_constrains = options.failed_cas == FailedCas::Constrain;
        Ok(Box::new(judged::kv(Kv { initial, failed_cas_constrains })))
    }),
    ("queue", |options| {
        let initial = list(options.initial.as_ref())?;
        Ok(Box::new(judged::queue(Queue { initial, is_stack: false })))
    }),
    ("stack", |options| {
        let initial = list(options.initial.as_ref())?;
        Ok(Box::new(judged::queue(Queue { initial, is_stack: true })))
    }),
    ("set", |options| {
        let initial = match &options.initial {
            None | Some(Value::Null) => BTreeSet::new(),
            Some(value) => set::elements(value).map_err(initial_error)?,
        };
        Ok(Box::new(judged::set(Set { initial })))
    }),
    ("counter", |options| {
        let initial = match &options.initial {
            None | Some(Value::Null) => 0,
            Some(value) => counter::number(value).map_err(initial_error)?,
        };
        Ok(Box::new(judged::counter(Counter { initial })))
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
        Ok(Box::new(judged::mutex(Mutex { held })))
    }),
    ("consensus", |options| match &options.initial {
        None | Some(Value::Null) => Ok(Box::new(Judged::plain(Consensus))),
        Some(other) => Err(initial_error(format!("a key starts undecided, not as {other}"))),
    }),
];

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
