//! The tester tested: the whole pipeline over the toy log, honest and lying.
#![allow(clippy::unwrap_used)] // a test: what is missing should fail it

use crate::support::{Bench, example, json, kinds};

fn workload(args: &str, rest: &str) -> String {
    let program = example("toy_log").display().to_string();
    format!(
        "about: A toy.\nnodes: 1\nclients: 4\nduration: 2s\nrate: 500/s\nseed: 3\n\
         system:\n  command: [\"{program}\", \"--client\", \"{{client}}\"{args}]\n  \
         client: lines\n{rest}"
    )
}

#[test]
fn an_honest_log_is_valid() {
    let bench = Bench::new();
    bench.write("toy.yaml", &workload("", ""));
    let done = bench.schism(&["run", "toy.yaml", "--json"]).exits(0);
    assert_eq!(json(&done.stdout)["verdict"], "valid");
}

#[test]
fn a_stale_read_is_found() {
    let bench = Bench::new();
    bench.write("toy.yaml", &workload(r#", "--lie", "stale-read""#, ""));
    bench.schism(&["run", "toy.yaml"]).exits(1);
    assert!(kinds(&bench.verdict()).contains(&"stale-read".into()), "{:?}", bench.verdict());
}

#[test]
fn a_lost_append_is_found() {
    let bench = Bench::new();
    bench.write("toy.yaml", &workload(r#", "--lie", "lost-append""#, ""));
    bench.schism(&["run", "toy.yaml"]).exits(1);
    let kinds = kinds(&bench.verdict());
    let named = ["lost-append", "offset-conflict", "stale-read"];
    assert!(kinds.iter().any(|kind| named.contains(&kind.as_str())), "{kinds:?}");
}

#[test]
fn a_log_in_memory_loses_what_it_acknowledged_at_a_crash() {
    let bench = Bench::new();
    let crash = "faults:\n  - crash: {target: n1, at: 500ms, for: 200ms}\n";
    bench.write("toy.yaml", &workload("", crash));
    bench.schism(&["run", "toy.yaml"]).exits(1);
    assert_eq!(bench.verdict()["verdict"], "violated");
}

#[test]
fn answers_out_of_contract_are_violations_that_name_the_node_and_quote_it() {
    let check = |lie: &str, told: &[&str]| {
        let bench = Bench::new();
        bench.write("toy.yaml", &workload(&format!(r#", "--lie", "{lie}""#), ""));
        let done = bench.schism(&["run", "toy.yaml"]).exits(1);
        assert_eq!(kinds(&bench.verdict()), ["malformed-answer"], "{lie}: {}", done.stdout);
        for told in told {
            assert!(done.stdout.contains(told), "{lie}: `{told}` is not in {}", done.stdout);
        }
        // Whatever was written down is read again.
        let run = bench.latest();
        bench.schism(&["check", run.to_str().unwrap()]).exits(1);
        bench
    };
    check("huge-offset", &["1 answer of n1 is none", "from 0 to 2^53", "1152921504606846976"]);
    check("nested", &["n1", "nested too deep", "[[[["]);
    let bench = check("no-json", &["why refused, why unanswered", "<html>502 Bad Gateway</html>"]);
    let verdict = bench.verdict();
    let row = &verdict["unanswered"][0];
    assert_eq!((&row["operation"], &row["error"]), (&"read".into(), &"malformed-answer".into()));
    assert!(row["count"].as_u64() >= Some(3) && row["node"] == "n1", "{row}");
    // Without its run nobody knows what the client spoke; it is told all the same.
    let history = bench.latest().join("history.jsonl");
    let alone = bench.schism(&["check", history.to_str().unwrap(), "--json"]).exits(3);
    let reason = json(&alone.stdout)["reason"].as_str().unwrap().to_owned();
    assert!(reason.contains(" answers could not be read; the first was n1's"), "{reason}");
}

#[test]
fn a_log_that_never_did_anything_is_no_finding() {
    let bench = Bench::new();
    bench.write(
        "toy.yaml",
        &workload(r#", "--lie", "idle""#, "")
            .replace("client: lines", "client: lines\n  ready: 2s"),
    );
    bench
        .schism(&["run", "toy.yaml"])
        .exits(2)
        .says("the cluster never worked")
        .says("times overloaded")
        .says("the last lines of n1");
}

#[test]
fn an_expected_violation_is_exit_0_and_a_missing_one_is_1() {
    let bench = Bench::new();
    let expect = "expect: {violation: stale-read}\n";
    bench.write("found.yaml", &workload(r#", "--lie", "stale-read""#, expect));
    bench.schism(&["run", "found.yaml"]).exits(0);
    bench.write("missing.yaml", &workload("", expect));
    bench.schism(&["run", "missing.yaml"]).exits(1);
}

#[test]
fn too_little_traffic_is_unknown() {
    let bench = Bench::new();
    bench.write("toy.yaml", &workload("", "min-operations: 1000000\n"));
    bench.schism(&["run", "toy.yaml"]).exits(3);
    let verdict = bench.verdict();
    assert_eq!(verdict["verdict"], "unknown");
    assert!(verdict["reason"].as_str().unwrap().contains("1000000"), "{verdict}");
}

#[test]
fn the_same_history_gets_the_same_verdict_again() {
    let bench = Bench::new();
    bench.write("toy.yaml", &workload(r#", "--lie", "stale-read""#, ""));
    bench.schism(&["run", "toy.yaml"]).exits(1);
    let (run, first) = (bench.latest(), bench.verdict());
    let again = bench.schism(&["check", run.to_str().unwrap(), "--json"]).exits(1);
    let again = json(&again.stdout);
    assert_eq!(again["verdict"], first["verdict"]);
    let names = |verdict: &serde_json::Value| {
        let mut found = kinds(verdict);
        found.sort();
        found.dedup();
        found
    };
    assert_eq!(names(&again), names(&first));
    let history = run.join("history.jsonl");
    bench.schism(&["check", history.to_str().unwrap()]).exits(1);
}
