//! Judges the objects of a history one by one, and weighs them together. A history of which one key
//! was given up is never valid.

use rayon::prelude::*;

use super::explain::{explain, name_certificate, near};
use super::judged::Judged;
use super::object::{Object, objects};
use super::open::of_key;
use super::options::{CheckError, CheckOptions};
use super::search::{Ended, Way};
use crate::budget::{Meter, Spent};
use crate::checkers::CheckResult;
use crate::history::History;
use crate::models::spec::{Spec, Timed};
use crate::verdict::{Anomaly, Verdict};

struct Found {
    algorithm: &'static str,
    anomaly: Option<Anomaly>,
    gave_up: Option<String>,
}

/// Starting threads for less than this many operations costs more than it saves.
const PARALLEL_OPS_MIN: usize = 2_000;

pub(super) fn judge<S>(
    judged: &Judged<S>,
    history: &History,
    options: &CheckOptions,
    meter: &Meter,
) -> Result<CheckResult, CheckError>
where
    S: Spec<State: Send + Sync, Op: Send + Sync> + Sync,
{
    let fast = judged.fast_path();
    let searches = Way::ALL.map(|(name, _)| name);
    let known: Vec<&str> = fast.map(|(name, _)| name).into_iter().chain(searches).collect();
    if let Some(name) = options.algorithm.as_deref().filter(|name| !known.contains(name)) {
        let (algorithm, known) = (name.into(), known.join(", "));
        return Err(CheckError::NoSuchAlgorithm { algorithm, known });
    }
    let wrong = || {
        let (algorithm, takes) = fast.expect("a search takes any history");
        CheckError::Algorithm { algorithm, takes }
    };
    let objects = objects(&judged.spec, history)?;
    if let Some(progress) = meter.progress() {
        let operations: usize = objects.iter().map(|object| object.ops.len()).sum();
        progress.begin(objects.len() as u64, 2 * operations as u64);
    }
    // The small ones first, so that a hopeless one takes no time from them.
    let mut order: Vec<usize> = (0..objects.len()).collect();
    order.sort_by_key(|&at| objects[at].ops.len());
    let one = |&at: &usize| (at, judge_object(judged, history, &objects[at], options, meter));
    let parallel = objects.len() > 1 && history.operations().len() >= PARALLEL_OPS_MIN;
    let mut found: Vec<(usize, Option<Found>)> = if parallel {
        order.par_iter().map(one).collect()
    } else {
        order.iter().map(one).collect()
    };
    found.sort_by_key(|(at, _)| *at);
    let found = found.into_iter().map(|(_, found)| found);
    let found: Option<Vec<Found>> = found.collect();
    let found = found.ok_or_else(wrong)?;

    let mut finding = CheckResult::new(history.operations().len() as u64);
    let is_fast = |found: &Found| fast.is_some_and(|(name, _)| name == found.algorithm);
    let searched = found.iter().filter(|found| !is_fast(found)).count();
    let by = found.iter().map(|found| found.algorithm);
    let alike = |name| by.clone().all(|by| by == name).then_some(name);
    finding.algorithm = by.clone().next().and_then(alike).or(Some("search"));
    if let Some((name, _)) = fast.filter(|_| searched == 0 || searched < found.len()) {
        if searched == 0 {
            finding.algorithm = Some(name);
        } else {
            let (fast, all) = (found.len() - searched, found.len());
            finding.notes.push(format!("{fast} of {all} keys were judged by `{name}`"));
        }
    }
    let keys = found.len();
    let gave_up: Vec<String> = found.iter().filter_map(|found| found.gave_up.clone()).collect();
    let anomalies: Vec<Anomaly> = found.into_iter().filter_map(|found| found.anomaly).collect();
    if !gave_up.is_empty() {
        let (violated, undecided) = (anomalies.len(), gave_up.len());
        let valid = keys - violated - undecided;
        let many = format!(
            "; of {keys} keys {valid} are valid, {violated} violated, {undecided} undecided"
        );
        let reason = format!("{}{}", gave_up[0], if keys > 1 { &many } else { "" });
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
fn judge_object<S: Spec>(
    judged: &Judged<S>,
    history: &History,
    object: &Object<S::Op>,
    options: &CheckOptions,
    meter: &Meter,
) -> Option<Found> {
    let forced = options.algorithm.as_deref();
    let way = forced.and_then(|name| Way::ALL.into_iter().find(|(way, _)| *way == name));
    let mut found = Found { algorithm: "search", anomaly: None, gave_up: None };
    let mut told = 0;
    if way.is_none()
        && let Some((name, _)) = judged.fast_path()
        && let Some(fast) = judged.fast(&object.ops)
    {
        found.algorithm = name;
        let name = |certificate| name_certificate(history, object, &certificate);
        found.anomaly = fast.err().map(name);
    } else if way.is_none() && forced.is_some() {
        return None;
    } else {
        let way = way.map_or(Way::Turns, |(_, way)| way);
        told = search_object(judged, history, object, options, way, meter, &mut found);
    }
    if let Some(progress) = meter.progress() {
        progress.explained((2 * object.ops.len() as u64).saturating_sub(told));
        progress.decided();
    }
    Some(found)
}

/// Returns how many events were told to whoever watches.
fn search_object<S: Spec>(
    judged: &Judged<S>,
    history: &History,
    object: &Object<S::Op>,
    options: &CheckOptions,
    way: Way,
    meter: &Meter,
    found: &mut Found,
) -> u64 {
    // With many small keys no single one would notice.
    if let Err(spent) = meter.time() {
        let rank = object.ops[0].invoke;
        found.gave_up = Some(gave_up(history, object, rank, spent, 0));
        return 0;
    }
    let searched = judged.search(&object.ops, way, meter);
    if searched.by == Way::DepthFirst {
        found.algorithm = "depth-first";
    }
    match searched.ended {
        Ended::Explained => {}
        Ended::Stuck { rank, late, .. } => {
            found.anomaly = Some(if options.explain {
                explain(judged, history, object, rank, late, meter)
            } else {
                near(history, object, rank)
            });
        }
        Ended::Spent { rank, spent } => {
            found.gave_up = Some(gave_up(history, object, rank, spent, searched.most));
        }
    }
    searched.told
}

/// How far a search came: everything before this rank is explained.
fn gave_up<Op>(
    history: &History,
    object: &Object<Op>,
    rank: u32,
    spent: Spent,
    most: usize,
) -> String {
    let before = |op: &&Timed<Op>| !op.is_lost() && op.ret < rank;
    let (done, all) = (object.ops.iter().filter(before).count(), object.ops.len());
    let key = of_key(object.key.as_ref());
    let event = history.events()[rank as usize].index;
    let share = 100 * done / all.max(1);
    format!(
        "{key}{spent}: everything before event {event} is explained \
         ({done} of {all} operations, {share} %), with up to {most} configurations at once"
    )
}
