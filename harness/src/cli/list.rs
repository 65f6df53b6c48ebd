//! `schism list`: what there is, one line each, from the tables themselves.

use std::fmt::Write;

use schism_facts::{BugRow, Catalogue, ClientRow, SystemRow};
use schism_verify::checkers::CHECKERS;
use schism_verify::models::MODELS;
use schism_verify::verdict::KINDS;
use serde_json::json;

use super::installed;
use super::reports::pretty;
use super::screen;
use crate::faults::FAULTS;
use crate::judge::EXIT_VALID;
use crate::systems::progress;
use crate::workload::{self, served};

/// What there is: workloads, systems, clients, faults, models, checkers, bugs, anomalies
#[derive(clap::Args)]
#[command(after_help = "Example: schism list faults")]
pub struct Args {
    /// Only these
    #[arg(value_name = "WHAT", value_parser = WHAT)]
    what: Option<String>,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

const WHAT: [&str; 8] =
    ["workloads", "systems", "clients", "faults", "models", "checkers", "bugs", "anomalies"];

pub fn main(args: &Args, catalogue: &Catalogue) -> u8 {
    let kinds: Vec<&str> =
        WHAT.into_iter().filter(|kind| args.what.as_deref().is_none_or(|w| w == *kind)).collect();
    if args.json {
        let all = kinds.iter().map(|kind| {
            let listed = |(name, about)| json!({"name": name, "about": about});
            let mut rows: Vec<serde_json::Value> = match *kind {
                "systems" => catalogue.systems.iter().map(system).map(listed).collect(),
                kind => rows(kind, catalogue).into_iter().map(listed).collect(),
            };
            if *kind == "systems" {
                rows.extend(installed::systems(catalogue).into_iter().map(|one| one.json));
            }
            ((*kind).to_string(), rows.into())
        });
        let all: serde_json::Map<String, serde_json::Value> = all.collect();
        screen::document(&pretty(&all));
        return EXIT_VALID;
    }
    let mut text = String::new();
    for kind in &kinds {
        let rows = rows(kind, catalogue);
        let indent = if kinds.len() > 1 { "  " } else { "" };
        if kinds.len() > 1 {
            let gap = if text.is_empty() { "" } else { "\n" };
            writeln!(text, "{gap}{kind}").expect("a string takes all");
        }
        let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        for (name, about) in rows {
            writeln!(text, "{indent}{name:width$}  {about}").expect("a string takes all");
        }
    }
    screen::show(&text);
    EXIT_VALID
}

fn rows(kind: &str, catalogue: &Catalogue) -> Vec<(String, String)> {
    let row = |name: &str, about: &str| (name.to_string(), about.to_string());
    match kind {
        "workloads" => workload::list().iter().map(|w| row(&w.name, &w.about)).collect(),
        "systems" => {
            let files = installed::systems(catalogue).into_iter().map(|one| (one.name, one.line));
            catalogue.systems.iter().map(system).chain(files).collect()
        }
        "clients" => catalogue.clients.iter().map(client).collect(),
        "faults" => FAULTS.iter().map(|fault| row(fault.name, fault.about)).collect(),
        "models" => MODELS.iter().map(|model| row(model.name, model.about)).collect(),
        "checkers" => CHECKERS.iter().map(|check| row(check.name, check.about)).collect(),
        "bugs" => catalogue.bugs.iter().map(bug).collect(),
        "anomalies" => KINDS.iter().map(|(_, name, about)| row(name, about)).collect(),
        _ => unreachable!("clap lets only the kinds of WHAT through"),
    }
}

/// A bug, and what it waits for.
fn bug(row: &BugRow) -> (String, String) {
    let waits = row.waits_for.map(|fault| format!(" (waits for the fault: {fault})"));
    (row.id.to_string(), format!("{}{}", row.about, waits.unwrap_or_default()))
}

/// A client protocol, the models it can say, and what can be chosen.
fn client(row: &ClientRow) -> (String, String) {
    let models = if row.models.is_empty() { "every model".into() } else { row.models.join(", ") };
    let options: Vec<&str> = row.options.iter().map(|option| option.name).collect();
    let options = match &*options {
        [] => String::new(),
        options => format!("; options: {}", options.join(", ")),
    };
    (row.name.to_string(), format!("{} ({models}{options})", row.about))
}

/// A system with what is known of it.
fn system(row: &SystemRow) -> (String, String) {
    let may_lose = row.may_lose.map(|is| {
        format!("; with {}: {} a failover may lose what was acknowledged", is.option, is.value)
    });
    let may_lose = may_lose.unwrap_or_default();
    let facts = format!("{}; {}{may_lose}", served(row.models), progress::in_words(row.progress));
    (row.name.to_string(), format!("{} ({facts})", row.about))
}
