//! `schism run`: workloads, each with one or more seeds.

use std::hash::{BuildHasher, Hasher};
use std::path::PathBuf;

use schism_facts::Catalogue;

use super::interrupt::watch_signals;
use super::reports::pretty;
use super::screen;
use super::session::{Ended, Request, carry_out};
use crate::judge::{EXIT_INTERRUPTED, EXIT_NOT_RUN, system_name, worst_exit};
use crate::store::REPORT;
use crate::store::verdict_file::VerdictFile;
use crate::workload::{self, Overrides, Workload};

/// Run workloads: start a cluster, disturb it, and judge what clients were told
#[derive(clap::Args)]
#[command(after_help = "Example: schism run raft-under-fire --seed 7 --duration 30s\n\
    Example: schism run quiet leader-crash --runs 5 --set faults.crash.every=2s")]
pub struct Args {
    /// A path, or a name: workloads/NAME.yaml, else the copy built into this program
    #[arg(required = true, value_name = "WORKLOAD")]
    workloads: Vec<String>,
    /// The first seed [default: the workload's, else drawn and printed]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// How many runs of each workload: seeds N, N+1, ...
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    runs: u64,
    /// Warm-up and disturbance together: 30s
    #[arg(long, value_name = "D")]
    duration: Option<String>,
    /// How many nodes
    #[arg(long, value_name = "N")]
    nodes: Option<String>,
    /// Test this system instead
    #[arg(long, value_name = "S")]
    system: Option<String>,
    /// Plant this bug, or `none`
    #[arg(long, value_name = "ID")]
    bug: Option<String>,
    /// Set any key of the workload, dotted: faults.crash.every=2s
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Do not end the disturbance at the first violation
    #[arg(long)]
    keep_going: bool,
    /// Where run directories go
    #[arg(long, value_name = "DIR", default_value = "runs")]
    out: PathBuf,
    /// Print exactly one JSON document: the verdict, or {"runs": [...]} for several
    #[arg(long)]
    json: bool,
    /// Show nothing while it runs, and one line per run at the end
    #[arg(long)]
    quiet: bool,
    /// Open the report in a browser when it is written
    #[arg(long)]
    open: bool,
}

/// Runs all of them; every workload is read before anything starts.
pub fn main(args: &Args, catalogue: &Catalogue) -> u8 {
    let workloads = match load_all(args, catalogue) {
        Ok(workloads) => workloads,
        Err(error) => {
            screen::complain(&error.to_string());
            if !error.snippet.is_empty() {
                screen::complain(&error.snippet);
            }
            return EXIT_NOT_RUN;
        }
    };
    let interrupted = watch_signals();
    let mut codes = Vec::new();
    let mut verdicts = Vec::new();
    'all: for workload in &workloads {
        let first = args.seed.or(workload.seed).unwrap_or_else(drawn_seed);
        for number in 0..args.runs {
            let seed = first.wrapping_add(number);
            match carry_out(&request(args, workload, seed, catalogue)) {
                Ok(run) => {
                    codes.push(run.verdict.exit);
                    show(args, &run);
                    verdicts.push(run.verdict);
                }
                Err(error) => {
                    screen::complain(&format!("{} seed {seed}: {error:#}", workload.name));
                    codes.push(EXIT_NOT_RUN);
                    verdicts.push(not_run(workload, seed, &format!("{error:#}")));
                }
            }
            if *interrupted.borrow() {
                codes.push(EXIT_INTERRUPTED);
                break 'all;
            }
        }
    }
    if args.json {
        let several = workloads.len() as u64 * args.runs > 1;
        show_json(&verdicts, several);
    }
    worst_exit(codes)
}

fn load_all(args: &Args, catalogue: &Catalogue) -> Result<Vec<Workload>, workload::WorkloadError> {
    let overrides = Overrides {
        seed: args.seed,
        duration: args.duration.clone(),
        nodes: args.nodes.clone(),
        system: args.system.clone(),
        bug: args.bug.clone(),
        set: args.set.clone(),
    };
    let load = |name| workload::load(name, &overrides, catalogue).map(screen::told);
    args.workloads.iter().map(|name| load(name)).collect()
}

fn request<'a>(
    args: &'a Args,
    workload: &'a Workload,
    seed: u64,
    catalogue: &'a Catalogue,
) -> Request<'a> {
    let (out, keep_going) = (args.out.as_path(), args.keep_going);
    Request { workload, seed, out, catalogue, keep_going, quiet: args.quiet }
}

/// Small enough to be typed again.
fn drawn_seed() -> u64 {
    std::hash::RandomState::new().build_hasher().finish() % 1_000_000
}

fn show(args: &Args, run: &Ended) {
    if args.open {
        let page = run.directory.join(REPORT);
        if std::process::Command::new("xdg-open").arg(&page).spawn().is_err() {
            screen::remark(&format!("no xdg-open here; the report is {}", page.display()));
        }
    }
    if args.json {
        return;
    }
    if args.quiet {
        let verdict = &run.verdict;
        screen::show(&format!(
            "{} {} seed {}: {}\n",
            verdict.verdict,
            verdict.workload,
            verdict.seed,
            run.directory.display()
        ));
    } else {
        screen::show(&run.summary);
    }
}

/// What `--json` says of a run that could not be run.
fn not_run(workload: &Workload, seed: u64, why: &str) -> VerdictFile {
    VerdictFile {
        verdict: "unknown".to_string(),
        reason: Some(format!("could not run: {why}")),
        exit: EXIT_NOT_RUN,
        workload: workload.name.clone(),
        system: system_name(&workload.system),
        bug: workload.bug.clone(),
        seed,
        ..VerdictFile::default()
    }
}

fn show_json(verdicts: &[VerdictFile], several: bool) {
    let document = match verdicts {
        [one] if !several => pretty(one),
        _ => pretty(&serde_json::json!({ "runs": verdicts })),
    };
    screen::document(&document);
}
