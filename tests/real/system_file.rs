//! A system that is described by a file, end to end: three nodes of two processes each, prepared
//! one after the other, told once that they are a cluster, killed, and back; and what becomes of a
//! run whose nodes cannot be prepared.
#![allow(clippy::unwrap_used)] // a test: what is missing should fail it

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Command;

use crate::support::{Bench, json, kinds};

const PROGRAM: &str = include_str!("store/store.py");
const FILE: &str = include_str!("store/store.yaml");

/// A bench with the system in it, which whoever the nodes run as may enter. None: there is no
/// Python.
fn bench(file: &str, rest: &str) -> Option<Bench> {
    if Command::new("/usr/bin/python3").arg("--version").output().is_err() {
        eprintln!("SKIPPED: there is no /usr/bin/python3 to be the system");
        return None;
    }
    let bench = Bench::new();
    fs::set_permissions(bench.path(), fs::Permissions::from_mode(0o755)).unwrap();
    bench.write("store.py", PROGRAM);
    bench.write("store.yaml", file);
    let head = "about: Is a log behind three doors one log?\n\
                system: {name: ./store.yaml, mark: special}\nnodes: 3\nclients: 3\nrate: 100/s\n\
                seed: 3\n";
    bench.write("w.yaml", &format!("{head}{rest}"));
    Some(bench)
}

fn data(bench: &Bench, node: &str, file: &str) -> String {
    let path = bench.latest().join("nodes").join(node).join("data").join(file);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn nodes_are_prepared_started_in_order_told_once_and_come_back() {
    let faults = "duration: 6s\nfaults:\n  - crash: {target: n2, at: 1s, for: 500ms}\n  \
                  - crash: {target: n1, at: 3s, for: 500ms}\n  \
                  - partition: {clients: only, shape: isolate, at: 2s, for: 500ms}\n";
    let Some(bench) = bench(FILE, faults) else { return };
    let done = bench.schism(&["run", "w.yaml", "--json"]).exits(0);
    let verdict = json(&done.stdout);
    assert_eq!(verdict["verdict"], "valid", "{verdict}");
    assert_eq!(
        (&verdict["system"], &verdict["system_version"]),
        (&"store".into(), &"store 1.0".into())
    );
    let checks = verdict["checks"].as_array().unwrap();
    assert!(checks.iter().all(|check| check["name"] != "bypass"), "nothing stands between");
    let struck: Vec<u64> = verdict["faults"]
        .as_array()
        .unwrap()
        .iter()
        .map(|fault| fault["effective"].as_u64().unwrap())
        .collect();
    assert_eq!(struck, [2, 1], "{verdict}");

    assert_eq!(data(&bench, "n2", "prepared"), "n2 special\n", "once");
    let starts = data(&bench, "n2", "starts");
    let came_back = starts.strip_prefix("start\nrejoin n1 at 127.").expect(&starts);
    assert!(came_back.ends_with(".0.1\n"), "{starts}");
    assert_eq!(data(&bench, "n1", "starts"), "start\nstart\n", "whoever leads joins nobody");
    assert!(data(&bench, "n3", "conf.json").contains(r#""others": "n1=127."#));
    let secret = bench.latest().join("nodes/n1/data/secret");
    assert_eq!(fs::metadata(&secret).unwrap().mode() & 0o777, 0o400);
    let steps = fs::read_to_string(bench.latest().join("nodes/n1/steps.log")).unwrap();
    assert!(steps.contains("# exit 0, ") && steps.contains("store.py init conf.json"), "{steps}");
    if is_root() {
        let uid = data(&bench, "n1", "uid").trim().to_owned();
        assert_ne!(uid, "0", "nodes run as somebody else");
        assert_eq!(fs::metadata(&secret).unwrap().uid().to_string(), uid);
    }
    // The same again from what the run left, wherever the file is by then.
    fs::rename(bench.path().join("store.yaml"), bench.path().join("gone.yaml")).unwrap();
    let saved = bench.latest();
    let again = bench.schism(&["check", saved.to_str().unwrap(), "--json"]).exits(0);
    assert_eq!(json(&again.stdout)["system_version"], "store 1.0");
    let workload = fs::read_to_string(saved.join("workload.yaml")).unwrap();
    assert!(workload.contains("mark: special"), "{workload}");
}

/// Whether these tests run as root.
fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

#[test]
fn an_operator_fences_promotes_and_tells_the_others() {
    let promote = "promote:\n  fence: crash\n  command: [sh, -c, \"echo lead >>starts\"]\n  others: \
                   [[sh, -c, \"echo follow {leader} at {leader.ip} >>starts\"]]\nprogress: first-node";
    let file = FILE.replace("progress: first-node", promote);
    let faults = "duration: 4s\nfaults:\n  - promote: {to: n2, at: 1s}\n";
    let Some(bench) = bench(&file, faults) else { return };
    let done = bench.schism(&["run", "w.yaml", "--json"]).exits(0);
    let fault = &json(&done.stdout)["faults"][0];
    assert_eq!((&fault["fault"], &fault["effective"]), (&"promote".into(), &1.into()), "{fault}");
    assert_eq!(data(&bench, "n2", "starts"), "start\nlead\n");
    assert!(data(&bench, "n3", "starts").starts_with("start\nfollow n2 at 127."));
    let fenced = data(&bench, "n1", "starts");
    assert!(fenced.starts_with("start\nrejoin n2 at 127."), "killed, and back behind n2: {fenced}");
}

#[test]
fn a_process_of_several_that_dies_is_told_by_its_name() {
    let script = "import time, sys; time.sleep(2.5); sys.exit(3)";
    let dying = format!("command: [/usr/bin/python3, -c, \"{script}\"]");
    let more = "  more:\n    command: [sleep, \"1000\"]\nstart: together";
    let on_n3 = format!("nodes: {{n3: {{more: {{{dying}}}}}}}\nports: {{store");
    let file = FILE.replace("start: in-order", more).replace("ports: {store", &on_n3);
    let Some(bench) = bench(&file, "duration: 4s\n") else { return };
    let done = bench.schism(&["run", "w.yaml"]).exits(1);
    assert_eq!(kinds(&bench.verdict()), ["unexplained-death"], "{}", done.stdout);
    assert!(done.stdout.contains("`more`: exit 3"), "{}", done.stdout);
}

#[test]
fn a_node_that_cannot_be_prepared_is_told_with_the_last_lines() {
    let broken = FILE.replace("echo {id} $MARK >>prepared", "echo the disk is a lie >&2; exit 7");
    let Some(bench) = bench(&broken, "duration: 2s\n") else { return };
    bench
        .schism(&["run", "w.yaml"])
        .exits(2)
        .says("n1: `sh -c echo the disk is a lie >&2; exit 7`: exit 7")
        .says("the disk is a lie");
    let slow = FILE.replace("id -u >uid", "exec sleep 1000").replace("within: 30s", "within: 1s");
    bench.write("store.yaml", &slow);
    bench.schism(&["run", "w.yaml"]).exits(2).says("exec sleep 1000`: did not end within 1000 ms");
    assert_eq!(left_of(bench.path()), 0, "nothing is left running");
}

#[test]
fn what_is_never_ready_is_given_up() {
    let never = FILE.replace("log: the door is open, within: 30s", "log: never said, within: 1s");
    let Some(bench) = bench(&never, "duration: 2s\n") else { return };
    bench.schism(&["run", "w.yaml"]).exits(2).says("n1 did not become ready within 1s");
    let other = FILE.replace("{log: the door is open, within: 30s}", "{tcp: client, within: 30s}");
    bench.write("store.yaml", &other);
    bench.schism(&["run", "w.yaml"]).exits(0);
}

/// How many processes stand in this folder.
fn left_of(folder: &Path) -> usize {
    let folder = fs::canonicalize(folder).unwrap();
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let stands = |process: &fs::DirEntry| {
        fs::read_link(process.path().join("cwd")).is_ok_and(|cwd| cwd.starts_with(&folder))
    };
    processes.filter(stands).count()
}
