//! Losses in full numbers, over small runs written by hand: what is lost is counted, and nothing is
//! called lost that a final read, or an operation that nobody answered, explains.

use super::CHECKER;
use crate::checkers::CHECKERS;
use crate::checkers::tests::runs::history;
use crate::evidence::{Evidence, Settings};
use crate::models;

/// A run of two nodes: client lines, `FIELDS` as JSON, then what each node answers at the end about
/// the key `x`.
fn judged(model: &str, lines: &str, n1: &str, n2: &str) -> (String, Option<u64>, Vec<String>) {
    let (evidence, settings, text) = run(model, lines, n1, n2);
    assert!((CHECKER.applies)(&evidence, &settings), "{text}");
    let result = (CHECKER.run)(&evidence, &settings);
    (result.verdict.in_short(), result.lost, result.notes)
}

fn run(model: &str, lines: &str, n1: &str, n2: &str) -> (Evidence, Settings, String) {
    let read = if model == "kv" { "get" } else { "read" };
    let mut text = vec![format!("1 phase \"warm-up\"\n{lines}\n5000 phase \"final-reads\"")];
    for (at, (node, value)) in [("n1", n1), ("n2", n2)].into_iter().enumerate() {
        let (at, process) = (5_010 + 10 * at, 90 + at);
        let fields = "\"key\":\"x\",\"level\":\"local\"";
        text.push(format!("{at} p{process}@{node} invoke {read} {fields}"));
        text.push(match value {
            "" => format!("{at} p{process}@{node} info {read} {fields}"),
            value => format!("{at} p{process}@{node} ok {read} {fields},\"value\":{value}"),
        });
        let complete = !value.is_empty();
        let read =
            format!("{{\"node\":\"{node}\",\"complete\":{complete},\"length\":1,\"why\":null}}");
        text.push(format!("{} final-read {read}", at + 5));
    }
    let text = text.join("\n");
    let evidence = Evidence { history: history(&text), ..Evidence::default() };
    let settings = Settings {
        model: models::named(model),
        nodes: vec!["n1".into(), "n2".into()],
        ..Settings::default()
    };
    (evidence, settings, text)
}

/// Some stores list the elements of a set as they come.
#[test]
fn nodes_that_list_a_set_in_another_order_hold_the_same() {
    let converged = |n2: &str| {
        let added = lines(&["10-20 ok add \"value\":1", "30-40 ok add \"value\":2"]);
        let (_, settings, text) = run("set", &added, "[1,2]", n2);
        let settled = "{\"converged\":false,\"waited_ms\":30000,\"delivered\":{}}";
        let history = history(&format!("{text}\n36000 settled {settled}"));
        let evidence = Evidence { history, ..Evidence::default() };
        let convergence = CHECKERS.iter().find(|check| check.name == "convergence").unwrap();
        (convergence.run)(&evidence, &settings).verdict.in_short()
    };
    assert!(!converged("[2,1]").contains("not-converged"), "{}", converged("[2,1]"));
    assert!(converged("[2]").contains("not-converged"), "{}", converged("[2]"));
}

/// One operation by a process of its own, over that many milliseconds: `10-20 ok write "value":1`.
fn lines(operations: &[&str]) -> String {
    let mut events: Vec<(u64, String)> = Vec::new();
    for (process, operation) in operations.iter().enumerate() {
        let words: Vec<&str> = operation.splitn(4, ' ').collect();
        let (span, kind, f) = (words[0], words[1], words[2]);
        let fields = words.get(3).map(|more| format!(",{more}")).unwrap_or_default();
        let (from, to) = span.split_once('-').unwrap();
        let (from, to): (u64, u64) = (from.parse().unwrap(), to.parse().unwrap());
        events.push((from, format!("p{process} invoke {f} \"key\":\"x\"{fields}")));
        events.push((to, format!("p{process} {kind} {f} \"key\":\"x\"{fields}")));
    }
    events.sort_by_key(|(at, _)| *at);
    let lines: Vec<String> = events.iter().map(|(at, line)| format!("{at} {line}\n")).collect();
    lines.concat()
}

#[track_caller]
fn check(model: &str, operations: &[&str], [n1, n2]: [&str; 2], expected: &str, lost: u64) {
    let (found, counted, notes) = judged(model, &lines(operations), n1, n2);
    let as_told = found == expected || found.starts_with("unknown") && found.contains(expected);
    assert!(
        as_told && counted == Some(lost),
        "{found}, {counted:?} lost: {operations:?} {notes:?}"
    );
    assert_eq!(notes.is_empty(), lost == 0, "{notes:?}");
}

const A: &str = "10-20 ok write \"value\":1";
const B: &str = "30-40 ok write \"value\":2";
const C: &str = "50-60 ok write \"value\":3";

#[test]
fn a_write_is_lost_if_nothing_that_is_read_at_the_end_can_have_come_after_it() {
    let both = |value: &'static str| [value, value];
    check("register", &[A, B, C], both("3"), "valid", 0);
    check("register", &[A, B, C], both("2"), "lost-write", 1);
    check("register", &[A, B, C], both("1"), "lost-write lost-write", 2);
    check("register", &[A, B, C], both("null"), "lost-write lost-write lost-write", 3);
    // A node that is behind has lost nothing as long as another shows it.
    check("register", &[A, B, C], ["1", "3"], "valid", 0);
    // One that could not be read may have it.
    check("register", &[A, B, C], ["1", ""], "n2 could not be read to its end", 0);
    // Concurrent writes come in any order, and what nobody answered may come late.
    check("register", &[A, B, "35-60 ok write \"value\":3"], both("2"), "valid", 0);
    check("register", &["10-20 info write \"value\":1", B, C], both("1"), "valid", 0);
    // What was refused says nothing, and what was made up is not there by right.
    check("register", &[A, "30-40 fail write \"value\":2"], both("1"), "valid", 0);
    check("register", &[A, B], both("9"), "phantom", 0);
    let cas = "30-40 ok cas \"value\":[1,5]";
    check("register", &[A, cas], both("5"), "valid", 0);
    check("register", &[A, cas], both("1"), "lost-write", 1);
}

#[test]
fn keys_are_deleted_and_appended_to() {
    let put = "10-20 ok put \"value\":\"a;\"";
    let appended = "30-40 ok append \"value\":\"b;\"";
    let deleted = "50-60 ok delete";
    let both = |value: &'static str| [value, value];
    check("kv", &[put, appended, deleted], both("null"), "valid", 0);
    check("kv", &[put, appended, deleted], both("\"a;b;\""), "lost-write", 1);
    check("kv", &[put, appended], both("\"a;b;\""), "valid", 0);
    check("kv", &[put, appended], both("\"a;\""), "lost-write", 1);
    check("kv", &[put, appended], both("null"), "lost-write lost-write", 2);
    check("kv", &[put, "30-40 info delete"], both("null"), "valid", 0);
    check("kv", &[put, appended, "50-60 ok put \"value\":\"c;\""], both("\"c;\""), "valid", 0);
}

#[test]
fn adds_are_counted() {
    let add = |span: &str, kind: &str| format!("{span} {kind} add \"value\":1");
    let all = [add("10-20", "ok"), add("30-40", "ok"), add("50-60", "info"), add("70-80", "fail")];
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    check("counter", &all, ["2", "2"], "valid", 0);
    check("counter", &all, ["3", "2"], "valid", 0);
    check("counter", &all, ["1", "1"], "lost-write", 1);
    check("counter", &all, ["0", "0"], "lost-write", 2);
    check("counter", &all, ["4", "4"], "phantom", 0);
}

#[test]
fn an_element_is_lost_unless_somebody_may_have_removed_it() {
    let (a, b) = ("10-20 ok add \"element\":1", "30-40 ok add \"element\":2");
    check("set", &[a, b], ["[1,2]", "[2,1]"], "valid", 0);
    check("set", &[a, b], ["[1]", "[2]"], "valid", 0);
    check("set", &[a, b], ["[1]", "[1]"], "lost-element", 1);
    check("set", &[a, b, "50-60 info remove \"element\":2"], ["[1]", "[1]"], "valid", 0);
    check("set", &[a, b, "50-60 fail remove \"element\":2"], ["[1]", "[1]"], "lost-element", 1);
    check("set", &["1-5 ok remove \"element\":1", a], ["[]", "[]"], "lost-element", 1);
    check("set", &["10-20 info add \"element\":1"], ["[]", "[]"], "valid", 0);
    check("set", &[a], ["[1,7]", "[1]"], "phantom", 0);
}

#[test]
fn what_is_missing_of_a_queue_is_told_beyond_what_may_have_been_taken() {
    let drained = |operations: &[&str], end: bool| {
        let reads = ["n1", "n2"].map(|node| {
            let read =
                format!("{{\"node\":\"{node}\",\"complete\":{end},\"length\":0,\"why\":null}}");
            format!("5010 final-read {read}\n")
        });
        let begin = "1 phase \"warm-up\"\n";
        let lines = lines(operations);
        let text = format!("{begin}{lines}5000 phase \"final-reads\"\n{}", reads.concat());
        let evidence = Evidence { history: history(&text), ..Evidence::default() };
        let nodes = vec!["n1".into(), "n2".into()];
        let settings = Settings { model: models::named("queue"), nodes, ..Settings::default() };
        let result = (CHECKER.run)(&evidence, &settings);
        (result.verdict.in_short(), result.lost)
    };
    let (one, two) = ("10-20 ok enqueue \"value\":1", "30-40 ok enqueue \"value\":2");
    let (first, lost) = ("50-60 ok dequeue \"value\":1", "70-80 info dequeue");
    let second = "90-95 ok dequeue \"value\":2";
    assert_eq!(drained(&[one, two, first, second], true), ("valid".into(), Some(0)));
    assert_eq!(drained(&[one, two, first], true), ("lost-message".into(), Some(1)));
    assert_eq!(drained(&[one, two, first, lost], true), ("valid".into(), Some(0)));
    assert_eq!(drained(&[one, two, lost], true), ("lost-message lost-message".into(), Some(1)));
    let (found, count) = drained(&[one, two, first], false);
    assert!(found.contains("may still be in") && count == Some(0), "{found}");
}
