//! Nothing is left behind, however the harness dies: a guard whose parent is killed ends every
//! process that ever came from its nodes, also those that tried to get away.

#![allow(clippy::unwrap_used, reason = "all of it is a test, helpers too")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Far beyond what any of this takes.
const LONG: Duration = Duration::from_secs(30);

/// The processes that have this in their environment. Zombies have none.
fn marked(mark: &str) -> Vec<u32> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let pid = |entry: fs::DirEntry| entry.file_name().to_str()?.parse().ok();
    let has_mark = |pid: &u32| {
        let all = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        all.split(|&byte| byte == 0).any(|one| one == format!("MARK={mark}").as_bytes())
    };
    processes.filter_map(pid).filter(has_mark).collect()
}

fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < LONG, "not within {LONG:?}: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn is_alive(pid: u32) -> bool {
    let line = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    line.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

/// A process that holds the guard's input and nothing else, and the guard.
struct Harness {
    holder: Child,
    guard: u32,
    /// Kept open, or the guard could not report.
    _reports: BufReader<std::process::ChildStdout>,
}

fn harness(folder: &Path, order: &str) -> Harness {
    let script = r#"mkfifo input; "$SCHISM" guard < input & echo $!
        exec 3> input 1>&-; printf '%s\n' "$ORDER" >&3; exec sleep 1000"#;
    let mut holder = Command::new("sh")
        .args(["-c", script])
        .current_dir(folder)
        .env("SCHISM", env!("CARGO_BIN_EXE_schism"))
        .env("ORDER", order)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut reports = BufReader::new(holder.stdout.take().unwrap());
    let mut line = String::new();
    reports.read_line(&mut line).unwrap();
    Harness { holder, guard: line.trim().parse().unwrap(), _reports: reports }
}

#[test]
fn a_killed_harness_leaves_nothing_also_of_nodes_that_daemonize() {
    // In the node's group; out of it; out of it and handed to the guard by a parent that is gone.
    let node = "sleep 1001 & setsid sleep 1002 & sh -c 'setsid sleep 1003 &'; exec sleep 1004";
    for round in 0..20 {
        let folder = tempfile::tempdir().unwrap();
        let mark = format!("{}-{round}", std::process::id());
        let order = serde_json::json!({"spawn": {
            "node": "n1", "argv": ["sh", "-c", node], "env": {"MARK": mark},
            "stdout": folder.path().join("out"), "stderr": folder.path().join("err"),
        }});
        let mut harness = harness(folder.path(), &order.to_string());
        eventually("four processes of the node run", || {
            let sleeps = marked(&mark).into_iter().filter(|pid| {
                fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name == "sleep\n")
            });
            sleeps.count() == 4
        });
        // Nothing but the end of its input ends the guard.
        for signal in ["-INT", "-TERM", "-HUP"] {
            let sent = Command::new("kill").args([signal, &harness.guard.to_string()]).status();
            assert!(sent.unwrap().success());
        }
        assert!(is_alive(harness.guard));
        harness.holder.kill().unwrap();
        harness.holder.wait().unwrap();
        eventually("the guard has ended", || !is_alive(harness.guard));
        assert_eq!(marked(&mark), [0; 0], "round {round}");
    }
}

#[test]
fn a_killed_guard_takes_its_nodes_along() {
    let folder = tempfile::tempdir().unwrap();
    let mark = format!("{}-guard", std::process::id());
    let order = serde_json::json!({"spawn": {
        "node": "n1", "argv": ["sleep", "1000"], "env": {"MARK": mark},
        "stdout": folder.path().join("out"), "stderr": folder.path().join("err"),
    }});
    let mut harness = harness(folder.path(), &order.to_string());
    eventually("the node runs", || marked(&mark).len() == 1);
    let guard = harness.guard.to_string();
    assert!(Command::new("kill").args(["-KILL", &guard]).status().unwrap().success());
    eventually("the node has died with it", || marked(&mark).is_empty());
    harness.holder.kill().unwrap();
    harness.holder.wait().unwrap();
}
