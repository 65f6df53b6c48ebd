//! A small cluster's delivered files, honest and lying.

use schism_facts::Acks;

use super::{CHECKER, link};
use crate::evidence::{Evidence, Settings};
use crate::history::History;

/// Two acknowledged appends, 17 at 0 and "x" at 1, and nodes that settled at length 2.
const HISTORY: &str = r#"
{"time":1,"process":0,"type":"invoke","f":"append","value":17,"client":"c1","seq":1}
{"time":2,"process":0,"type":"ok","f":"append","offset":0}
{"time":3,"process":0,"type":"invoke","f":"append","value":"x","client":"c1","seq":2}
{"time":4,"process":0,"type":"ok","f":"append","offset":1}
{"time":5,"process":1,"type":"invoke","f":"append","value":9}
{"time":6,"process":1,"type":"fail","f":"append","error":"overloaded"}
{"time":7,"process":"nemesis","type":"info","f":"settled","value":{"converged":true,"delivered":{"n1":2,"n2":2}}}
{"time":8,"process":"nemesis","type":"info","f":"end","value":{"reason":"done"}}
"#;

const GOOD: &str = r#"{"boot":1}
{"offset":0,"value":17,"client":"c1","seq":1,"epoch":1}
{"offset":1,"value":"x","client":"c1","seq":2,"epoch":1}"#;

fn check(expected: &str, n1: &str, n2: &str) {
    check_of(Acks::Stay, HISTORY, expected, n1, n2);
}

fn check_of(acks: Acks, history: &str, expected: &str, n1: &str, n2: &str) {
    let evidence = Evidence {
        history: History::parse(history.as_bytes()).unwrap().0,
        delivered: [("n1".to_owned(), n1.into()), ("n2".to_owned(), n2.into())].into(),
        ..Evidence::default()
    };
    let nodes = vec!["n1".to_owned(), "n2".to_owned()];
    let settings = Settings { nodes, acks, ..Settings::default() };
    let found = (CHECKER.run)(&evidence, &settings).verdict.in_short();
    // `validity` is not `valid`.
    let fits = found == expected || (expected != "valid" && found.contains(expected));
    assert!(fits && !expected.is_empty(), "{found}, not {expected}");
}

#[test]
fn the_same_everywhere_is_valid_also_over_restarts() {
    check("valid", GOOD, GOOD);
    check("valid", &format!("{GOOD}\n{GOOD}"), GOOD);
    check("valid", &format!("{}{GOOD}", "{\"boot\":1}\n{\"offset\":0,\"val\n"), GOOD);
    let chain = link(0, b"17");
    let restored = GOOD.lines().nth(2).unwrap();
    let restore = format!(
        "{{\"boot\":2}}\n{{\"restore\":{{\"length\":1,\"chain\":\"{chain:016x}\"}}}}\n{restored}"
    );
    check("valid", GOOD, &restore);
    check("divergence", GOOD, &restore.replace(&format!("{chain:016x}"), "00000000000000ff"));
    check("delivered by nobody", &restore, &restore);
}

#[test]
fn nodes_may_not_differ() {
    check("divergence", GOOD, &GOOD.replace("17", "18"));
    check("divergence", GOOD, &GOOD.replace("\"epoch\":1}\n", "\"epoch\":2}\n"));
    check("divergence", GOOD, &GOOD.replace("\"seq\":1", "\"seq\":0"));
    check("divergence", GOOD, GOOD.rsplit_once('\n').unwrap().0);
    check("lost-after-crash", GOOD, &format!("{GOOD}\n{}", GOOD.rsplit_once('\n').unwrap().0));
}

#[test]
fn deliveries_have_no_gap_and_no_repetition() {
    check("gap", GOOD, &GOOD.replace("\"offset\":1", "\"offset\":2"));
    check("integrity", GOOD, &format!("{GOOD}\n{}", GOOD.lines().nth(2).unwrap()));
}

#[test]
fn only_what_was_asked_for_is_delivered() {
    let more = |value: &str| format!("{GOOD}\n{{\"offset\":2,\"value\":{value},\"epoch\":1}}");
    check("integrity", &more("5"), &more("5"));
    check("integrity", &more("9"), &more("9"));
    check("integrity", &more("17"), &more("17"));
}

#[test]
fn a_history_that_was_cut_off_says_nothing_of_what_it_lacks() {
    let end = HISTORY.lines().last().unwrap();
    let cut = HISTORY.replace(end, "");
    let check = |expected: &str, n1: &str, n2: &str| check_of(Acks::Stay, &cut, expected, n1, n2);
    let more = format!("{GOOD}\n{{\"offset\":2,\"value\":5,\"epoch\":1}}");
    check("unknown: the history has no end", &more, &more);
    check("unknown: the history has no end", GOOD, GOOD.rsplit_once('\n').unwrap().0);
    let one = GOOD.rsplit_once('\n').unwrap().0;
    check("unknown: the history has no end", one, one);
    // So does one whose end was read while nodes went on.
    let evidence = Evidence {
        history: History::parse(HISTORY.as_bytes()).unwrap().0,
        delivered: [("n1".to_owned(), more.into_bytes())].into(),
        goes_on: true,
        ..Evidence::default()
    };
    let one_node = Settings { nodes: vec!["n1".into()], ..Settings::default() };
    let found = (CHECKER.run)(&evidence, &one_node).verdict.in_short();
    assert_eq!(found, "unknown: the history has no end: the run was cut off, or still goes on");
    // What nodes say against each other stands.
    check("divergence", GOOD, &GOOD.replace("17", "18"));
    check("gap", GOOD, &GOOD.replace("\"offset\":1", "\"offset\":2"));
    let twice = GOOD.replace("\"seq\":1", "\"seq\":2");
    check("integrity", &twice, &twice);
}

#[test]
fn what_a_failover_may_have_lost_is_judged_elsewhere() {
    let short = GOOD.rsplit_once('\n').unwrap().0;
    // At the end both nodes were read: of 17 alone, or of what was acknowledged too.
    let ended = |values: &str, length: u64| {
        let phase =
            r#"{"time":8,"process":"nemesis","type":"info","f":"phase","value":"final-reads"}"#;
        let one = |node: &str, process: u64| {
            let line = |kind: &str, more: &str| {
                format!(
                    r#"{{"time":9,"process":{process},"type":"{kind}","f":"read","level":"local","node":"{node}"{more}}}"#
                )
            };
            let read = format!(
                r#"{{"time":10,"process":"nemesis","type":"info","f":"final-read","value":{{"node":"{node}","complete":true,"length":{length}}}}}"#
            );
            let answer = line("ok", &format!(",\"value\":[{values}],\"tail\":{length}"));
            format!("{}\n{answer}\n{read}\n", line("invoke", ""))
        };
        let history = HISTORY.replace(r#"{"n1":2,"n2":2}"#, "{}");
        format!("{history}{phase}\n{}{}", one("n1", 8), one("n2", 9))
    };
    let check = |acks, expected: &str, ended: &str| check_of(acks, ended, expected, short, short);
    check(Acks::Stay, "validity", &ended("17", 1));
    check(Acks::UntilFailover, "valid", &ended("17", 1));
    // What nodes answer with and never delivered is no failover's doing.
    check(Acks::UntilFailover, "validity", &ended("17,\"x\"", 2));
}

#[test]
fn what_was_acknowledged_is_delivered() {
    let one = GOOD.rsplit_once('\n').unwrap().0;
    check("validity", one, one);
    let other = GOOD.replace("\"x\"", "17");
    check("validity", &other, &other);
}

#[test]
fn sessions_are_in_order() {
    let swapped = GOOD.replace("\"seq\":1", "\"seq\":3");
    check("fifo-order", &swapped, &swapped);
    let twice = GOOD.replace("\"seq\":1", "\"seq\":2");
    check("integrity", &twice, &twice);
}

#[test]
fn files_that_cannot_be_read_are_no_verdict() {
    check("delivered/n2.jsonl, line 2", GOOD, &GOOD.replace("\"offset\":0", "\"offset\":-1"));
}
