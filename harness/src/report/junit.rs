//! junit.xml.

use super::Report;

/// One case per check.
pub fn xml(report: &Report<'_>) -> String {
    report.verdict.verdict.clone()
}
