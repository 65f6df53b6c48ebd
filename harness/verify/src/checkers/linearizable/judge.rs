//! Judges the objects of a history one by one, and weighs them together. A history of which one key
//! was given up is never valid.

use rayon::prelude::*;

use super::explain::{explain, first_contradiction, name_certificate, near};
use super::judged::Judged;
use super::object::{Object, objects};
use super::open::of_key;
use super::options::{CheckError, CheckOptions};
use super::own;
use super::search::{Ended, Way};
use crate::budget::{Meter, Spent};
use crate::checkers::CheckResult;
use crate::history::History;
use crate::models::spec::{Spec, Timed};
use crate::parallel;
use crate::verdict::{Anomaly, Verdict};

struct Found {
    algorithm: &'static str,
    anomaly: Option<Anomaly>,
    gave_up: Option<String>,
}

/// Why an algorithm that was asked for cannot judge an object.
#[derive(Clone, Copy)]
enum Unfit {
    /// It takes no such operations.
    Takes,
    /// It cannot tell what follows from the order of one process.
    Touches,
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
    let wrong = |why| {
        let (algorithm, takes) = fast.expect("a search takes any history");
        match why {
            Unfit::Takes => CheckError::Algorithm { algorithm, takes },
            Unfit::Touches => CheckError::Touches { algorithm },
        }
    };
    let objects = objects(&judged.spec, history)?;
    if let Some(progress) = meter.progress() {
        let operations: usize = objects.iter().map(|object| object.ops.len()).sum();
        progress.begin(objects.len() as u64, 2 * operations as u64);
    }
    // The small ones first, so that a hopeless one takes no time from them.
    let mut order: Vec<usize> = (0..objects.len()).collect();
    order.sort_by_key(|&at| objects[at].ops.len());
    let ranks = history.touches().then(|| history.file_ranks());
    let one = |&at: &usize| {
        (at, judge_object(judged, history, &objects[at], ranks.as_deref(), options, meter))
    };
    let several =
        objects.len() > 1 && history.operations().len() >= PARALLEL_OPS_MIN && parallel::has_pool();
    let mut found: Vec<(usize, Result<Found, Unfit>)> =
        if several { order.par_iter().map(one).collect() } else { order.iter().map(one).collect() };
    found.sort_by_key(|(at, _)| *at);
    let found = found.into_iter().map(|(_, found)| found);
    let found: Vec<Found> = found.collect::<Result<_, _>>().map_err(wrong)?;

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
    let mut anomalies: Vec<Anomaly> = found.into_iter().filter_map(|found| found.anomaly).collect();
    // Whatever key comes first, people read of the first bad event first.
    anomalies.sort_by_key(|anomaly| anomaly.events.last().copied());
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

/// An error: the algorithm that is forced does not fit. `ranks` keep the order of the file where
/// times are equal: one of the orders that the times allow.
fn judge_object<S: Spec>(
    judged: &Judged<S>,
    history: &History,
    object: &Object<S::Op>,
    ranks: Option<&[u32]>,
    options: &CheckOptions,
    meter: &Meter,
) -> Result<Found, Unfit> {
    let way = Way::asked_for(options);
    let in_file = ranks.filter(|_| own::touches(&object.ops));
    let in_file = in_file.map(|ranks| own::ranked(&object.ops, ranks));
    let mut found = Found { algorithm: "search", anomaly: None, gave_up: None };
    let fast = judged.fast_path().filter(|_| way.is_none());
    let fast = fast.and_then(|(name, _)| Some((name, judged.fast(&object.ops)?)));
    let mut unfit = Unfit::Takes;
    // Ranks alone ask less than the processes' own orders do, so a violation stays one, and the
    // file's order asks more, so what it explains is explained.
    let fast = fast.filter(|(_, by_ranks)| {
        let explained = in_file.as_ref().is_none_or(|ops| judged.fast(ops) == Some(Ok(())));
        unfit = if explained { unfit } else { Unfit::Touches };
        by_ranks.is_err() || explained
    });
    let mut told = 0;
    if let Some((name, fast)) = fast {
        found.algorithm = name;
        found.anomaly = fast.err().map(|certificate| {
            let first = if options.explain {
                first_contradiction(judged, &object.ops, certificate, meter)
            } else {
                certificate
            };
            name_certificate(history, object, &first)
        });
    } else if way.is_none() && options.algorithm.is_some() {
        return Err(unfit);
    } else {
        let in_file = in_file.as_deref();
        told = search_object(judged, history, object, in_file, options, meter, &mut found);
    }
    if let Some(progress) = meter.progress() {
        progress.explained((2 * object.ops.len() as u64).saturating_sub(told));
        progress.decided();
    }
    Ok(found)
}

impl Way {
    /// The way that is forced. None: no search is.
    fn asked_for(options: &CheckOptions) -> Option<Way> {
        let forced = options.algorithm.as_deref()?;
        Way::ALL.into_iter().find(|(name, _)| *name == forced).map(|(_, way)| way)
    }
}

/// Returns how many events were told to whoever watches. If the file's order explains all, it need
/// not be asked what other orders do.
fn search_object<S: Spec>(
    judged: &Judged<S>,
    history: &History,
    object: &Object<S::Op>,
    in_file: Option<&[Timed<S::Op>]>,
    options: &CheckOptions,
    meter: &Meter,
    found: &mut Found,
) -> u64 {
    // With many small keys no single one would notice.
    if let Err(spent) = meter.time() {
        let rank = object.ops[0].invoke;
        found.gave_up = Some(gave_up(history, object, rank, spent, 0));
        return 0;
    }
    let way = Way::asked_for(options).unwrap_or(Way::Turns);
    let explains = |ops| judged.search(ops, way, &meter.half()).ended == Ended::Explained;
    if in_file.is_some_and(explains) {
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
