//! One workload and seed on several systems, side by side: one table and one page.
//! It never judges and never ranks: what a system promises differs, and the table says what came.

mod silence;

use maud::{Markup, PreEscaped, html};
use serde::Serialize;

use super::facts::Facts;
use super::facts::operations::Ending;
use super::facts::recovery;
use super::html::HATCHES;
use super::pictures::PICTURES;
use super::{Report, words};
use crate::draw::page::{self, picture};
use crate::store::verdict_file::VerdictFile;

/// One system's run in figures.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Row {
    pub system: String,
    /// `valid`, `violated`, `unknown`.
    pub verdict: String,
    /// The kinds of anomalies found, each once.
    pub found: Vec<String>,
    /// Operations acknowledged, refused for certain, and of unknown outcome.
    pub ok: u64,
    pub fail: u64,
    pub unknown: u64,
    /// Acknowledged appends that are gone, promised to stay or not.
    pub lost: u64,
    /// Where the system may lose some: what it lost, in a sentence.
    pub losses: Option<String>,
    /// How often a node came to lead.
    pub elections: u64,
    /// For each strike, the longest time without an acknowledgement it touched, in ms, sorted.
    pub silent_ms: Vec<f64>,
    /// All silences of a quarter of a second and more together, in ms.
    pub silent_total_ms: f64,
    /// p50 and p99 in ms of operations asked before the first strike, during strikes, after all.
    pub latency_ms: [Option<(f64, f64)>; 3],
    pub directory: String,
    pub exit: u8,
}

impl Row {
    pub fn of(report: &Report<'_>) -> Row {
        let facts = Facts::new(report);
        let verdict = report.verdict;
        let silences = recovery::silences(&facts);
        let total: u64 = silences.iter().map(|silence| silence.to_ns - silence.from_ns).sum();
        Row {
            system: verdict.system.clone(),
            verdict: verdict.verdict.clone(),
            found: found(verdict),
            ok: verdict.operations.ok,
            fail: verdict.operations.fail,
            unknown: verdict.operations.info,
            lost: words::lost(verdict),
            losses: words::losses(report),
            elections: elections(&facts),
            silent_ms: silent(&facts),
            silent_total_ms: total as f64 / 1e6,
            latency_ms: latencies(&facts),
            directory: report.directory.to_string(),
            exit: verdict.exit,
        }
    }

    /// The median and the worst silence round a strike, in ms.
    pub fn silence(&self) -> Option<(f64, f64)> {
        let median = *self.silent_ms.get(self.silent_ms.len() / 2)?;
        Some((median, *self.silent_ms.last()?))
    }
}

fn found(verdict: &VerdictFile) -> Vec<String> {
    let anomalies = verdict.checks.iter().flat_map(|check| &check.anomalies);
    let mut kinds: Vec<String> = anomalies.map(|a| a.kind.name().to_string()).collect();
    kinds.sort();
    kinds.dedup();
    kinds
}

fn elections(facts: &Facts<'_>) -> u64 {
    facts.leaderships.iter().filter(|leadership| *leadership.role == *"leader").count() as u64
}

/// The longest gap between two acknowledgements that touches each strike.
fn silent(facts: &Facts<'_>) -> Vec<f64> {
    let ok = facts.operations.iter().filter(|operation| operation.ending() == Ending::Ok);
    let mut acks: Vec<u64> = ok.filter_map(|operation| operation.to_ns).collect();
    acks.sort_unstable();
    let longest = |strike: &super::facts::strikes::Strike| {
        let until = strike.to_ns.unwrap_or(facts.end_ns);
        let touches = |pair: &&[u64]| pair[1] >= strike.from_ns && pair[0] <= until;
        let gaps = acks.windows(2).filter(touches).map(|pair| pair[1] - pair[0]);
        gaps.max().unwrap_or(0) as f64 / 1e6
    };
    let mut silent: Vec<f64> = facts.strikes.iter().map(longest).collect();
    silent.sort_by(f64::total_cmp);
    silent
}

fn latencies(facts: &Facts<'_>) -> [Option<(f64, f64)>; 3] {
    let first = facts.strikes.iter().map(|strike| strike.from_ns).min().unwrap_or(u64::MAX);
    let ends = facts.strikes.iter().map(|strike| strike.to_ns.unwrap_or(facts.end_ns));
    let last = ends.max().unwrap_or(u64::MAX);
    let mut parts: [Vec<u64>; 3] = Default::default();
    for operation in facts.operations.iter().filter(|o| o.ending() == Ending::Ok) {
        let Some(latency) = operation.latency_ns() else { continue };
        let at = operation.from_ns;
        if at < first {
            parts[0].push(latency);
        } else if at > last {
            parts[2].push(latency);
        } else if facts.active(at).next().is_some() {
            parts[1].push(latency);
        }
    }
    parts.map(|mut part| {
        part.sort_unstable();
        let at = |share: f64| part.get((part.len() as f64 * share) as usize).copied();
        Some((at(0.5)? as f64 / 1e6, at(0.99)? as f64 / 1e6))
    })
}

pub const HEADING: [&str; 10] = [
    "system",
    "verdict",
    "ok",
    "fail",
    "unknown",
    "lost",
    "elections",
    "silent: median, worst",
    "silent 250 ms+, in all",
    "p50 before, during, after",
];

/// A row as cells, for a table or a page.
pub fn cells(row: &Row) -> [String; 10] {
    let p50 = |part: &Option<(f64, f64)>| part.map_or("-".to_string(), |(p50, _)| millis(p50));
    let found = row.found.join(", ");
    [
        row.system.clone(),
        if found.is_empty() { row.verdict.clone() } else { format!("{}: {found}", row.verdict) },
        row.ok.to_string(),
        row.fail.to_string(),
        row.unknown.to_string(),
        row.lost.to_string(),
        row.elections.to_string(),
        row.silence().map_or("-".into(), |(m, w)| format!("{}, {}", millis(m), millis(w))),
        if row.silent_total_ms > 0.0 { millis(row.silent_total_ms) } else { "-".into() },
        row.latency_ms.iter().map(p50).collect::<Vec<_>>().join(", "),
    ]
}

fn millis(ms: f64) -> String {
    match ms {
        ms if ms >= 1_000.0 => format!("{:.1} s", ms / 1_000.0),
        ms if ms >= 10.0 => format!("{ms:.0} ms"),
        ms => format!("{ms:.2} ms"),
    }
}

/// What to say below the table: of each system that may lose something what it lost.
pub fn remarks<'a>(rows: impl Iterator<Item = &'a Row>) -> Vec<String> {
    rows.filter_map(|row| Some(format!("{}: {}", row.system, row.losses.as_ref()?))).collect()
}

/// The pictures of one run that belong on the page: who led, and what was acknowledged.
pub fn pictures(report: &Report<'_>) -> String {
    let facts = Facts::new(report);
    let wanted = PICTURES.iter().filter(|p| ["leaders", "throughput"].contains(&p.name));
    let drawn = wanted.filter_map(|row| Some((row, (row.draw)(&facts, None)?)));
    let markup = html! {
        @for (row, drawing) in drawn {
            h4 { (row.title) }
            (picture(&drawing.svg, row.legend, ""))
        }
    };
    markup.into_string()
}

/// The page. `question`: what the workload asks; `drawn`: a row with its pictures.
pub fn page(workload: &str, question: &str, seed: u64, drawn: &[(Row, String)]) -> String {
    let rows = || drawn.iter().map(|(row, _)| row);
    let body = html! {
        (PreEscaped(HATCHES))
        header.verdict.(worst(drawn)) {
            div.inner {
                p.eyebrow { "schism compare" }
                h1 { span.word { (workload) } span.found { (drawn.len()) " systems, seed " (seed) } }
                p.lead { (question) }
                p.note { "Silent: the longest time without an acknowledgement round each strike. \
                    Lost: acknowledged appends that are gone." }
            }
        }
        main {
            section {
                h2 { "Side by side" }
                div.scroll {
                    table.compare {
                        thead { tr { @for name in HEADING { th { (name) } } } }
                        tbody { @for row in rows() { (table_row(row)) } }
                    }
                }
                @for remark in remarks(rows()) { p.note { (remark) } }
                @if let Some(drawing) = silence::draw(rows()) {
                    figure {
                        h4 { "Nobody is served" }
                        (picture(&drawing.svg, &[], &drawing.note))
                    }
                }
            }
            @for (row, pictures) in drawn {
                section {
                    h2 { (row.system) }
                    figure {
                        (PreEscaped(pictures))
                        figcaption { span { "report: " code { (row.directory) "/report.html" } } }
                    }
                }
            }
        }
        footer { "Written by schism." }
    };
    let title = format!("{workload}: {} systems", drawn.len());
    page::page(&title, ".compare td, .compare th { padding: 7px 9px; }", &body)
}

/// The verdict that the page as a whole shows.
fn worst(drawn: &[(Row, String)]) -> &str {
    let any = |wanted: &str| drawn.iter().any(|(row, _)| row.verdict == wanted);
    ["violated", "unknown"].into_iter().find(|verdict| any(verdict)).unwrap_or("valid")
}

fn table_row(row: &Row) -> Markup {
    let cells = cells(row);
    html! {
        tr {
            td { b { (cells[0]) } }
            td { span.badge.(row.verdict) { (row.verdict) } @if !row.found.is_empty() { " " (row.found.join(", ")) } }
            @for cell in &cells[2..] { td.n { (cell) } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::Sample;
    use super::*;

    /// A run of which only the silences are known.
    pub(super) fn row(system: &str, silent_ms: &[f64]) -> Row {
        Row {
            system: system.into(),
            verdict: "valid".into(),
            found: Vec::new(),
            ok: 0,
            fail: 0,
            unknown: 0,
            lost: 0,
            losses: None,
            elections: 0,
            silent_ms: silent_ms.to_vec(),
            silent_total_ms: 0.0,
            latency_ms: [None; 3],
            directory: String::new(),
            exit: 0,
        }
    }

    #[test]
    fn a_run_becomes_a_row_and_a_page() {
        let sample = Sample::violated(8, 100);
        let report = sample.report();
        let row = Row::of(&report);
        assert_eq!(row.verdict, "violated");
        assert_eq!((&*row.found[0], &*row.found[1], row.lost), ("lost-append", "stale-read", 1));
        assert_eq!(row.silent_ms.len(), Facts::new(&report).strikes.len());
        assert!(row.silent_ms.is_sorted() && row.elections > 0, "{row:?}");
        assert!(row.latency_ms[0].is_some(), "operations before the first strike: {row:?}");
        let page = page("leader-crash", "who <b> fails", 7, &[(row.clone(), pictures(&report))]);
        assert!(page.contains("who &lt;b&gt; fails") && page.contains("<svg"), "escaped, drawn");
        assert!(page.contains(&cells(&row)[7]), "the silence is on the page");
        assert!(page.contains("Nobody is served") && page.contains("verdict violated"), "{page}");
    }

    #[test]
    fn what_a_system_may_lose_is_counted_and_said() {
        let sample = Sample::lossy(8, 100);
        let row = Row::of(&sample.report());
        assert_eq!((&*row.verdict, row.lost, &*cells(&row)[5]), ("valid", 12, "12"));
        let remark = "raft: 12 acknowledged appends were lost to failovers, as asynchronous mode may: \
                      12 when n2 opened epoch 2 with length 140.";
        assert_eq!(remarks([&row].into_iter()), [remark]);
        assert!(page("w", "q", 7, &[(row, String::new())]).contains(remark));
        let kept = Row::of(&Sample::valid(8, 100).report());
        assert_eq!((kept.lost, remarks([&kept].into_iter()).len()), (0, 0));
    }
}
