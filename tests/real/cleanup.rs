//! Nothing is left behind, whoever of those that hold the nodes is killed: harness, watcher, guard.
//! Whoever of them lives ends every process that ever came of a node, also those that tried to get
//! away and took no environment along.

#![allow(clippy::unwrap_used, reason = "all of it is a test, helpers too")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::Value;

use crate::support::{Daemon, eventually, is_alive, json, signal};

/// A process that holds the guard's input and nothing else, and those below it.
struct Harness {
    holder: Child,
    watcher: u32,
    guard: u32,
    keeper: u32,
    /// Kept open, or nobody could report.
    reports: BufReader<ChildStdout>,
}

impl Harness {
    /// Starts a node that is this script.
    fn start(folder: &Path, script: &str) -> Harness {
        let order = serde_json::json!({"spawn": {
            "who": {"process": 0}, "node": "n1", "argv": ["sh", "-c", script], "env": {},
            "stdout": folder.join("out"), "stderr": folder.join("err"),
        }});
        let holding = r#"mkfifo input; "$SCHISM" guard < input & echo $!
            exec 3> input 1>&-; printf '%s\n' "$ORDER" >&3; exec sleep 1000"#;
        let mut holder = Command::new("sh")
            .args(["-c", holding])
            .current_dir(folder)
            .env("SCHISM", env!("CARGO_BIN_EXE_schism"))
            .env("ORDER", order.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut reports = BufReader::new(holder.stdout.take().unwrap());
        let mut line = String::new();
        reports.read_line(&mut line).unwrap();
        let watcher = line.trim().parse().unwrap();
        let mut harness = Harness { holder, watcher, guard: 0, keeper: 0, reports };
        harness.guard = harness.hear("guard")["pid"].as_u64().unwrap() as u32;
        harness.keeper = harness.hear("spawned")["keeper"].as_u64().unwrap() as u32;
        harness
    }

    /// The next report of this kind.
    fn hear(&mut self, kind: &str) -> Value {
        loop {
            let mut line = String::new();
            assert!(self.reports.read_line(&mut line).unwrap() > 0, "no report of {kind}");
            if let Some(report) = json(&line).get(kind) {
                return report.clone();
            }
        }
    }

    fn pid(&self, who: &str) -> u32 {
        match who {
            "harness" => self.holder.id(),
            "watcher" => self.watcher,
            "guard" => self.guard,
            _ => self.keeper,
        }
    }

    /// Nobody is left, and nobody stays behind in the test.
    fn ends(&mut self, nodes: &Daemon) {
        for who in ["watcher", "guard", "keeper"] {
            eventually(&format!("the {who} has ended"), || !is_alive(self.pid(who)));
        }
        assert_eq!(nodes.processes(), [0; 0]);
    }
}

impl Drop for Harness {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

#[test]
fn whoever_is_killed_of_those_that_hold_the_nodes_nobody_survives() {
    let everybody = ["harness", "watcher", "guard"];
    let mut sequences: Vec<Vec<&str>> = Vec::new();
    for first in everybody {
        sequences.push(vec![first]);
        for second in everybody.into_iter().filter(|who| *who != first) {
            sequences.push(vec![first, second]);
            sequences.extend(
                everybody
                    .into_iter()
                    .filter(|who| *who != first && *who != second)
                    .map(|third| vec![first, second, third]),
            );
        }
    }
    assert_eq!(sequences.len(), 3 + 6 + 6);
    for victims in sequences {
        let (folder, nodes) = (tempfile::tempdir().unwrap(), Daemon::new());
        let mut harness = Harness::start(folder.path(), &nodes.script());
        eventually("all of the node runs", || nodes.processes().len() == 4);
        for who in &victims {
            signal(harness.pid(who), "KILL");
        }
        eventually(&format!("nobody is left after {victims:?}"), || nodes.processes().is_empty());
        harness.ends(&nodes);
    }
}

#[test]
fn nothing_but_the_end_of_its_input_ends_the_guard() {
    let (folder, nodes) = (tempfile::tempdir().unwrap(), Daemon::new());
    let mut harness = Harness::start(folder.path(), &nodes.script());
    eventually("all of the node runs", || nodes.processes().len() == 4);
    for who in ["watcher", "guard", "keeper"] {
        for name in ["INT", "TERM", "HUP", "QUIT"] {
            signal(harness.pid(who), name);
        }
    }
    for who in ["watcher", "guard", "keeper"] {
        assert!(is_alive(harness.pid(who)), "{who}");
    }
    assert_eq!(nodes.processes().len(), 4);
    signal(harness.pid("harness"), "KILL");
    harness.ends(&nodes);
}

#[test]
fn a_node_whose_keeper_is_killed_is_ended_and_named_by_the_guard() {
    let (folder, nodes) = (tempfile::tempdir().unwrap(), Daemon::new());
    let mut harness = Harness::start(folder.path(), &nodes.script());
    eventually("all of the node runs", || nodes.processes().len() == 4);
    let gone: Vec<u64> = nodes.processes().iter().map(|&pid| u64::from(pid)).collect();
    signal(harness.keeper, "KILL");
    let orphans = harness.hear("orphans");
    let said = orphans["gone"].as_str().unwrap();
    let keeper = harness.keeper;
    assert_eq!(said, format!("the keeper of n1 (process {keeper}) is gone (signal 9)"));
    // The node's own process dies with its keeper, before anybody could kill it.
    for one in orphans["killed"].as_array().unwrap() {
        assert!(gone.contains(&one["pid"].as_u64().unwrap()) && one["name"] == "sleep", "{one}");
    }
    assert!(orphans["killed"].as_array().unwrap().len() >= 2, "{orphans}");
    assert_eq!(nodes.processes(), [0; 0], "it says so once they are gone");
    assert!(is_alive(harness.guard), "it goes on");
    signal(harness.pid("harness"), "KILL");
    harness.ends(&nodes);
}

#[test]
fn a_dead_guard_is_told_of_with_those_that_it_left() {
    let (folder, nodes) = (tempfile::tempdir().unwrap(), Daemon::new());
    let mut harness = Harness::start(folder.path(), &nodes.script());
    eventually("all of the node runs", || nodes.processes().len() == 4);
    let mut left = nodes.processes();
    left.sort_unstable();
    signal(harness.guard, "KILL");
    // By the keeper, which lives, and by the watcher.
    let mut told = Vec::new();
    loop {
        let orphans = harness.hear("orphans");
        let killed = orphans["killed"].as_array().unwrap().iter();
        told.extend(killed.map(|one| one["pid"].as_u64().unwrap() as u32));
        if let Some(gone) = orphans["gone"].as_str() {
            assert_eq!(gone, format!("the guard (process {}) is gone (signal 9)", harness.guard));
            break;
        }
    }
    told.retain(|pid| *pid != harness.keeper);
    told.sort_unstable();
    told.dedup();
    assert_eq!(told, left);
    harness.ends(&nodes);
}
