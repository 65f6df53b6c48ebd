//! Why a workload cannot be run: the place, what was found, what was meant.
//! It never wraps the first line: `FILE:LINE:COL: message` is for editors to jump to.

use std::fmt::Write as _;
use std::sync::Arc;

use schism_facts::foreign;

/// A mistake in a workload, or in what the command line changed in it.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{place}: {message}")]
pub struct WorkloadError {
    /// `FILE:LINE:COL`, the flag (`--set nodes=five`), or the file's name.
    pub place: String,
    /// What was found, and what was meant.
    pub message: String,
    /// The line with a marker under the mistake; empty where there is none.
    pub snippet: String,
}

/// Where a key or a value was written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Place {
    /// In the file: line and column from 1, and how many columns to underline.
    Text { line: usize, column: usize, width: usize },
    /// On the command line.
    Flag(Arc<str>),
    /// In another file, whose place and line are written out already.
    Elsewhere { place: String, snippet: String },
}

/// A mistake before it knows its file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Mistake {
    pub at: Place,
    pub message: String,
}

impl Place {
    /// The beginning of the file, for what is missing altogether.
    pub(super) fn start() -> Self {
        Place::Text { line: 1, column: 1, width: 1 }
    }

    pub(super) fn mistake(&self, message: impl Into<String>) -> Mistake {
        Mistake { at: self.clone(), message: message.into() }
    }
}

impl Mistake {
    /// Names the file and shows the line.
    pub(super) fn in_file(self, file: &str, text: &str) -> WorkloadError {
        let message = foreign::message(&self.message).into_owned();
        match self.at {
            Place::Flag(flag) => WorkloadError {
                place: foreign::message(&flag).into_owned(),
                message,
                snippet: String::new(),
            },
            Place::Elsewhere { place, snippet } => WorkloadError { place, message, snippet },
            Place::Text { line, column, width } => WorkloadError {
                place: format!("{file}:{line}:{column}"),
                message,
                snippet: snippet(text, line, column, width),
            },
        }
    }
}

/// The line and a marker under the mistake, three lines in all.
fn snippet(text: &str, line: usize, column: usize, width: usize) -> String {
    // Longer lines are machine-made; a terminal would wrap the marker away from its mark.
    const SHOWN_CHARS_MAX: usize = 160;
    let Some(content) = text.lines().nth(line - 1) else { return String::new() };
    let content: String = content.chars().take(SHOWN_CHARS_MAX).collect();
    let length = content.chars().count();
    if column > length + 1 {
        return String::new();
    }
    let width = width.clamp(1, (length + 1).saturating_sub(column).max(1));
    // A tab stays a tab in the marker's line, so that the two lines keep step.
    let indent: String = content
        .chars()
        .take(column - 1)
        .map(|character| if character == '\t' { '\t' } else { ' ' })
        .collect();
    let number = line.to_string();
    let margin = " ".repeat(number.len());
    let mut shown = String::new();
    let _ = write!(shown, "{margin} |\n{number} | {content}\n{margin} | {indent}");
    shown.push_str(&"^".repeat(width));
    shown
}

/// `; did you mean `x`?` for the nearest of the known words, or nothing.
pub(super) fn did_you_mean<'a>(found: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    match nearest(found, known) {
        Some(word) => format!("; did you mean `{word}`?"),
        None => String::new(),
    }
}

/// The same, and where nothing is near, the known words.
pub(super) fn meant<'a>(
    found: &str,
    known: impl IntoIterator<Item = &'a str> + Clone,
    what: &str,
) -> String {
    let suggestion = did_you_mean(found, known.clone());
    if suggestion.is_empty() {
        let words: Vec<&str> = known.into_iter().collect();
        return format!("; {what} are {}", words.join(", "));
    }
    suggestion
}

/// The nearest of the known words, if it is near enough to be a slip of the finger.
pub(super) fn nearest<'a>(
    found: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    // Words beyond this are no slips, and the distance costs their product.
    const WORD_CHARS_MAX: usize = 64;
    if found.chars().count() > WORD_CHARS_MAX {
        return None;
    }
    let plain = |word: &str| word.to_lowercase().replace('_', "-");
    let found = plain(found);
    known
        .into_iter()
        .map(|word| (distance(&found, &plain(word)), word))
        .filter(|(distance, word)| *distance <= (word.chars().count().max(3) / 3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

/// Letters inserted, left out, replaced, or swapped with their neighbour (optimal string
/// alignment).
fn distance(left: &str, right: &str) -> usize {
    let left: Vec<char> = left.chars().collect();
    let right: Vec<char> = right.chars().collect();
    let width = right.len() + 1;
    let mut table = vec![0; (left.len() + 1) * width];
    for row in 0..=left.len() {
        for column in 0..=right.len() {
            let at = |row: usize, column: usize| row * width + column;
            table[at(row, column)] = if row == 0 || column == 0 {
                row + column
            } else {
                let same = left[row - 1] == right[column - 1];
                let mut best = (table[at(row - 1, column)] + 1)
                    .min(table[at(row, column - 1)] + 1)
                    .min(table[at(row - 1, column - 1)] + usize::from(!same));
                let swapped = row > 1
                    && column > 1
                    && left[row - 1] == right[column - 2]
                    && left[row - 2] == right[column - 1];
                if swapped {
                    best = best.min(table[at(row - 2, column - 2)] + 1);
                }
                best
            };
        }
    }
    table[left.len() * width + right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_recognised_and_strangers_are_not() {
        let known = ["partition", "crash", "pause", "latency"];
        let check = |found: &str, meant: Option<&str>| assert_eq!(nearest(found, known), meant);
        check("partitoin", Some("partition"));
        check("Crash", Some("crash"));
        check("crahs", Some("crash"));
        check("pauze", Some("pause"));
        check("latencys", Some("latency"));
        check("meteor", None);
        check(&"x".repeat(10_000), None);
    }

    #[test]
    fn underscores_are_a_slip_for_dashes() {
        assert_eq!(nearest("value_bytes", ["value-bytes", "rate"]), Some("value-bytes"));
    }

    #[test]
    fn the_marker_stands_under_the_mistake() {
        let shown = snippet("nodes: 5\nfaults:\n  - partitoin: {}\n", 3, 5, 9);
        assert_eq!(shown, "  |\n3 |   - partitoin: {}\n  |     ^^^^^^^^^");
        assert_eq!(snippet("a\tb: 1\n", 1, 3, 1), "  |\n1 | a\tb: 1\n  |  \t^");
        assert_eq!(snippet("short\n", 1, 40, 3), "", "a place beyond the line shows nothing");
    }
}
