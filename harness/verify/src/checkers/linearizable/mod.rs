//! Whether some order of all operations, within their times, explains every answer: for any
//! model, with the fastest algorithm that fits the history.
//! It never mixes keys: each is an object of its own.

#[cfg(test)]
mod agreement;
mod explain;
mod object;
mod objects;
mod options;

use std::time::Duration;

pub use options::{CheckError, CheckOptions, FailedCas};

use super::log::LogMonitor;
use super::{Finding, Monitor};
use crate::budget::Meter;
use crate::history::History;
use crate::judge::CheckResult;
use crate::models::{self, Model};
use crate::stopwatch::timed;
pub(super) use objects::Certificate;
use objects::OBJECTS;

/// Judges a history by itself.
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
    let (finding, elapsed) = timed(|| find(history, options));
    let Finding { verdict, model, algorithm, operations, notes } = finding?;
    let name = "linearizable";
    Ok(CheckResult { name, model, algorithm, verdict, elapsed, operations, notes })
}

/// The same, as a finding of the check `linearizable`.
pub(super) fn find(history: &History, options: &CheckOptions) -> Result<Finding, CheckError> {
    let model = choose(history, options)?;
    if model.name == "log" {
        return log(history, options);
    }
    let run = OBJECTS.iter().find(|(name, _)| *name == model.name).map(|(_, run)| run);
    let run = run.expect("every model but the log has a row in OBJECTS");
    let mut finding = run(history, options, &Meter::start(options.budget))?;
    finding.model = Some(model.name);
    if let Some(note) = options.cas_note(history) {
        finding.notes.push(note);
    }
    Ok(finding)
}

fn choose(history: &History, options: &CheckOptions) -> Result<&'static Model, CheckError> {
    match &options.model {
        Some(name) => {
            models::named(name).ok_or_else(|| CheckError::NoSuchModel { name: name.clone() })
        }
        None => models::infer(history).ok_or(CheckError::WhichModel),
    }
}

fn log(history: &History, options: &CheckOptions) -> Result<Finding, CheckError> {
    if let Some(algorithm) = options.algorithm.as_deref().filter(|name| *name != "log") {
        return Err(CheckError::Algorithm { algorithm: algorithm.into(), model: "log" });
    }
    if let Some(initial) = &options.initial {
        let message = format!("a log starts empty, not as {initial}");
        return Err(CheckError::Initial { message });
    }
    models::log::validate(history)?;
    let mut monitor = Box::new(LogMonitor::new());
    for event in history.events() {
        monitor.observe(event);
    }
    Ok(Finding {
        model: Some("log"),
        algorithm: Some("log"),
        operations: monitor.operations(),
        notes: monitor.notes(),
        verdict: monitor.finish(),
    })
}

/// Making an answer nicer may take this long, no longer: people wait for it.
const NICER: Duration = Duration::from_secs(5);
