//! A saved run as a report, and values as JSON: what every command that shows one shares.
//! It never judges.

use anyhow::Result;

use super::screen;
use crate::report::{Report, html, junit, markdown, terminal};
use crate::store::verdict_file::VerdictFile;
use crate::store::{self, Saved};

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

/// Writes report.html, summary.md and junit.xml, and says the same for the terminal.
pub fn write_reports(saved: &Saved, verdict: &VerdictFile) -> Result<String> {
    with_report(saved, verdict, |report| {
        saved.directory.write(store::REPORT, html::page(report).as_bytes())?;
        saved.directory.write(store::SUMMARY, markdown::summary(report).as_bytes())?;
        saved.directory.write(store::JUNIT, junit::xml(report).as_bytes())?;
        Ok(terminal::summary(report, screen::width(), screen::colour()))
    })
}

/// JSON for people too.
pub fn pretty(value: &impl serde::Serialize) -> Vec<u8> {
    let mut text = serde_json::to_vec_pretty(value).expect("our own types are JSON");
    text.push(b'\n');
    text
}
