//! Whether some order of all operations, within their times, explains every answer: for any
//! model, with the fastest algorithm that fits the history.
//! It never mixes keys: each is an object of its own.

#[cfg(test)]
mod agreement;
mod answers;
pub mod consensus;
mod explain;
mod fast;
mod judge;
mod judged;
pub mod log;
mod models;
mod object;
mod online;
mod open;
mod options;
mod order;
mod own;
mod search;
mod watch;

use std::time::Duration;

pub use options::{CheckError, CheckOptions, FailedCas};
pub use order::OPERATIONS_MAX;
pub(crate) use order::{Order, orders as orders_of};

use super::messages::{MessageMonitor, total_queue};
use super::{CheckResult, Checker, Monitor, Sees};
use crate::budget::{Meter, timed};
use crate::evidence::{Evidence, Settings};
use crate::history::History;
use crate::models::consensus::Consensus;
use crate::models::recognise::recognise;
use crate::models::spec::Spec;
use crate::models::{Model, named};
use judged::Judged;
use log::LogMonitor;
use models::{Configured, OBJECTS};
use object::objects;

const NAME: &str = "linearizable";

pub(super) const CHECKER: Checker = Checker {
    name: NAME,
    about: "some order of all operations, within their times, explains every answer",
    sees: Sees::Outside,
    applies: |evidence, settings| {
        let history = &evidence.history;
        let model = settings.model_of(history);
        let is_mine = model.is_none_or(|model| model.judged_by == NAME);
        is_mine && !history.operations().is_empty()
    },
    run,
};

fn run(evidence: &Evidence, settings: &Settings) -> CheckResult {
    let history = &evidence.history;
    let unknown = |reason: String| CheckResult::unknown(history.operations().len() as u64, reason);
    match settings.model.map_or_else(|| recognise(history), Ok) {
        Err(error) => unknown(error.to_string()),
        Ok(model) if model.name == "log" => log::fed(LogMonitor::new(), history, None),
        Ok(model) => {
            let options =
                CheckOptions { model: Some(model.name.into()), ..CheckOptions::default() };
            find(history, &options).unwrap_or_else(|error| unknown(error.to_string()))
        }
    }
}

/// Judges a history by itself: the check that its model names, mostly this one.
///
/// ```
/// use schism_verify::{CheckOptions, History, check};
/// let lines = r#"{"process":0,"type":"invoke","f":"write","value":1}
/// {"process":0,"type":"ok","f":"write","value":1}
/// {"process":1,"type":"invoke","f":"read"}
/// {"process":1,"type":"ok","f":"read","value":null}"#;
/// let (history, _notes) = History::parse(lines.as_bytes()).unwrap();
/// let result = check(&history, &CheckOptions::default()).unwrap();
/// assert_eq!((result.model, result.verdict.word()), (Some("register"), "violated"));
/// ```
pub fn check(history: &History, options: &CheckOptions) -> Result<CheckResult, CheckError> {
    let model = choose(history, options)?;
    let (finding, elapsed) = timed(|| find(history, options));
    Ok(finding?.named(model.judged_by, elapsed))
}

/// Judges a history by a model of your own; every key is an object of its own. Of the options the
/// budget and `explain` count: the model, and what it starts with, are the spec's.
///
/// See the crate's documentation for a whole example.
pub fn check_model<S>(
    spec: &S,
    history: &History,
    options: &CheckOptions,
) -> Result<CheckResult, CheckError>
where
    S: Spec<State: Send + Sync, Op: Send + Sync> + Sync,
{
    let (judged, meter) = (Judged::plain(spec.clone()), Meter::start(options.budget));
    let (finding, elapsed) = timed(|| judge::judge(&judged, history, options, &meter));
    Ok(finding?.named(CHECKER.name, elapsed))
}

fn find(history: &History, options: &CheckOptions) -> Result<CheckResult, CheckError> {
    let model = choose(history, options)?;
    if model.name == "log" {
        return judge_log(history, options);
    }
    let mut notes = answers::notes(model, history, options.null_says_nothing)?;
    if model.name == total_queue::NAME {
        return judge_messages(history, options, notes);
    }
    if model.name == consensus::NAME
        && options.algorithm.as_deref().is_none_or(|name| name == consensus::NAME)
        && options.initial.is_none()
    {
        objects(&Consensus, history)?;
        return Ok(CheckResult { notes, ..consensus::find(history) });
    }
    let meter = Meter::watched(options.budget, options.watcher.clone());
    let mut finding = configured(model, options)?.judge(history, options, &meter)?;
    finding.model = Some(model.name);
    notes.extend(options.cas_note(history));
    finding.notes.extend(notes);
    Ok(finding)
}

/// What judges a run of this model while it goes on. It may see less than the check afterwards,
/// never more.
pub fn monitor(model: &Model, options: &CheckOptions) -> Result<Box<dyn Monitor>, CheckError> {
    if model.name == "log" {
        return Ok(Box::new(LogMonitor::new()));
    }
    if model.name == consensus::NAME {
        return Ok(Box::new(consensus::ConsensusMonitor::new()));
    }
    // Following all orders of a queue beside a run costs the run its speed; counting does not.
    if [total_queue::NAME, "queue"].contains(&model.name) {
        return Ok(Box::new(MessageMonitor::default()));
    }
    Ok(configured(model, options)?.monitor(options.budget.memory_bytes))
}

/// An order for each key that explains all or as much as was found.
pub(crate) fn orders(history: &History, options: &CheckOptions) -> Result<Vec<Order>, CheckError> {
    Ok(configured(choose(history, options)?, options)?.orders(history))
}

fn configured(model: &Model, options: &CheckOptions) -> Result<Box<dyn Configured>, CheckError> {
    let row = OBJECTS.iter().find(|(name, _)| *name == model.name).map(|(_, row)| row);
    row.ok_or(CheckError::NoOrder { model: model.name })?(options)
}

fn choose(history: &History, options: &CheckOptions) -> Result<&'static Model, CheckError> {
    match &options.model {
        Some(name) => named(name).ok_or_else(|| CheckError::NoSuchModel { name: name.clone() }),
        None => Ok(recognise(history)?),
    }
}

fn judge_log(history: &History, options: &CheckOptions) -> Result<CheckResult, CheckError> {
    if let Some(algorithm) = options.algorithm.as_deref().filter(|name| *name != "log") {
        let (algorithm, known) = (algorithm.into(), "log".into());
        return Err(CheckError::NoSuchAlgorithm { algorithm, known });
    }
    if let Some(initial) = &options.initial {
        let message = format!("a log starts empty, not as {initial}");
        return Err(CheckError::Initial { message });
    }
    crate::models::log::validate(history)?;
    Ok(log::fed(LogMonitor::new(), history, options.watcher.as_deref()))
}

/// The queue that keeps no order: its messages are counted.
fn judge_messages(
    history: &History,
    options: &CheckOptions,
    notes: Vec<String>,
) -> Result<CheckResult, CheckError> {
    let known = total_queue::ALGORITHM;
    if let Some(algorithm) = options.algorithm.as_deref().filter(|name| *name != known) {
        let (algorithm, known) = (algorithm.into(), known.into());
        return Err(CheckError::NoSuchAlgorithm { algorithm, known });
    }
    if let Some(initial) = &options.initial {
        let message = format!("a queue of messages starts empty, not as {initial}");
        return Err(CheckError::Initial { message });
    }
    crate::models::total_queue::validate(history)?;
    let mut finding = total_queue::find(history, &Settings::default());
    finding.notes.extend(notes);
    Ok(finding)
}

/// Making an answer nicer may take this long, no longer: people wait for it.
const NICER: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Budget;
    use crate::verdict::Verdict;

    /// So many pushes at once have more orders than anyone can try, and as each value is pushed
    /// again and taken once, none can be told from another; nobody pushed 99.
    fn hopeless(key: &str) -> String {
        let event = |process, kind: &str, f, value: i64| {
            format!(
                "{{\"process\":{process},\"type\":\"{kind}\",\"f\":\"{f}\",{key}\"value\":{value}}}\n"
            )
        };
        let pushes = |kind: &'static str| (0..16).map(move |n| event(n, kind, "push", n));
        let both = |f, value| event(40, "invoke", f, value) + &event(40, "ok", f, value);
        let again = (0..16).map(|n| both("push", n));
        let pops = (0..16).rev().chain([99]).map(|n| both("pop", n));
        pushes("invoke").chain(pushes("ok")).chain(again).chain(pops).collect()
    }

    fn judged(text: &str, budget: Budget) -> CheckResult {
        let (history, _) = History::parse(text.as_bytes()).unwrap();
        check(&history, &CheckOptions { budget, ..CheckOptions::default() }).unwrap()
    }

    #[test]
    fn a_spent_budget_is_unknown_and_says_how_far_it_got() {
        let time = Budget { time: Duration::from_millis(40), ..Budget::default() };
        let memory = Budget { memory_bytes: 1 << 20, ..Budget::default() };
        for (budget, what) in [(time, "time budget"), (memory, "memory budget of 1 MiB")] {
            let result = judged(&hopeless(""), budget);
            let Verdict::Unknown { reason } = result.verdict else { panic!("{result:?}") };
            assert!(reason.contains(what), "{reason}");
            assert!(reason.contains("everything before event"), "{reason}");
        }
    }

    #[test]
    fn a_violation_of_one_key_outlives_giving_up_on_another() {
        let mut text = hopeless("\"key\":1,");
        for (kind, value) in [("invoke", 0), ("ok", 99)] {
            let line = format!(
                "{{\"process\":50,\"type\":\"{kind}\",\"f\":\"pop\",\"key\":2,\"value\":{value}}}\n"
            );
            text.push_str(&line);
        }
        let result = judged(&text, Budget { time: Duration::from_millis(40), ..Budget::default() });
        let Verdict::Violated(anomalies) = result.verdict else { panic!("{result:?}") };
        assert!(anomalies[0].explanation.starts_with("key 2: p50's pop"), "{anomalies:?}");
        let keys = "of 2 keys 0 are valid, 1 violated, 1 undecided";
        assert!(result.notes[0].contains(keys), "{:?}", result.notes);
    }

    #[test]
    fn a_violation_names_what_it_contradicts() {
        let event = |process: u64, kind: &str, f: &str, value: &str| {
            format!(
                "{{\"process\":{process},\"type\":\"{kind}\",\"f\":\"{f}\",\"value\":{value}}}\n"
            )
        };
        let both = |process: u64, f: &str, asked: &str, answered: &str| {
            event(process, "invoke", f, asked) + &event(process, "ok", f, answered)
        };
        // Reads and writes before and beside the two that matter.
        let mut text = String::new();
        for round in 0..20 {
            let value = (round % 3).to_string();
            text += &both(1, "write", &value, &value);
            text += &both(2, "read", "null", &value);
        }
        text += &both(1, "write", "7", "7");
        text += &both(2, "write", "8", "8");
        text += &both(3, "read", "null", "7");
        text += &both(3, "read", "null", "8");
        let result = judged(&text, Budget::default());
        let Verdict::Violated(anomalies) = result.verdict else { panic!("{result:?}") };
        assert_eq!(
            anomalies[0].explanation,
            "p3's read -> 7 cannot be explained (event 85; everything before it can): until then \
             only these states were possible: 8; it contradicts p1's write 7, p2's write 8"
        );
        assert_eq!(anomalies[0].events, [80, 81, 82, 83, 84, 85]);
    }

    #[test]
    fn what_cannot_be_judged_is_an_error() {
        let options = |model: &str, algorithm: &str| CheckOptions {
            model: (!model.is_empty()).then(|| model.into()),
            algorithm: (!algorithm.is_empty()).then(|| algorithm.into()),
            ..CheckOptions::default()
        };
        let (history, _) = History::parse(hopeless("").as_bytes()).unwrap();
        let error = |options| check(&history, &options).unwrap_err().to_string();
        assert!(error(options("tree", "")).starts_with("`tree` is no model; there are log, "));
        assert!(error(options("queue", "")).contains("`push` is no operation of this model"));
        assert!(
            error(options("", "fifo"))
                .contains("`fifo` cannot judge this history: it takes queues, not")
        );
        assert_eq!(
            error(options("", "zones")),
            "`zones` is no algorithm for this model; there are fifo, search, configurations, \
             depth-first"
        );
        assert_eq!(
            error(options("log", "search")),
            "`search` is no algorithm for this model; there are log"
        );
        let wrong =
            CheckOptions { initial: Some(crate::history::Value::Int(3)), ..options("", "") };
        assert_eq!(error(wrong), "the initial value: found 3; expected a list");
    }
}
