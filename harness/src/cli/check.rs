//! `schism check`: judge a history again.

use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use schism_verify::models::{self, MODELS, ModelError};
use schism_verify::{Evidence, History, Settings};

use super::registry::registry;
use super::screen;
use super::session::pretty;
use crate::judge;
use crate::report::{Report, html, terminal};
use crate::store::verdict_file::VerdictFile;
use crate::store::{self, Saved};
use crate::systems::{self, Catalogue};

/// Judge a history again: a saved run with its own settings, or a history file
#[derive(clap::Args)]
#[command(after_help = "Example: schism check runs/latest\n\
    Example: schism check history.jsonl --json")]
pub struct Args {
    /// A run directory, a history file, or - for stdin
    #[arg(value_name = "FILE|RUN")]
    path: PathBuf,
    /// What the operations mean [default: recognised]
    #[arg(long, value_name = "M", value_parser = ["log"])]
    model: Option<String>,
    /// Print the verdict as one JSON document
    #[arg(long)]
    json: bool,
    /// Write the report to this file
    #[arg(long, value_name = "FILE.html")]
    report: Option<PathBuf>,
}

/// Judges; for a run directory with what its workload asks.
pub fn main(args: &Args, catalogue: &Catalogue) -> Result<u8> {
    if args.path.is_dir() { check_run(args, catalogue) } else { check_file(args) }
}

fn check_run(args: &Args, catalogue: &Catalogue) -> Result<u8> {
    let saved = Saved::read(&args.path, &registry(catalogue))?;
    let program = std::env::current_exe().unwrap_or_default();
    let system = systems::system(&saved.workload.system, saved.workload.bug.as_deref(), &program);
    let seed = saved.plan.seed;
    let shown = args.path.display().to_string();
    let mut verdict =
        judge::judge_run(&saved.evidence, &saved.workload, system.writes_evidence(), seed, &shown);
    if let Some(before) = &saved.verdict {
        verdict.phases_ms.clone_from(&before.phases_ms);
        if saved.workload.rate.is_some() {
            // Counted from due times, which only the run itself knew.
            verdict.operations.clone_from(&before.operations);
        }
    }
    let traces = saved.evidence.traces.iter();
    let traces: Vec<_> =
        traces.map(|(node, bytes)| (node.as_str().into(), bytes.clone())).collect();
    let report = Report {
        verdict: &verdict,
        events: saved.evidence.history.events(),
        workload: Some(&saved.workload),
        plan: Some(&saved.plan),
        environment: &saved.environment,
        traces: &traces,
        directory: &shown,
    };
    show(args, &verdict, &report)
}

fn check_file(args: &Args) -> Result<u8> {
    let shown = args.path.display().to_string();
    let bytes = read(&args.path)?;
    let (history, notes) =
        History::parse(&bytes).map_err(|error| anyhow::anyhow!("{shown}:{error}"))?;
    for note in notes {
        let line = note.line.map(|line| format!(":{line}")).unwrap_or_default();
        screen::remark(&format!("{shown}{line}: {}", note.message));
    }
    understood(&history, args.model.as_deref())
        .map_err(|error| misunderstood(&shown, &bytes, &history, &error))?;
    let evidence = Evidence { history, ..Evidence::default() };
    let verdict = VerdictFile {
        workload: shown.clone(),
        replay: format!("schism check {shown}"),
        ..judge::judge(&evidence, &Settings::default())
    };
    let report = Report {
        verdict: &verdict,
        events: evidence.history.events(),
        workload: None,
        plan: None,
        environment: &serde_json::Value::Null,
        traces: &[],
        directory: &shown,
    };
    show(args, &verdict, &report)
}

/// Whether the model that was named, or else the one that is recognised, can read every operation.
/// A history without operations needs no model: there is nothing to judge.
fn understood(history: &History, model: Option<&str>) -> Result<(), ModelError> {
    let Some(first) = history.operations().first() else { return Ok(()) };
    let named = model.and_then(|name| MODELS.iter().find(|model| model.name == name));
    if let Some(model) = named.or_else(|| models::infer(history)) {
        return (model.validate)(history);
    }
    let known = |f: &str| MODELS.iter().any(|model| model.operations.contains(&f));
    let mut asked = history.operations().iter().map(|op| history.invoke(op));
    let event = asked.find(|event| !known(&event.f)).unwrap_or_else(|| history.invoke(first));
    let names: Vec<&str> = MODELS.iter().map(|model| model.name).collect();
    let message = format!(
        "no model knows `{}` beside the other operations; say what they mean with --model ({})",
        event.f,
        names.join(", ")
    );
    Err(ModelError { index: event.index, message })
}

fn misunderstood(
    shown: &str,
    bytes: &[u8],
    history: &History,
    error: &ModelError,
) -> anyhow::Error {
    let line = history.line_of(bytes, error.index).map(|line| format!(":{line}"));
    anyhow::anyhow!("{shown}{}: {}", line.unwrap_or_default(), error.message)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    if path.as_os_str() == "-" {
        let mut bytes = Vec::new();
        std::io::stdin().read_to_end(&mut bytes).context("stdin cannot be read")?;
        return Ok(bytes);
    }
    std::fs::read(path).with_context(|| {
        format!("{} cannot be read; give a run directory or a history file", path.display())
    })
}

fn show(args: &Args, verdict: &VerdictFile, report: &Report<'_>) -> Result<u8> {
    if let Some(file) = &args.report {
        store::write_file(file, html::page(report).as_bytes())?;
    }
    if args.json {
        screen::show(&String::from_utf8_lossy(&pretty(verdict)));
    } else {
        screen::show(&terminal::summary(report, screen::width(), screen::colour()));
    }
    Ok(verdict.exit)
}
