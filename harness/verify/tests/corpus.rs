//! Histories with known verdicts: our own, and those of other tools where they are at hand.
//!
//! Other tools' histories are not in the repository: their licences differ. `SCHISM_CORPUS` names a
//! folder that has them (docs/internals/testing.md says how it looks). Without it, the tests that
//! need them say that they are skipped.

#![allow(clippy::unwrap_used)] // in a test, a panic says it best

use std::io::Write;
use std::path::{Path, PathBuf};

use schism_verify::history::formats;
use schism_verify::verdict::Verdict;
use schism_verify::{CheckError, CheckOptions, CheckResult, History, check};

/// One row of a manifest.
struct Row {
    path: PathBuf,
    format: String,
    model: String,
    initial: String,
    expected: String,
    events: Option<usize>,
}

/// The folder of other tools' histories.
fn others(test: &str) -> Option<PathBuf> {
    let Some(given) = std::env::var_os("SCHISM_CORPUS").map(PathBuf::from) else {
        // Past the capture of a passing test's output, so that nobody takes it for judged.
        let why = format!("SKIPPED {test}: set SCHISM_CORPUS to the histories of other tools\n");
        std::io::stderr().write_all(why.as_bytes()).unwrap();
        return None;
    };
    let manifest = given.join("histories/MANIFEST.tsv");
    assert!(manifest.is_file(), "SCHISM_CORPUS has no {}", manifest.display());
    Some(given)
}

fn manifest(root: &Path, name: &str) -> Vec<Row> {
    let text = std::fs::read_to_string(root.join(name)).unwrap();
    let row = |line: &str| {
        let fields: Vec<&str> = line.split('\t').collect();
        let [path, format, model, initial, expected, events] = fields[..] else {
            panic!("not a row: {line}");
        };
        Row {
            path: root.join(path),
            format: format.into(),
            model: model.into(),
            initial: initial.into(),
            expected: expected.into(),
            events: events.parse().ok(),
        }
    };
    text.lines().skip(1).map(row).collect()
}

/// Reads and judges as the row says, and as a person would who gives only the initial value.
fn judge(row: &Row, algorithm: Option<&str>) -> (History, CheckResult) {
    let name = row.path.display();
    let bytes = std::fs::read(&row.path).unwrap();
    let (format, history, notes) = formats::parse(&bytes).unwrap_or_else(|e| panic!("{name}: {e}"));
    assert_eq!(format.row().name, row.format, "{name}");
    assert!(notes.iter().all(|note| note.line.is_none()), "{name}: {notes:?}");
    if let Some(events) = row.events {
        assert_eq!(history.events().len(), events, "{name}");
    }
    let options = CheckOptions::for_format(format);
    let options = match &*row.initial {
        "-" => options, // a log starts empty
        initial => options.with_initial(format, initial).unwrap(),
    };
    let options = CheckOptions { algorithm: algorithm.map(Into::into), ..options };
    let named = CheckOptions { model: Some(row.model.clone()), ..options.clone() };
    let result = check(&history, &named).unwrap_or_else(|e| panic!("{name}: {e}"));
    if !history.operations().is_empty() {
        match check(&history, &options) {
            // It may be a queue that keeps no order.
            Err(CheckError::WhichModel(_)) if row.model == "queue" => {}
            inferred => {
                let inferred = inferred.unwrap_or_else(|e| panic!("{name}: {e}"));
                assert_eq!(inferred.model, result.model, "{name}");
                assert_eq!(inferred.verdict.word(), result.verdict.word(), "{name}");
            }
        }
    }
    assert_eq!(result.verdict.word(), row.expected, "{name}: {result:?}");
    (history, result)
}

#[test]
fn our_own_histories_are_judged_right() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let rows = manifest(&root, "MANIFEST.tsv");
    let files = std::fs::read_dir(&root).unwrap().count();
    assert_eq!(rows.len() + 1, files, "every file has its row");
    let mut used: Vec<(String, &str)> = Vec::new();
    for row in &rows {
        let (_, result) = judge(row, None);
        // In these nothing is searched.
        if !["log", "total-queue"].contains(&&*row.model) {
            judge(row, Some("search"));
        }
        used.push((row.model.clone(), result.algorithm.unwrap()));
        if let Verdict::Violated(anomalies) = result.verdict {
            assert!(!anomalies[0].events.is_empty(), "{}", row.path.display());
        }
    }
    for (model, fast) in FAST {
        let of_model = |row: &&(String, &str)| row.0 == *model && row.1 == *fast;
        let count = used.iter().filter(of_model).count();
        assert!(count >= 2, "`{fast}` judged {count} histories of a {model}");
    }
}

/// Every model that can be judged without a search, with the algorithm that does it.
const FAST: &[(&str, &str)] = &[
    ("register", "zones"),
    ("kv", "zones"),
    ("queue", "fifo"),
    ("set", "elements"),
    ("counter", "matching"),
    ("mutex", "turns"),
    ("total-queue", "counting"),
];

#[test]
fn histories_of_other_tools_are_judged_right() {
    let Some(root) = others("histories_of_other_tools_are_judged_right") else { return };
    let rows = manifest(&root, "histories/MANIFEST.tsv");
    assert!(rows.len() > 100, "the manifest has {} rows", rows.len());
    let mut without_search = 0;
    for row in &rows {
        let (_, fastest) = judge(row, None);
        judge(row, Some("search"));
        if !matches!(fastest.algorithm, Some("search" | "depth-first")) {
            without_search += 1;
        }
    }
    assert!(without_search >= 6, "two algorithms judged {without_search} histories");
}

#[test]
fn the_failing_operation_is_the_one_that_knossos_names() {
    let Some(root) = others("the_failing_operation_is_the_one_that_knossos_names") else { return };
    let named = [
        ("bad-analysis", 14),
        ("cas-failure", 491),
        ("rethink-fail-minimal", 4),
        ("rethink-fail-smaller", 217),
        ("immediate-failure", 3),
    ];
    let rows = manifest(&root, "histories/MANIFEST.tsv");
    for (name, index) in named {
        let row = rows.iter().find(|row| row.path.file_stem().is_some_and(|stem| stem == name));
        let (_, result) = judge(row.unwrap(), Some("search"));
        let Verdict::Violated(anomalies) = result.verdict else { unreachable!("judged above") };
        let event = format!("(event {index};");
        assert!(anomalies[0].explanation.contains(&event), "{name}: {}", anomalies[0].explanation);
        assert!(anomalies[0].events.contains(&index), "{name}: {:?}", anomalies[0].events);
    }
}
