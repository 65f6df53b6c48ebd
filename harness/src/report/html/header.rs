//! The verdict in words, how to see it again, and what was tested.

use std::collections::BTreeSet;

use maud::{Markup, html};
use schism_verify::history::{Event, Process, Value};

use super::super::{Report, refusals, words};
use crate::workload::SystemSpec;

pub(super) fn header(report: &Report<'_>, over_time: bool) -> Markup {
    let verdict = report.verdict;
    let (class, mark) = match &*verdict.verdict {
        "valid" => ("valid", "✓"),
        "violated" => ("violated", "✗"),
        _ => ("unknown", "?"),
    };
    let found = words::kinds_found(report);
    html! {
        header.verdict.(class) {
            div.inner {
                p.eyebrow { "schism " span.dim { "·" } " " (verdict.workload) }
                h1 {
                    span.mark aria-hidden="true" { (mark) }
                    span.word { (verdict.verdict) }
                    @if !found.is_empty() { span.found { (found) } }
                }
                p.lead {
                    (words::sentence(report))
                    @if let Some(expectation) = words::expectation(report) { " " (expectation) }
                    @if let Some(losses) = words::losses_in_short(report) { " " (losses) }
                }
                @if let Some(workload) = report.workload {
                    p.about { span.dim { "The question: " } (workload.about) }
                }
                @if !verdict.replay.is_empty() {
                    div.again { span.dim { "See it again" } code { (verdict.replay) } }
                }
                (tested(report))
                (links(report, over_time))
            }
        }
    }
}

/// The figures a reader asks for first.
fn tested(report: &Report<'_>) -> Markup {
    if report.workload.is_none() {
        return plain(report);
    }
    let verdict = report.verdict;
    let strikes: u64 = verdict.faults.iter().map(|fault| fault.strikes).sum();
    let effective: u64 = verdict.faults.iter().map(|fault| fault.effective).sum();
    html! {
        dl.tiles {
            (tile("System", &verdict.system, &system(report)))
            @if let Some(workload) = report.workload {
                (tile("Size", &words::counted(u64::from(workload.nodes), "node"), &format!("{} for {} s",
                    words::counted(u64::from(workload.clients), "client"), workload.duration.as_secs_f64())))
            }
            (tile("Seed", &verdict.seed.to_string(), "schedule and operations"))
            (operations(report))
            (latency(report))
            @if strikes == 0 && !verdict.faults.is_empty() {
                (tile("Faults", "none struck", "the run ended before"))
            } @else if strikes == 0 {
                (tile("Faults", "none", "nothing was broken"))
            } @else {
                (tile("Strikes with effect", &format!("{effective} of {strikes}"), &kinds(report)))
            }
        }
    }
}

/// What a history by itself can say.
fn plain(report: &Report<'_>) -> Markup {
    let format = report.environment["format"].as_str();
    let check = report.verdict.checks.iter().find(|check| check.model.is_some());
    let named = |name: &Option<String>| name.clone().unwrap_or_default();
    let clients = report.events.iter().filter(|event| event.process() != Process::Nemesis);
    let processes: BTreeSet<Process> = clients.clone().map(Event::process).collect();
    let keys: BTreeSet<&Value> = clients.filter_map(|event| event.key()).collect();
    html! {
        dl.tiles {
            @if let Some(format) = format {
                (tile("Format", format, "of the file"))
            }
            @if let Some(check) = check {
                (tile("Model", &named(&check.model),
                    &format!("judged by the algorithm {}", named(&check.algorithm))))
            }
            (operations(report))
            (tile("Processes", &words::grouped(processes.len() as u64), "one operation at a time each"))
            @if !keys.is_empty() {
                (tile("Keys", &words::grouped(keys.len() as u64), "each judged by itself"))
            }
            @if has_times(report) { (latency(report)) }
        }
    }
}

/// Whether anybody wrote down when things happened.
pub(super) fn has_times(report: &Report<'_>) -> bool {
    report.events.iter().any(|event| event.time().is_some())
}

fn operations(report: &Report<'_>) -> Markup {
    let [ok, fail, info] = words::outcomes(&report.verdict.operations);
    let total = words::grouped(words::operations(report));
    tile("Operations", &total, &format!("{ok} ok, {fail} fail, {info} unknown"))
}

fn latency(report: &Report<'_>) -> Markup {
    let counts = &report.verdict.operations;
    let (p99, max) = (words::millis(counts.p99_ms), words::millis(counts.max_ms));
    tile("Latency p50", &words::millis(counts.p50_ms), &format!("p99 {p99}, max {max}"))
}

fn tile(name: &str, figure: &str, remark: &str) -> Markup {
    html! { div { dt { (name) } dd { b { (figure) } span { (remark) } } } }
}

fn system(report: &Report<'_>) -> String {
    if let Some(bug) = &report.verdict.bug {
        return format!("with planted bug {bug}");
    }
    match report.workload.map(|workload| &workload.system) {
        Some(SystemSpec::Named { options, .. }) if !options.is_empty() => {
            let said: Vec<String> = options.iter().map(|(k, v)| format!("{k} {v}")).collect();
            said.join(", ")
        }
        Some(SystemSpec::Command { command, .. }) => command.join(" "),
        Some(SystemSpec::File(file)) => {
            let version = report.verdict.system_version.iter().cloned();
            let given = file.options.iter().filter(|(_, value)| !value.is_empty());
            let options = given.map(|(name, value)| format!("{name} {value}"));
            let said: Vec<String> = version.chain(options).collect();
            if said.is_empty() { "as its system file says".into() } else { said.join(", ") }
        }
        _ => "no bug planted".into(),
    }
}

fn kinds(report: &Report<'_>) -> String {
    let faults = report.verdict.faults.iter();
    let said: Vec<String> = faults
        .map(|fault| format!("{} {}/{}", fault.fault, fault.effective, fault.strikes))
        .collect();
    said.join(", ")
}

fn links(report: &Report<'_>, over_time: bool) -> Markup {
    html! {
        nav {
            @if !words::anomalies(report).is_empty() { a href="#anomalies" { "Anomalies" } }
            @if over_time { a href="#time" { "Over time" } }
            a href="#checks" { "Checks" }
            @if report.workload.is_some() {
                a href="#faults" { "Faults" }
                a href="#recovery" { "Recovery" }
            }
            @if !refusals::rows(report).is_empty() { a href="#refusals" { "Refusals" } }
            @if has_times(report) { a href="#quantiles" { "Latency" } }
            @if report.workload.is_some() { a href="#plan" { "Plan and environment" } }
        }
    }
}
