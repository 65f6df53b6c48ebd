//! Programs that dial each other at their own addresses, and know nothing of links.
#![allow(clippy::unwrap_used)] // a test: what is missing should fail it

use std::fs;
use std::path::Path;

use crate::support::{Bench, kinds, no_python};

/// Whether such a run can be here; if not, that is said.
fn can() -> bool {
    let bench = Bench::new();
    let doctor = bench.schism(&["doctor"]);
    if doctor.code != Some(0) {
        eprintln!("SKIPPED: {}", doctor.stdout);
    }
    doctor.code == Some(0) && !no_python()
}

fn bench(network: &str, listens: &str, rest: &str) -> Bench {
    let bench = Bench::new();
    bench.write("three_nodes.py", include_str!("three_nodes.py"));
    bench.write(
        "direct.yaml",
        &format!(
            "about: A log whose nodes dial each other directly.\nnodes: 3\nclients: 3\nrate: 50/s\n\
             duration: 5s\nseed: 4\nsystem:\n  command: [python3, three_nodes.py, \"{{id}}\", \
             \"{{ip}}\", \"{{ips}}\", \"{listens}\"]\n  network: {network}\n{rest}"
        ),
    );
    bench
}

fn read(run: &Path, node: &str, file: &str) -> String {
    fs::read_to_string(run.join("nodes").join(node).join(file)).unwrap_or_default()
}

#[test]
fn nodes_that_know_no_links_are_on_all_of_them_and_feel_a_partition() {
    if !can() {
        return;
    }
    let partition = "faults:\n  - partition: {shape: isolate-leader, at: 1s, for: 1500ms}\n";
    let bench = bench("interposed", "0.0.0.0", partition);
    bench.schism(&["run", "direct.yaml"]).exits(0);
    let run = bench.latest();
    assert_eq!(kinds(&bench.verdict()), [""; 0], "no bypass, and nothing lost");
    for (node, others) in [("n1", ["n2", "n3"]), ("n2", ["n1", "n3"]), ("n3", ["n1", "n2"])] {
        let (network, stderr) = (read(&run, node, "network.log"), read(&run, node, "stderr.log"));
        let bound = |port: u16| format!("bind 0.0.0.0:{port}: got 127.");
        assert!(network.contains(&bound(7000)) && network.contains(&bound(19002)), "{network}");
        for other in others {
            let dialled = format!("connect {other}:7000: over the link\n");
            assert!(network.contains(&dialled), "{node}: {network}");
            assert!(stderr.contains(&format!("accepted {other}\n")), "{node}: {stderr}");
        }
        assert!(!stderr.contains("odd names"), "{node}: {stderr}");
    }
    let stderr = read(&run, "n1", "stderr.log");
    for other in ["n2", "n3"] {
        let told = |what: &str| stderr.contains(&format!("{other} is {what}"));
        assert!(told("silent") && told("back"), "{stderr}");
    }
    let history = fs::read_to_string(run.join("history.jsonl")).unwrap();
    assert!(history.contains("held-bytes"), "the partition met bytes");
}

#[test]
fn connections_over_interposed_links_are_reset_and_bytes_on_them_vanish() {
    if !can() {
        return;
    }
    for (style, counter) in [("reset", "reset-connections"), ("blackhole", "dropped-bytes")] {
        let fault = format!("shape: isolate-leader, style: {style}, clients: free");
        let faults = format!("faults:\n  - partition: {{{fault}, at: 1s, for: 1s}}\n");
        let bench = bench("interposed", "0.0.0.0", &faults);
        let done = bench.schism(&["run", "direct.yaml"]).exits(0);
        let history = fs::read_to_string(bench.latest().join("history.jsonl")).unwrap();
        assert!(history.contains(counter), "{style}: {}", done.stdout);
    }
}

#[test]
fn a_client_program_dials_nodes_at_their_own_addresses_and_is_on_its_links() {
    if !can() {
        return;
    }
    let bench = bench(
        "interposed",
        "0.0.0.0",
        "  client: {command: [python3, client.py, \"{nodes}\"]}\n\
         faults:\n  - partition: {shape: isolate-leader, clients: only, at: 1s, for: 1s}\n",
    );
    bench.write("client.py", include_str!("../../harness/examples/client.py"));
    bench.schism(&["run", "direct.yaml"]).exits(0);
    let run = bench.latest();
    let log = |client: &str| fs::read_to_string(run.join(client).join("network.log")).unwrap();
    let log = ["clients/c0", "clients/c1", "clients/c2"].map(log).concat();
    for node in ["n1", "n2", "n3"] {
        assert!(log.contains(&format!("connect {node}:19002: over the link\n")), "{log}");
    }
    let history = fs::read_to_string(run.join("history.jsonl")).unwrap();
    assert!(history.contains("held-bytes"), "clients were cut off");
    assert!(!read(&run, "n1", "stderr.log").contains("is silent: timed out"), "and no node");
}

/// Below a listener no second one can be had: the inner run says so instead of going on without.
#[test]
fn a_run_that_cannot_be_interposed_is_refused_before_it_starts() {
    if !can() {
        return;
    }
    let bench = bench("interposed", "0.0.0.0", "");
    let schism = env!("CARGO_BIN_EXE_schism");
    bench.write(
        "outer.yaml",
        &format!(
            "nodes: 1\nclients: 1\nduration: 2s\nsystem:\n  command: [\"{schism}\", run, direct.yaml, \
             --out, inner, --set, \"about={{ip}}\"]\n  network: interposed\n"
        ),
    );
    let done = bench.schism(&["run", "outer.yaml"]).exits(2);
    done.says("`network: interposed` cannot be had").says("a process can have only one");
    assert!(!bench.path().join("inner").exists(), "nothing was begun");
}

#[test]
fn without_links_between_nodes_only_clients_have_some() {
    let bench = bench("none", "{ip}", "");
    bench.schism(&["run", "direct.yaml", "--duration", "3s"]).exits(0);
    assert_eq!(read(&bench.latest(), "n1", "network.log"), "");
}
