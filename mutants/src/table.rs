//! What was found and what was not, as a page for docs/internals. What a person wrote there of a
//! survivor stays.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::io;
use std::path::Path;

use crate::hunt::Outcome;

const UNTOLD: &str = "not looked at yet";

/// Writes the page anew.
pub fn write(path: &Path, outcomes: &[Outcome], of: usize) -> io::Result<()> {
    let reasons = reasons(&fs::read_to_string(path).unwrap_or_default());
    let found: Vec<&Outcome> = outcomes.iter().filter(|one| one.found.is_some()).collect();
    let mut page = format!(
        "# Mutants\n\n`just mutants` changes the protocols in a copy as a tired programmer would: a \
         relation, a connector, a one, a statement left out. It hunts a sample of the changes with \
         shipped workloads, each in at most seven runs of 20 s. This page is what the last hunt \
         left; the reasons are written by hand.\n\n{} of {} were hunted, {} found.\n\n",
        outcomes.len(),
        of,
        found.len()
    );
    let mut runs: BTreeMap<usize, usize> = BTreeMap::new();
    for one in &found {
        *runs.entry(one.runs.len()).or_default() += 1;
    }
    page.push_str("| found in run | mutants |\n|---|---|\n");
    for (run, count) in runs {
        let _ = writeln!(page, "| {run} | {count} |");
    }
    page.push_str("\n## Found by\n\n| kinds of anomaly | mutants |\n|---|---|\n");
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for kind in found.iter().filter_map(|one| one.found.as_deref()) {
        *kinds.entry(kind).or_default() += 1;
    }
    for (kind, count) in kinds {
        let _ = writeln!(page, "| {kind} | {count} |");
    }
    page.push_str("\n## Survivors\n\n| where | change | why nothing was found |\n|---|---|---|\n");
    for one in outcomes.iter().filter(|one| one.found.is_none()) {
        let (place, what) = (place(one), cell(&one.mutant.what));
        let why = reasons.get(&(place.clone(), what.clone())).map_or(UNTOLD, String::as_str);
        let _ = writeln!(page, "| {place} | `{what}` | {why} |");
    }
    fs::write(path, page)
}

fn place(one: &Outcome) -> String {
    let file = one.mutant.file.trim_start_matches("node/protocol/src/");
    format!("{file} `{}`", one.mutant.function)
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('`', "'")
}

/// What stands in the last column, by the first two.
fn reasons(page: &str) -> BTreeMap<(String, String), String> {
    let row = |line: &str| {
        let inner = line.strip_prefix("| ")?.strip_suffix(" |")?;
        let (place, rest) = inner.split_once(" | `")?;
        let (what, why) = rest.rsplit_once("` | ")?;
        Some(((place.to_owned(), what.to_owned()), why.to_owned()))
    };
    page.lines().filter_map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mutate::Mutant;

    #[test]
    fn what_a_person_wrote_stays() {
        let mutant = Mutant {
            number: 3,
            file: "node/protocol/src/raft/vote.rs".into(),
            line: 9,
            function: "grant".into(),
            what: "a || b -> (a) && (b)".into(),
        };
        let runs = vec![("hard/raft".to_owned(), 1, "valid".to_owned())];
        let outcome = Outcome { mutant, runs, found: None };
        let path = std::env::temp_dir().join(format!("mutants-{}.md", std::process::id()));
        write(&path, &[outcome.clone()], 10).unwrap();
        let page = fs::read_to_string(&path).unwrap();
        assert!(page.contains("1 of 10 were hunted, 0 found"), "{page}");
        assert!(page.contains(UNTOLD));
        fs::write(&path, page.replace(UNTOLD, "the same: b implies a")).unwrap();
        write(&path, &[outcome], 10).unwrap();
        let page = fs::read_to_string(&path).unwrap();
        assert!(page.contains("| the same: b implies a |") && !page.contains(UNTOLD), "{page}");
        fs::remove_file(&path).unwrap();
    }
}
