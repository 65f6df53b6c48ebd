//! A client in another language: a program that is asked on its standard input, honest or not.
#![allow(clippy::unwrap_used)] // a test: what is missing should fail it

use std::fs;
use std::path::Path;

use crate::support::{Bench, example, json, kinds, no_python};

/// What stands before the honest program's first line, to make it another.
fn bench(prelude: &str, lie: &str, rest: &str) -> Bench {
    let bench = Bench::new();
    let honest = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/client.py");
    let honest = fs::read_to_string(honest).unwrap();
    bench
        .write("client.py", &honest.replace("\nfor line in", &format!("\n{prelude}\nfor line in")));
    let toy = example("toy_log").display().to_string();
    let text = format!(
        "about: A toy.\nnodes: 1\nclients: 4\nduration: 3s\nrate: 200/s\nseed: 3\nsystem:\n  \
         command: [\"{toy}\", \"--client\", \"{{client}}\"{lie}]\n  \
         client: {{command: [\"python3\", \"client.py\", \"{{nodes}}\"]}}\n{rest}"
    );
    bench.write("toy.yaml", &text);
    bench
}

#[test]
fn an_honest_log_is_valid_through_a_program_and_nothing_is_left() {
    if no_python() {
        return;
    }
    let bench = bench("", "", "");
    let done = bench.schism(&["run", "toy.yaml", "--json"]).exits(0);
    assert_eq!(json(&done.stdout)["verdict"], "valid");
    let clients = bench.latest().join("clients");
    let mut names: Vec<String> = fs::read_dir(&clients)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.retain(|name| !name.starts_with("control"));
    names.sort();
    assert_eq!(names, ["c0", "c1", "c2", "c3"]);
    assert!(clients.join("c0/stderr.log").exists() && !clients.join("c0/in").exists());
    let of_run = |line: &str| line.contains("client.py") && line.contains("127.");
    let left = running()
        .into_iter()
        .filter(|line| of_run(line))
        .filter(|line| line.contains(bench.path().to_str().unwrap()));
    assert_eq!(left.collect::<Vec<_>>(), Vec::<String>::new());
}

/// The command line of every process, and where it stands.
fn running() -> Vec<String> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let shown = |entry: fs::DirEntry| {
        let line = fs::read(entry.path().join("cmdline")).ok()?;
        let place = fs::read_link(entry.path().join("cwd")).ok()?;
        Some(format!("{} {}", String::from_utf8_lossy(&line), place.display()))
    };
    processes.filter_map(shown).collect()
}

#[test]
fn a_lie_is_found_through_a_program() {
    if no_python() {
        return;
    }
    let bench = bench("", r#", "--lie", "stale-read""#, "");
    bench.schism(&["run", "toy.yaml"]).exits(1);
    assert!(kinds(&bench.verdict()).contains(&"stale-read".into()), "{:?}", bench.verdict());
}

/// A latency that no byte went through would leave the run unknown.
#[test]
fn a_program_reaches_nodes_through_links_that_faults_can_hit() {
    if no_python() {
        return;
    }
    let late = "faults:\n  - latency: {links: clients, delay: 50ms, at: 1s, for: 1s}\n";
    let bench = bench("", "", late);
    bench.schism(&["run", "toy.yaml"]).exits(0);
    assert_eq!(bench.verdict()["verdict"], "valid");
}

#[test]
fn a_program_that_asks_a_node_past_its_link_is_told() {
    if no_python() {
        return;
    }
    let past = "own = lambda address: address.split(':')[0].replace('.100.', '.0.') + ':19002'\n\
                nodes = {node: own(address) for node, address in nodes.items()}\n";
    let bench = bench(past, "", "");
    let done = bench.schism(&["run", "toy.yaml"]).exits(1);
    let kinds = kinds(&bench.verdict());
    assert!(!kinds.is_empty() && kinds.iter().all(|kind| kind == "bypass"), "{kinds:?}");
    assert!(
        done.stdout.contains("a client program talked past the proxy: client c"),
        "{}",
        done.stdout
    );
}

#[test]
fn a_program_that_dies_leaves_its_operation_open_and_is_started_anew() {
    if no_python() {
        return;
    }
    let dies = "asked = 0\ndef ask(node, request, honest=ask):\n    global asked\n    asked += 1\n    \
                if asked == 20 and request['op'] == 'append':\n        raise KeyError('lost my mind')\n    \
                return honest(node, request)\n";
    let bench = bench(dies, "", "");
    let done = bench.schism(&["run", "toy.yaml"]).exits(0);
    let verdict = bench.verdict();
    let rows = verdict["unanswered"].as_array().unwrap();
    let died = rows.iter().find(|row| row["error"] == "client-died").expect(&done.stdout);
    assert_eq!(died["first"], "client-died: exit 1: KeyError: 'lost my mind'", "{died}");
    assert!(bench.recorded() > 200, "it went on: {verdict}");
    let stderr = fs::read_to_string(bench.latest().join("clients/c0/stderr.log")).unwrap();
    assert!(stderr.contains("Traceback"), "{stderr}");
}

#[test]
fn what_a_program_should_not_say_is_quoted_and_the_run_is_unknown() {
    if no_python() {
        return;
    }
    let babbles = "print('connected to', nodes, flush=True)\n";
    let babbling = bench(babbles, "", "");
    let done = babbling.schism(&["run", "toy.yaml"]).exits(3);
    assert!(done.stdout.contains("could not be read"), "{}", done.stdout);
    let other = "_print = print\ndef print(text, flush):\n    _print(text.replace('\"id\": 30,', \
                 '\"id\": 9999,'), flush=flush)\n";
    let other = bench(other, "", "");
    let done = other.schism(&["run", "toy.yaml"]).exits(3);
    assert!(done.stdout.contains("an answer to 9999, which was not asked"), "{}", done.stdout);
}

#[test]
fn a_program_that_cannot_be_started_is_told_before_anything_is_asked() {
    if no_python() {
        return;
    }
    let bench = bench("", "", "");
    let text = fs::read_to_string(bench.path().join("toy.yaml")).unwrap();
    bench.write(
        "toy.yaml",
        &text
            .replace("python3", "./no-such-program")
            .replace("client: {", "ready: 2s\n  client: {"),
    );
    bench
        .schism(&["run", "toy.yaml"])
        .exits(2)
        .says("client-died: it cannot be started")
        .says("./no-such-program");
    let imports = bench;
    let missing =
        text.replace("client.py", "missing.py").replace("client: {", "ready: 5s\n  client: {");
    imports.write("toy.yaml", &missing);
    imports.schism(&["run", "toy.yaml"]).exits(2).says("can't open file");
}
