//! Bad input gets a clear error that names the file, the line and the next step, and exit code 2;
//! nothing is started.
#![allow(clippy::unwrap_used)] // a test: what is missing should fail it

use std::io::Write;
use std::process::Stdio;

use crate::support::{Bench, Done};

/// A workload that must be refused with an error that contains all of these.
fn refused(yaml: &str, says: &[&str]) {
    let bench = Bench::new();
    bench.write("w.yaml", yaml);
    let mut done = bench.schism(&["run", "w.yaml"]).exits(2);
    for text in says {
        done = done.says(text);
    }
    assert!(!bench.path().join("runs").exists(), "nothing starts before the whole file is valid");
}

#[test]
fn an_unknown_key() {
    refused("about: x\nsystem: raft\nnoodles: 3\n", &["w.yaml:3:1", "noodles", "nodes"]);
}

#[test]
fn an_unknown_fault() {
    refused(
        "about: x\nsystem: raft\nfaults:\n  - partitoin: {every: 5s}\n",
        &["w.yaml:4:5", "partitoin", "did you mean `partition`?"],
    );
}

#[test]
fn an_unknown_unit() {
    refused("about: x\nsystem: raft\nduration: 5 parsecs\n", &["w.yaml:3:11", "parsecs"]);
}

#[test]
fn a_duplicate_key() {
    refused("about: x\nsystem: raft\nnodes: 3\nnodes: 5\n", &["w.yaml:4:1", "nodes"]);
}

#[test]
fn more_targets_than_nodes() {
    refused(
        "about: x\nsystem: raft\nnodes: 3\nfaults:\n  - crash: {target: 4}\n",
        &["w.yaml:5:", "4", "3"],
    );
}

#[test]
fn a_run_cut_so_short_that_a_fault_would_never_strike() {
    let bench = Bench::new();
    bench.write("w.yaml", "system: raft\nfaults:\n  - crash: {at: [11s, 19s]}\n");
    bench
        .schism(&["run", "w.yaml", "--duration", "6s"])
        .exits(2)
        .says("--duration 6s: no `crash` would be left: the first comes at 11s")
        .says("--duration at least 13s");
    assert!(!bench.path().join("runs").exists(), "nothing starts");
}

#[test]
fn an_unknown_system() {
    refused("about: x\nsystem: rafft\n", &["w.yaml:2:9", "rafft", "did you mean `raft`?"]);
}

#[test]
fn yaml_that_is_none() {
    refused("about: [x\nsystem: raft\n", &["w.yaml:"]);
}

#[test]
fn an_unknown_workload() {
    let bench = Bench::new();
    bench.schism(&["run", "raft-under-fir"]).exits(2).says("raft-under-fire");
}

#[test]
fn an_unknown_bug() {
    let bench = Bench::new();
    bench.schism(&["run", "quiet", "--bug", "R99"]).exits(2).says("R99");
}

#[test]
fn an_unknown_flag() {
    let bench = Bench::new();
    bench.schism(&["run", "quiet", "--sead", "7"]).exits(2).says("--seed");
}

#[test]
fn a_binary_that_does_not_exist() {
    let bench = Bench::new();
    bench.write("w.yaml", "about: x\nsystem: {command: [./nothing-here], client: lines}\n");
    bench.schism(&["run", "w.yaml"]).exits(2).says("nothing-here");
}

#[test]
fn a_binary_that_dies_at_start_shows_its_last_lines() {
    let bench = Bench::new();
    let command = r#"["sh", "-c", "echo the disk is a lie >&2; exit 9"]"#;
    bench.write("w.yaml", &format!("about: x\nsystem: {{command: {command}, client: lines}}\n"));
    bench.schism(&["run", "w.yaml"]).exits(2).says("the disk is a lie");
}

#[test]
fn a_binary_that_is_never_ready() {
    let bench = Bench::new();
    let system = r#"{command: ["sh", "-c", "sleep 60", "{client}"], client: lines, ready: 500ms}"#;
    bench.write("w.yaml", &format!("about: x\nnodes: 1\nsystem: {system}\n"));
    bench.schism(&["run", "w.yaml"]).exits(2).says("n1");
}

#[test]
fn a_system_file_with_a_mistake_is_told_with_its_own_place() {
    let told = |file: &str, says: &[&str]| {
        let bench = Bench::new();
        bench.write("mine.yaml", file);
        bench.write("w.yaml", "about: x\nsystem: ./mine.yaml\n");
        let mut done = bench.schism(&["run", "w.yaml"]).exits(2);
        for text in says {
            done = done.says(text);
        }
        assert!(!bench.path().join("runs").exists(), "nothing starts");
    };
    let ports = "ports: {client: 1, peer: 2}\n";
    told(
        &format!("{ports}node: {{command: [x, '{{idd}}']}}\n"),
        &["mine.yaml:2:", "`{idd}`", "`id`"],
    );
    told("ports: {client: 1, peer: 1}\nnode: {command: [x]}\n", &["mine.yaml:1:26", "`client`"]);
    told(&format!("{ports}nod: {{command: [x]}}\n"), &["mine.yaml:2:1", "did you mean `node`?"]);
    told(&format!("{ports}node: {{command: x}}\n"), &["mine.yaml:2:17", "a command is a list"]);
    told(
        &format!("{ports}command: [x]\nnode: {{command: [x]}}\n"),
        &["mine.yaml:2:10", "`command` beside `node`"],
    );
    told(&format!("{ports}node: {{command: [x]}}\nuser: [a]\n"), &["mine.yaml:3:7", "a list"]);
    told(
        &format!(
            "{ports}network: none\nprogram: no-such-db\ninstall: get it\nnode: {{command: [x]}}\n"
        ),
        &["mine is not here: no no-such-db; `get it` installs it, or SCHISM_MINE=PATH"],
    );
    told(
        &format!("{ports}network: none\nnode: {{command: [x, '{{glob:/no/such/*.jar}}']}}\n"),
        &["mine: nothing here is /no/such/*.jar"],
    );
}

#[test]
fn a_system_is_no_workload_and_the_other_way_round() {
    let bench = Bench::new();
    bench.schism(&["run", "etcd"]).exits(2).says("--system etcd");
    bench.write("mine.yaml", "ports: {client: 1}\nnode: {command: [x]}\n");
    bench.schism(&["run", "mine.yaml"]).exits(2).says("a workload names it: `system: ./FILE`");
    bench.write("w.yaml", "about: x\nsystem: etdc\n");
    bench.schism(&["run", "w.yaml"]).exits(2).says("unknown system `etdc`; did you mean `etcd`?");
}

#[test]
fn systems_are_listed_with_what_is_here() {
    let bench = Bench::new();
    let listed = bench.schism(&["list", "systems", "--json"]).exits(0);
    let listed = crate::support::json(&listed.stdout);
    let systems = listed["systems"].as_array().unwrap();
    let named = |name: &str| systems.iter().find(|row| row["name"] == name).unwrap();
    assert!(named("raft")["about"].as_str().is_some());
    assert_eq!(named("etcd")["install"], "apt-get install etcd-server");
    let here = named("etcd")["installed"].as_bool().unwrap();
    assert_eq!(named("etcd")["version"].is_string(), here, "{}", named("etcd"));
}

#[test]
fn histories_that_are_none() {
    let invoke = r#"{"index":0,"process":0,"type":"invoke","f":"tail"}"#;
    let cases: &[(&str, &str)] = &[
        ("{\"index\":0,\"process\":0,\"type\":\"ok\",\"f\":\"tail\",\"tail\":0}\n", "h.jsonl:1"),
        (&format!("{invoke}\n{invoke}\n"), "h.jsonl:2"),
        (&format!("{invoke}\nnonsense\n{invoke}\n"), "h.jsonl:2"),
        (&"[".repeat(100_000), "h.jsonl:1"),
        ("\u{1}\u{0}\n", "h.jsonl: this is no text"),
        ("\u{1}\n", "h.jsonl:1"),
    ];
    for (text, place) in cases {
        let bench = Bench::new();
        bench.write("h.jsonl", text);
        bench.schism(&["check", "h.jsonl"]).exits(2).says(place);
    }
}

/// Well-formed events that no model can read: bad input, named by its line, and never a verdict.
#[test]
fn histories_that_no_model_can_read() {
    let append = |value: &str| {
        format!(r#"{{"process":0,"type":"invoke","f":"append","value":{value}}}"#) + "\n"
    };
    let one = append("1");
    let cases = [
        (append("1.5"), "h.jsonl:1: "),
        (append("9007199254740993"), "h.jsonl:1: "),
        (append("null"), "h.jsonl:1: "),
        (format!("{one}\n{}\n", r#"{"process":0,"type":"ok","f":"append"}"#), "no `offset`"),
        (
            format!("{one}{}\n", r#"{"process":0,"type":"ok","f":"append","value":2,"offset":0}"#),
            "h.jsonl:2: ",
        ),
        (format!("{one}{}\n", r#"{"process":1,"type":"invoke","f":"frob"}"#), "--model"),
        (r#"{"process":1,"type":"invoke","f":"frob"}"#.to_owned() + "\n", "--model"),
        // The file's order is not the order of time; the line is still the file's.
        (
            r#"{"time":9,"process":0,"type":"invoke","f":"append","value":null}"#.to_owned()
                + "\n"
                + r#"{"time":1,"process":1,"type":"invoke","f":"tail"}"#
                + "\n",
            "h.jsonl:1: ",
        ),
    ];
    for (text, place) in cases {
        let bench = Bench::new();
        bench.write("h.jsonl", &text);
        bench.schism(&["check", "h.jsonl"]).exits(2).says(place);
    }
}

#[test]
fn a_history_that_is_not_there() {
    Bench::new().schism(&["check", "nowhere.jsonl"]).exits(2).says("nowhere.jsonl");
}

/// A run is judged by its workload, and what is only written in another form by nothing: a flag
/// that would change nothing is a mistake of whoever gave it.
#[test]
fn flags_that_would_be_ignored() {
    let bench = Bench::new();
    let line = r#"{"process":0,"type":"invoke","f":"acquire"}"#;
    let file = bench.write("h.jsonl", line).display().to_string();
    let folder = bench.path().display().to_string();
    let flags = [
        ["--model", "mutex"],
        ["--initial", "false"],
        ["--algorithm", "search"],
        ["--failed-cas", "ignore"],
        ["--budget", "9s"],
        ["--memory", "9MiB"],
    ];
    for [flag, value] in flags {
        bench
            .schism(&["check", &folder, flag, value])
            .exits(2)
            .says(&format!("leave out {flag}"))
            .says(&format!("history.jsonl {flag}"));
        let written = bench.schism(&["check", &file, "--to", "edn", flag, value]);
        // What the file means is written into it; how it would be judged is not.
        match flag {
            "--initial" => assert!(written.exits(0).stdout.contains("\"initial\" false")),
            "--failed-cas" => drop(written.exits(0)),
            _ => drop(written.exits(2).says(&format!("leave out {flag}"))),
        }
        bench.schism(&["check", &file, flag, value]).exits(0);
        bench.schism(&["check", &file, "--to", "porcupine-json", flag, value]).exits(0);
    }
    bench.schism(&["check", &folder, "--format", "edn"]).exits(2).says("leave out --format");
    bench.schism(&["check", &file, "--format", "jsonl", "--to", "edn"]).exits(0);
}

#[test]
fn a_cause_is_told_once() {
    let text = Bench::new().schism(&["check", "."]).exits(2).stderr;
    assert_eq!(text.matches("os error").count(), 1, "{text}");
}

/// Whatever goes on for ever, or nearly, is refused before it fills the memory.
#[test]
fn what_never_ends_is_refused_early() {
    let bench = Bench::new();
    bench.schism(&["check", "/dev/zero"]).exits(2).says("/dev/zero: this is no text");
    bench.schism(&["run", "/dev/zero"]).exits(2).says("not a regular file");
    let endless = |start: &str| {
        let mut command = bench.command(&["check", "-"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(start.as_bytes()).unwrap();
        let piece = vec![b'x'; 1 << 20];
        // It is read until it was enough.
        while stdin.write_all(&piece).is_ok() {}
        Done::from(child.wait_with_output().unwrap()).exits(2)
    };
    let line = r#"{"process":0,"type":"invoke","f":"tail"}"#;
    endless(&format!("{line}\n{{\"process\":\"")).says("-:2: a line goes on for more than 64 MiB");
}

/// A pipe by a name of its own is what a shell makes of `<(zcat FILE)`.
#[test]
fn a_pipe_is_a_history_file() {
    let bench = Bench::new();
    let pipe = bench.path().join("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let mut command = bench.command(&["check", "pipe"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    let line = r#"{"process":0,"type":"invoke","f":"tail"}"#;
    std::fs::write(&pipe, line).unwrap();
    Done::from(child.wait_with_output().unwrap()).exits(0);
}

/// A line of the terminal is a line, whatever a value says, and nobody is shown a megabyte.
#[test]
fn no_message_quotes_a_megabyte_or_obeys_what_it_quotes() {
    let bench = Bench::new();
    let long = format!("\\u001b[2J\\u202e{}", "x".repeat(1 << 20));
    let invoke = |f: &str, rest: &str| {
        format!("{{\"process\":0,\"type\":\"invoke\",\"f\":\"{f}\"{rest}}}\n")
    };
    let ok = |f: &str, rest: &str| invoke(f, rest).replace("invoke", "ok");
    let value = format!(",\"value\":\"{long}\"");
    for text in [
        invoke(&long, ""),
        invoke("read", "") + &ok("read", &value) + &invoke("write", ",\"value\":1"),
        invoke("append", ",\"value\":1") + &ok("append", &format!("{value},\"offset\":0")),
        invoke("cas", &value),
        invoke("read", "") + &ok(&long, ""),
        invoke("tail", &format!(",\"key\":\"{long}\"")) + &ok("tail", ",\"key\":3"),
        invoke("tail", "").replace("invoke", &long),
        invoke("tail", &format!(",\"offset\":{}", "9".repeat(1 << 20))),
        invoke("tail", &format!(",\"time\":\"{long}\"")),
        "9".repeat(1 << 20),
        "{:process 0, :type \"TYPE\", :f :read}".replace("TYPE", &"x".repeat(1 << 20)),
        "{:process 0, :type :invoke, :f :read, :offset \"LONG\"}".replace("LONG", &long),
        "0\t:invoke\t:read\t[LONG".replace("LONG", &long) + "\n\n",
    ] {
        bench.write("h", &text);
        let done = bench.schism(&["check", "h"]);
        assert!(matches!(done.code, Some(1..=3)), "{:?} {}", done.code, &text[..60]);
        for shown in [&done.stderr, &done.stdout] {
            assert!(shown.len() < 16_000, "{} bytes of {}", shown.len(), &text[..60]);
            assert!(!shown.contains(['\u{1b}', '\u{202e}']), "{}", &text[..60]);
        }
    }
}

/// A file can give a remark for each of its lines, and nobody reads more than a few.
#[test]
fn remarks_about_a_file_are_few() {
    let bench = Bench::new();
    let line = |process: usize, kind: &str| {
        format!("{{\"process\":{process},\"type\":\"{kind}\",\"f\":\"write\",\"value\":1}}\n")
    };
    let one = |process| line(process, "invoke") + &line(process, "info");
    let text: String = (0..100).flat_map(|process| [one(process), one(process)]).collect();
    bench.write("h.jsonl", &text);
    let done = bench.schism(&["check", "h.jsonl", "--to", "jsonl"]).exits(0);
    assert_eq!(done.stderr.matches("goes on after an info").count(), 20, "{}", done.stderr);
    done.says("and 80 more remarks");
}
