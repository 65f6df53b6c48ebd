//! What a check may spend, and what it says when that is not enough.

#![allow(clippy::unwrap_used)] // a test: what is missing should fail it

use std::fmt::Write;
use std::time::{Duration, Instant};

use crate::support::{Bench, json};

/// Pushes of one value by everybody at once, and of others between, answered long before anything
/// is taken out; what is taken at the end was never put in. Every order of every round has to be
/// tried, and no two rounds help each other.
fn hopeless(key: &str) -> String {
    let mut text = String::new();
    let mut event = |process: usize, kind: &str, f: &str, value: usize| {
        writeln!(text, r#"{{"process":{process},"type":"{kind}","f":"{f}",{key}"value":{value}}}"#)
            .unwrap();
    };
    for round in 0..ROUNDS {
        for kind in ["invoke", "ok"] {
            // Each value twice in the history: none of them can be told by its one push.
            (0..WIDTH).for_each(|n| event(n, kind, "push", round * WIDTH + n));
        }
    }
    for value in 0..ROUNDS * WIDTH {
        event(90, "invoke", "push", value);
        event(90, "ok", "push", value);
    }
    for value in (0..ROUNDS * WIDTH).rev().chain([12_345]) {
        event(91, "invoke", "pop", 0);
        event(91, "ok", "pop", value);
    }
    text
}

/// Ten at once have 3,628,800 orders, each leads to another stack, and there are three rounds.
const WIDTH: usize = 10;
const ROUNDS: usize = 3;

/// Longer than any machine takes to start and to end a program, beside the budget.
const SLACK: Duration = Duration::from_secs(10);

fn gives_up(text: &str, budget: [&str; 2], wanted: &[&str]) {
    let bench = Bench::new();
    bench.write("h.jsonl", text);
    let started = Instant::now();
    let args = ["check", "h.jsonl", "--algorithm", "search", "--json", budget[0], budget[1]];
    let done = bench.schism(&args).exits(3);
    assert!(started.elapsed() < SLACK, "it went on for {:?}", started.elapsed());
    let verdict = json(&done.stdout);
    assert_eq!(verdict["verdict"], "unknown");
    let reason = verdict["reason"].as_str().unwrap();
    for wanted in wanted {
        assert!(reason.contains(wanted), "`{wanted}` is not in: {reason}");
    }
    assert_eq!(verdict["checks"][0]["verdict"], "unknown");
}

#[test]
fn out_of_time_it_is_unknown_and_says_how_far_it_got() {
    let prefix = ["time budget of 50ms is spent", "everything before event ", " %)", " at once"];
    gives_up(&hopeless(""), ["--budget", "50ms"], &prefix);
}

#[test]
fn out_of_memory_it_is_unknown_and_says_how_far_it_got() {
    let prefix = ["memory budget of 4 MiB is spent", "everything before event ", " %)", " at once"];
    gives_up(&hopeless(""), ["--memory", "4MiB"], &prefix);
}

#[test]
fn keys_are_counted_when_it_gives_up() {
    let easy = r#"{"process":70,"type":"invoke","f":"push","key":2,"value":1}
{"process":70,"type":"ok","f":"push","key":2,"value":1}
"#;
    let text = easy.to_owned() + &hopeless(r#""key":1,"#);
    let keys = "of 2 keys 1 are valid, 0 violated, 1 undecided";
    gives_up(&text, ["--budget", "50ms"], &["key 1: the time budget", keys]);
}

#[test]
fn a_violation_found_before_giving_up_is_a_violation() {
    let lie = r#"{"process":70,"type":"invoke","f":"pop","key":2,"value":null}
{"process":70,"type":"ok","f":"pop","key":2,"value":1}
"#;
    let bench = Bench::new();
    bench.write("h.jsonl", &(lie.to_owned() + &hopeless(r#""key":1,"#)));
    let args = ["check", "h.jsonl", "--algorithm", "search", "--json", "--budget", "100ms"];
    let verdict = json(&bench.schism(&args).exits(1).stdout);
    assert_eq!(verdict["verdict"], "violated");
}

#[test]
fn nothing_is_painted_where_nobody_looks() {
    let bench = Bench::new();
    bench.write("h.jsonl", &hopeless(""));
    let args = ["check", "h.jsonl", "--algorithm", "search", "--budget", "1500ms"];
    let done = bench.schism(&args).exits(3);
    assert_eq!(done.stderr, "");
}
