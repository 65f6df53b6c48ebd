//! A saved run as a report, and values as JSON: what every command that shows one shares.
//! It never judges.

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

/// JSON for people too.
pub fn pretty(value: &impl serde::Serialize) -> Vec<u8> {
    let mut text = serde_json::to_vec_pretty(value).expect("our own types are JSON");
    text.push(b'\n');
    text
}
