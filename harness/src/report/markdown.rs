//! summary.md: a few lines for the summary of a CI job.
//! It never lets text from outside become markup.

use std::fmt::Write as _;

use schism_facts::foreign::{on_one_line, visible};

use super::{Report, words};

/// Violations told in full: a summary is read at a glance.
const TOLD_MAX: usize = 10;

/// Heading, verdict, checks, violations, how to see it again.
pub fn summary(report: &Report<'_>) -> String {
    let verdict = report.verdict;
    let mark = match &*verdict.verdict {
        "valid" => "✅",
        "violated" => "❌",
        _ => "❔",
    };
    let mut out =
        format!("## {mark} {}: {}\n\n", plain(&verdict.verdict), plain(&words::tested(report)));
    let _ = writeln!(out, "{}\n", plain(&words::sentence(report)));
    if let Some(expectation) = words::expectation(report) {
        let _ = writeln!(out, "{}\n", plain(&expectation));
    }
    if let Some(losses) = words::losses(report) {
        let _ = writeln!(out, "{}\n", plain(&losses));
    }
    out += "| check | verdict | found | looked at | took |\n|---|---|---|--:|--:|\n";
    for check in &verdict.checks {
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} | {} |",
            plain(&check.name),
            plain(&check.verdict),
            plain(&words::finding(check)),
            words::grouped(check.operations),
            words::millis(check.elapsed_ms)
        );
    }
    let found = words::anomalies(report);
    if !found.is_empty() {
        out.push('\n');
    }
    for (_, anomaly) in found.iter().take(TOLD_MAX) {
        let _ = writeln!(out, "- **{}** {}", anomaly.kind.name(), plain(&anomaly.explanation));
    }
    if found.len() > TOLD_MAX {
        let _ = writeln!(out, "- and {} more", found.len() - TOLD_MAX);
    }
    for caveat in words::caveats(report) {
        let _ = writeln!(out, "\n{}", plain(caveat));
    }
    if !verdict.faults.is_empty() {
        let faults = verdict.faults.iter();
        let said: Vec<String> = faults
            .map(|fault| {
                format!("{} {} of {}", plain(&fault.fault), fault.effective, fault.strikes)
            })
            .collect();
        let _ = writeln!(out, "\nStrikes that had an effect: {}", said.join(", "));
    }
    if !verdict.replay.is_empty() {
        let command = verdict.replay.replace(['`', '\n'], " ").replace('<', "&lt;");
        let _ = writeln!(out, "\nSee it again: `{command}`");
    }
    visible(&out).into_owned()
}

/// Text that stays text in a line or a cell.
fn plain(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in on_one_line(&text.replace('\n', " ")).chars() {
        match c {
            '<' => safe.push_str("&lt;"),
            '&' => safe.push_str("&amp;"),
            '|' | '*' | '_' | '`' | '[' | ']' | '\\' | '#' | '!' => {
                safe.push('\\');
                safe.push(c);
            }
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::super::sample::Sample;
    use super::*;

    #[test]
    fn a_summary_says_what_and_how_to_see_it_again() {
        let sample = Sample::violated(8, 100);
        let text = summary(&sample.report());
        assert!(text.starts_with("## ❌ violated: raft-under-fire on raft with bug R13"), "{text}");
        assert!(text.contains("| linearizable | violated | stale-read |"), "{text}");
        assert!(text.contains("- **stale-read** process"), "{text}");
        assert!(text.contains("See it again: `schism replay runs/"), "{text}");
    }

    #[test]
    fn text_from_outside_stays_text() {
        assert_eq!(plain("<b>|`x`\n[a](b)"), "&lt;b>\\|\\`x\\` \\[a\\](b)");
    }
}
