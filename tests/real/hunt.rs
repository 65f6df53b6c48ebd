//! A reduced hunt: planted bugs that show within seconds are found, and their controls are clean.
//! The whole hunt is `just hunt`, and runs every night.
#![allow(clippy::unwrap_used)] // a test: what is missing should fail it

use crate::support::{Bench, json};

/// Bugs that nearly every short run finds; the others need longer, and are caught in virtual time
/// as well (crate schism-protocol, tests/simulated/raft/bugs.rs).
const QUICK: &[&str] = &["R12", "R13", "R19"];

/// Real processes do not interleave the same way twice: one of two runs must show the bug, and both
/// controls must be clean.
#[test]
fn quick_bugs_are_found_and_their_controls_are_clean() {
    let bench = Bench::new();
    let mut args = vec!["hunt"];
    args.extend(QUICK);
    args.extend(["--seeds", "2", "--jobs", "2", "--duration", "12s", "--json", "--quiet"]);
    let table = json(&bench.schism(&args).stdout);
    let rows = table["hunt"].as_array().unwrap();
    assert_eq!(rows.iter().map(|row| &row["bug"]).collect::<Vec<_>>(), QUICK);
    for row in rows {
        assert!(row["found"].as_u64().unwrap() >= 1, "{row}");
        assert_eq!(row["controls-valid"], 2, "{row}");
        // What clients see gives them away, in one run at least: no trace is needed.
        assert!(row["outside"].as_u64().unwrap() >= 1, "{row}");
    }
}

#[test]
fn a_bug_that_nothing_wakes_yet_says_what_it_waits_for() {
    let bench = Bench::new();
    bench.schism(&["hunt", "R13", "V02"]).exits(2).says("V02 waits for a fault");
    let bugs = bench.schism(&["list", "bugs"]).exits(0);
    assert!(bugs.stdout.contains("(waits for the fault: stale frames)"), "{}", bugs.stdout);
}

#[test]
fn a_planted_bug_fails_the_main_job() {
    let bench = Bench::new();
    let args = ["run", "raft-under-fire", "--bug", "R13", "--duration", "8s", "--seed", "1"];
    bench.schism(&args).exits(1);
    assert_eq!(bench.verdict()["verdict"], "violated");
    assert_eq!(bench.verdict()["bug"], "R13");
}
