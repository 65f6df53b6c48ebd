//! Real processes, each fault once: it strikes, has an effect, heals, and Raft stays correct.
#![allow(clippy::unwrap_used)] // a test: what is missing should fail it

use crate::support::Bench;

/// Runs five Raft nodes for a few seconds under one fault and insists on a valid verdict and an
/// effect.
fn check(fault: &str, kind: &str) {
    let bench = Bench::new();
    let workload = format!(
        "about: One fault, once.\nsystem: raft\nnodes: 5\nclients: 5\nduration: 4s\nrate: 300/s\n\
         seed: 11\nfaults:\n  - {fault}\n"
    );
    bench.write("one.yaml", &workload);
    bench.schism(&["run", "one.yaml"]).exits(0);
    let verdict = bench.verdict();
    assert_eq!(verdict["verdict"], "valid");
    let faults = verdict["faults"].as_array().unwrap();
    let row = faults.iter().find(|row| row["fault"] == kind).expect("the fault is in the verdict");
    assert!(row["effective"].as_u64().unwrap() > 0, "{row}");
}

#[test]
fn crash() {
    check("crash: {target: leader, at: 300ms, for: 1s}", "crash");
}

#[test]
fn crash_of_all() {
    check("crash: {target: all, at: 300ms, for: 500ms}", "crash");
}

#[test]
fn pause() {
    check("pause: {target: leader, at: 300ms, for: 1s}", "pause");
}

#[test]
fn partition_held() {
    check("partition: {shape: isolate-leader, at: 300ms, for: 1s}", "partition");
}

#[test]
fn partition_reset() {
    check("partition: {shape: halves, style: reset, at: 300ms, for: 1s}", "partition");
}

#[test]
fn partition_refused() {
    // A refusal meets only new connections, so something must make nodes connect anew.
    check(
        "partition: {shape: isolate-leader, style: refuse, at: 300ms, for: 2s}\n  \
         - crash: {target: followers, at: 500ms, for: 300ms}",
        "partition",
    );
}

#[test]
fn partition_swallowed() {
    check("partition: {shape: bridge, style: blackhole, at: 300ms, for: 1s}", "partition");
}

#[test]
fn partition_one_way() {
    check("partition: {shape: one-way, at: 300ms, for: 1s}", "partition");
}

#[test]
fn latency() {
    check("latency: {links: all, delay: 5ms, jitter: 5ms, at: 300ms, for: 1s}", "latency");
}

#[test]
fn frames_held() {
    check("frames: {kind: append-entries, at: 300ms, for: 1s}", "frames");
}

#[test]
fn frames_delayed() {
    check("frames: {until: delay, delay: 5ms, jitter: 5ms, at: 300ms, for: 1s}", "frames");
}

#[test]
fn frames_dropped() {
    check("frames: {do: drop, probability: 0.2, at: 300ms, for: 1s}", "frames");
}

#[test]
fn frames_doubled() {
    check("frames: {do: duplicate, at: 300ms, for: 1s}", "frames");
}

#[test]
fn the_adversary_withholds_every_decision() {
    withholds_every_decision("flp");
}

#[test]
fn the_adversary_withholds_the_decision_of_a_key() {
    withholds_every_decision("flp-paxos");
}

fn withholds_every_decision(workload: &str) {
    let bench = Bench::new();
    bench.schism(&["run", workload, "--duration", "10s", "--seed", "11"]).exits(0);
    let verdict = bench.verdict();
    let checks = verdict["checks"].as_array().unwrap();
    let check = checks.iter().find(|check| check["name"] == "adversary").unwrap();
    assert_eq!(check["verdict"], "valid");
    assert!(check["operations"].as_u64().unwrap() >= 20, "epochs: {check}");
    let said = check["notes"].to_string();
    assert!(said.contains("a client was answered") && said.contains("relaxed"), "{said}");
}

#[test]
fn frames_of_strangers_are_refused() {
    let bench = Bench::new();
    bench.write("own.yaml", "system: {command: [\"./n\", \"{client}\"]}\nfaults: [frames]\n");
    let refused = bench.schism(&["run", "own.yaml"]).exits(2);
    assert!(
        refused.stderr.contains("nobody knows the messages of this system"),
        "{}",
        refused.stderr
    );
}
