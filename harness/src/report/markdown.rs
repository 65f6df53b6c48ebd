//! summary.md.

use super::Report;

/// A few lines for the summary of a CI job.
pub fn summary(report: &Report<'_>) -> String {
    report.verdict.verdict.clone()
}
