//! The checks of a whole run, over small runs written by hand: a lie each must catch, a truth each
//! must pass, and what each must not decide.
//!
//! A nemesis line is `TIME f VALUE`; a client's line is `TIME pN[@NODE] TYPE f FIELDS`, with JSON
//! in VALUE and FIELDS. Times are milliseconds.

use crate::checkers::CHECKERS;
use crate::evidence::{Evidence, Settings};
use crate::history::History;

pub(crate) fn history(text: &str) -> History {
    let mut lines = String::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (time, rest) = line.split_once(' ').unwrap();
        let (who, rest) = rest.split_once(' ').unwrap_or((rest, "null"));
        let time = time.parse::<u64>().unwrap() * 1_000_000;
        let process = who.strip_prefix('p').map(|who| who.split_once('@').unwrap_or((who, "n1")));
        let fields = match process.filter(|(number, _)| number.parse::<u64>().is_ok()) {
            Some((number, node)) => {
                let mut words = rest.splitn(3, ' ');
                let (kind, f) = (words.next().unwrap(), words.next().unwrap());
                let more = words.next().map(|more| format!(",{more}")).unwrap_or_default();
                format!(r#""process":{number},"type":"{kind}","f":"{f}","node":"{node}"{more}"#)
            }
            None => format!(r#""process":"nemesis","type":"info","f":"{who}","value":{rest}"#),
        };
        lines.extend([format!("{{\"time\":{time},{fields}}}\n")]);
    }
    History::parse(lines.as_bytes()).unwrap().0
}

fn settings() -> Settings {
    Settings {
        nodes: vec!["n1".into(), "n2".into()],
        recovery_ns: 1_000_000_000,
        ..Settings::default()
    }
}

fn judged(check: &str, text: &str, settings: &Settings) -> String {
    let evidence = Evidence { history: history(text), ..Evidence::default() };
    let checker = CHECKERS.iter().find(|checker| checker.name == check).unwrap();
    assert!((checker.applies)(&evidence, settings), "{check} applies to\n{text}");
    (checker.run)(&evidence, settings).verdict.in_short()
}

fn check(name: &str, expected: &str, text: &str) {
    let found = judged(name, text, &settings());
    assert!(
        found == expected || found.starts_with("unknown: ") && found.contains(expected),
        "{found}, not {expected}\n{text}"
    );
}

/// Two acknowledged appends, then both nodes read in pages.
const APPENDS: &str = r#"
1 phase "warm-up"
2 p1 invoke append "value":7
3 p1 ok append "offset":0
4 p1 invoke append "value":8
5 p1 ok append "offset":1
"#;
const SETTLED: &str = r#"
50 settled {"converged":true,"waited_ms":5,"delivered":{"n1":2,"n2":2}}
60 phase "final-reads"
"#;
const N1: &str = r#"
61 p8@n1 invoke read "from":0,"limit":1,"level":"local"
62 p8@n1 ok read "value":[7],"tail":2,"level":"local"
63 p8@n1 invoke read "from":1,"limit":1,"level":"local"
64 p8@n1 ok read "value":[8],"tail":2,"level":"local"
65 final-read {"node":"n1","complete":true,"length":2,"why":null}
"#;
const N2: &str = r#"
71 p9@n2 invoke read "from":0,"limit":100,"level":"local"
72 p9@n2 ok read "value":[7,8],"tail":2,"level":"local"
73 final-read {"node":"n2","complete":true,"length":2,"why":null}
"#;

fn ends(n2: &str) -> String {
    format!("{APPENDS}{SETTLED}{N1}{n2}")
}

#[test]
fn durable_wants_every_acknowledged_append_on_every_node() {
    check("durable", "valid", &ends(N2));
    check("durable", "lost-append", &ends(&N2.replace("[7,8]", "[7,9]")));
    let short = N2.replace("[7,8]", "[7]").replace(":2,", ":1,");
    check("durable", "lost-append", &ends(&short));
    check("durable", "n2 could not be read to its end: nobody read it", &ends(""));
    let partly = N2.replace("true", "false").replace("null", "\"down\"");
    check("durable", "n2 could not be read to its end: down", &ends(&partly));
    check(
        "durable",
        "its answers show 2 entries, but it said 3",
        &ends(&N2.replace("length\":2", "length\":3")),
    );
}

#[test]
fn durable_does_not_call_lost_what_had_no_time_to_arrive() {
    let short = N2.replace("[7,8]", "[7]").replace(":2,", ":1,");
    let late = ends(&short).replace("\"converged\":true", "\"converged\":false");
    check("durable", "n2 had not caught up", &late);
    let both =
        late.replace("[8],\"tail\":2", "[],\"tail\":1").replace("\"length\":2", "\"length\":1");
    check("durable", "lost-append lost-append", &both);
}

#[test]
fn durable_takes_a_second_try_of_a_final_read() {
    let again = r#"
66 p10@n2 invoke read "from":0,"limit":1,"level":"local"
67 p10@n2 ok read "value":[7],"tail":2,"level":"local"
68 p10@n2 invoke read "from":1,"level":"local"
69 p10@n2 info read "level":"local"
"#;
    check("durable", "valid", &ends(&format!("{again}{N2}")));
}

#[test]
fn convergence_wants_equal_logs_in_time() {
    check("convergence", "valid", &ends(N2));
    check("convergence", "not-converged", &ends(&N2.replace("[7,8]", "[7,9]")));
    let short = N2.replace("[7,8]", "[7]").replace(":2,", ":1,");
    check("convergence", "not-converged", &ends(&short));
    let after = |waited: u64| {
        format!("40000 settled {{\"converged\":false,\"waited_ms\":{waited},\"delivered\":{{}}}}")
    };
    check("convergence", "not-converged", &after(30_000));
    check("convergence", "cut off after 5000 ms", &after(5_000));
    let stall = r#"20000 stall {"from_ns":15000000000,"to_ns":19000000000,"what":"harness"}"#;
    check("convergence", "stood still for 4000 ms", &format!("{stall}\n{}", after(30_000)));
    let before = stall.replace("15000", "5000").replace("19000", "9999");
    check("convergence", "not-converged", &format!("{before}\n{}", after(30_000)));
    check("convergence", "never waited", "1 phase \"final-reads\"");
}

#[test]
fn convergence_tolerates_what_came_late_and_nothing_more() {
    // 9 was asked for and never answered; n2 shows it, n1 was read before.
    let late = |more: &str| {
        format!(
            "{APPENDS}6 p2 invoke append \"value\":9\n{more}{SETTLED}{N1}{}",
            N2.replace("[7,8]", "[7,8,9]").replace(":2,", ":3,")
        )
    };
    let unanswered = "7 p2 info append \"value\":9\n";
    check("convergence", "valid", &late(unanswered));
    check("convergence", "valid", &late(""));
    check("convergence", "not-converged", &late("7 p2 fail append \"value\":9\n"));
    check("convergence", "not-converged", &late("7 p2 ok append \"offset\":2\n"));
    check("convergence", "not-converged", &late(unanswered).replace("[7,8,9]", "[7,8,5]"));
    // Twice is once more than it was asked for.
    let twice = late(unanswered).replace("[7,8,9]", "[7,8,9,9]").replace(":3,", ":4,");
    check("convergence", "not-converged", &twice);
    // It was there before: one that was acknowledged stands for none that came late.
    let before = late(unanswered).replace("[8]", "[9]").replace("[7,8,9]", "[7,9,9]");
    check("convergence", "not-converged", &before);
    // What a node said it had, or what was appended before anybody was read, is never late.
    let said = late(unanswered).replace("\"n1\":2,\"n2\":2", "\"n1\":3,\"n2\":3");
    check("convergence", "not-converged", &said);
    let barrier = |length: u64| {
        late(unanswered).replace("\"waited_ms\"", &format!("\"barrier\":{length},\"waited_ms\""))
    };
    check("convergence", "valid", &barrier(2));
    check("convergence", "not-converged", &barrier(3));
    // Nodes that count more than clients do say nothing of the log's length.
    let more = said.replace("\"n1\":3,\"n2\":3", "\"n1\":9,\"n2\":9");
    check("convergence", "valid", &more);
    // Two that came late stand in one order all the same.
    let both = late(unanswered).replace("6 p2", "6 p3 invoke append \"value\":5\n6 p2");
    let third = N1.replace("n1", "n3").replace("p8", "p7").replace("61", "81").replace("62", "82");
    let third = third.replace("63", "83").replace("64", "84").replace("65", "85");
    let third =
        third.replace("[8],\"tail\":2", "[8,5],\"tail\":3").replace("\"length\":2", "\"length\":3");
    check("convergence", "not-converged", &format!("{both}{third}"));
    check("convergence", "valid", &format!("{both}{}", third.replace("[8,5]", "[8,9]")));
}

#[test]
fn one_node_has_nobody_to_differ_from() {
    let settled = r#"40000 settled {"converged":false,"waited_ms":30000,"delivered":{}}"#;
    let one = Settings { nodes: vec!["n1".into()], ..settings() };
    assert!(judged("convergence", settled, &one).contains("never said how much"));
    assert_eq!(judged("convergence", settled, &settings()), "not-converged");
}

#[test]
fn nodes_that_forgot_together_owe_nothing_more() {
    let settled =
        r#"3000 settled {"converged":false,"waited_ms":2000,"delivered":{"n1":0,"n2":7}}"#;
    let lost = r#"900 memory-lost {"why":"n1, n3 were stopped"}"#;
    let back = r#"950 memory-lost {"why":null}"#;
    let told = "can never hold the same log again: n1, n3 were stopped";
    check("convergence", told, &format!("{lost}\n{settled}"));
    check("convergence", "cut off after 2000 ms", &format!("{lost}\n{back}\n{settled}"));
    let waited = settled.replace("2000", "30000").replace("3000", "31000");
    check("convergence", "not-converged", &waited);
    check("convergence", told, &format!("{lost}\n{waited}"));
    // What it owed before, it owed.
    let gone = format!("{lost}\n3001 can-progress false");
    check("progress", "no-progress", &SILENCE.replace("3001 can-progress false", &gone));
    check("progress", "valid", &SILENCE.replace("40 p2", "30 can-progress false\n40 p2"));
}

/// Acknowledged at 10 and at 3000 ms, progress possible from 5 ms on.
const SILENCE: &str = r#"
1 phase "disturbance"
5 can-progress true
8 p1 invoke append "value":7
10 p1 ok append "offset":0
20 p1 invoke append "value":7
30 p1 info append
40 p2 invoke append "value":7
3000 p2 ok append "offset":0
3001 can-progress false
"#;

#[test]
fn progress_is_demanded_while_a_quorum_can() {
    check("progress", "no-progress", SILENCE);
    let pause =
        SILENCE.replace("\n3000 p2", "\n900 can-progress false\n2100 can-progress true\n3000 p2");
    check("progress", "valid", &pause);
    check("progress", "no-progress", &pause.replace("2100", "1900"));
    check("progress", "valid", &SILENCE.replace("3000 p2", "1000 p2"));
    check("progress", "no-progress", &SILENCE.replace("3000 p2 ok", "3000 p2 fail"));
    // What one node may answer alone is none, and no demand for any.
    let reads = |f: &str, answer: &str| {
        let read = format!("500 p3 invoke {f}\n600 p3 ok {f} {answer}\n3000 p2");
        SILENCE.replace("3000 p2", &read)
    };
    check("progress", "no-progress", &reads("tail", r#""tail":0"#));
    check("progress", "no-progress", &reads("read", r#""value":[],"level":"local""#));
    check("progress", "never came to a time", "1 phase \"disturbance\"");
}

#[test]
fn progress_is_not_demanded_of_a_machine_that_stood_still_or_of_nobody() {
    let stall = r#"2000 stall {"from_ns":1500000000,"to_ns":1700000000,"what":"n2"}"#;
    check(
        "progress",
        "stood still for 200 ms",
        &SILENCE.replace("3000 p2", &format!("{stall}\n3000 p2")),
    );
    let little = stall.replace("1700000000", "1600000000");
    check("progress", "no-progress", &SILENCE.replace("3000 p2", &format!("{little}\n3000 p2")));
    // 2,190 ms of it the machine went on, and then stood still: twice what is allowed is too long.
    let late = stall.replace("1500000000", "2200000000").replace("1700000000", "2900000000");
    check("progress", "no-progress", &SILENCE.replace("3000 p2", &format!("{late}\n3000 p2")));
    let less = late.replace("2200000000", "2010000000");
    check("progress", "still for 890", &SILENCE.replace("3000 p2", &format!("{less}\n3000 p2")));
    check("progress", "valid", "1 phase \"x\"\n2 can-progress true\n9000 can-progress false");
    // Clients were stopped when settling began, 20 ms after the last answer.
    let settled = r#"
1 phase "recovery"
5 can-progress true
8 p1 invoke append "value":7
10 p1 ok append "offset":0
4000 settled {"converged":true,"waited_ms":3970,"delivered":{}}
"#;
    check("progress", "valid", settled);
    let healed = "20 healed {\"what\":\"all\"}\n4000 settled";
    let healed = settled
        .replace("4000 settled", healed)
        .replace("3970", "5")
        .replace("20 healed", "15 p2 invoke append \"value\":7\n20 healed");
    check("progress", "valid", &healed);
    check("progress", "no-progress", &healed.replace("\"all\"", "\"enough\""));
}

#[test]
fn slow_recovery_is_judged_only_where_a_bound_is_set() {
    let text = r#"
1 can-progress true
5 crash {"phase":"start","overlay":1,"strike":0}
100 crash {"phase":"heal","overlay":1,"effective":true}
110 p1 invoke append "value":7
400 p1 ok append "offset":0
2000 can-progress false
"#;
    let bound = |ms: u64| Settings { recovery_max_ns: Some(ms * 1_000_000), ..settings() };
    let patient = |ms| Settings { recovery_ns: 10_000_000_000, ..bound(ms) };
    assert_eq!(judged("progress", text, &patient(299)), "slow-recovery");
    assert_eq!(judged("progress", text, &patient(300)), "valid");
    let off = Settings { recovery_max_ns: None, ..patient(1) };
    assert_eq!(judged("progress", text, &off), "valid");
    let broken = text.replace("400 p1", "200 can-progress false\n201 can-progress true\n400 p1");
    assert_eq!(judged("progress", &broken, &patient(299)), "valid");
    let stalled = r#"390 stall {"from_ns":100000000,"to_ns":140000000,"what":"harness"}"#;
    let stalled = text.replace("400 p1", &format!("{stalled}\n400 p1"));
    assert!(judged("progress", &stalled, &patient(299)).contains("stood still for 40 ms"));
}

#[test]
fn bypass_believes_only_who_looked() {
    check("bypass", "valid", "9 bypass-check {\"checks\":17}");
    check("bypass", "nobody ever looked", "9 bypass-check {\"checks\":0}");
    check("bypass", "nobody ever looked", "9 bypass-check {\"checks\":0}");
    check("bypass", "bypass", "8 bypass {\"what\":\"n1 -> n2\"}\n9 bypass-check {\"checks\":17}");
    check("bypass", "cannot be read", "9 bypass-check {\"checks\":-1}");
}

#[test]
fn answers_are_those_of_the_protocol() {
    let ours = Settings { own_protocol: true, ..settings() };
    let check = |expected: &str, answers: &[&str]| {
        let mut lines = vec!["1 phase \"warm-up\"".to_owned()];
        for (at, answer) in answers.iter().enumerate() {
            let (node, error) = answer.split_once(' ').unwrap();
            lines.push(format!("{at}2 p{at}@{node} invoke read"));
            lines.push(format!("{at}3 p{at}@{node} info read \"error\":\"{error}\""));
        }
        let found = judged("answers", &lines.join("\n"), &ours);
        let as_told = found == expected || found.starts_with("unknown") && found.contains(expected);
        assert!(as_told, "{found}, not {expected}: {answers:?}");
    };
    let (html, huge) = ("malformed-answer: it is no JSON: <p>", "unreadable-answer: 2^60: {}");
    let (first, second) = (format!("n1 {html}"), format!("n2 {html}"));
    check("valid", &["n1 timeout", "n1 connection-lost", "n2 timeout"]);
    let told = "2 answers could not be read; the first was n1's at event 2: malformed-answer: it is \
                no JSON: <p>";
    check(told, &[&first, &first]);
    check("could not be read", &[&first, &second, &first, &second]);
    check("malformed-answer", &[&first, &second, &first, &second, &first]);
    check("malformed-answer malformed-answer", &[&*first, &*second].repeat(3));
    check("malformed-answer", &[&format!("n2 {huge}")]);
}

#[test]
fn survival_excuses_only_what_is_excused() {
    let death = r#"9 death {"node":"n2","how":"signal 11","excused":false,"why":null,"last_lines":["boom"]}"#;
    check("survival", "valid", "1 phase \"warm-up\"");
    check("survival", "unexplained-death", death);
    check("survival", "valid", &death.replace("false", "true"));
    let disk = death.replace("signal 11", "exit 74");
    check("survival", "unexplained-death", &disk);
    check("survival", "n2 left with exit 74: its disk refused", &disk.replace("false", "true"));
    check("survival", "cannot be read", "9 death {\"node\":7}");
}

#[test]
fn where_no_log_is_read_at_the_end_nobody_asks_for_one() {
    let run = r#"
        1 phase "warm-up"
        2 p1 invoke write "value":7
        3 p1 ok write "value":7
        4 phase "final-reads"
        5 end {"reason":"done"}
    "#;
    let evidence = Evidence { history: history(run), ..Evidence::default() };
    let asked = CHECKERS.iter().filter(|check| (check.applies)(&evidence, &settings()));
    let asked: Vec<&str> = asked.map(|check| check.name).collect();
    assert!(asked.contains(&"linearizable") && asked.contains(&"progress"), "{asked:?}");
    assert!(!asked.contains(&"durable") && !asked.contains(&"convergence"), "{asked:?}");
}
