//! Raft on three real nodes, killed and started again: `cargo test -p schism-node --test cluster`.

#![allow(clippy::unwrap_used)] // all of this is test code

mod support;

use std::time::{Duration, Instant};

use schism_node::{Config, Leave, Tables};
use schism_protocol::Build;
use serde_json::{Value, json};
use support::{Node, PATIENCE, configs};

fn raft() -> Build {
    Tables::built_in().protocols.iter().find(|(name, _)| *name == "raft").unwrap().1
}

struct Cluster {
    configs: Vec<Config>,
    nodes: Vec<Node>,
    _home: tempfile::TempDir,
}

impl Cluster {
    fn start(options: &[(&str, &str)]) -> Self {
        let home = tempfile::tempdir().unwrap();
        let configs = configs(3, home.path(), options);
        let nodes = configs.iter().map(|config| Node::start(config, raft())).collect();
        Self { configs, nodes, _home: home }
    }

    fn restart(&mut self, node: usize) {
        self.nodes[node] = Node::start(&self.configs[node], raft());
    }

    /// Asks the nodes in turn until one says ok; who it was, and the answer.
    fn ok(&self, nodes: &[usize], line: &str) -> (usize, Value) {
        let start = Instant::now();
        for node in nodes.iter().cycle() {
            let answer = self.nodes[*node].connect().ask(line);
            if answer.get("ok").is_some() {
                return (*node, answer["ok"].clone());
            }
            assert!(start.elapsed() < PATIENCE, "nobody says ok to {line}: {answer}");
            std::thread::sleep(Duration::from_millis(10));
        }
        unreachable!("somebody was to be asked")
    }

    /// Appends these values; whoever leads takes them. A value may be there twice if a try before
    /// was answered with a maybe, so the offsets are what is compared.
    fn append(&self, nodes: &[usize], values: std::ops::Range<u64>) -> Vec<(u64, u64)> {
        let append = |value| {
            let line = format!(r#"{{"id":1,"op":"append","value":{value}}}"#);
            let (_, ok) = self.ok(nodes, &line);
            (ok["offset"].as_u64().unwrap(), value)
        };
        values.map(append).collect()
    }

    fn leader(&self) -> usize {
        let (node, _) = self.ok(&[0, 1, 2], r#"{"id":1,"op":"append","value":"who leads?"}"#);
        node
    }

    /// All nodes, read locally, hold every one of these at its offset, and agree on all else.
    fn converges_with(&self, acknowledged: &[(u64, u64)]) {
        let (_, ok) = self.ok(&[0, 1, 2], r#"{"id":1,"op":"tail"}"#);
        let tail = ok["tail"].as_u64().unwrap();
        let start = Instant::now();
        let logs: Vec<Value> = (0..3)
            .map(|node| {
                loop {
                    let line = r#"{"id":1,"op":"read","level":"local"}"#;
                    let (_, ok) = self.ok(&[node], line);
                    if ok["tail"].as_u64() >= Some(tail) {
                        return ok["value"].clone();
                    }
                    assert!(start.elapsed() < PATIENCE, "n{} never caught up", node + 1);
                    std::thread::sleep(Duration::from_millis(10));
                }
            })
            .collect();
        for (offset, value) in acknowledged {
            assert_eq!(logs[0][*offset as usize], json!(value), "offset {offset}");
        }
        assert_eq!(logs[0], logs[1]);
        assert_eq!(logs[0], logs[2]);
    }
}

#[test]
fn what_was_acknowledged_outlives_the_death_of_all() {
    let mut cluster = Cluster::start(&[]);
    let acknowledged = cluster.append(&[0, 1, 2], 0..30);
    for node in &mut cluster.nodes {
        node.leave(Leave::AtOnce).unwrap();
    }
    (0..3).for_each(|node| cluster.restart(node));
    cluster.converges_with(&acknowledged);
}

#[test]
fn a_dead_leader_is_followed_by_another_and_catches_up_over_a_snapshot() {
    let mut cluster = Cluster::start(&[("snapshot-every", "10")]);
    let mut acknowledged = cluster.append(&[0, 1, 2], 0..15);
    let dead = cluster.leader();
    cluster.nodes[dead].leave(Leave::AtOnce).unwrap();
    let others: Vec<usize> = (0..3).filter(|node| *node != dead).collect();
    acknowledged.extend(cluster.append(&others, 15..60));
    cluster.restart(dead);
    cluster.converges_with(&acknowledged);
    // And once more, from what snapshots left on the disks.
    for node in &mut cluster.nodes {
        node.leave(Leave::AtOnce).unwrap();
    }
    (0..3).for_each(|node| cluster.restart(node));
    acknowledged.extend(cluster.append(&[0, 1, 2], 60..65));
    cluster.converges_with(&acknowledged);
    for config in &cluster.configs {
        let delivered = std::fs::read_to_string(config.delivered.as_ref().unwrap()).unwrap();
        check_delivered(&delivered);
        assert!(config.data.join("snapshot").exists(), "snapshots were part of the story");
    }
}

/// After each boot or restore the offsets go on without a gap.
fn check_delivered(text: &str) {
    let (mut next, mut boots) = (0, 0);
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        if let Some(boot) = line.get("boot") {
            boots += 1;
            assert_eq!(*boot, json!(boots));
            next = 0;
        } else if let Some(restore) = line.get("restore") {
            next = restore["length"].as_u64().unwrap();
        } else {
            assert_eq!(line["offset"], json!(next));
            next += 1;
        }
    }
    assert!(boots >= 2 && next >= 60, "{boots} boots, {next} entries");
}
