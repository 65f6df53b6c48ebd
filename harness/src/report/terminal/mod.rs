//! What `schism run` prints when it has ended.

use std::fmt::Write as _;

pub mod paint;
mod violation;

use comfy_table::{Cell, CellAlignment, Color};

use super::facts::Facts;
use super::facts::recovery::{recoveries, silences};
use super::words::{grouped, millis, nanos};
use super::{Report, refusals, words};
use crate::draw::text::cut;
use crate::store::verdict_file::CheckFile;
use paint::{NAME, Paint, clean, wrap};

/// The whole finding as text, at most `width` columns wide, ending in a line break. Colours only
/// when `colour`.
pub fn summary(report: &Report<'_>, width: usize, colour: bool) -> String {
    let facts = Facts::new(report);
    let paint = Paint::new(width, colour);
    let mut out = String::new();
    headline(&mut out, report, paint);
    out.push('\n');
    out += &checks(report, paint);
    if !report.verdict.faults.is_empty() {
        out.push('\n');
        out += &faults(report, paint);
    }
    out += &refusals(report, paint);
    out.push('\n');
    traffic(&mut out, report, &facts, paint);
    violation::violations(&mut out, report, &facts, paint);
    out.push('\n');
    let again = Some(&report.verdict.replay).filter(|command| !command.is_empty());
    let page = report.workload.map(|_| format!("{}/report.html", report.directory));
    for (name, what) in [("report:", page.as_ref()), ("again:", again)] {
        if let Some(what) = what {
            let _ = writeln!(out, "{} {}", paint.dim(&format!("{name:7}")), clean(what));
        }
    }
    out
}

fn headline(out: &mut String, report: &Report<'_>, paint: Paint) {
    let word = clean(&report.verdict.verdict).to_uppercase();
    let word = match &*report.verdict.verdict {
        "valid" => paint.good(&word),
        "violated" => paint.bad(&word),
        _ => paint.doubt(&word),
    };
    let found = words::kinds_found(report);
    let found = if found.is_empty() { found } else { format!("  {}", paint.bold(&found)) };
    let _ = writeln!(out, "{word}{found}");
    for line in wrap(&words::sentence(report), paint.width) {
        let _ = writeln!(out, "{line}");
    }
    for line in words::expectation(report).iter().flat_map(|text| wrap(text, paint.width)) {
        let _ = writeln!(out, "{line}");
    }
    for line in wrap(&words::tested(report), paint.width) {
        let _ = writeln!(out, "{}", paint.dim(&line));
    }
}

fn checks(report: &Report<'_>, paint: Paint) -> String {
    let mut table = paint.table(&["check", "verdict", "found", "looked at", "took"]);
    for check in &report.verdict.checks {
        let (verdict, colour) = match &*check.verdict {
            "valid" => ("valid", Color::DarkGreen),
            "violated" => ("violated", Color::DarkRed),
            _ => ("unknown", Color::DarkYellow),
        };
        table.add_row(vec![
            Cell::new(clean(&judged(check))),
            Cell::new(verdict).fg(colour),
            Cell::new(words::finding(check)),
            Cell::new(grouped(check.operations)).set_alignment(CellAlignment::Right),
            Cell::new(millis(check.elapsed_ms)).set_alignment(CellAlignment::Right),
        ]);
    }
    let mut out = Paint::text(&table);
    // Those of a broken check stand beside what it found, losses with the traffic.
    let sound = report.verdict.checks.iter();
    let sound = sound.filter(|check| check.anomalies.is_empty() && check.lost.is_none());
    for note in sound.flat_map(|check| check.notes.iter().map(move |note| (&check.name, note))) {
        for line in wrap(&format!("{}: {}", note.0, clean(note.1)), paint.width - 1) {
            let _ = writeln!(out, " {}", paint.dim(&line));
        }
    }
    out
}

/// `linearizable, register by search`.
fn judged(check: &CheckFile) -> String {
    match (&check.model, &check.algorithm) {
        (Some(model), Some(algorithm)) if model != algorithm => {
            format!("{}, {model} by {algorithm}", check.name)
        }
        (Some(model), _) => format!("{}, {model}", check.name),
        _ => check.name.clone(),
    }
}

fn faults(report: &Report<'_>, paint: Paint) -> String {
    let mut table = paint.table(&["fault", "struck", "effective", "what it did altogether"]);
    for fault in &report.verdict.faults {
        let effective = Cell::new(fault.effective).set_alignment(CellAlignment::Right);
        table.add_row(vec![
            Cell::new(clean(&fault.fault)),
            Cell::new(fault.strikes).set_alignment(CellAlignment::Right),
            if fault.effective == 0 { effective.fg(Color::DarkYellow) } else { effective },
            Cell::new(cut(&fault.effect, 200)),
        ]);
    }
    Paint::text(&table)
}

/// Rows of refusals: the rest is in verdict.json.
const REFUSALS_MAX: usize = 8;

/// Why operations were no ok, and what nodes said that was no answer.
fn refusals(report: &Report<'_>, paint: Paint) -> String {
    let rows = refusals::rows(report);
    if rows.is_empty() {
        return String::new();
    }
    let mut table = paint.table(&["why refused, why unanswered", "operation", "", "times", "node"]);
    for row in rows.iter().take(REFUSALS_MAX) {
        table.add_row(vec![
            Cell::new(cut(row.error, 40)),
            Cell::new(cut(row.operation, 40)),
            Cell::new(row.outcome),
            Cell::new(grouped(row.count)).set_alignment(CellAlignment::Right),
            Cell::new(clean(&row.nodes())),
        ]);
    }
    let mut out = format!("\n{}", Paint::text(&table));
    let more = rows.len().saturating_sub(REFUSALS_MAX);
    if more > 0 {
        let _ = writeln!(out, " {}", paint.dim(&format!("and {more} more, see verdict.json")));
    }
    let mut quoted: Vec<&str> =
        rows.iter().take(REFUSALS_MAX).filter_map(|row| row.first).collect();
    quoted.dedup();
    for first in quoted {
        for line in wrap(&format!("the first: {first}"), paint.width - 1) {
            let _ = writeln!(out, " {}", paint.dim(&line));
        }
    }
    out
}

/// Operations, latency, recovery, silence: a line each.
fn traffic(out: &mut String, report: &Report<'_>, facts: &Facts<'_>, paint: Paint) {
    let counts = &report.verdict.operations;
    let [ok, fail, info] = words::outcomes(counts);
    let mut rows = vec![("operations", format!("{ok} ok, {fail} fail, {info} info"))];
    if let Some(losses) = words::losses(report) {
        rows.push(("losses", losses));
    }
    // Without times nobody knows how long anything took.
    if report.events.iter().any(|event| event.time().is_some()) {
        let (p50, p99) = (millis(counts.p50_ms), millis(counts.p99_ms));
        rows.push(("latency", format!("p50 {p50}, p99 {p99}, max {}", millis(counts.max_ms))));
    }
    for (place, text) in recovered(facts).into_iter().enumerate() {
        rows.push((if place == 0 { "recovery" } else { "" }, text));
    }
    let quiet = silences(facts);
    if let Some(longest) = quiet.iter().max_by_key(|silence| silence.to_ns - silence.from_ns) {
        let words = format!(
            "nothing acknowledged for {} from {}; {} such silences of 250 ms or more",
            nanos(longest.to_ns - longest.from_ns),
            facts.show(longest.from_ns),
            quiet.len()
        );
        rows.push(("silence", words));
    }
    for (name, text) in rows {
        for (place, line) in wrap(&text, paint.width - NAME - 1).enumerate() {
            let name = if place == 0 { name } else { "" };
            let _ = writeln!(out, " {} {line}", paint.dim(&format!("{name:<12}")));
        }
    }
}

/// `crash      p50 412 ms, max 610 ms from the heal to the first ok`, a line per kind of fault.
fn recovered(facts: &Facts<'_>) -> Vec<String> {
    let mut kinds: Vec<(&str, Vec<u64>, usize)> = Vec::new();
    for row in recoveries(facts) {
        let fault = &*facts.strikes[row.strike].fault;
        let place = kinds.iter().position(|kind| kind.0 == fault).unwrap_or_else(|| {
            kinds.push((fault, Vec::new(), 0));
            kinds.len() - 1
        });
        match row.first_ok_ns {
            Some(first) => kinds[place].1.push(first),
            None => kinds[place].2 += 1,
        }
    }
    let mut said = Vec::new();
    for (place, (kind, mut times, never)) in kinds.into_iter().enumerate() {
        times.sort_unstable();
        let what = if place == 0 { " from the heal to the first ok" } else { "" };
        let never = if never == 0 { String::new() } else { format!(", {never} times never") };
        let figures = match (times.get(times.len() / 2), times.last()) {
            (Some(p50), Some(max)) => format!(" p50 {}, max {}", nanos(*p50), nanos(*max)),
            _ => String::new(),
        };
        said.push(format!("{kind}:{figures}{never}{what}"));
    }
    said
}
