//! report.html.

use super::Report;

/// One page that needs no network and no script.
pub fn page(report: &Report<'_>) -> String {
    format!("<!doctype html><title>{}</title>", report.verdict.verdict)
}
