//! Histories from elsewhere: recognised by looking, judged by their model, drawn on a page.

#![allow(clippy::unwrap_used)] // a test: what is missing should fail it

use crate::support::{Bench, json, kinds};

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
    bench.schism(&["check", "h.edn", "--initial", "7"]).exits(0);
    bench.schism(&["check", "h.edn", "--initial", "8"]).exits(1);
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
