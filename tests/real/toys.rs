//! The tester of every model tested: the whole pipeline over the toy of each model, honest and
//! lying.
#![allow(clippy::unwrap_used)] // a test: what is missing should fail it

use serde_json::Value;

use crate::support::{Bench, json, kinds, no_python};

const TOY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/toys/toy.py");

fn workload(model: &str, lie: Option<&str>, rest: &str) -> String {
    let lie = lie.map(|lie| format!(", --lie, {lie}")).unwrap_or_default();
    format!(
        "about: A toy.\nmodel: {model}\nnodes: 3\nclients: 6\nduration: 2s\nrate: 600/s\nseed: 3\n\
         system:\n  command: [python3, \"{TOY}\", --model, {model}, --id, \"{{id}}\", --client, \
         \"{{client}}\", --peer, \"{{peer}}\", --peers, \"{{peers}}\"{lie}]\n{rest}"
    )
}

fn run(model: &str, lie: Option<&str>, rest: &str, exit: i32) -> (Bench, Value) {
    let bench = Bench::new();
    bench.write("toy.yaml", &workload(model, lie, rest));
    let done = bench.schism(&["run", "toy.yaml", "--json"]).exits(exit);
    let verdict = json(&done.stdout);
    (bench, verdict)
}

fn check_names(verdict: &Value) -> Vec<&str> {
    let checks = verdict["checks"].as_array().unwrap().iter();
    checks.map(|check| check["name"].as_str().unwrap()).collect()
}

#[test]
fn the_honest_one_is_valid_in_every_model_and_judged_so_again() {
    if no_python() {
        return;
    }
    for (model, judges) in [
        ("register", &["linearizable", "durable", "convergence"][..]),
        ("kv", &["linearizable", "durable", "convergence"]),
        ("counter", &["linearizable", "durable", "convergence"]),
        ("set", &["linearizable", "durable", "convergence"]),
        ("queue", &["linearizable", "durable"]),
        ("mutex", &["linearizable"]),
        ("total-queue", &["total-queue"]),
    ] {
        let (bench, verdict) = run(model, None, "", 0);
        assert_eq!(verdict["verdict"], "valid", "{model}: {verdict}");
        let names = check_names(&verdict);
        assert!(judges.iter().all(|name| names.contains(name)), "{model}: {names:?}");
        assert_eq!(names.contains(&"durable"), judges.contains(&"durable"), "{model}");
        assert_eq!(verdict["checks"][0]["model"], model);
        let run = bench.latest();
        bench.schism(&["check", run.to_str().unwrap()]).exits(0);
    }
}

/// Runs each, and insists that it is violated by an anomaly of this kind.
fn check(liars: &[(&str, &str, &str)]) {
    for (model, lie, kind) in liars {
        let (bench, verdict) = run(model, Some(lie), "", 1);
        let found = kinds(&verdict);
        assert!(found.iter().any(|found| found == kind), "{model}, {lie}: {found:?}");
        let run = bench.latest();
        bench.schism(&["check", run.to_str().unwrap()]).exits(1);
    }
}

#[test]
fn a_stale_read_is_found_in_every_model_that_has_reads() {
    if no_python() {
        return;
    }
    let models = ["register", "kv", "counter", "set"];
    check(&models.map(|model| (model, "stale-read", "non-linearizable")));
}

#[test]
fn what_is_acknowledged_and_forgotten_is_found_and_named_where_the_end_shows_it() {
    if no_python() {
        return;
    }
    check(&[
        ("register", "lost-write", "non-linearizable"),
        ("kv", "lost-write", "non-linearizable"),
        ("counter", "lost-write", "lost-write"),
        ("set", "lost-element", "lost-element"),
        ("queue", "lost-message", "lost-message"),
        ("total-queue", "lost-message", "lost-message"),
    ]);
}

#[test]
fn messages_that_come_twice_or_from_nowhere_and_locks_with_two_holders_are_found() {
    if no_python() {
        return;
    }
    check(&[
        ("queue", "duplicated-message", "non-linearizable"),
        ("total-queue", "duplicated-message", "duplicated-message"),
        ("total-queue", "unexpected-message", "unexpected-message"),
        ("mutex", "two-holders", "non-linearizable"),
    ]);
}

#[test]
fn a_primary_in_memory_loses_all_writes_at_a_crash_and_all_of_them_are_counted() {
    if no_python() {
        return;
    }
    let crash = "keys: {count: 3, operations: 50}\n\
                 faults:\n  - crash: {target: n1, at: 1s, for: 200ms}\n";
    let (bench, verdict) = run("kv", None, crash, 1);
    let found = kinds(&verdict);
    assert!(found.iter().any(|kind| kind == "lost-write"), "{found:?}");
    let durable = verdict["checks"].as_array().unwrap().iter().find(|c| c["name"] == "durable");
    let durable = durable.unwrap();
    let lost = durable["lost"].as_u64().unwrap();
    assert!(lost > 50, "{durable}");
    let told = format!("{lost} of ");
    assert!(durable["notes"][0].as_str().unwrap().starts_with(&told), "{durable}");
    // The page shows key and value.
    let page = std::fs::read_to_string(bench.latest().join("report.html")).unwrap();
    let shown = page.contains("put k") && page.contains("lost-write");
    assert!(shown, "the page names the operations that prove it");
}

#[test]
fn an_order_of_jepsens_total_queue_is_judged_from_its_history_alone() {
    if no_python() {
        return;
    }
    let bench = Bench::new();
    let line = |process: u8, kind: &str, f: &str, value: &str| {
        format!("{{:process {process}, :type :{kind}, :f :{f}, :value {value}}}\n")
    };
    let both = |process, f, value: &str, answer: &str| {
        line(process, "invoke", f, value) + &line(process, "ok", f, answer)
    };
    let put = both(0, "enqueue", "1", "1") + &both(0, "enqueue", "2", "2");
    let history = put.clone() + &both(1, "dequeue", "nil", "1") + &both(2, "drain", "nil", "[2]");
    bench.write("h.edn", &history);
    let valid = bench.schism(&["check", "h.edn", "--model", "total-queue", "--json"]).exits(0);
    assert_eq!(json(&valid.stdout)["checks"][0]["name"], "total-queue");
    // With a drain nothing else can be meant; without one it has to be said.
    bench.schism(&["check", "h.edn"]).exits(0);
    bench.write("h.edn", &(put.clone() + &both(2, "drain", "nil", "[2]")));
    let lost = bench.schism(&["check", "h.edn", "--json"]).exits(1);
    assert_eq!(kinds(&json(&lost.stdout)), ["lost-message"]);
    bench.write("h.edn", &put);
    bench.schism(&["check", "h.edn"]).exits(2).says("name it with --model");
    bench.schism(&["check", "h.edn", "--model", "total-queue"]).exits(3);
}

#[test]
fn two_systems_are_compared_in_any_model_and_what_is_lost_is_counted() {
    if no_python() {
        return;
    }
    let bench = Bench::new();
    bench.write("toy.yaml", &workload("set", Some("lost-element"), ""));
    bench.schism(&["run", "toy.yaml", "--quiet"]).exits(1);
    let summary = std::fs::read_to_string(bench.latest().join("summary.md")).unwrap();
    assert!(summary.contains("acknowledged elements") && summary.contains("lost"), "{summary}");
}
