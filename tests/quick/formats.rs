//! Histories from elsewhere: recognised by looking, judged by their model, drawn on a page.

#![allow(clippy::unwrap_used)] // a test: what is missing should fail it

use std::io::Write;
use std::process::Stdio;

use crate::support::{Bench, Done, json, kinds};

const STALE_EDN: &str = "\
{:process 0, :type :invoke, :f :write, :value 1}
{:process 0, :type :ok, :f :write, :value 1}
{:process 1, :type :invoke, :f :write, :value 2}
{:process 1, :type :ok, :f :write, :value 2}
{:process 0, :type :invoke, :f :read, :value nil}
{:process 0, :type :ok, :f :read, :value 1}
";

const PORCUPINE: &str = "\
INFO  jepsen.util - 0\t:invoke\t:write\t3
INFO  jepsen.util - 0\t:ok\t:write\t3
INFO  jepsen.util - 1\t:invoke\t:cas\t[3 4]
INFO  jepsen.util - 1\t:fail\t:cas\t[3 4]
";

#[test]
fn a_jepsen_history_gets_a_verdict_and_a_page_with_one_command() {
    let bench = Bench::new();
    bench.write("h.edn", STALE_EDN);
    let args = ["check", "h.edn", "--model", "cas-register", "--report", "page.html", "--json"];
    let done = bench.schism(&args).exits(1);
    let verdict = json(&done.stdout);
    assert_eq!(verdict["checks"][0]["model"], "register");
    assert_eq!(kinds(&verdict), ["non-linearizable"]);
    let page = std::fs::read_to_string(bench.path().join("page.html")).unwrap();
    assert!(page.contains("non-linearizable"));
}

#[test]
fn a_truth_in_the_same_format_is_valid() {
    let bench = Bench::new();
    bench.write("h.edn", &STALE_EDN.replace(":f :read, :value 1", ":f :read, :value 2"));
    bench.schism(&["check", "h.edn"]).exits(0);
}

#[test]
fn what_a_failed_cas_says_can_be_chosen() {
    let bench = Bench::new();
    bench.write("h.log", PORCUPINE);
    bench.schism(&["check", "h.log"]).exits(1);
    bench.schism(&["check", "h.log", "--failed-cas", "ignore"]).exits(0);
}

#[test]
fn an_initial_value_counts() {
    let bench = Bench::new();
    let read = "{:process 0, :type :invoke, :f :read, :value nil}\n\
                {:process 0, :type :ok, :f :read, :value 7}\n";
    bench.write("h.edn", read);
    let judge =
        |initial| bench.schism(&["check", "h.edn", "--model", "register", "--initial", initial]);
    judge("7").exits(0);
    judge("8").exits(1);
}

/// A file in another format and back has the verdict it had.
#[test]
fn a_converted_history_keeps_its_verdict() {
    let bench = Bench::new();
    bench.write("h.edn", STALE_EDN);
    for (to, back) in [("jsonl", "h.jsonl"), ("edn", "again.edn")] {
        let done = bench.schism(&["check", "h.edn", "--to", to]).exits(0);
        bench.write(back, &done.stdout);
        bench.schism(&["check", back, "--model", "register"]).exits(1);
    }
    let done = bench.schism(&["check", "h.edn", "--to", "porcupine-json"]).exits(0);
    let page = json(&done.stdout);
    assert_eq!(page["Partitions"][0]["History"].as_array().unwrap().len(), 3);
    assert_eq!(page["Annotations"][0]["Description"], "non-linearizable");
    let refused = bench.schism(&["check", "h.edn", "--to", "csv"]).exits(2);
    assert!(refused.stderr.contains("porcupine-json"), "{}", refused.stderr);
}

fn gzip(text: &str) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(text.as_bytes()).unwrap();
    packed.finish().unwrap()
}

fn zstd(text: &str) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(text.as_bytes(), ruzstd::encoding::CompressionLevel::Fastest)
}

#[test]
fn a_packed_history_is_read_from_a_file_and_from_stdin() {
    let bench = Bench::new();
    for packed in [gzip(STALE_EDN), zstd(STALE_EDN)] {
        std::fs::write(bench.path().join("any-name"), &packed).unwrap();
        let done = bench.schism(&["check", "any-name", "--json"]).exits(1);
        assert_eq!(kinds(&json(&done.stdout)), ["non-linearizable"]);
        let mut command = bench.command(&["check", "-"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(&packed).unwrap();
        Done::from(child.wait_with_output().unwrap()).exits(1);
        std::fs::write(bench.path().join("cut"), &packed[..packed.len() - 9]).unwrap();
        bench.schism(&["check", "cut"]).exits(2).says("damaged or cut off, get it anew");
    }
}

#[test]
fn a_store_directory_of_jepsens_is_its_history() {
    let bench = Bench::new();
    std::fs::create_dir(bench.path().join("store")).unwrap();
    bench.write("store/test.jepsen", "JEPSEN\u{1}");
    let refused = bench.schism(&["check", "store"]).exits(2);
    assert!(refused.stderr.contains("no history.edn"), "{}", refused.stderr);
    bench.schism(&["check", "store/test.jepsen"]).exits(2).says("check history.edn");
    let text =
        "0\t:invoke\t:write\t3\n0\t:ok\t:write\t3\n1\t:invoke\t:read\tnil\n1\t:ok\t:read\t4\n";
    bench.write("store/history.txt", text);
    let done = bench.schism(&["check", "store", "--json"]).exits(1);
    assert!(json(&done.stdout)["workload"].as_str().unwrap().ends_with("store/history.txt"));
    bench
        .write("store/history.edn", &STALE_EDN.replace(":f :read, :value 1", ":f :read, :value 2"));
    bench.schism(&["check", "store"]).exits(0);
    let done = bench.schism(&["check", "store", "--to", "jsonl"]).exits(0);
    assert_eq!(done.stdout.lines().filter(|line| line.contains("write")).count(), 4);
}

/// What is asked may mean something else: a person says what it means, and no verdict is guessed.
#[test]
fn a_model_is_never_guessed_into_a_verdict() {
    let bench = Bench::new();
    let operation = |process: u64, f: &str, asks: &str, answers: &str| {
        format!(
            "{{:process {process}, :type :invoke, :f {f}, :value {asks}}}\n\
             {{:process {process}, :type :ok, :f {f}, :value {answers}}}\n"
        )
    };
    let puts = operation(0, ":enqueue", "7", "7") + &operation(0, ":enqueue", "8", "8");
    let check = |text: &str, code: i32, words: &[&str]| {
        bench.write("h.edn", text);
        let done = bench.schism(&["check", "h.edn"]).exits(code);
        for word in words {
            assert!(done.stderr.contains(word), "`{word}` is not in {}", done.stderr);
        }
    };
    let takes = |value| puts.clone() + &operation(1, ":dequeue", "nil", value);
    for value in ["7", "8"] {
        check(&takes(value), 2, &["--model", "queue (a first-in first-out queue"]);
    }
    bench.schism(&["check", "h.edn", "--model", "queue"]).exits(1);
    bench.schism(&["check", "h.edn", "--model", "total-queue"]).exits(3);
    // Only one model drains.
    check(&(puts.clone() + &operation(1, ":drain", "nil", "[8 7]")), 0, &[]);
    let peeked = puts.clone() + &operation(1, ":peek", "nil", "7");
    check(&peeked, 2, &["h.edn:5: ", "`peek`", "queue with enqueue, dequeue", "--model"]);
    check(&operation(0, ":generate", "nil", "3"), 2, &["h.edn:1: ", "`generate`", "counter"]);
    let bank = operation(0, ":read", "nil", "{:a 5, :b 5}");
    check(&bank, 2, &["--model", "nothing but reads"]);
    let again = operation(3, ":acquire", "nil", "nil").repeat(2);
    check(&again, 2, &["--model", "mutex (a lock"]);
    let elle = operation(0, ":txn", "[[:append 1 2]]", "[[:append 1 2]]");
    check(&elle, 2, &["h.edn:1: ", "Elle's list-append"]);
}

/// Whoever wrote it called times and processes by other names.
#[test]
fn histories_of_other_programs_are_ordered_by_their_times() {
    let bench = Bench::new();
    // Read before the write in the file, after it in time; and the other way round.
    let text = |times: [&str; 4]| {
        let line = |who: &str, kind: &str, f: &str, value: &str, time: &str| {
            format!(
                "{{\"client\":\"{who}\",\"type\":\"{kind}\",\"f\":\"{f}\",{value}\"t\":0,{time}}}\n"
            )
        };
        line("ann", "invoke", "read", "", times[2])
            + &line("ann", "ok", "read", "\"value\":null,", times[3])
            + &line("bob", "invoke", "write", "\"value\":1,", times[0])
            + &line("bob", "ok", "write", "\"value\":1,", times[1])
    };
    let forms: [[&str; 4]; 3] = [
        ["\"t_ns\":1", "\"t_ns\":2", "\"t_ns\":3", "\"t_ns\":4"],
        ["\"time\":1", "\"time\":1.5", "\"time\":2", "\"time\":2.5"],
        [
            "\"time\":\"2024-05-01T10:00:00Z\"",
            "\"time\":\"2024-05-01T10:00:01.5Z\"",
            "\"time\":\"2024-05-01T12:00:02+02:00\"",
            "\"time\":\"2024-05-01T10:00:03Z\"",
        ],
    ];
    for [a, b, c, d] in forms {
        bench.write("h.jsonl", &text([a, b, c, d]));
        bench.schism(&["check", "h.jsonl"]).exits(1);
        bench.write("h.jsonl", &text([c, d, a, b]));
        bench.schism(&["check", "h.jsonl"]).exits(0);
    }
}

/// What Go programs write for Porcupine, judged by its own meaning: a key holds an empty string.
#[test]
fn operations_of_go_programs_are_judged() {
    let bench = Bench::new();
    let text = |got: &str| {
        format!(
            r#"[{{"ClientId":1,"Input":{{"Op":0,"Key":"z","Value":""}},"Call":9,"Output":{{"Value":"{got}"}},"Return":12}},
            {{"ClientId":0,"Input":{{"Op":1,"Key":"z","Value":"v"}},"Call":5,"Output":{{"Value":""}},"Return":10}}]"#
        )
    };
    for (got, code) in [("", 0), ("v", 0), ("w", 1)] {
        bench.write("ops.json", &text(got));
        bench.schism(&["check", "ops.json"]).exits(code);
        for to in ["jsonl", "edn"] {
            let done = bench.schism(&["check", "ops.json", "--to", to]).exits(0);
            bench.write("again", &done.stdout);
            bench.schism(&["check", "again"]).exits(code);
        }
    }
    bench.write("ops.json", &text("v")[..150]);
    bench.schism(&["check", "ops.json"]).exits(2).says("get the whole file");
}
