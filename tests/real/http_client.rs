//! A system with a REST API of its own, described in the workload, honest and lying.
#![allow(clippy::unwrap_used)] // a test: what is missing should fail it

use std::path::Path;

use crate::support::{Bench, Done, kinds, no_python};

fn run(bench: &Bench, lie: &str, cas: &str) -> Done {
    let toy = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/toy_http.py");
    let text = format!(
        "about: A toy.\nnodes: 1\nclients: 4\nduration: 3s\nrate: 200/s\nseed: 3\n\
         operations: {{read: 5, write: 3, cas: 2}}\nsystem:\n  \
         command: [python3, \"{}\", \"{{client}}\"{lie}]\n  client:\n    name: http\n    \
         read: GET /register\n    write: 'PUT /register {{value}}'\n    cas: '{cas}'\n    \
         'null': 404\n    fail: 409=conflict\n",
        toy.display()
    );
    bench.write("toy.yaml", &text);
    bench.schism(&["run", "toy.yaml"])
}

const CAS: &str = r#"POST /register {"from": {from}, "to": {to}}"#;

#[test]
fn an_honest_register_is_valid_over_its_own_api() {
    if no_python() {
        return;
    }
    let bench = Bench::new();
    run(&bench, "", CAS).exits(0);
    let verdict = bench.verdict();
    assert_eq!(verdict["verdict"], "valid", "{verdict}");
    let refused = verdict["refused"].as_array().unwrap();
    assert!(refused.iter().all(|row| row["error"] == "conflict"), "{refused:?}");
    assert_eq!(verdict["unanswered"].as_array().map(Vec::len), Some(0), "{verdict}");
}

#[test]
fn a_lie_is_found_over_an_api() {
    if no_python() {
        return;
    }
    let bench = Bench::new();
    run(&bench, ", lie", CAS).exits(1);
    assert!(!kinds(&bench.verdict()).is_empty(), "{}", bench.verdict());
}

/// What nobody said of a status is unanswered, and an operation that is never answered is told.
#[test]
fn what_the_workload_does_not_say_is_never_taken_for_an_answer() {
    if no_python() {
        return;
    }
    let bench = Bench::new();
    run(&bench, "", "PATCH /register {to}").exits(3);
    let verdict = bench.verdict();
    assert_eq!(kinds(&verdict), [""; 0]);
    assert!(verdict["reason"].as_str().unwrap().contains("nothing that its client could read"));
    let unanswered = verdict["unanswered"].as_array().unwrap();
    let row = unanswered.iter().find(|row| row["operation"] == "cas").expect("a cas");
    assert_eq!(row["error"], "malformed-answer", "{row}");
    let first = row["first"].as_str().unwrap();
    assert!(first.contains("HTTP 501") && first.contains("fail: 501=refused"), "{row}");
}

#[test]
fn clients_are_listed_with_their_models() {
    if no_python() {
        return;
    }
    let listed = Bench::new().schism(&["list", "clients"]).exits(0).stdout;
    for told in ["etcd ", "(register, kv, log, mutex; options: serializable, lease)", "http "] {
        assert!(listed.contains(told), "`{told}` is not in {listed}");
    }
}
