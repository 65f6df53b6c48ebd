//! What becomes of a run when those who hold its nodes are killed or stopped by somebody else: it
//! is nobody's broken promise, it is not passed over, and nobody is left. And what is hit by a
//! fault is all of a node.
#![allow(clippy::unwrap_used)] // a test: what is missing should fail it

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::support::{
    Bench, Done, children, commanded, eventually, example, is_alive, json, signal,
};

/// A log whose server went into the background with a clean environment, as `su -c` and the
/// wrappers of databases have it; what is started stays in the foreground.
fn daemonized(rest: &str) -> String {
    let program = example("toy_log").display().to_string();
    format!(
        "about: A server in the background.\nnodes: 1\nclients: 2\nduration: 100s\nrate: 200/s\n\
         seed: 3\nsystem:\n  command: [sh, -c, \"(env -i setsid {program} --client {{client}} &); \
         exec sleep 1000\"]\n  client: lines\n{rest}"
    )
}

/// A run of that, with operations under way.
struct Run {
    bench: Bench,
    child: Child,
    /// The server's address: no other run has it.
    server: String,
}

impl Run {
    fn start(rest: &str) -> Run {
        let bench = Bench::new();
        bench.write("daemon.yaml", &daemonized(rest));
        let mut command = bench.command(&["run", "daemon.yaml"]);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        eventually("operations are recorded", || bench.recorded() > 50);
        let live = std::fs::read_to_string(bench.latest().join("live.json")).unwrap();
        let server = json(&live)["nodes"]["n1"].as_str().unwrap().to_owned();
        Run { bench, child, server }
    }

    /// One of those who hold the node.
    fn pid(&self, who: &str) -> u32 {
        let one = |parent, name| *children(parent, name).first().expect("it is there");
        let watcher = one(self.child.id(), "schism-watcher");
        match who {
            "watcher" => watcher,
            "guard" => one(watcher, "schism-guard"),
            _ => one(one(watcher, "schism-guard"), "schism-keeper"),
        }
    }

    /// Its end.
    fn ends(self, code: i32) -> (Bench, Value) {
        Done::from(self.child.wait_with_output().unwrap()).exits(code);
        assert_eq!(commanded(&self.server), [0; 0], "nobody is left");
        let verdict = self.bench.verdict();
        (self.bench, verdict)
    }
}

/// No order goes to the guard meanwhile: there is no fault in these runs.
fn is_unknown(who: &str, name: &str, said: &str) {
    let run = Run::start("");
    let all = ["watcher", "guard", "keeper"].map(|who| run.pid(who));
    let victim = run.pid(who);
    signal(victim, name);
    let (bench, verdict) = run.ends(3);
    assert!(all.iter().all(|pid| !is_alive(*pid)), "{who} {name}");
    assert_eq!(verdict["verdict"], "unknown", "{who} {name}: {verdict}");
    let reason = verdict["reason"].as_str().unwrap();
    let said = format!("{said} (process {victim})");
    assert!(reason.contains(&said), "{who} {name}: {reason}");
    assert!(reason.contains("what it left was killed: "), "{who} {name}: {reason}");
    assert!(reason.contains("toy_log ("), "{who} {name}: the server is named: {reason}");
    let survival = verdict["checks"].as_array().unwrap().iter().find(|c| c["name"] == "survival");
    assert_eq!(survival.unwrap()["verdict"], "valid", "it did not die by itself");
    // The reason is an event of the history.
    let run = bench.latest().display().to_string();
    let again = json(&bench.schism(&["check", &run, "--json"]).exits(3).stdout);
    assert_eq!(again["reason"], verdict["reason"]);
}

#[test]
fn a_killed_guard_is_noticed_at_once() {
    is_unknown("guard", "KILL", "the guard");
}

#[test]
fn a_killed_watcher_is_noticed_at_once() {
    is_unknown("watcher", "KILL", "the watcher");
}

#[test]
fn a_killed_keeper_is_noticed_at_once() {
    is_unknown("keeper", "KILL", "the keeper of n1");
}

#[test]
fn a_stopped_guard_is_noticed_though_it_is_silent_anyway() {
    is_unknown("guard", "STOP", "the guard");
}

#[test]
fn a_stopped_watcher_is_noticed() {
    is_unknown("watcher", "STOP", "the watcher");
}

#[test]
fn a_stopped_keeper_is_noticed() {
    is_unknown("keeper", "STOP", "the keeper of n1");
}

#[test]
fn a_guard_that_dies_while_it_is_needed_is_no_fault_of_the_system() {
    let run = Run::start("faults:\n  - pause: {target: n1, every: 200ms, for: 100ms}\n");
    let history = run.bench.latest().join("history.jsonl");
    let paused = |text: String| text.matches(r#""f":"pause""#).count() > 6;
    eventually("it is paused again and again", || {
        std::fs::read_to_string(&history).is_ok_and(paused)
    });
    signal(run.pid("guard"), "KILL");
    let (_, verdict) = run.ends(3);
    assert!(verdict["reason"].as_str().unwrap().contains("the guard (process "), "{verdict}");
}

#[test]
fn a_crash_kills_a_server_in_the_background_too() {
    let run = Run::start("faults:\n  - crash: {target: n1, at: 100ms, for: 300ms}\n");
    // It comes back with an empty log: it was killed.
    let (_, verdict) = run.ends(1);
    let crash = verdict["faults"].as_array().unwrap().iter().find(|row| row["fault"] == "crash");
    let effect = crash.unwrap()["effect"].as_str().unwrap();
    assert_eq!(effect, "killed 2 processes", "the server, and what started it");
}

#[test]
fn a_pause_stops_a_server_in_the_background_too() {
    let rest = "faults:\n  - pause: {target: n1, every: 300ms, for: 200ms}\n";
    let run = Run::start(rest);
    let history = run.bench.latest().join("history.jsonl");
    let healed = |text: String| text.matches(r#""stopped":2"#).count() >= 3;
    eventually("both processes were stopped, and went on", || {
        std::fs::read_to_string(&history).is_ok_and(healed)
    });
    signal(run.child.id(), "INT");
    let (bench, _) = run.ends(130);
    let run = bench.latest().display().to_string();
    let again = json(&bench.schism(&["check", &run, "--json"]).exits(3).stdout);
    let reason = again["reason"].as_str().unwrap();
    assert!(!reason.contains("answered") && reason.contains("interrupted"), "{reason}");
}

/// A server that is not below its node at all: no fault can reach it.
#[test]
fn a_target_that_answers_while_it_is_down_is_trouble() {
    let bench = Bench::new();
    let place = bench.path().join("address");
    let fifo = place.display().to_string();
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    bench.write(
        "elsewhere.yaml",
        &format!(
            "about: Its server is elsewhere.\nnodes: 1\nclients: 2\nduration: 3s\nrate: 200/s\n\
             seed: 3\nsystem:\n  command: [sh, -c, \"test -e {fifo} && echo {{client}} > {fifo}; \
             exec sleep 1000\"]\n  client: lines\n\
             faults:\n  - crash: {{target: n1, at: 100ms, for: 1s}}\n"
        ),
    );
    let mut command = bench.command(&["run", "elsewhere.yaml"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let address = std::fs::read_to_string(&fifo).unwrap();
    std::fs::remove_file(&fifo).unwrap();
    let address: SocketAddr = address.trim().parse().unwrap();
    let mut server = Command::new(example("toy_log"));
    let mut server = server.args(["--client", &address.to_string()]).spawn().unwrap();
    let done = Done::from(child.wait_with_output().unwrap());
    server.kill().unwrap();
    server.wait().unwrap();
    done.exits(3);
    let verdict = bench.verdict();
    let reason = verdict["reason"].as_str().unwrap();
    assert!(reason.contains("while `crash` held it"), "{reason}");
}

/// Nobody of them can do anything any more when the first is killed.
fn at_once(all: &[u32]) {
    for name in ["STOP", "KILL"] {
        for pid in all {
            signal(*pid, name);
        }
    }
}

/// Gone with the test.
struct Guest(Child);

impl Drop for Guest {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn what_is_left_when_all_are_killed_at_once_is_ended_by_the_next_start() {
    is_ended_by_the_next_start(|bench| bench.schism(&["run", "daemon.yaml", "--duration", "1s"]));
}

/// As a runner of CI has it, or a terminal that was closed: that says nothing of whose they are.
#[test]
fn the_next_start_takes_itself_for_nobody_that_is_left_when_nobody_leads_its_session() {
    is_ended_by_the_next_start(|bench| {
        let schism = bench.command(&[]).get_program().display().to_string();
        let script = format!(
            "({schism} run daemon.yaml --duration 1s >out 2>err; echo $? >new; mv new code) &"
        );
        let mut leader = Command::new("setsid");
        leader.args(["--fork", "sh", "-c", &script]).current_dir(bench.path());
        assert!(leader.status().unwrap().success());
        let code = bench.path().join("code");
        eventually("it has ended", || code.exists());
        let text = |name| std::fs::read_to_string(bench.path().join(name)).unwrap();
        let code = text("code").trim().parse().ok();
        Done { code, stdout: text("out"), stderr: text("err") }
    });
}

fn is_ended_by_the_next_start(start: impl Fn(&Bench) -> Done) {
    let mut run = Run::start("");
    let all = ["guard", "watcher", "keeper"].map(|who| run.pid(who));
    let all = [&[run.child.id()], &all[..]].concat();
    at_once(&all);
    run.child.wait().unwrap();
    let server = commanded(&run.server);
    assert_eq!(server.len(), 1, "the server serves on");
    // Somebody who looks at what is there, from a shell that lives.
    let place = run.bench.latest().join("nodes/n1");
    let script = format!("(cd {} && exec sleep 100) & wait", place.display());
    let shell = Guest(Command::new("setsid").args(["sh", "-c", &script]).spawn().unwrap());
    eventually("somebody looks", || !children(shell.0.id(), "sleep").is_empty());
    let guest = children(shell.0.id(), "sleep")[0];

    let next = start(&run.bench).exits(0);
    eventually("it is gone", || !is_alive(server[0]));
    // What was started dies with its keeper, and may still be about to.
    let told = next.stderr.lines().find(|line| line.contains("what it left was killed: "));
    let server = format!("toy_log ({})", server[0]);
    assert!(told.is_some_and(|told| told.contains(&server)), "{}", next.stderr);
    assert!(is_alive(guest), "who did not come of a node is left alone");
    signal(guest, "KILL");
    let again = run.bench.schism(&["run", "daemon.yaml", "--duration", "1s"]).exits(0);
    assert!(!again.stderr.contains("killed"), "once: {}", again.stderr);
}

#[test]
fn who_is_left_when_all_between_are_killed_is_ended_by_the_harness() {
    let run = Run::start("");
    let all = ["keeper", "guard", "watcher"].map(|who| run.pid(who));
    signal(run.child.id(), "STOP");
    at_once(&all);
    assert_eq!(commanded(&run.server).len(), 1, "the server serves on");
    signal(run.child.id(), "CONT");
    let (_, verdict) = run.ends(3);
    let reason = verdict["reason"].as_str().unwrap();
    assert!(reason.contains("is gone; what it left was killed: toy_log ("), "{reason}");
}
