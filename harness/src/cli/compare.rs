//! `schism compare`: the same workload and seed on several systems, one table and one page.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use schism_facts::Catalogue;

use super::interrupt::watch_signals;
use super::reports::{pretty, with_report};
use super::screen;
use super::session::{Request, carry_out};
use crate::judge::{EXIT_INTERRUPTED, EXIT_VALID, EXIT_VIOLATED};
use crate::report::compare::{self, Row};
use crate::store::Saved;
use crate::workload::{self, Overrides, Workload};

/// Run the same workload and seed on several systems: one table, one page
#[derive(clap::Args)]
#[command(after_help = "Example: schism compare leader-crash --systems raft,multi-paxos,vsr,zab")]
pub struct Args {
    /// A path, or a name: workloads/NAME.yaml, else the copy built into this program
    #[arg(value_name = "WORKLOAD")]
    workload: String,
    /// Which systems, separated by commas
    #[arg(long, value_name = "A,B,...", value_delimiter = ',', required = true)]
    systems: Vec<String>,
    /// The seed [default: the workload's, else 1]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Warm-up and disturbance together: 30s
    #[arg(long, value_name = "D")]
    duration: Option<String>,
    /// Set any key of the workload, dotted: faults.crash.every=2s
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Where run directories and the page go
    #[arg(long, value_name = "DIR", default_value = "runs")]
    out: PathBuf,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
    /// Print the table as Markdown
    #[arg(long, conflicts_with = "json")]
    markdown: bool,
    /// Show nothing while it runs
    #[arg(long)]
    quiet: bool,
}

/// Runs them one after the other, prints the table, writes the page.
pub fn main(args: &Args, catalogue: &Catalogue) -> Result<u8> {
    let workloads = workloads(args, catalogue)?;
    let first = &workloads[0];
    let seed = args.seed.or(first.seed).unwrap_or(1);
    let mut drawn: Vec<(Row, String)> = Vec::new();
    for workload in &workloads {
        let request = Request {
            workload,
            seed,
            out: &args.out,
            catalogue,
            keep_going: true,
            quiet: args.quiet || args.json,
        };
        let ended = carry_out(&request)?;
        if *watch_signals().borrow() {
            return Ok(EXIT_INTERRUPTED);
        }
        let saved = Saved::read(&ended.directory, catalogue)?;
        drawn.push(with_report(&saved, &ended.verdict, |report| {
            (Row::of(report), compare::pictures(report))
        }));
    }
    let page = write_page(&args.out, first, seed, &drawn)?;
    let rows: Vec<&Row> = drawn.iter().map(|(row, _)| row).collect();
    if args.json {
        let document = serde_json::json!({ "workload": first.name, "seed": seed, "runs": rows });
        screen::document(&pretty(&document));
    } else {
        screen::show(&table(&rows, args.markdown));
        screen::remark(&format!("page: {}", page.display()));
    }
    let all = rows.iter().all(|row| row.exit == EXIT_VALID);
    Ok(if all { EXIT_VALID } else { EXIT_VIOLATED })
}

/// All are read before anything starts.
fn workloads(args: &Args, catalogue: &Catalogue) -> Result<Vec<Workload>> {
    let one = |system: &String| {
        let overrides = Overrides {
            duration: args.duration.clone(),
            system: Some(system.clone()),
            set: args.set.clone(),
            ..Overrides::default()
        };
        let loaded = workload::load(&args.workload, &overrides, catalogue);
        // The workload may be right for all others. Its place stays in front, for editors.
        let loaded = loaded.map_err(|error| match error.snippet.as_str() {
            "" => anyhow!("{error}"),
            snippet => anyhow!("{error} (with {system})\n{snippet}"),
        })?;
        Ok(screen::told(loaded))
    };
    let workloads: Vec<Workload> = args.systems.iter().map(one).collect::<Result<_>>()?;
    let mut names = args.systems.clone();
    names.sort();
    names.dedup();
    if names.len() < args.systems.len() {
        bail!("--systems names one of them twice");
    }
    Ok(workloads)
}

fn write_page(
    out: &Path,
    workload: &Workload,
    seed: u64,
    drawn: &[(Row, String)],
) -> Result<PathBuf> {
    let stamp = jiff::ZonedDateTime::now().strftime("%Y%m%d-%H%M%S").to_string();
    let file = out.join(format!("{stamp}-compare-{}-{seed}.html", workload.name));
    let page = compare::page(&workload.name, &workload.about, seed, drawn);
    std::fs::write(&file, page).with_context(|| format!("{} cannot be written", file.display()))?;
    Ok(file)
}

fn table(rows: &[&Row], markdown: bool) -> String {
    let cells = rows.iter().map(|row| compare::cells(row));
    let mut text = screen::table(compare::HEADING, cells, markdown);
    let remarks = compare::remarks(rows.iter().copied());
    // A paragraph each, which Markdown wants apart from the table and from each other.
    let gap = if markdown { "\n" } else { "" };
    text.extend(remarks.iter().map(|remark| format!("{gap}{remark}\n")));
    text
}
