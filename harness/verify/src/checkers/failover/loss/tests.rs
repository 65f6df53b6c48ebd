//! The check over evidence made by hand: a loss each case must excuse, must not excuse, or must
//! leave undecided. Clients act in the crate's notation; nodes speak in words, each trace line one:
//! `n1 opens 2 with 5`, `n1 tells 5 in 2` (that offset, in that epoch), and `at 7` for its time;
//! `n1 delivers 5 x`; `n1 hides` for a trace that is not there.

use std::fmt::Write;

use schism_facts::Acks;

use crate::checkers::{CHECKERS, CheckResult};
use crate::evidence::{Evidence, Settings};
use crate::history::History;
use crate::judge::judge;
use crate::notation;
use crate::verdict::Verdict;

const NODES: [&str; 3] = ["n1", "n2", "n3"];

/// Time 0 of the history on the traces' clock, where a case says times.
const ORIGIN: u64 = 1_000_000_000;

/// Stands before what nodes said where the run was cut off.
const CUT_OFF: &str = "cut off  ";

/// What clients did, what the nodes held at the end (the others as the last one named), and what
/// they said.
fn evidence(did: &str, ends: &[&str], said: &str) -> Evidence {
    let mut lines = Vec::new();
    for event in notation::read(did).unwrap().events() {
        event.to_json_line(&mut lines);
    }
    let mut lines = String::from_utf8(lines).unwrap();
    let nemesis = |f: &str, value: &str| {
        format!(r#"{{"process":"nemesis","type":"info","f":"{f}","value":{value},"time":"#)
    };
    let settled = r#"{"converged":true,"waited_ms":1,"delivered":{}}"#;
    writeln!(lines, "{}500000}}", nemesis("settled", settled)).unwrap();
    writeln!(lines, "{}600000}}", nemesis("phase", "\"final-reads\"")).unwrap();
    for (at, node) in (0..).zip(NODES) {
        let end = ends.get(at).or(ends.last()).unwrap();
        let length = end.split(',').filter(|value| !value.is_empty()).count();
        let read = format!(
            r#""process":{},"f":"read","level":"local","node":"{node}","time":{}"#,
            900 + at,
            700_000 + at
        );
        writeln!(lines, r#"{{"type":"invoke",{read}}}"#).unwrap();
        writeln!(lines, r#"{{"type":"ok","value":[{end}],"tail":{length},{read}}}"#).unwrap();
        let done = format!(r#"{{"node":"{node}","complete":true,"length":{length}}}"#);
        writeln!(lines, "{}800000}}", nemesis("final-read", &done)).unwrap();
    }
    if !said.starts_with(CUT_OFF) {
        writeln!(lines, "{}900000}}", nemesis("end", r#"{"reason":"done"}"#)).unwrap();
    }
    let (history, _) = History::parse(lines.as_bytes()).unwrap();
    let mut evidence = Evidence { history, ..Evidence::default() };
    evidence.traces = NODES.map(|node| (node.to_owned(), b"{\"boot\":1}\n".to_vec())).into();
    let said = said.strip_prefix(CUT_OFF).unwrap_or(said);
    for sentence in said.split("  ").filter(|sentence| !sentence.is_empty()) {
        hear(&mut evidence, sentence);
    }
    evidence
}

fn hear(evidence: &mut Evidence, sentence: &str) {
    let mut words = sentence.split(' ');
    let mut word = || words.next().unwrap_or("null");
    let (node, verb, first) = (word(), word(), word());
    let (_, second) = (word(), word());
    let at = sentence.split(" at ").nth(1).map(|at| at.parse::<u64>().unwrap());
    if at.is_some() {
        evidence.clock_origin_ns = Some(ORIGIN);
    }
    let at = at.map_or(1, |ms| ORIGIN + ms * 1_000_000);
    let line = match verb {
        "opens" => format!(
            r#"{{"e":"role","role":"leader","epoch":{first},"last":0,"chain":"0","length":{second},"at":{at}}}"#
        ),
        "tells" => format!(
            r#"{{"e":"ack-sent","kind":"client","i":1,"chain":"0","epoch":{second},"offset":{first},"at":{at}}}"#
        ),
        "hides" => return drop(evidence.traces.remove(node)),
        "delivers" => {
            let value = sentence.rsplit(' ').next().unwrap();
            let line = format!("{{\"offset\":{first},\"value\":{value}}}\n");
            return evidence.delivered.entry(node.to_owned()).or_default().extend(line.bytes());
        }
        "mumbles" => "{".to_owned() + "\n",
        other => panic!("`{other}` is no word of a node"),
    };
    evidence.traces.get_mut(node).unwrap().extend((line + "\n").bytes());
}

fn judged(evidence: &Evidence) -> CheckResult {
    let settings = Settings {
        acks: Acks::UntilFailover,
        nodes: NODES.map(String::from).into(),
        checks: vec!["failover-loss".into()],
        ..Settings::default()
    };
    judge(evidence, &settings).remove(0)
}

/// `expected`: `valid` and how many are lost; the kinds of anomalies; or `unknown: ` and a part of
/// the reason.
fn check_all(expected: &str, did: &str, ends: &[&str], said: &str) {
    let result = judged(&evidence(did, ends, said));
    let found = match &result.verdict {
        Verdict::Valid => format!("valid {}", result.lost.unwrap()),
        Verdict::Unknown { reason } => format!("unknown: {reason}"),
        Verdict::Violated(anomalies) => {
            for anomaly in anomalies {
                assert!(anomaly.events.len() >= 2, "{anomaly:?}");
            }
            anomalies.iter().map(|a| a.kind.name()).collect::<Vec<_>>().join(" ")
        }
    };
    let part = expected.strip_prefix("unknown: ");
    let fits = part.is_some_and(|part| found.starts_with("unknown: ") && found.contains(part));
    assert!(
        found == expected || fits,
        "{found}, not {expected}: {did}; {ends:?}; {said}\n{result:?}"
    );
}

fn check(expected: &str, did: &str, end: &str, said: &str) {
    check_all(expected, did, &[end], said);
}

/// Acknowledged by n1, the leader of epoch 1, at offsets 0, 1 and 2.
const THREE: &str = "a: append 7 @n1 -> 0  a: append 8 @n1 -> 1  a: append 9 @n1 -> 2";
const TOLD: &str = "n1 opens 1 with 0  n1 tells 0 in 1  n1 tells 1 in 1  n1 tells 2 in 1";

fn three(expected: &str, end: &str, said: &str) {
    check(expected, THREE, end, &format!("{TOLD}  {said}"));
}

#[test]
fn what_is_there_needs_no_excuse_and_no_trace() {
    three("valid 0", "7,8,9", "");
    check("valid 0", THREE, "7,8,9", "n1 hides  n2 hides  n3 hides");
    check("valid 0", THREE, "7,8,9,10", "n1 mumbles  n1 mumbles");
}

#[test]
fn a_later_epoch_that_opened_without_it_excuses() {
    three("valid 1", "7,8", "n2 opens 2 with 2");
    three("valid 2", "7", "n2 opens 2 with 1");
    three("valid 3", "", "n2 opens 2 with 0");
    three("valid 1", "7,8,4", "n2 opens 2 with 2");
    three("valid 1", "7,8,4", "n2 opens 3 with 2  n3 opens 7 with 3");
    // The leader itself, when it was away meanwhile.
    three("valid 1", "7,8", "n1 opens 3 with 2");
    // Acknowledged by a leader that did not know yet.
    check("valid 3", THREE, "", &format!("n2 opens 2 with 0  {TOLD}"));
}

#[test]
fn nothing_else_does() {
    three("lost-append", "7,8", "");
    // The boundary: with length 3 it opened with all three.
    three("lost-append", "7,8", "n2 opens 2 with 3");
    three("lost-append", "7,8,4", "n2 opens 2 with 3  n3 opens 3 with 4");
    three("lost-append", "7,8", "n2 opens 2 with 9999");
    // An opening excuses what is at or behind its length, not what is before.
    three("lost-append", "4,8", "n2 opens 2 with 1");
    three("lost-append lost-append", "7", "n2 opens 2 with 3");
    // Its own epoch, and the ones before.
    check("lost-append", "a: append 7 @n1 -> 0", "", "n1 opens 2 with 0  n1 tells 0 in 2");
    let earlier = "n2 opens 1 with 0  n1 opens 2 with 0  n1 tells 0 in 2";
    check("lost-append", "a: append 7 @n1 -> 0", "", earlier);
    let before = "n1 opens 1 with 0  n2 opens 2 with 0  n1 opens 3 with 0  n1 tells 0 in 3";
    check("lost-append", "a: append 7 @n1 -> 0", "", before);
    check("valid 1", "a: append 7 @n1 -> 0", "", &format!("{before}  n3 opens 4 with 0"));
}

#[test]
fn traces_that_may_go_on_do_not_show_that_nothing_excuses() {
    let cut_off = |expected: &str, end: &str, said: &str| {
        check(expected, THREE, end, &format!("{CUT_OFF}{TOLD}  {said}"));
    };
    cut_off("unknown: the history has no end", "7,8", "");
    cut_off("unknown: the history has no end", "7,8", "n2 opens 2 with 3");
    cut_off("valid 1", "7,8", "n2 opens 2 with 2");
    cut_off("lost-append", "7,8", "n2 opens 2 with 2  n3 delivers 2 9");
}

#[test]
fn what_somebody_was_shown_is_never_lost_to_a_failover() {
    let opened = format!("{TOLD}  n2 opens 2 with 1");
    let and_read = |read: &str| format!("{THREE}  {read}");
    check("valid 2", &and_read("b: read @n2 -> [7]"), "7", &opened);
    check("lost-append", &and_read("b: read @n2 -> [7 8]"), "7", &opened);
    check("lost-append", &and_read("b: read 1 limit 1 @n2 -> [8]"), "7", &opened);
    check("lost-append", &and_read("b: local read @n2 -> [7 8]"), "7", &opened);
    check("lost-append lost-append", &and_read("b: read @n2 -> [7 8 9]"), "7", &opened);
    // Another value there is another append's.
    check("valid 2", &and_read("c> append 5  b: read @n2 -> [7 5]"), "7,5", &opened);
    let and_delivered = |said: &str| format!("{opened}  {said}");
    check("lost-append", THREE, "7", &and_delivered("n2 delivers 0 7  n2 delivers 1 8"));
    check("lost-after-crash", THREE, "7", &and_delivered("n1 delivers 1 8"));
    check("valid 2", THREE, "7,4", &and_delivered("n1 delivers 0 7  n2 delivers 1 4"));
    // One node ends with it, so it was delivered; the others lack it.
    check_all("lost-append", THREE, &["7,8", "7"], &opened);
}

#[test]
fn the_epoch_is_the_one_its_node_wrote_down() {
    let one = "a: append 7 @n1 -> 0";
    // Only as the leader of that epoch, and not for another node or another offset.
    let without = |said: &str| format!("{said}  n3 opens 9 with 0");
    check("valid 1", one, "", &without("n1 opens 1 with 0  n1 tells 0 in 1"));
    check("lost-append", one, "", &without("n1 opens 1 with 0  n1 tells 5 in 1"));
    let of_another = "n1 opens 1 with 0  n1 tells 5 in 1  n2 opens 2 with 0  n2 tells 0 in 2";
    check("lost-append", one, "", &without(of_another));
    let too_early = "n1 opens 2 with 0  n1 tells 0 in 1  n1 tells 5 in 2";
    check("lost-append", one, "", &without(too_early));
    // A session's second try: acknowledged in the epoch of the answer, whoever put it there.
    let again = "n1 opens 1 with 0  n2 opens 2 with 1  n2 tells 0 in 2";
    check("lost-append", "a: append 7 c1/1 @n2 -> 0", "", again);
    check("valid 1", "a: append 7 c1/1 @n2 -> 0", "", &format!("{again}  n3 opens 3 with 0"));
}

#[test]
fn the_time_tells_one_epoch_from_another_of_the_same_node() {
    // Events are a nanosecond apart in the notation, so all of them are at 0 ms.
    let one = "a: append 7 @n1 -> 0";
    let twice = |first: u64, second: u64| {
        format!(
            "n1 opens 1 with 0 at 0  n1 tells 0 in 1 at {first}  n2 opens 2 with 0 at 100  \
             n1 opens 3 with 0 at 200  n1 tells 0 in 3 at {second}"
        )
    };
    check("valid 1", one, "4", &twice(0, 300));
    check("lost-append", one, "4", &twice(100, 0));
    check("unknown: in epochs 1 and 3 meanwhile", one, "4", &twice(0, 0));
    check("unknown: n1 told of the same offset, but not while", one, "4", &twice(100, 300));
    let never = twice(100, 300).replace("n1 opens 3 with 0", "n1 opens 3 with 1");
    check("lost-append", one, "4", &never.replace("n2 opens 2 with 0", "n2 opens 2 with 1"));
    let untimed =
        twice(0, 300).replace(" at 300", "").replace(" at 200", "").replace(" at 100", "");
    let untimed = untimed.replace(" at 0", "");
    check("unknown: in epochs 1 and 3 meanwhile", one, "4", &untimed);
}

#[test]
fn without_the_evidence_nobody_can_say() {
    let one = "a: append 7 @n1 -> 0";
    let told = "n1 opens 1 with 0  n1 tells 0 in 1";
    check("unknown: trace/n1.jsonl is missing", one, "", "n1 hides  n2 hides  n3 hides");
    check("unknown: trace/n1.jsonl is missing", one, "", "n1 hides  n2 opens 2 with 0");
    check("unknown: trace/n2.jsonl is missing", one, "", &format!("{told}  n2 hides"));
    check("unknown: trace/n1.jsonl, line 2", one, "", "n1 mumbles  n1 mumbles");
    check("unknown: trace/n1.jsonl does not say in which epochs", one, "", "");
    check("unknown: does not say in which epochs", one, "", "n2 opens 2 with 0");
    check("unknown: which node acknowledged", "a: append 7 -> 0", "", told);
    check("unknown: n2 does not say with what length", one, "", &format!("{told}  n2 opens 2"));
    // What is there is enough, whatever else is missing.
    check("valid 1", one, "", &format!("{told}  n2 opens 2 with 0  n3 hides"));
    check("valid 1", one, "", &format!("{told}  n2 opens 2  n3 opens 3 with 0"));
    // What was shown needs no trace to be a violation.
    let read = "a: append 7 @n1 -> 0  b: read @n2 -> [7]";
    check("lost-append", read, "", "n1 hides  n2 hides  n3 hides");
}

#[test]
fn what_stays_stands_in_the_order_of_real_time() {
    let check = |expected: &str, did: &str, end: &str| check(expected, did, end, TOLD);
    check("real-time-order", "a: append 7 @n1 -> 1  b: append 8 @n1 -> 0", "8,7");
    check("valid 0", "a> append 7 @n1  b: append 8 @n1 -> 0  a< 1", "8,7");
    check("valid 0", "b> append 8 @n1  a: append 7 @n1 -> 1  b< 0", "8,7");
    // Of unknown outcome, but there.
    check("real-time-order", "a: append 7 @n1 -> 1  b: append 8 @n1 -> ?", "8,7");
    check("valid 0", "b: append 8 @n1 -> ?  a: append 7 @n1 -> 1", "8,7");
    // The same value may be anybody's.
    let twice = "b: append 8 @n1 -> ?  a: append 7 @n1 -> 1  b: append 8 @n1 -> ?";
    check("valid 0", twice, "8,7");
    // What is lost has no place.
    let lost = "a: append 7 @n1 -> 1  b: append 8 @n2 -> 0";
    let said = "n1 opens 1 with 0  n1 tells 1 in 1  n2 opens 2 with 0  n2 tells 0 in 2";
    super::tests::check("valid 1", lost, "8", said);
}

#[test]
fn losses_are_counted_in_a_sentence() {
    let note = |end: &str, said: &str| {
        judged(&evidence(THREE, &[end], &format!("{TOLD}  {said}"))).notes.remove(0)
    };
    assert_eq!(
        note("7", "n2 opens 2 with 1  n3 opens 4 with 1"),
        "2 acknowledged appends were lost to failovers, as asynchronous mode may: 2 when n2 opened \
         epoch 2 with length 1"
    );
    assert_eq!(
        note("7", "n2 opens 2 with 2  n3 opens 4 with 1"),
        "2 acknowledged appends were lost to failovers, as asynchronous mode may: 1 when n2 opened \
         epoch 2 with length 2, 1 when n3 opened epoch 4 with length 1"
    );
    let one = "1 acknowledged append was lost to failovers, as asynchronous mode may: 1 when n2 opened \
               epoch 2 with length 2";
    assert_eq!(note("7,8", "n2 opens 2 with 2"), one);
    assert_eq!(
        note("7,8,9", ""),
        "no acknowledged append was lost to a failover; asynchronous mode may lose some"
    );
    let result = judged(&evidence(THREE, &["7,8"], "n1 hides"));
    assert_eq!((result.lost, result.notes.len()), (Some(1), 0), "nobody knows to what");
    let result = judged(&evidence(THREE, &["7,4"], &format!("{TOLD}  n2 opens 2 with 2")));
    let Verdict::Violated(found) = result.verdict else { panic!("8 is lost") };
    assert_eq!(
        found[0].explanation,
        "the append of 8 by p0 was acknowledged at offset 1 by n1, but n1 ended with 4 there; that \
         was in epoch 1, and every later epoch opened with it: n2 opened epoch 2 with length 2"
    );
    assert_eq!(result.lost, Some(2), "lost is lost, promised or not");
    assert_eq!(result.notes, [one]);
}

#[test]
fn it_is_asked_only_where_acknowledgements_may_be_lost() {
    let evidence = evidence(THREE, &["7"], TOLD);
    let kept = Settings::default();
    let early = Settings { acks: Acks::UntilFailover, ..Settings::default() };
    let names = |settings: &Settings| -> Vec<&str> {
        let applies = CHECKERS.iter().filter(|c| (c.applies)(&evidence, settings));
        let names: Vec<&str> = applies.map(|checker| checker.name).collect();
        let ran = judge(&evidence, settings).into_iter().map(|result| result.name);
        ran.filter(|name| names.contains(name)).collect()
    };
    let of_both = ["linearizable", "reads", "durable", "failover-loss"];
    let told = |settings| {
        let names = names(settings);
        of_both.into_iter().filter(|name| names.contains(name)).collect::<Vec<_>>()
    };
    assert_eq!(told(&kept), ["linearizable", "durable"]);
    assert_eq!(told(&early), ["reads", "failover-loss"]);
    for name in ["linearizable", "durable"] {
        let asked = Settings { checks: vec![name.into()], ..early.clone() };
        let Verdict::Unknown { reason } = &judge(&evidence, &asked)[0].verdict else { panic!() };
        assert!(reason.contains("does not promise"), "{reason}");
    }
}
