//! However a run ends, nothing is left running and nothing recorded is lost.
#![allow(clippy::unwrap_used)] // a test: what is missing should fail it

use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};

use crate::support::{Bench, Done, commanded, eventually, json, signal};

#[test]
fn ctrl_c_cleans_up_saves_and_judges() {
    let bench = Bench::new();
    let child = start(&bench);
    eventually("operations are recorded", || bench.recorded() > 100);
    signal(child.id(), "INT");
    Done::from(child.wait_with_output().unwrap()).exits(130);
    let verdict = bench.verdict();
    assert_eq!(verdict["exit"], 130);
    assert!(verdict["operations"]["ok"].as_u64().unwrap() > 0, "{verdict}");
    eventually("no node is left", || processes_of(bench.path()).is_empty());
}

#[test]
fn a_killed_harness_leaves_no_process_and_a_history_that_can_be_judged() {
    let bench = Bench::new();
    let mut child = start(&bench);
    eventually("operations are recorded", || bench.recorded() > 100);
    assert!(processes_of(bench.path()).len() >= 5, "five nodes are running");
    child.kill().unwrap();
    child.wait().unwrap();
    eventually("no node is left", || processes_of(bench.path()).is_empty());
    let history = bench.latest().join("history.jsonl");
    // Nothing wrong with what was recorded, but a run that was cut off is no proof: undecided.
    let done = bench.schism(&["check", history.to_str().unwrap(), "--json"]).exits(3);
    let verdict = json(&done.stdout);
    assert_eq!(verdict["checks"][0]["name"], "linearizable");
    assert_eq!(verdict["checks"][0]["verdict"], "valid");
    assert!(verdict["operations"]["ok"].as_u64().unwrap() > 0, "{verdict}");
}

#[test]
fn two_runs_at_once_do_not_disturb_each_other() {
    let (first, second) = (Bench::new(), Bench::new());
    let args = ["run", "quiet", "--duration", "3s", "--set", "rate=200/s"];
    let children = [&first, &second].map(|bench| {
        bench.command(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    });
    for child in children {
        Done::from(child.wait_with_output().unwrap()).exits(0);
    }
}

#[test]
fn a_saved_run_is_judged_and_reported_again() {
    let bench = Bench::new();
    bench.schism(&["run", "quiet", "--duration", "2s", "--set", "rate=200/s"]).exits(0);
    let run = bench.latest();
    let run = run.to_str().unwrap();
    bench.schism(&["check", run]).exits(0);
    fs::remove_file(bench.latest().join("report.html")).unwrap();
    bench.schism(&["report", run]).exits(0);
    let page = fs::read_to_string(bench.latest().join("report.html")).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>") && page.contains("quiet"));
}

fn start(bench: &Bench) -> Child {
    let args = ["run", "quiet", "--duration", "50s", "--set", "rate=500/s"];
    bench.command(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Processes whose command line names this folder: each node's names its data folder.
fn processes_of(folder: &Path) -> Vec<u32> {
    commanded(&fs::canonicalize(folder).unwrap().display().to_string())
}
