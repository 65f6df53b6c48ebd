//! Why operations were refused and why they were not answered, as a table that every renderer
//! shows.

use super::Report;
use super::words::grouped;
use crate::store::verdict_file::RefusalFile;

/// One operation and one error.
pub struct Row<'a> {
    pub operation: &'a str,
    /// `refused` or `unanswered`.
    pub outcome: &'static str,
    pub error: &'a str,
    pub count: u64,
    /// `n1 40`, `n2 3`.
    nodes: Vec<String>,
    /// The first of them in full, where it says more than its word.
    pub first: Option<&'a str>,
}

impl Row<'_> {
    /// `n1 40, n2 3`; empty where no node is named.
    pub fn nodes(&self) -> String {
        self.nodes.join(", ")
    }
}

/// The rows, those with the most operations first.
pub fn rows<'a>(report: &Report<'a>) -> Vec<Row<'a>> {
    let verdict = report.verdict;
    let mut rows = merged("refused", &verdict.refused);
    rows.extend(merged("unanswered", &verdict.unanswered));
    rows.sort_by_key(|row| std::cmp::Reverse(row.count));
    rows
}

fn merged<'a>(outcome: &'static str, files: &'a [RefusalFile]) -> Vec<Row<'a>> {
    let mut rows: Vec<Row<'a>> = Vec::new();
    for file in files {
        let RefusalFile { operation, error, node, count, first } = file;
        let error = if error.is_empty() { "no reason given" } else { error };
        // A history of another tool may not say which node it was.
        let at = node.as_ref().map(|node| format!("{node} {}", grouped(*count)));
        let same = |row: &&mut Row<'_>| row.operation == operation && row.error == error;
        if let Some(row) = rows.iter_mut().find(same) {
            row.count += count;
            row.nodes.extend(at);
        } else {
            let first = first.as_deref();
            let nodes = Vec::from_iter(at);
            let row = Row { operation, outcome, error, count: *count, nodes, first };
            rows.push(row);
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::super::{html, sample::Sample, terminal};
    use super::*;

    #[test]
    fn what_was_refused_and_unanswered_is_told_with_one_quote() {
        let mut sample = Sample::valid(8, 100);
        let file = |operation: &str, error: &str, node: &str, count, first: Option<&str>| {
            let (operation, error, node) = (operation.into(), error.into(), Some(node.into()));
            RefusalFile { operation, error, node, count, first: first.map(str::to_owned) }
        };
        let unnamed = RefusalFile { node: None, ..file("cas", "", "", 3, None) };
        let odd = "malformed-answer: it is no JSON: <html>502";
        sample.verdict.refused = vec![file("append", "not-leader", "n2", 1_200, None), unnamed];
        sample.verdict.unanswered = vec![
            file("read", "malformed-answer", "n1", 70, Some(odd)),
            file("read", "malformed-answer", "n3", 50, Some("malformed-answer: another")),
        ];
        let report = sample.report();
        let shown: Vec<String> = rows(&report)
            .iter()
            .map(|row| {
                let Row { operation, outcome, error, count, first, .. } = row;
                let nodes = row.nodes();
                format!("{operation} {outcome} {error} {count} ({nodes}) {first:?}")
            })
            .collect();
        assert_eq!(
            shown,
            [
                "append refused not-leader 1200 (n2 1,200) None".to_owned(),
                format!("read unanswered malformed-answer 120 (n1 70, n3 50) {:?}", Some(odd)),
                "cas refused no reason given 3 () None".to_owned(),
            ]
        );
        let (text, page) = (terminal::summary(&report, 100, false), html::page(&report));
        assert!(text.contains("why refused, why unanswered"), "{text}");
        for shown in ["not-leader", "n1 70, n3 50", "<html>502"] {
            assert!(text.contains(shown), "{text}");
            assert!(page.contains(&shown.replace('<', "&lt;").replace('>', "&gt;")), "{shown}");
        }
        assert_eq!(text.matches(odd).count(), 1, "{text}");
        let none = Sample::valid(8, 100);
        assert!(!terminal::summary(&none.report(), 100, false).contains("why refused"));
        assert!(!html::page(&none.report()).contains("Why refused"));
    }
}
