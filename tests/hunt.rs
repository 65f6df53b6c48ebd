//! A reduced hunt: planted bugs that show within seconds are found, and their controls are clean.
//! The whole hunt is `just hunt`, and runs every night.
#![allow(clippy::unwrap_used)] // a test: what is missing should fail it

mod support;

use support::{Bench, json};

/// Bugs that one short run finds; the others need longer, and are caught in virtual time as well
/// (crate schism-protocol, tests/raft/bugs.rs).
const QUICK: &[&str] = &["R12", "R13", "R19", "R22"];

#[test]
fn quick_bugs_are_found_and_their_controls_are_clean() {
    let bench = Bench::new();
    let mut args = vec!["hunt"];
    args.extend(QUICK);
    args.extend(["--seeds", "1", "--duration", "8s", "--json", "--quiet"]);
    let done = bench.schism(&args).exits(0);
    let rows = json(&done.stdout);
    for id in QUICK {
        assert!(done.stdout.contains(id), "{id} is in the table: {rows}");
    }
}

#[test]
fn a_planted_bug_fails_the_main_job() {
    let bench = Bench::new();
    let args = ["run", "raft-under-fire", "--bug", "R13", "--duration", "8s", "--seed", "1"];
    bench.schism(&args).exits(1);
    assert_eq!(bench.verdict()["verdict"], "violated");
    assert_eq!(bench.verdict()["bug"], "R13");
}
