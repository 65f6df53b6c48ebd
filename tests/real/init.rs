//! From `schism init` to a lie that is found: what a new user does.
#![allow(clippy::unwrap_used)] // a test: what is missing should fail it

use std::fs;

use crate::support::{Bench, kinds, no_python};

const TOY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/toys/toy.py");

/// The files as they are written, with a command of one's own. The toy keeps nothing on disk, so
/// that it is not killed.
fn bench(language: &str, lie: &str) -> Bench {
    let bench = Bench::new();
    let told = bench.schism(&["init", "--client", language, "mine"]).exits(0);
    assert!(told.stdout.contains("next: schism run mine/faults.yaml"), "{}", told.stdout);
    let file = bench.path().join("mine/system.yaml");
    let text = fs::read_to_string(&file).unwrap();
    let (before, after) = (text.find("node:").unwrap(), text.find("ports:").unwrap());
    let command = format!(
        "node:\n  command: [python3, \"{TOY}\", --model, kv, --id, \"{{id}}\", --client, \
         \"{{ip}}:{{port:client}}\", --peer, \"{{ip}}:{{port:peer}}\", --peers, \
         \"{{others:{{id}}={{ip}}:{{port:peer}}}}\"{lie}]\n"
    );
    let text = format!("{}{command}{}", &text[..before], &text[after..]);
    fs::write(&file, text.replace("program: ./my-server", "# program: ./my-server")).unwrap();
    let file = bench.path().join("mine/faults.yaml");
    let text = fs::read_to_string(&file).unwrap();
    let kept: Vec<&str> = text.lines().filter(|line| !line.contains("- crash")).collect();
    fs::write(&file, kept.join("\n")).unwrap();
    bench
}

#[test]
fn what_is_written_is_refused_until_it_names_a_program_and_never_overwritten() {
    let bench = Bench::new();
    bench.schism(&["init", "mine"]).exits(0);
    bench.schism(&["run", "mine/faults.yaml"]).exits(2).says("my-server");
    let first = fs::read(bench.path().join("mine/client.py")).unwrap();
    bench.schism(&["init", "mine"]).exits(2).says("system.yaml is there already");
    assert_eq!(fs::read(bench.path().join("mine/client.py")).unwrap(), first);
}

#[test]
fn a_lie_is_found_with_the_files_as_they_are_written() {
    if no_python() || bench("python", "").schism(&["doctor"]).code != Some(0) {
        return;
    }
    let short = ["--duration", "4s", "--seed", "3"];
    let run = |bench: &Bench| {
        let all = [&["run", "mine/faults.yaml"][..], &short[..]].concat();
        bench.schism(&all)
    };
    for language in ["python", "shell"] {
        let liar = bench(language, ", --lie, lost-write");
        run(&liar).exits(1);
        let found = kinds(&liar.verdict());
        assert!(found.iter().any(|kind| kind == "non-linearizable"), "{language}: {found:?}");
        let honest = bench(language, "");
        run(&honest);
        assert_eq!(kinds(&honest.verdict()), [""; 0], "{language}");
    }
}

#[test]
fn a_client_that_must_be_built_is_built_by_what_is_said_next() {
    let bench = Bench::new();
    let told = bench.schism(&["init", "--client", "go", "mine"]).exits(0);
    let next = "next: (cd mine && go build -o client client.go) && schism run mine/faults.yaml";
    assert!(told.stdout.contains(next), "{}", told.stdout);
    let system = fs::read_to_string(bench.path().join("mine/system.yaml")).unwrap();
    assert!(system.contains(r#"client: {command: [./client, "{nodes}"]}"#), "{system}");
    bench.schism(&["init", "--client", "cobol", "mine"]).exits(2).says("python, go, shell");
}
