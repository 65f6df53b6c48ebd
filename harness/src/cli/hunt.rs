//! `schism hunt`: planted bugs times seeds, each beside its control: the same workload and seed
//! without the bug. Says which bugs are found, by which check, and how fast.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Result, bail};
use schism_facts::Catalogue;
use schism_verify::checkers::{CHECKERS, Sees};
use serde::Serialize;

use super::interrupt::watch_signals;
use super::reports::pretty;
use super::screen;
use super::session::{Request, carry_out};
use crate::judge::{EXIT_INTERRUPTED, EXIT_NOT_RUN, EXIT_VALID, EXIT_VIOLATED};
use crate::store::RunDirectory;
use crate::workload::{self, Expect, Overrides, Workload};

/// Workloads of planted bugs live here.
const PLANTED: &str = "planted/";

/// A bug counts as found when at least this share of its seeds shows it: real processes do not
/// interleave the same way twice, so one miss in five is luck, two are a weak workload.
const FOUND_SHARE: f64 = 0.8;

/// Hunt planted bugs: run their workloads over seeds, with and without the bug
#[derive(clap::Args)]
#[command(after_help = "Example: schism hunt R07 R13 --seeds 5 --jobs 2")]
pub struct Args {
    /// Only these bugs
    #[arg(value_name = "ID")]
    bugs: Vec<String>,
    /// How many seeds each
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,
    /// The first seed
    #[arg(long, value_name = "N", default_value_t = 1)]
    first_seed: u64,
    /// The longest a run may disturb [default: the workload's own duration]
    #[arg(long, value_name = "D")]
    duration: Option<String>,
    /// How many runs go on side by side
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    jobs: u64,
    /// Leave the controls out
    #[arg(long)]
    no_controls: bool,
    /// Where run directories go
    #[arg(long, value_name = "DIR", default_value = "runs")]
    out: PathBuf,
    /// Keep the folders of runs that went as expected too (some have gigabytes)
    #[arg(long)]
    keep_all: bool,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
    /// Print the table as Markdown, as in the README
    #[arg(long, conflicts_with = "json")]
    markdown: bool,
    /// Show nothing while it runs
    #[arg(long)]
    quiet: bool,
}

/// One bug's workload and how its runs went.
struct Row {
    bug: String,
    planted: Workload,
    control: Workload,
}

#[derive(Clone, Debug)]
struct Shown {
    row: usize,
    control: bool,
    /// `valid`, `violated`, `unknown`, or why it could not be run.
    verdict: String,
    met: bool,
    /// Which check saw the expected kind, and when on the run's clock.
    found: Option<(String, f64)>,
    /// A check that looks from outside found something.
    outside: bool,
    directory: String,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Score {
    bug: String,
    workload: String,
    found: u64,
    seeds: u64,
    median_s: Option<f64>,
    by: Option<String>,
    /// In how many of those found a check that needs nothing from the nodes found something too.
    outside: u64,
    controls_valid: Option<u64>,
    as_expected: bool,
    /// Runs that did not go as expected: their verdict and folder.
    others: Vec<String>,
}

pub fn main(args: &Args, catalogue: &Catalogue) -> Result<u8> {
    let rows = rows(args, catalogue)?;
    let mut jobs = Vec::new();
    for seed in (0..args.seeds).map(|number| args.first_seed.wrapping_add(number)) {
        for row in 0..rows.len() {
            jobs.push((row, seed, false));
            if !args.no_controls {
                jobs.push((row, seed, true));
            }
        }
    }
    let shown = run_all(args, catalogue, &rows, &jobs);
    if *watch_signals().borrow() {
        return Ok(EXIT_INTERRUPTED);
    }
    let scores: Vec<Score> =
        rows.iter().enumerate().map(|(place, row)| score(args, place, row, &shown)).collect();
    if args.json {
        screen::document(&pretty(&serde_json::json!({ "hunt": scores })));
    } else {
        screen::show(&table(&scores, args.markdown));
    }
    if shown.iter().any(|run| run.verdict.starts_with("could not run")) {
        return Ok(EXIT_NOT_RUN);
    }
    let all = scores.iter().all(|score| score.as_expected);
    Ok(if all { EXIT_VALID } else { EXIT_VIOLATED })
}

/// The planted workloads whose bug is asked for, each with its control.
fn rows(args: &Args, catalogue: &Catalogue) -> Result<Vec<Row>> {
    let known: Vec<&str> = catalogue.bugs.iter().map(|bug| bug.id).collect();
    if let Some(unknown) = args.bugs.iter().find(|id| !known.contains(&id.as_str())) {
        bail!("unknown bug {unknown}; `schism list bugs` names {}", known.join(", "));
    }
    let (whole, duration) = (Overrides::default(), args.duration.clone());
    let shortened = Overrides { duration, ..Overrides::default() };
    let none = ["bug=", "expect=valid"].map(String::from).to_vec();
    let control = Overrides { set: none, ..shortened.clone() };
    let mut rows = Vec::new();
    for listed in workload::list().iter().filter(|listed| listed.name.starts_with(PLANTED)) {
        let Some(bug) = workload::load(&listed.name, &whole, catalogue)?.workload.bug else {
            continue;
        };
        if args.bugs.is_empty() || args.bugs.contains(&bug) {
            let planted = screen::told(workload::load(&listed.name, &shortened, catalogue)?);
            let control = workload::load(&listed.name, &control, catalogue)?.workload;
            rows.push(Row { bug, planted, control });
        }
    }
    let missing = |id: &&String| rows.iter().all(|row| row.bug != **id);
    if let Some(id) = args.bugs.iter().find(missing) {
        match catalogue.bug(id).and_then(|bug| bug.waits_for) {
            Some(fault) => bail!(
                "{id} waits for a fault that real processes do not have yet: {fault}; the protocols' \
                 own tests find it in virtual time"
            ),
            None => bail!("no workload of workloads/{PLANTED} plants {id}"),
        }
    }
    rows.sort_by(|a, b| a.bug.cmp(&b.bug));
    Ok(rows)
}

type Job = (usize, u64, bool);

fn run_all(args: &Args, catalogue: &Catalogue, rows: &[Row], jobs: &[Job]) -> Vec<Shown> {
    let (next, shown) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let interrupted = watch_signals();
    let work = || {
        while !*interrupted.borrow() {
            let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) else { return };
            let run = run_one(args, catalogue, rows, *job);
            if !args.quiet {
                let what = if run.control { "control" } else { "planted" };
                let (bug, seed) = (&rows[run.row].bug, job.1);
                screen::remark(&format!("{bug} {what} seed {seed}: {}", run.verdict));
            }
            shown.lock().expect("no job panics while it notes its end").push(run);
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..args.jobs {
            if std::thread::Builder::new().spawn_scoped(scope, work).is_err() {
                screen::remark("no thread for more jobs at once: this takes longer");
                break;
            }
        }
        work();
    });
    shown.into_inner().expect("no job panics while it notes its end")
}

fn run_one(args: &Args, catalogue: &Catalogue, rows: &[Row], (row, seed, control): Job) -> Shown {
    let workload = if control { &rows[row].control } else { &rows[row].planted };
    let out = args.out.as_path();
    let request = Request { workload, seed, out, catalogue, keep_going: false, quiet: true };
    match carry_out(&request) {
        Ok(run) => {
            let found = first_expected(&workload.expect, &run.verdict);
            if run.verdict.exit == EXIT_VALID && !args.keep_all {
                discard(&run.directory);
            }
            Shown {
                row,
                control,
                verdict: run.verdict.verdict.clone(),
                met: run.verdict.exit == EXIT_VALID,
                found,
                outside: outside(&run.verdict),
                directory: run.directory.display().to_string(),
            }
        }
        Err(error) => {
            let verdict = format!("could not run: {error:#}");
            let (found, outside, directory) = (None, false, String::new());
            Shown { row, control, verdict, met: false, found, outside, directory }
        }
    }
}

/// Nobody looks at a run that went as expected, and hundreds of them fill a disk.
fn discard(directory: &Path) {
    let run = RunDirectory::open(directory).and_then(RunDirectory::discard);
    if let Err(error) = run {
        screen::complain(&format!("{error}"));
    }
}

/// The check that found an expected kind first, and when.
fn first_expected(
    expect: &Expect,
    verdict: &crate::store::verdict_file::VerdictFile,
) -> Option<(String, f64)> {
    let Expect::Violation(kinds) = expect else { return None };
    let total_ms: f64 = verdict.phases_ms.iter().map(|(_, ms)| ms).sum();
    let expected = verdict.checks.iter().flat_map(|check| {
        let anomalies = check.anomalies.iter().filter(|anomaly| kinds.contains(&anomaly.kind));
        // Without a time it was found at the end.
        anomalies.map(|anomaly| {
            (check.name.clone(), anomaly.time_ns.map_or(total_ms / 1e3, |ns| ns as f64 / 1e9))
        })
    });
    expected.min_by(|a, b| a.1.total_cmp(&b.1))
}

/// Whether a check that looks from outside found anything, of whatever kind.
fn outside(verdict: &crate::store::verdict_file::VerdictFile) -> bool {
    let looks = |name: &str| {
        CHECKERS.iter().any(|checker| checker.name == name && checker.sees == Sees::Outside)
    };
    verdict.checks.iter().any(|check| !check.anomalies.is_empty() && looks(&check.name))
}

fn score(args: &Args, place: usize, row: &Row, shown: &[Shown]) -> Score {
    let mine = || shown.iter().filter(move |run| run.row == place);
    let found: Vec<&Shown> = mine().filter(|run| !run.control && run.met).collect();
    let valid = mine().filter(|run| run.control && run.met).count() as u64;
    let mut times: Vec<f64> =
        found.iter().filter_map(|run| run.found.as_ref().map(|f| f.1)).collect();
    times.sort_by(f64::total_cmp);
    let enough = found.len() as f64 >= args.seeds as f64 * FOUND_SHARE;
    let clean = args.no_controls || valid == args.seeds;
    let others = mine().filter(|run| !run.met).map(|run| {
        let what = if run.control { "control" } else { "planted" };
        format!("{what} {}: {}", run.directory, run.verdict)
    });
    Score {
        bug: row.bug.clone(),
        workload: row.planted.name.clone(),
        found: found.len() as u64,
        seeds: args.seeds,
        median_s: times.get(times.len() / 2).copied(),
        by: most_common(found.iter().filter_map(|run| run.found.as_ref().map(|f| f.0.as_str()))),
        outside: found.iter().filter(|run| run.outside).count() as u64,
        controls_valid: (!args.no_controls).then_some(valid),
        as_expected: enough && clean,
        others: others.collect(),
    }
}

fn most_common<'a>(names: impl Iterator<Item = &'a str>) -> Option<String> {
    let mut counts = std::collections::BTreeMap::new();
    for name in names {
        *counts.entry(name).or_insert(0u64) += 1;
    }
    counts.into_iter().max_by_key(|(_, count)| *count).map(|(name, _)| name.to_string())
}

fn table(scores: &[Score], markdown: bool) -> String {
    let heading = [
        "bug",
        "workload",
        "found",
        "median",
        "first seen by",
        "seen from outside",
        "controls",
        "",
    ];
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_string());
    let rows = scores.iter().map(|score| {
        let controls = score.controls_valid.map(|k| format!("{k} of {} valid", score.seeds));
        [
            score.bug.clone(),
            score.workload.clone(),
            format!("{} of {}", score.found, score.seeds),
            or_dash(score.median_s.map(|s| format!("{s:.1} s"))),
            or_dash(score.by.clone()),
            format!("{} of {}", score.outside, score.found),
            or_dash(controls),
            if score.as_expected { "as expected" } else { "NOT as expected" }.to_string(),
        ]
    });
    let mut text = screen::table(heading, rows, markdown);
    for other in scores.iter().flat_map(|score| &score.others) {
        writeln!(text, "  {other}").expect("a string takes all");
    }
    text
}
