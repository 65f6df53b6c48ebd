//! A saved run as a report, and values as JSON: what every command that shows one shares.
//! It never judges.

use schism_facts::foreign::is_hidden;

use super::screen;
use crate::report::{Report, html, junit, markdown, terminal};
use crate::store::verdict_file::VerdictFile;
use crate::store::{self, Saved, StoreError};

/// What a renderer makes of a saved run.
pub fn with_report<T>(
    saved: &Saved,
    verdict: &VerdictFile,
    render: impl FnOnce(&Report<'_>) -> T,
) -> T {
    let shown = saved.directory.path().display().to_string();
    let report = Report {
        verdict,
        events: saved.evidence.history.events(),
        workload: Some(&saved.workload),
        plan: Some(&saved.plan),
        environment: &saved.environment,
        traces: &saved.evidence.traces,
        directory: &shown,
    };
    render(&report)
}

/// Writes report.html, summary.md and junit.xml, each if it can be: the errors of the others.
pub fn write_pages(saved: &Saved, verdict: &VerdictFile) -> Vec<StoreError> {
    with_report(saved, verdict, |report| {
        let pages = [
            (store::REPORT, html::page(report)),
            (store::SUMMARY, markdown::summary(report)),
            (store::JUNIT, junit::xml(report)),
        ];
        let write = |(name, page): &(&str, String)| saved.directory.write(name, page.as_bytes());
        pages.iter().filter_map(|page| write(page).err()).collect()
    })
}

/// A saved run for the terminal.
pub fn summary(saved: &Saved, verdict: &VerdictFile) -> String {
    with_report(saved, verdict, |report| {
        terminal::summary(report, screen::width(), screen::colour())
    })
}

/// JSON for people too: nothing in it is hidden.
pub fn pretty(value: &impl serde::Serialize) -> Vec<u8> {
    let text = serde_json::to_string_pretty(value).expect("our own types are JSON");
    let mut shown = String::with_capacity(text.len() + 1);
    for c in text.chars() {
        // It can only stand in a string, where this means the same.
        if is_hidden(c) && c != '\n' {
            let mut halves = [0; 2];
            shown.extend(c.encode_utf16(&mut halves).iter().map(|half| format!("\\u{half:04x}")));
        } else {
            shown.push(c);
        }
    }
    shown.push('\n');
    shown.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_says_the_same_and_hides_nothing() {
        let value = serde_json::json!({"a\u{202e}": ["\u{9b}\u{fffe}\u{e0041}\n\"\\é", 1.5]});
        let text = String::from_utf8(pretty(&value)).unwrap();
        assert!(text.chars().all(|c| c == '\n' || !is_hidden(c)), "{text}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
    }
}
