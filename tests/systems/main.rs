//! Other people's systems, each in a short run, where they are installed. They are no part of plain
//! `cargo test`:
//!
//! ```text
//! cargo test -p schism --test systems
//! ```
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)] // a test: what is missing should fail it

#[path = "../support/mod.rs"]
mod support;

use support::{Bench, json};

/// n3 is cut off for a second. It leads none of the systems in which an operator, or Sentinel at
/// its usual pace, would have to choose another leader.
const CUT: &str = "partition: {shape: [[n1, n2], [n3]], at: 2s, for: 1s}";

/// Runs it for eight seconds; every check must be valid. Skipped, and that is said, where the
/// system is not installed, or the machine does not allow interposed links.
#[allow(clippy::print_stderr)] // a test that is skipped says so
fn is_valid(system: &str, asked: &str, faults: &[&str]) {
    let bench = Bench::new();
    let faults = faults.iter().map(|fault| format!("  - {fault}\n")).collect::<Vec<_>>().concat();
    let workload = format!(
        "about: A short look.\nsystem: {system}\n{asked}\nnodes: 3\nclients: 6\n\
         rate: 100/s\nduration: 8s\nmin-operations: 30\nseed: 5\nfaults:\n{faults}"
    );
    bench.write("look.yaml", &workload);
    let doctor = bench.schism(&["doctor"]);
    if doctor.code != Some(0) {
        eprintln!("SKIPPED {system}: no interposed links here\n{}", doctor.stdout);
        return;
    }
    let done = bench.schism(&["run", "look.yaml", "--json"]);
    if done.code == Some(2) && done.stderr.contains("apt-get install") {
        eprintln!("SKIPPED: {}", done.stderr.trim());
        return;
    }
    let verdict = json(&done.exits(0).stdout);
    assert_eq!(verdict["verdict"], "valid", "{verdict}");
    let checks = verdict["checks"].as_array().unwrap();
    let valid = |name: &str| {
        checks.iter().any(|check| check["name"] == name && check["verdict"] == "valid")
    };
    assert!(valid("bypass"), "every connection between nodes passed a link: {verdict}");
    assert!(valid("linearizable"), "{verdict}");
}

#[test]
fn etcd() {
    is_valid("etcd", "model: kv", &[CUT, "crash: {target: one, at: 4s, for: 500ms}"]);
}

#[test]
fn galera() {
    is_valid("{name: galera, sync-wait: 7}", "model: kv", &[CUT]);
}

/// Reads ask its leader alone, so no leader is cut off; and 2.9 compares without looking at what is
/// on its way, so nothing is compared.
#[test]
fn nats() {
    let crash = "crash: {target: one, at: 3s, for: 500ms}";
    is_valid("nats", "model: kv\noperations: {get: 1, put: 1}", &[crash]);
}

#[test]
fn postgres() {
    is_valid("postgres", "model: kv", &[CUT]);
}

#[test]
fn redis_with_sentinel() {
    is_valid("redis-sentinel", "model: set", &[CUT]);
}

#[test]
fn zookeeper() {
    is_valid("{name: zookeeper, tick-ms: 500}", "model: kv", &[CUT]);
}
