//! Violations on a terminal: the sentence, the drawing, what was broken and who led.

use std::fmt::Write as _;

use schism_verify::verdict::Anomaly;

use super::super::facts::{Facts, evidence};
use super::super::pictures::text;
use super::super::{Report, words};
use super::paint::{Paint, wrap};

/// Violations drawn on a terminal: the page has more, and the first tell most.
const DRAWN_MAX: usize = 5;

pub(super) fn violations(out: &mut String, report: &Report<'_>, facts: &Facts<'_>, paint: Paint) {
    let found = words::anomalies(report);
    for (_, anomaly) in found.iter().take(DRAWN_MAX) {
        out.push('\n');
        violation(out, facts, anomaly, paint);
    }
    if found.len() > DRAWN_MAX {
        let _ = writeln!(out, "\nand {} more violations: see the report", found.len() - DRAWN_MAX);
    }
    for caveat in words::caveats(report) {
        out.push('\n');
        for line in wrap(caveat, paint.width) {
            let _ = writeln!(out, "{line}");
        }
    }
}

fn violation(out: &mut String, facts: &Facts<'_>, anomaly: &Anomaly, paint: Paint) {
    let kind = anomaly.kind.name();
    let indent = kind.chars().count() + 2;
    for (place, line) in wrap(&anomaly.explanation, paint.width - indent).enumerate() {
        let start = if place == 0 { paint.bad(kind) } else { " ".repeat(kind.chars().count()) };
        let _ = writeln!(out, "{start}  {line}");
    }
    let proof = evidence::of(facts, anomaly);
    if !proof.operations.is_empty() {
        out.push('\n');
        let drawn = text::draw(facts, &proof, paint.width - 2);
        for line in drawn.rows {
            let _ = writeln!(out, "  {line}");
        }
        for line in drawn.remark {
            let _ = writeln!(out, "  {}", paint.bad(&line));
        }
    }
    let at = proof.remark.map(|remark| remark.0).or(anomaly.time_ns);
    if let Some(at) = at {
        let moment = facts.moment(at);
        out.push('\n');
        let line =
            format!("faults active: {}; {}, at {}", moment.faults, moment.leaders, facts.show(at));
        for line in wrap(&line, paint.width) {
            let _ = writeln!(out, "{line}");
        }
    }
}
