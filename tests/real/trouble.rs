//! What goes wrong on the harness's own side is told as that, and never as the system's fault.
//! docs/internals/trouble.md has the table.
#![allow(clippy::unwrap_used)] // a test: what is missing should fail it

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

use crate::support::{Bench, Done, eventually, example, json, kinds, signal};

/// A log of one process with this many clients.
fn log_of(command: &str, rest: &str) -> String {
    format!(
        "about: A log.\nnodes: 1\nclients: 4\nrate: 200/s\nseed: 3\nsystem:\n  command: {command}\n  \
         client: lines\n{rest}"
    )
}

fn honest() -> String {
    format!("[\"{}\", --client, \"{{client}}\"]", example("toy_log").display())
}

/// The binary under limits of util-linux's prlimit(1).
fn limited(bench: &Bench, limits: &[&str], args: &[&str]) -> Output {
    let schism = bench.command(&[]).get_program().to_owned();
    let mut command = Command::new("prlimit");
    command.args(limits).arg(schism).args(args).current_dir(bench.path());
    command.stdin(Stdio::null()).output().unwrap()
}

fn start(bench: &Bench, args: &[&str]) -> Child {
    let child = bench.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    eventually("operations are recorded", || bench.recorded() > 50);
    child
}

fn end(bench: &Bench, child: Child, code: i32) -> (Done, Value) {
    let done = Done::from(child.wait_with_output().unwrap()).exits(code);
    (done, bench.verdict())
}

#[test]
fn too_few_descriptors_are_refused_before_the_start_with_what_is_needed() {
    let bench = Bench::new();
    let done = Done::from(limited(&bench, &["--nofile=100:100"], &["run", "quiet"])).exits(2);
    let done = done.says("need about ").says("file descriptors").says("ulimit -Hn");
    assert!(done.stderr.contains("5 nodes and "), "{}", done.stderr);
}

#[test]
fn the_soft_limit_is_raised_and_nodes_get_back_what_it_was() {
    let bench = Bench::new();
    let said = bench.path().join("limit").display().to_string();
    let command = format!("[sh, -c, \"ulimit -Sn > {said}; exec {} --client {{client}}\"]", toy());
    bench.write("log.yaml", &log_of(&command, "duration: 1s\n"));
    let limits = ["--nofile=64:4096"];
    Done::from(limited(&bench, &limits, &["run", "log.yaml"])).exits(0);
    assert_eq!(fs::read_to_string(said).unwrap().trim(), "64");
}

fn toy() -> String {
    example("toy_log").display().to_string()
}

#[test]
fn descriptors_that_run_out_in_mid_run_are_no_fault_of_the_system() {
    let bench = Bench::new();
    bench.write(
        "log.yaml",
        &log_of(
            &honest(),
            "duration: 30s\nrecovery: 2s\ntimeout: 100ms\nfaults:\n  \
             - pause: {target: n1, every: 500ms, for: 250ms}\n",
        ),
    );
    // Whoever waits in vain connects anew.
    let child = start(&bench, &["run", "log.yaml"]);
    let open = fs::read_dir(format!("/proc/{}/fd", child.id())).unwrap().count();
    let limit = format!("--nofile={}", open.saturating_sub(12));
    let pid = child.id().to_string();
    assert!(Command::new("prlimit").args(["--pid", &pid, &limit]).status().unwrap().success());
    let (done, verdict) = end(&bench, child, 3);
    let reason = verdict["reason"].as_str().unwrap();
    assert!(reason.contains("ulimit -Hn"), "{reason}");
    assert!(kinds(&verdict).is_empty(), "{verdict}");
    assert!(done.stdout.contains("UNKNOWN"), "{}", done.stdout);
    // The reason is an event of the history.
    let run = bench.latest().display().to_string();
    let again = json(&bench.schism(&["check", &run, "--json"]).exits(3).stdout);
    assert_eq!(again["reason"], verdict["reason"]);
}

/// As an ordinary user with so many threads, which is not asked of the first user.
fn with_threads(bench: &Bench, threads: u32, args: &[&str]) -> Option<Output> {
    const NOBODY: &str = "65534";
    if !nix::unistd::geteuid().is_root() {
        eprintln!("SKIPPED: only root can become a user who has no threads yet");
        return None;
    }
    let program = bench.path().join("schism");
    fs::copy(bench.command(&[]).get_program(), &program).unwrap();
    for place in [bench.path(), &program] {
        fs::set_permissions(place, fs::Permissions::from_mode(0o777)).unwrap();
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid", NOBODY, "--clear-groups", "prlimit", &format!("--nproc={threads}")]);
    let output = command.arg(program).args(args).current_dir(bench.path()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    if ["setpriv:", "prlimit:"].iter().any(|tool| said.starts_with(tool)) {
        eprintln!("SKIPPED: this root may not become another user: {said}");
        return None;
    }
    Some(output)
}

#[test]
fn where_no_thread_can_be_had_a_run_is_refused() {
    for threads in [1, 2, 5] {
        let bench = Bench::new();
        let Some(output) = with_threads(&bench, threads, &["run", "quiet"]) else { return };
        let done = Done::from(output).exits(2).says("threads").says("ulimit -u");
        assert!(!done.stderr.contains("panicked"), "{}", done.stderr);
    }
}

#[test]
fn where_no_thread_can_be_had_a_history_is_judged_all_the_same() {
    let bench = Bench::new();
    let mut history = String::new();
    for number in 0..3_000 {
        for kind in ["invoke", "ok"] {
            let event = format!(
                "{{\"process\":0,\"type\":\"{kind}\",\"f\":\"write\",\"key\":\"k{}\",\"value\":{number}}}\n",
                number % 7
            );
            history.push_str(&event);
        }
    }
    let file = bench.write("history.jsonl", &history);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let Some(output) = with_threads(&bench, 1, &["check", "history.jsonl"]) else { return };
    let done = Done::from(output).exits(0);
    assert!(done.stdout.contains("VALID") && !done.stderr.contains("panicked"), "{}", done.stderr);
}

#[test]
fn a_program_that_is_replaced_during_the_run_makes_it_unknown() {
    let bench = Bench::new();
    let program = bench.path().join("node");
    fs::copy(toy(), &program).unwrap();
    let command = format!("[\"{}\", --client, \"{{client}}\"]", program.display());
    let faults = "duration: 30s\nfaults:\n  - pause: {target: n1, at: 4s, for: 100ms}\n  \
                  - crash: {target: n1, at: 4s, for: 100ms}\n";
    bench.write("log.yaml", &log_of(&command, faults));
    let child = start(&bench, &["run", "log.yaml"]);
    let other = bench.path().join("other");
    fs::copy(toy(), &other).unwrap();
    fs::rename(&other, &program).unwrap();
    let (_, verdict) = end_of_any(&bench, child);
    let trouble = fs::read_to_string(bench.latest().join("history.jsonl")).unwrap();
    assert!(trouble.contains("was replaced or changed during the run"), "{verdict}");
}

fn end_of_any(bench: &Bench, child: Child) -> (Done, Value) {
    let done = Done::from(child.wait_with_output().unwrap());
    assert!(matches!(done.code, Some(1 | 3)), "{:?}: {}", done.code, done.stderr);
    (done, bench.verdict())
}

/// A control group with so little memory that its processes are soon killed. None: this user may
/// make none.
struct Group(PathBuf);

impl Group {
    fn new() -> Option<Group> {
        let name = format!("schism-test-{}", std::process::id());
        let places =
            [("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max")];
        places.iter().find_map(|(root, limit)| {
            let group = Group(Path::new(root).join(&name));
            fs::create_dir(&group.0).ok()?;
            let limited = fs::write(group.0.join(limit), "33554432").is_ok();
            limited.then_some(group)
        })
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}

#[test]
fn a_node_that_the_kernel_kills_for_memory_did_not_die_by_itself() {
    let Some(group) = Group::new() else {
        eprintln!("SKIPPED: this user may make no control group");
        return;
    };
    let bench = Bench::new();
    let into = group.0.join("cgroup.procs").display().to_string();
    let command = format!(
        "[sh, -c, \"{} --client {{client}} & sleep 1.5; echo $$ > {into}; exec tail /dev/zero\"]",
        toy()
    );
    bench.write("log.yaml", &log_of(&command, "duration: 20s\n"));
    let child = start(&bench, &["run", "log.yaml"]);
    let (_, verdict) = end(&bench, child, 3);
    let reason = verdict["reason"].as_str().unwrap();
    assert!(reason.contains("n1 died of signal 9 when the kernel killed"), "{reason}");
    assert!(kinds(&verdict).is_empty(), "{verdict}");
}

#[test]
fn a_stdout_that_is_full_is_told_and_is_no_success() {
    let bench = Bench::new();
    let written = r#"{"process":0,"type":"invoke","f":"write","value":1}
{"process":0,"type":"ok","f":"write","value":1}
"#;
    let stale = format!(
        "{written}{}",
        written.replace("write", "read").replace("\"value\":1", "\"value\":2")
    );
    bench.write("valid.jsonl", written);
    bench.write("violated.jsonl", &stale);
    let full = || fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let check = |args: &[&str], code: i32| {
        let output = bench.command(args).stdout(full()).stderr(Stdio::piped()).output().unwrap();
        Done::from(output).exits(code).says("stdout cannot be written").says("free some space");
    };
    check(&["check", "valid.jsonl", "--json"], 2);
    check(&["check", "valid.jsonl"], 2);
    check(&["check", "violated.jsonl", "--json"], 1);
    check(&["check", "valid.jsonl", "--to", "edn"], 2);
    check(&["list", "models"], 2);
    check(&["explain", "raft"], 2);
}

#[test]
fn pages_that_cannot_be_written_leave_the_verdict_as_it_is() {
    let lie = format!("[\"{}\", --client, \"{{client}}\", --lie, lost-append]", toy());
    for (command, code, word) in [(honest(), 0, "VALID"), (lie, 1, "VIOLATED")] {
        let bench = Bench::new();
        bench.write("log.yaml", &log_of(&command, "duration: 3s\nmin-operations: 1\n"));
        let child = start(&bench, &["run", "log.yaml"]);
        for page in ["report.html", "summary.md", "junit.xml", "verdict.json"] {
            fs::create_dir(bench.latest().join(page)).unwrap();
        }
        let done = Done::from(child.wait_with_output().unwrap()).exits(code);
        assert!(done.stdout.contains(word), "{}", done.stdout);
        let done = done.says("report.html: cannot be written").says("verdict.json: cannot be");
        assert!(done.stderr.contains("junit.xml"), "{}", done.stderr);
        let history = bench.latest().join("history.jsonl").display().to_string();
        let done = bench.schism(&["check", &history, "--report", "/dev/full"]);
        let done = done.exits(code).says("/dev/full: cannot be written");
        assert!(done.stdout.contains(word), "{}", done.stdout);
    }
}

#[test]
fn a_hang_up_ends_a_run_as_ctrl_c_does_and_not_one_under_nohup() {
    let bench = Bench::new();
    bench.write("log.yaml", &log_of(&honest(), "duration: 60s\n"));
    let child = start(&bench, &["run", "log.yaml"]);
    signal(child.id(), "HUP");
    signal(child.id(), "HUP");
    let (_, verdict) = end(&bench, child, 130);
    assert!(verdict["reason"].as_str().unwrap().contains("interrupted"), "{verdict}");

    bench.write("log.yaml", &log_of(&honest(), "duration: 3s\n"));
    let schism = bench.command(&[]).get_program().to_owned();
    let mut command = Command::new("nohup");
    command.arg(schism).args(["run", "log.yaml"]).current_dir(bench.path());
    fs::remove_file(bench.path().join("runs/latest")).unwrap();
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    eventually("operations are recorded", || bench.recorded() > 50);
    signal(child.id(), "HUP");
    end(&bench, child, 0);
}

#[test]
fn counts_are_the_historys_and_not_what_a_file_says() {
    let bench = Bench::new();
    bench.write("log.yaml", &log_of(&honest(), "duration: 2s\n"));
    bench.schism(&["run", "log.yaml"]).exits(0);
    let file = bench.latest().join("verdict.json");
    let mut edited = bench.verdict();
    let counted = edited["operations"].clone();
    edited["operations"]["ok"] = 1_000_000.into();
    edited["verdict"] = "violated".into();
    fs::write(&file, edited.to_string()).unwrap();
    let run = bench.latest().display().to_string();
    let again = json(&bench.schism(&["check", &run, "--json"]).exits(0).stdout);
    assert_eq!(again["operations"], counted);
    assert_eq!(again["verdict"], "valid");
}
