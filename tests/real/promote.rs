//! `schism promote` against a live run, and against what is none.
#![allow(clippy::unwrap_used)] // a test: what is missing should fail it

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::support::{Bench, Done, example};

/// Longer than any machine needs to start a process that opens a socket.
const START_MAX: Duration = Duration::from_secs(60);

/// A run that ends with the test, however that ends.
struct Run(Child);

impl Drop for Run {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs this for as long as it takes to promote: what the closure returns is what it said.
fn during(system: &str, promote: impl FnOnce(&Bench)) -> Bench {
    let bench = Bench::new();
    let text = format!("nodes: 1\nclients: 1\nduration: 5m\nrate: 50/s\nseed: 3\n{system}\n");
    bench.write("long.yaml", &text);
    let mut command = bench.command(&["run", "long.yaml", "--quiet"]);
    let mut run = Run(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    let live = bench.path().join("runs/latest/live.json");
    let deadline = Instant::now() + START_MAX;
    while !live.exists() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(10));
    }
    promote(&bench);
    let mut interrupt = std::process::Command::new("kill");
    interrupt.args(["-INT", &run.0.id().to_string()]);
    assert!(interrupt.status().unwrap().success());
    assert_eq!(run.0.wait().unwrap().code(), Some(130));
    assert!(!live.exists(), "a run that is over is not live");
    bench
}

fn promote(bench: &Bench, node: &str) -> Done {
    bench.schism(&["promote", "runs/latest", node])
}

#[test]
fn a_node_of_a_live_run_is_promoted_and_the_run_sees_it() {
    let program = example("toy_log").display().to_string();
    let system = format!("system: {{command: [\"{program}\", \"--client\", \"{{client}}\"]}}");
    let bench = during(&system, |bench| {
        let done = promote(bench, "n1").exits(0);
        assert_eq!(done.stdout, "n1 leads in epoch 2\n");
        promote(bench, "n2").exits(2).says("runs/latest has no node `n2`; its nodes are n1");
        // The statuses are asked every 50 ms; the run's history is what says that it saw.
        std::thread::sleep(Duration::from_millis(500));
    });
    let history = std::fs::read_to_string(bench.latest().join("history.jsonl")).unwrap();
    assert!(history.contains(r#""f":"leader","value":{"node":"n1","epoch":2}"#), "no epoch 2");
    promote(&bench, "n1").exits(2).says("is no live run: it is over");
    bench.schism(&["promote", "nowhere", "n1"]).exits(2).says("nowhere is no run directory");
}

#[test]
fn a_system_that_elects_refuses_in_its_own_words() {
    during("system: raft", |bench| {
        promote(bench, "n1").exits(2).says("n1 refused: this system chooses its leader by itself");
    });
}
