//! The tester of decisions tested: the whole pipeline over the toy that decides, honest and lying.
#![allow(clippy::unwrap_used)] // a test: what is missing should fail it

use crate::support::{Bench, example, json, kinds};

fn workload(args: &str, rest: &str) -> String {
    let program = example("toy_consensus").display().to_string();
    format!(
        "about: A toy that decides.\nnodes: 1\nclients: 4\nduration: 2s\nrate: 500/s\nseed: 3\n\
         operations: {{propose: 100}}\n\
         system:\n  command: [\"{program}\", \"--client\", \"{{client}}\"{args}]\n  \
         client: lines\n{rest}"
    )
}

fn check(args: &str, rest: &str, exit: i32, kind: &str) {
    let bench = Bench::new();
    bench.write("toy.yaml", &workload(args, rest));
    bench.schism(&["run", "toy.yaml"]).exits(exit);
    let verdict = bench.verdict();
    assert!(kinds(&verdict).iter().any(|found| found == kind), "{kind} is not in {verdict}");
}

#[test]
fn honest_decisions_are_valid_and_judged_so_again() {
    let bench = Bench::new();
    bench.write("toy.yaml", &workload("", ""));
    let done = bench.schism(&["run", "toy.yaml", "--json"]).exits(0);
    let verdict = json(&done.stdout);
    let names: Vec<&str> =
        verdict["checks"].as_array().unwrap().iter().map(|c| c["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"linearizable") && names.contains(&"termination"), "{names:?}");
    assert!(!names.contains(&"durable") && !names.contains(&"convergence"), "{names:?}");
    let (run, history) = (bench.latest(), bench.latest().join("history.jsonl"));
    bench.schism(&["check", run.to_str().unwrap()]).exits(0);
    let done = bench.schism(&["check", history.to_str().unwrap(), "--json"]).exits(0);
    assert_eq!(json(&done.stdout)["checks"][0]["model"], "consensus");
}

#[test]
fn two_decisions_are_found() {
    check(r#", "--lie", "agreement""#, "", 1, "agreement");
    check(r#", "--lie", "agreement""#, "expect: {violation: agreement}\n", 0, "agreement");
}

#[test]
fn a_decision_nobody_asked_for_is_found() {
    check(r#", "--lie", "invent""#, "", 1, "integrity");
}

#[test]
fn a_crash_forgets_what_was_decided_in_memory() {
    let crash = "faults:\n  - crash: {target: n1, at: 500ms, for: 200ms}\n";
    check("", crash, 1, "agreement");
}

#[test]
fn silence_is_no_termination() {
    check(r#", "--lie", "silence""#, "recovery: 1s\ntimeout: 300ms\n", 1, "termination");
}

#[test]
fn a_history_of_decisions_is_checked_by_itself() {
    let bench = Bench::new();
    let line = |process: u8, kind: &str, value: u8| {
        format!(
            r#"{{"process":{process},"type":"{kind}","f":"propose","key":"k1","value":{value}}}"#
        )
    };
    let both = [line(1, "invoke", 1), line(2, "invoke", 2), line(1, "ok", 1), line(2, "ok", 2)];
    bench.write("h.jsonl", &both.join("\n"));
    let done = bench.schism(&["check", "h.jsonl", "--json"]).exits(1);
    assert_eq!(kinds(&json(&done.stdout)), ["agreement"]);
    let agreed = both.join("\n").replace(&line(2, "ok", 2), &line(2, "ok", 1));
    bench.write("h.jsonl", &agreed);
    bench.schism(&["check", "h.jsonl", "--model", "consensus"]).exits(0);
}

#[test]
fn a_log_is_not_asked_to_decide() {
    let bench = Bench::new();
    bench.write("toy.yaml", &workload("", ""));
    let done = bench.schism(&["run", "toy.yaml", "--system", "raft"]).exits(2);
    done.says("raft serves log: append, read, append-if, tail; this workload asks for propose");
}
