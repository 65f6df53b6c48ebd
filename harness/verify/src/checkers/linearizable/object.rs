//! One history as objects, one a key: read, judged one by one, weighed together.
//! It never says valid of a history of which one key was given up.

use std::collections::HashMap;

use foldhash::fast::FixedState;
use rayon::prelude::*;

use super::explain::{explain, name_certificate, near};
use super::objects::Judged;
use super::options::{CheckError, CheckOptions};
use crate::budget::Meter;
use crate::checkers::Finding;
use crate::checkers::search::Ended;
use crate::history::{Event, History, Type, Value};
use crate::models::ModelError;
use crate::models::spec::{Call, Timed};
use crate::verdict::{Anomaly, Verdict};

/// The operations of one key, in the order of invocation.
pub(super) struct Object<Op> {
    pub key: Option<Value>,
    pub ops: Vec<Timed<Op>>,
}

/// What became of one object.
struct Found {
    algorithm: &'static str,
    anomaly: Option<Anomaly>,
    gave_up: Option<String>,
}

/// Starting threads for less than this many operations costs more than it saves.
const PARALLEL_OPS_MIN: usize = 2_000;

/// Judges every object of a history.
pub(super) fn judge<S: Judged>(
    spec: &S,
    history: &History,
    options: &CheckOptions,
    meter: &Meter,
) -> Result<Finding, CheckError> {
    let forced = options.algorithm.as_deref();
    if let Some(name) = forced.filter(|name| *name != "search" && *name != S::FAST) {
        let fast = Some(S::FAST).filter(|name| !name.is_empty());
        let known: Vec<&str> = fast.into_iter().chain(["search"]).collect();
        let known = known.join(", ");
        return Err(CheckError::NoSuchAlgorithm { algorithm: name.into(), known });
    }
    let wrong = || CheckError::Algorithm { algorithm: S::FAST, takes: S::TAKES };
    let objects = objects(spec, history)?;
    let one = |object: &Object<S::Op>| judge_object(spec, history, object, options, meter);
    let parallel = objects.len() > 1 && history.operations().len() >= PARALLEL_OPS_MIN;
    let found: Vec<Option<Found>> = if parallel {
        objects.par_iter().map(one).collect()
    } else {
        objects.iter().map(one).collect()
    };
    let found: Option<Vec<Found>> = found.into_iter().collect();
    let found = found.ok_or_else(wrong)?;

    let mut finding = Finding::new(history.operations().len() as u64);
    let searched = found.iter().filter(|found| found.algorithm == "search").count();
    finding.algorithm = Some(if searched > 0 || S::FAST.is_empty() { "search" } else { S::FAST });
    if searched > 0 && searched < found.len() {
        let fast = found.len() - searched;
        finding.notes.push(format!("{fast} of {} keys were judged by `{}`", found.len(), S::FAST));
    }
    let keys = found.len();
    let gave_up: Vec<String> = found.iter().filter_map(|found| found.gave_up.clone()).collect();
    let anomalies: Vec<Anomaly> = found.into_iter().filter_map(|found| found.anomaly).collect();
    if !gave_up.is_empty() {
        let decided = keys - gave_up.len();
        let many = if keys > 1 {
            format!("; {decided} of {keys} keys were decided")
        } else {
            String::new()
        };
        let reason = format!("{}{many}", gave_up[0]);
        if anomalies.is_empty() {
            finding.verdict = Verdict::Unknown { reason };
        } else {
            finding.notes.push(reason);
        }
    }
    if !anomalies.is_empty() {
        finding.verdict = Verdict::Violated(anomalies);
    }
    Ok(finding)
}

/// None: the algorithm that is forced does not fit.
fn judge_object<S: Judged>(
    spec: &S,
    history: &History,
    object: &Object<S::Op>,
    options: &CheckOptions,
    meter: &Meter,
) -> Option<Found> {
    let forced = options.algorithm.as_deref();
    let mut found = Found { algorithm: "search", anomaly: None, gave_up: None };
    if forced != Some("search")
        && let Some(fast) = spec.fast(&object.ops)
    {
        found.algorithm = S::FAST;
        let name = |certificate| name_certificate(history, object, &certificate);
        found.anomaly = fast.err().map(name);
        return Some(found);
    }
    if forced.is_some_and(|name| name != "search") {
        return None;
    }
    let searched = spec.search(&object.ops, meter);
    match searched.ended {
        Ended::Explained => {}
        Ended::Stuck { rank, .. } => {
            found.anomaly = Some(if options.explain {
                explain(spec, history, object, rank, meter)
            } else {
                near(history, object, rank)
            });
        }
        Ended::Spent { rank, spent } => {
            let before = |op: &&Timed<S::Op>| !op.is_lost() && op.ret < rank;
            let done = object.ops.iter().filter(before).count();
            let key = object.key.as_ref().map(|key| format!("key {key}: ")).unwrap_or_default();
            let event = history.events()[rank as usize].index;
            found.gave_up = Some(format!(
                "{key}{spent}: everything before event {event} is explained ({done} of {} operations)",
                object.ops.len()
            ));
        }
    }
    Some(found)
}

/// Reads every operation, key by key, in the order in which keys first come.
fn objects<S: Judged>(spec: &S, history: &History) -> Result<Vec<Object<S::Op>>, ModelError> {
    let mut objects: Vec<Object<S::Op>> = Vec::new();
    let mut places: HashMap<Option<&Value>, usize, FixedState> = HashMap::default();
    for (id, operation) in history.operations().iter().enumerate() {
        let asked = history.invoke(operation);
        let answered = history.ret(operation).filter(|event| event.kind != Type::Info);
        let call = Call { asked, answered };
        let op = spec.read(&call).map_err(|message| {
            let index = answered.unwrap_or(asked).index;
            ModelError { index, message }
        })?;
        let key = asked.key().or(answered.and_then(Event::key));
        let Some(op) = op else { continue };
        let place = *places.entry(key).or_insert_with(|| {
            objects.push(Object { key: key.cloned(), ops: Vec::new() });
            objects.len() - 1
        });
        let ret = operation.ret().filter(|_| answered.is_some()).map_or(u32::MAX, |at| at as u32);
        objects[place].ops.push(Timed {
            op,
            id: id as u32,
            invoke: operation.invoke() as u32,
            ret,
        });
    }
    Ok(objects)
}
