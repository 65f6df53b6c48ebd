//! Sentences and figures that every renderer says alike.

use std::collections::BTreeSet;

use schism_verify::verdict::{Anomaly, KINDS, Kind};

use super::Report;
use crate::draw::text::cut;
use crate::store::verdict_file::{CheckFile, OperationsFile, VerdictFile};
use crate::workload::Workload;

/// Every anomaly with the check that found it, in the order of checks.
pub fn anomalies<'a>(report: &Report<'a>) -> Vec<(&'a CheckFile, &'a Anomaly)> {
    let checks = report.verdict.checks.iter();
    checks.flat_map(|check| check.anomalies.iter().map(move |anomaly| (check, anomaly))).collect()
}

/// What the checks that found something say beside it, each once.
pub fn caveats<'a>(report: &Report<'a>) -> Vec<&'a str> {
    let broken = report.verdict.checks.iter().filter(|check| !check.anomalies.is_empty());
    let mut seen = BTreeSet::new();
    let notes = broken.flat_map(|check| &check.notes).map(String::as_str);
    notes.filter(|note| seen.insert(*note)).collect()
}

/// A headline names so many kinds: they fit a line.
const KINDS_SHOWN_MAX: usize = 4;

/// `stale-read` or `stale-read (3), lost-append`: what was found, in the order it was.
pub fn kinds_found(report: &Report<'_>) -> String {
    let mut counts: Vec<(Kind, usize)> = Vec::new();
    for (_, anomaly) in anomalies(report) {
        match counts.iter_mut().find(|row| row.0 == anomaly.kind) {
            Some(row) => row.1 += 1,
            None => counts.push((anomaly.kind, 1)),
        }
    }
    let more = counts.len().saturating_sub(KINDS_SHOWN_MAX);
    let words = counts.into_iter().take(KINDS_SHOWN_MAX).map(|(kind, count)| {
        if count == 1 { kind.name().to_owned() } else { format!("{} ({count})", kind.name()) }
    });
    let words = words.collect::<Vec<_>>().join(", ");
    match more {
        0 => words,
        1 => format!("{words} and 1 more kind"),
        _ => format!("{words} and {more} more kinds"),
    }
}

/// What a check found, for a cell of a table.
pub fn finding(check: &CheckFile) -> String {
    match (check.anomalies.len(), &check.reason) {
        (0, Some(reason)) => cut(reason, 200),
        (0, None) => "nothing wrong".into(),
        (1, _) => check.anomalies[0].kind.name().into(),
        (count, _) => format!("{count} anomalies"),
    }
}

pub fn meaning(kind: Kind) -> &'static str {
    KINDS.iter().find(|row| row.0 == kind).map_or("", |row| row.2)
}

pub fn sentence(report: &Report<'_>) -> String {
    let verdict = report.verdict;
    let count = operations(report);
    match &*verdict.verdict {
        "valid" => format!(
            "Every check ran to its end and found nothing wrong in {} operations.",
            grouped(count)
        ),
        "violated" => {
            let found = anomalies(report).len();
            let violations = if found == 1 { "violation" } else { "violations" };
            format!("{found} {violations} in {} operations.", grouped(count))
        }
        _ => verdict.reason.clone().unwrap_or_else(|| "The checks could not decide.".into()),
    }
}

/// What became of acknowledged appends where a system may lose some, in a sentence. None: it may
/// not, so whatever is gone is an anomaly.
pub fn losses(report: &Report<'_>) -> Option<String> {
    let check = report.verdict.checks.iter().find(|check| check.lost.is_some())?;
    check.notes.first().map(|note| {
        let mut letters = note.chars();
        let first = letters.next().map(|letter| letter.to_uppercase().to_string());
        format!("{}{}.", first.unwrap_or_default(), letters.as_str())
    })
}

/// The same without the particulars.
pub fn losses_in_short(report: &Report<'_>) -> Option<String> {
    let whole = losses(report)?;
    Some(whole.split_once(':').map_or(whole.clone(), |(short, _)| format!("{short}.")))
}

/// How many acknowledged appends, writes, elements or messages are gone, promised to stay or not.
pub fn lost(verdict: &VerdictFile) -> u64 {
    // Where nobody counted, what is told is what there is.
    let anomalies = verdict.checks.iter().flat_map(|check| &check.anomalies);
    let told = anomalies.filter(|anomaly| anomaly.kind.is_loss()).count() as u64;
    verdict.checks.iter().filter_map(|check| check.lost).max().unwrap_or(told)
}

/// What the workload expected, and whether it came so. None when a valid run was expected.
pub fn expectation(report: &Report<'_>) -> Option<String> {
    let verdict = report.verdict;
    if verdict.expect.is_empty() || verdict.expect == "valid" {
        return None;
    }
    let met = if verdict.exit == 0 { "found it" } else { "did not find it" };
    Some(format!("The workload expects {} and {met}.", verdict.expect))
}

/// `1 node`, `3 nodes`.
pub fn counted(count: u64, what: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} {what}{ending}")
}

/// `raft-under-fire on raft with bug R13, 5 nodes, 10 clients, seed 7`.
pub fn tested(report: &Report<'_>) -> String {
    let verdict = report.verdict;
    let bug = verdict.bug.as_ref().map_or(String::new(), |bug| format!(" with bug {bug}"));
    let size = |w: &Workload| {
        let (nodes, clients) = (u64::from(w.nodes), u64::from(w.clients));
        format!(", {}, {}", counted(nodes, "node"), counted(clients, "client"))
    };
    let size = report.workload.map_or(String::new(), size);
    if verdict.system.is_empty() {
        return verdict.workload.clone(); // a history file: nobody says what wrote it
    }
    let version = verdict.system_version.as_ref();
    let version = version.map_or(String::new(), |version| format!(" ({version})"));
    let (workload, system, seed) = (&verdict.workload, &verdict.system, verdict.seed);
    format!("{workload} on {system}{version}{bug}{size}, seed {seed}")
}

/// All operations, however they ended.
pub fn operations(report: &Report<'_>) -> u64 {
    let counts = &report.verdict.operations;
    counts.ok + counts.fail + counts.info
}

/// How many were ok, fail and info.
pub fn outcomes(counts: &OperationsFile) -> [String; 3] {
    [counts.ok, counts.fail, counts.info].map(grouped)
}

/// `24,120`.
pub fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `0.42 ms`, `12.4 ms`, `1.31 s`: three figures, a unit.
pub fn millis(ms: f64) -> String {
    match ms {
        ms if ms >= 1_000.0 => format!("{:.2} s", ms / 1_000.0),
        ms if ms >= 100.0 => format!("{ms:.0} ms"),
        ms if ms >= 10.0 => format!("{ms:.1} ms"),
        ms => format!("{ms:.2} ms"),
    }
}

/// Nanoseconds in the same words.
pub fn nanos(ns: u64) -> String {
    millis(ns as f64 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short_and_have_units() {
        for (count, words) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(count), words);
        }
        for (ms, words) in
            [(0.4213, "0.42 ms"), (12.44, "12.4 ms"), (412.4, "412 ms"), (1_312.0, "1.31 s")]
        {
            assert_eq!(millis(ms), words);
        }
    }

    #[test]
    fn losses_are_said_where_some_are_allowed() {
        use super::super::{html, markdown, sample::Sample, terminal};

        let said = "12 acknowledged appends were lost to failovers, as asynchronous mode may: 12 when \
                    n2 opened epoch 2 with length 140.";
        let lossy = Sample::lossy(8, 100);
        let report = lossy.report();
        assert_eq!((losses(&report).as_deref(), lost(report.verdict)), (Some(said), 12));
        let short = "12 acknowledged appends were lost to failovers, as asynchronous mode may.";
        assert!(html::page(&report).contains(short));
        assert!(html::page(&report).contains(said.trim_end_matches('.')), "beside its check");
        assert!(markdown::summary(&report).contains(said));
        assert!(terminal::summary(&report, 200, false).contains(&format!("losses       {said}")));
        let (valid, violated) = (Sample::valid(8, 100), Sample::violated(8, 100));
        assert_eq!((losses(&valid.report()), lost(&valid.verdict)), (None, 0));
        assert_eq!((losses(&violated.report()), lost(&violated.verdict)), (None, 1));
    }

    #[test]
    fn what_a_sound_check_notes_is_said_wherever_the_check_is() {
        use super::super::{html, sample::Sample, terminal};

        let mut sample = Sample::valid(8, 100);
        sample.verdict.checks[1].notes = vec!["40 epochs began".into()];
        let line = format!("\n {}: 40 epochs began\n", sample.verdict.checks[1].name);
        let report = sample.report();
        assert!(terminal::summary(&report, 80, false).contains(&line));
        assert!(html::page(&report).contains("40 epochs began"));
    }
}
