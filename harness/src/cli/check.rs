//! `schism check`: judge a history again.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use schism_facts::Catalogue;
use schism_verify::history::History;
use schism_verify::history::formats::{FORMATS, Format};
use schism_verify::models::MODELS;
use schism_verify::{Budget, CheckError, CheckOptions, Evidence, FailedCas};

use super::convert::{self, TARGETS, convert};
use super::input::{self, Input};
use super::reports::{pretty, with_report};
use super::screen;
use super::ticker::CheckTicker;
use crate::judge;
use crate::report::{Report, html, terminal};
use crate::store::verdict_file::VerdictFile;
use crate::store::{self, HISTORY, Saved};
use crate::systems;
use crate::units::{parse_duration, parse_size};

/// Judge a history again: a saved run with its own settings, or a history file
#[derive(clap::Args)]
#[command(after_help = "Example: schism check runs/latest\n\
    Example: schism check history.jsonl --json\n\
    Example: schism check jepsen.edn --model cas-register --report page.html\n\
    Example: schism check history.jsonl --to edn > history.edn")]
pub struct Args {
    /// A run directory, a history file, a store directory of Jepsen's, or - for stdin
    #[arg(value_name = "FILE|RUN")]
    path: PathBuf,
    /// What the operations mean [default: recognised]
    #[arg(long, value_name = "M", value_parser = names(models()))]
    model: Option<String>,
    /// How the file is written [default: recognised]
    #[arg(long, value_name = "F", value_parser = names(FORMATS.iter().map(|row| row.name)))]
    format: Option<String>,
    /// What every object holds at the start: JSON, or EDN for an EDN file
    #[arg(long, value_name = "VALUE")]
    initial: Option<String>,
    /// The algorithm that decides [default: the fastest that fits]
    #[arg(long, value_name = "A")]
    algorithm: Option<String>,
    /// Whether a failed cas says that the state differed [default: constrain for Porcupine's logs]
    #[arg(long, value_name = "constrain|ignore", value_parser = ["constrain", "ignore"])]
    failed_cas: Option<String>,
    /// The longest it may take [default: 60s]
    #[arg(long, value_name = "D", value_parser = parse_duration)]
    budget: Option<Duration>,
    /// The most that a search may hold in memory [default: 2GiB]
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    memory: Option<u64>,
    /// Print the verdict as one JSON document
    #[arg(long)]
    json: bool,
    /// Do not show progress
    #[arg(long)]
    quiet: bool,
    /// Write the report to this file
    #[arg(long, value_name = "FILE.html")]
    report: Option<PathBuf>,
    /// Write the history to stdout in this format instead of judging it
    #[arg(long, value_name = "FORMAT", value_parser = names(TARGETS.iter().map(|row| row.name)))]
    #[arg(conflicts_with_all = ["json", "report"])]
    to: Option<String>,
}

impl Args {
    /// Those flags that say how a history is judged, of all that were given.
    fn judging(&self) -> Vec<&'static str> {
        let what_it_means =
            [("--initial", self.initial.is_some()), ("--failed-cas", self.failed_cas.is_some())];
        let mut given = self.deciding();
        given.extend(what_it_means.into_iter().filter(|(_, given)| *given).map(|(flag, _)| flag));
        given
    }

    /// The same without those that say what the file means, which a converted file says as well.
    fn deciding(&self) -> Vec<&'static str> {
        let given = [
            ("--model", self.model.is_some()),
            ("--algorithm", self.algorithm.is_some()),
            ("--budget", self.budget.is_some()),
            ("--memory", self.memory.is_some()),
        ];
        given.into_iter().filter(|(_, is_given)| *is_given).map(|(flag, _)| flag).collect()
    }
}

/// Judges; for a run directory with what its workload asks.
pub fn main(args: &Args, catalogue: &Catalogue) -> Result<u8> {
    if let Some(to) = &args.to {
        let flags = args.deciding();
        if !flags.is_empty() && !convert::is_judged(to) {
            bail!(
                "`--to {to}` writes the history and what it means, and judges nothing, so leave out \
                 {}",
                flags.join(", ")
            );
        }
        let file = match input::of(&args.path)? {
            Input::Run => args.path.join(HISTORY),
            Input::History(file) => file,
        };
        let (_, options, history) = read_file(args, &file)?;
        let failed = |error| anyhow::anyhow!("{}: {error}", file.display());
        return convert(to, &history, &options).map_err(failed);
    }
    match input::of(&args.path)? {
        Input::Run => check_run(args, catalogue),
        Input::History(file) => check_file(args, &file),
    }
}

fn check_run(args: &Args, catalogue: &Catalogue) -> Result<u8> {
    let mut flags = args.judging();
    flags.extend(args.format.as_ref().map(|_| "--format"));
    if let Some(first) = flags.first() {
        let run = args.path.display();
        bail!(
            "{run}: a run is judged as its own workload says, so leave out {}; to judge its history \
             alone: `schism check {} {first} ...`",
            flags.join(", "),
            args.path.join(HISTORY).display()
        );
    }
    let saved = Saved::read(&args.path, catalogue)?;
    let program = std::env::current_exe().unwrap_or_default();
    let (spec, bug) = (&saved.workload.system, saved.workload.bug.as_deref());
    let system = systems::system(catalogue, spec, bug, &program);
    let seed = saved.plan.seed;
    let shown = args.path.display().to_string();
    let mut verdict = judge::judge_run(&saved.evidence, &saved.workload, &*system, seed, &shown);
    verdict.system_version = saved.system_version();
    if let Some(before) = &saved.verdict {
        verdict.phases_ms.clone_from(&before.phases_ms);
        if saved.workload.rate.is_some() {
            // Counted from due times, which only the run itself knew.
            verdict.operations.take_latencies(&before.operations);
        }
    }
    Ok(with_report(&saved, &verdict, |report| show(args, &verdict, report)))
}

fn check_file(args: &Args, file: &Path) -> Result<u8> {
    let started = Instant::now();
    let shown = file.display().to_string();
    let ticker = CheckTicker::start(args.quiet || args.json, budget(args).time);
    let (format, mut options, history) = read_file(args, file)?;
    options.budget.used = started.elapsed();
    options.watcher = ticker.check();
    let evidence = Evidence { history, ..Evidence::default() };
    let judged = judge::judge_history(&evidence, &options);
    drop(ticker);
    let verdict = judged.map_err(|error| {
        let place = place(&error, &evidence.history);
        anyhow::anyhow!("{shown}{place}: {error}")
    })?;
    let verdict =
        VerdictFile { workload: shown.clone(), replay: format!("schism check {shown}"), ..verdict };
    let report = Report {
        verdict: &verdict,
        events: evidence.history.events(),
        workload: None,
        plan: None,
        environment: &serde_json::json!({"format": format.row().name}),
        traces: &evidence.traces,
        directory: &shown,
    };
    Ok(show(args, &verdict, &report))
}

/// A file can give a remark for each of its lines; nobody reads more than a few.
const NOTES_MAX: usize = 20;

/// A history file, its format, and how it is to be judged.
fn read_file(args: &Args, file: &Path) -> Result<(Format, CheckOptions, History)> {
    let named = args.format.as_deref().and_then(Format::named);
    let (format, history, notes) = input::read(file, named)?;
    for note in notes.iter().take(NOTES_MAX) {
        let line = note.line.map(|line| format!(":{line}")).unwrap_or_default();
        screen::remark(&format!("{}{line}: {}", file.display(), note.message));
    }
    if let Some(more) = notes.len().checked_sub(NOTES_MAX).filter(|more| *more > 0) {
        screen::remark(&format!("{}: and {more} more remarks", file.display()));
    }
    let options = options(args, format, &history)?;
    Ok((format, options, history))
}

/// `:LINE` of the operation that the model cannot read, or that none knows.
fn place(error: &CheckError, history: &History) -> String {
    let index = match error {
        CheckError::Operation(error) => Some(error.index),
        CheckError::WhichModel(error) => error.index,
        _ => None,
    };
    index
        .and_then(|index| history.line_of(index))
        .map(|line| format!(":{line}"))
        .unwrap_or_default()
}

/// What the format means by itself, changed by what was asked for.
fn options(args: &Args, format: Format, history: &History) -> Result<CheckOptions> {
    let mut options = CheckOptions::for_history(format, history)?;
    if let Some(text) = &args.initial {
        options = options.with_initial(format, text)?;
    }
    options.model.clone_from(&args.model);
    options.algorithm.clone_from(&args.algorithm);
    options.failed_cas = match args.failed_cas.as_deref() {
        Some("constrain") => FailedCas::Constrain,
        Some(_) => FailedCas::Ignore,
        None => options.failed_cas,
    };
    options.budget = budget(args);
    Ok(options)
}

fn budget(args: &Args) -> Budget {
    let usual = Budget::default();
    let (time, memory) = (args.budget, args.memory);
    Budget {
        time: time.unwrap_or(usual.time),
        memory_bytes: memory.unwrap_or(usual.memory_bytes),
        ..usual
    }
}

fn models() -> impl Iterator<Item = &'static str> {
    MODELS.iter().flat_map(|model| std::iter::once(model.name).chain(model.aliases.iter().copied()))
}

fn names(names: impl Iterator<Item = &'static str>) -> clap::builder::PossibleValuesParser {
    names.collect::<Vec<_>>().into()
}

fn show(args: &Args, verdict: &VerdictFile, report: &Report<'_>) -> u8 {
    if args.json {
        screen::document(&pretty(verdict));
    } else {
        screen::show(&terminal::summary(report, screen::width(), screen::colour()));
    }
    // The verdict counts, whatever becomes of its page.
    if let Some(file) = &args.report
        && let Err(error) = store::write_file(file, html::page(report).as_bytes())
    {
        screen::complain(&error.to_string());
    }
    verdict.exit
}
