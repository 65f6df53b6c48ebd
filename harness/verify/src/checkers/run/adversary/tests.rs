//! Small runs under an adversary, written by hand; T is 10 ms.

use super::*;

const MS: u64 = 1_000_000;

/// A run: the adversary from 100 to 500 ms, of this effect, these other lines (`TIME LINE`, in ms)
/// and these lines of n1's trace (`TIME LINE`).
fn judged(effect: (u64, u64), lines: &[&str], trace: &[&str]) -> String {
    let (epochs, longest) = effect;
    let what = r#"{"hold":{"frames":{"flows":[],"meddling":{"kind":"decides","probability":1.0,"what":{"hold":"moved"}}}}}"#;
    let frames = r#""process":"nemesis","type":"info","f":"frames","value""#;
    let start = format!(r#"100 {frames}:{{"phase":"start","overlay":0,"effect":{what}}}"#);
    let heal = format!(
        r#"505 {frames}:{{"phase":"heal","overlay":0,"lifted_ns":{},"bit":{{"held-epochs":{epochs},"longest-hold-ms":{longest}}}}}"#,
        500 * MS
    );
    // Whoever says how it ends has no end besides.
    let end = if lines.contains(&CUT_OFF) { None } else { Some(END) };
    let strike = [&*start, &*heal].into_iter().chain(end);
    let mut all: Vec<(u64, &str)> = strike.chain(lines.iter().copied()).map(timed).collect();
    all.sort_by_key(|line| line.0);
    let text: Vec<String> =
        all.iter().map(|(time, line)| format!(r#"{{"time":{},{line}}}"#, time * MS)).collect();
    let said = trace.iter().copied().map(timed);
    let said: Vec<String> =
        said.map(|(time, line)| format!(r#"{{"at":{},{line}}}"#, (time + 1_000) * MS)).collect();
    let evidence = Evidence {
        history: History::parse(text.join("\n").as_bytes()).unwrap().0,
        traces: [("n1".to_owned(), said.join("\n").into_bytes())].into(),
        clock_origin_ns: Some(1_000 * MS),
        ..Evidence::default()
    };
    let settings =
        Settings { nodes: vec!["n1".into()], timeout_ns: 10 * MS, ..Settings::default() };
    assert!((CHECKER.applies)(&evidence, &settings));
    let finding = run(&evidence, &settings);
    assert!(finding.notes.iter().any(|note| note.contains("relaxed against the theorem")));
    finding.verdict.in_short()
}

fn timed(line: &str) -> (u64, &str) {
    let (time, line) = line.split_once(' ').unwrap();
    (time.parse().unwrap(), line)
}

fn check(expected: &str, effect: (u64, u64), lines: &[&str], trace: &[&str]) {
    let found = judged(effect, lines, trace);
    assert!(
        found == expected || found.starts_with("unknown: ") && found.contains(expected),
        "{found}, not {expected}: {lines:?} {trace:?}"
    );
}

const END: &str = r#"2000 "process":"nemesis","type":"info","f":"end","value":{"reason":"done"}"#;
const CUT_OFF: &str = r#"2000 "process":"nemesis","type":"info","f":"can-progress","value":true"#;
const FAIR: (u64, u64) = (20, 100);
const ASKED: &str = r#"510 "process":1,"type":"invoke","f":"append","value":7,"node":"n1""#;
const ANSWERED: &str = r#"520 "process":1,"type":"ok","f":"append","offset":0,"node":"n1""#;
const COMMIT: &str = r#"515 "e":"commit","i":1,"chain":"1","epoch":30,"as_leader":true"#;

fn at(time: u64, line: &str) -> String {
    format!("{time} {}", timed(line).1)
}

#[test]
fn withheld_and_then_decided_is_valid() {
    check("valid", FAIR, &[ASKED, ANSWERED], &[COMMIT]);
}

#[test]
fn an_adversary_that_was_not_fair_has_shown_nothing() {
    check("19 epochs only", (19, 100), &[ASKED, ANSWERED], &[COMMIT]);
    check("held a message for 101 ms", (20, 101), &[ASKED, ANSWERED], &[COMMIT]);
}

#[test]
fn a_decision_under_it_is_unknown_and_no_violation() {
    let (asked, answered) = (at(110, ASKED), at(130, ANSWERED));
    check("acknowledged at 130 ms", FAIR, &[&asked, &answered, ASKED, ANSWERED], &[COMMIT]);
    let commit = at(300, COMMIT);
    check("n1 decided at 300 ms", FAIR, &[ASKED, ANSWERED], &[&commit, COMMIT]);
}

#[test]
fn what_was_on_its_way_before_it_came_does_not_count() {
    let (asked, answered) = (at(90, ASKED), at(101, ANSWERED));
    let leads = r#"50 "e":"role","role":"leader","epoch":3,"last":0,"chain":"0""#;
    let commit = at(101, COMMIT).replace("30", "3");
    check("valid", FAIR, &[&asked, &answered, ASKED, ANSWERED], &[leads, &commit, COMMIT]);
    // What is set free may act before the heal is confirmed.
    check("valid", FAIR, &[ASKED, ANSWERED], &[&at(502, COMMIT)]);
}

#[test]
fn whoever_does_not_decide_once_it_lets_go_is_at_fault() {
    check("no-progress", FAIR, &[], &[COMMIT]);
    check("not-converged", FAIR, &[ASKED, ANSWERED], &[]);
    check("no-progress not-converged", FAIR, &[ASKED, &at(901, ANSWERED)], &[&at(901, COMMIT)]);
    let stall = r#"950 "process":"nemesis","type":"info","f":"stall","value":{"from_ns":600000000,"to_ns":700000000}"#;
    check("the machine stood still for 100 ms", FAIR, &[stall], &[COMMIT]);
}

#[test]
fn traces_that_were_cut_off_say_nothing_by_their_silence() {
    check("valid", FAIR, &[ASKED, ANSWERED, CUT_OFF], &[COMMIT]);
    check("the history has no end", FAIR, &[ASKED, ANSWERED, CUT_OFF], &[]);
    check("no-progress", FAIR, &[CUT_OFF], &[COMMIT]);
}

#[test]
fn other_holds_are_no_adversary() {
    let applies = |until: &str| {
        let held = r#"{"time":1,"process":"nemesis","type":"info","f":"frames","value":{"phase":"start","overlay":0,"effect":{"hold":{"frames":{"meddling":{"what":{"hold":"UNTIL"}}}}}}}"#;
        let (history, _) = History::parse(held.replace("UNTIL", until).as_bytes()).unwrap();
        let evidence = Evidence { history, ..Evidence::default() };
        (CHECKER.applies)(&evidence, &Settings::default())
    };
    assert!(applies("moved") && !applies("heal"));
}

#[test]
fn who_answers_what_is_decided_has_decided() {
    let asked = r#"510 "process":1,"type":"invoke","f":"propose","key":"k","value":1,"node":"n1""#;
    let answered = r#"520 "process":1,"type":"ok","f":"propose","key":"k","value":1,"node":"n1""#;
    check("valid", FAIR, &[asked, answered], &[]);
    let elsewhere = answered.replace("n1", "n2");
    check("not-converged", FAIR, &[asked, &elsewhere], &[]);
    check("no-progress not-converged", FAIR, &[asked, &at(901, answered)], &[]);
    // What was answered before it came shows nothing of the time after.
    let (early, answer) = (at(80, asked), at(90, answered));
    check("no-progress not-converged", FAIR, &[&early, &answer], &[]);
    let (asked_under, answered_under) = (at(110, asked), at(130, answered));
    check("acknowledged at 130 ms", FAIR, &[&asked_under, &answered_under, asked, answered], &[]);
}
