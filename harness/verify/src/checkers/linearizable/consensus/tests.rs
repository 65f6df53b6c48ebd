//! Decisions: a lie each promise must catch, a truth it must pass, and brute force over random
//! small histories.

use std::fmt::Write;

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use crate::checkers::CHECKERS;
use crate::checkers::linearizable::search::brute::{
    Drawer, draw, linearizable, pick, renumber, tie,
};
use crate::evidence::{Evidence, Settings};
use crate::history::{History, Value};
use crate::models::consensus::{Consensus, Propose};
use crate::verdict::{Anomaly, Verdict};
use crate::{CheckOptions, check as judge};

/// A line is `pN TYPE VALUE [NODE]` about key k, or `TIME f VALUE` of the nemesis; each client's
/// line comes a millisecond after the one before it, or at its time if it begins with `=`.
fn history(text: &str) -> History {
    let mut lines = String::new();
    let mut now = 0;
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let words: Vec<&str> = line.trim_start_matches('=').splitn(4, ' ').collect();
        if let Some(process) = words[0].strip_prefix('p') {
            now += u32::from(!line.starts_with('='));
            let (process, key) = process.split_once('/').unwrap_or((process, "k"));
            let node = words.get(3).map(|node| format!(",\"node\":\"{node}\"")).unwrap_or_default();
            let value =
                if words[2] == "?" { String::new() } else { format!(",\"value\":{}", words[2]) };
            writeln!(
                lines,
                r#"{{"time":{}000000,"process":{process},"type":"{}","f":"propose","key":"{key}"{value}{node}}}"#,
                now, words[1]
            )
            .unwrap();
        } else {
            now = words[0].parse().unwrap();
            let value = words[2..].join(" ");
            writeln!(
                lines,
                r#"{{"time":{now}000000,"process":"nemesis","type":"info","f":"{}","value":{value}}}"#,
                words[1]
            )
            .unwrap();
        }
    }
    History::parse(lines.as_bytes()).unwrap().0
}

fn found(text: &str) -> Vec<Anomaly> {
    let result = judge(&history(text), &CheckOptions::default()).unwrap();
    assert_eq!((result.model, result.algorithm), (Some("consensus"), Some("consensus")));
    match result.verdict {
        Verdict::Violated(found) => found,
        Verdict::Valid => Vec::new(),
        Verdict::Unknown { reason } => panic!("{reason}"),
    }
}

fn kinds(found: &[Anomaly]) -> String {
    let kinds: Vec<&str> = found.iter().map(|anomaly| anomaly.kind.name()).collect();
    if kinds.is_empty() { "valid".into() } else { kinds.join(" ") }
}

fn check(expected: &str, text: &str) {
    assert_eq!(kinds(&found(text)), expected, "{text}");
}

#[test]
fn all_answers_for_a_key_are_one() {
    check("valid", "p1 invoke 1\np2 invoke 2\np1 ok 2\np2 ok 2");
    check("agreement", "p1 invoke 1\np2 invoke 2\np1 ok 1\np2 ok 2");
    check("agreement", "p1 invoke 1\np1 ok 1\np2 invoke 2\np2 ok 2");
    check("valid", "p1/a invoke 1\np2/b invoke 2\np1/a ok 1\np2/b ok 2");
    check("valid", "p1 invoke 1\np1 info ?\np2 invoke 2\np2 ok 1\np3 invoke 3\np3 ok 1");
    check("valid", "p1 invoke 1\np1 ok ?\np2 invoke 2\np2 ok 1");
}

#[test]
fn what_is_decided_was_asked_for_in_time_by_one_that_did_not_fail() {
    check("valid", "p1 invoke 1\np2 invoke 2\np2 ok 1\np1 ok 1");
    check("validity", "p2 invoke 2\np2 ok 1\np1 invoke 1\np1 ok 1");
    check("validity", "p1 invoke 1\np1 fail ?\np2 invoke 2\np2 ok 1");
    check("validity", "p1 invoke 1\np2 invoke 2\np2 ok 1\np1 fail ?");
    check("valid", "p1 invoke 1\np3 invoke 1\np2 invoke 2\np2 ok 1\np1 fail ?");
    check("validity", "p1 invoke 1\np2 invoke 2\np2 ok 1\np3 invoke 1\np1 fail ?");
    check("valid", "p1 invoke 1\np1 fail ?\np1 invoke 1\np1 ok 1");
}

#[test]
fn an_answer_is_a_proposed_value_and_no_node_changes_it() {
    check("integrity", "p1 invoke 1\np1 ok 9");
    check("agreement integrity", "p1 invoke 1\np2 invoke 2\np1 ok 1 n1\np2 ok 2 n1");
    check("agreement", "p1 invoke 1\np2 invoke 2\np1 ok 1 n1\np2 ok 2 n2");
    check("integrity agreement", "p1 invoke 1\np2 invoke 2\np1 ok 1\np2 ok 9");
}

#[test]
fn decisions_that_nobody_had_asked_for_are_all_told_or_counted() {
    // So many keys; for so many of them somebody asks later for what was decided; and so many
    // more are answered twice by one node, which is an integrity too.
    for (keys, later, twice) in [(11, 11, 0), (25, 25, 1), (25, 11, 3), (30, 0, 0), (11, 10, 20)] {
        let mut text = String::new();
        for key in 0..keys {
            writeln!(text, "p{key}/{key} invoke 1\np{key}/{key} ok 7").unwrap();
        }
        for key in 100..100 + twice {
            writeln!(text, "p{key}/{key} invoke 1\np{key}/{key} ok 1 n1").unwrap();
            writeln!(text, "p{key}/{key} invoke 2\np{key}/{key} ok 2 n1").unwrap();
        }
        for key in 0..later {
            writeln!(text, "p{key}/{key} invoke 7\np{key}/{key} info ?").unwrap();
        }
        let found = found(&text);
        for (kind, all) in [("validity", later), ("integrity", keys - later + twice)] {
            let told: Vec<_> = found.iter().filter(|one| one.kind.name() == kind).collect();
            let more = told.last().and_then(|last| last.explanation.split_once("(and "));
            let more = more.map_or("0", |(_, more)| more.split_once(' ').unwrap().0);
            let counted = told.len() + more.parse::<usize>().unwrap();
            assert_eq!(counted, all, "{keys} {later} {twice}: {found:?}");
            assert!((all.min(10)..=20).contains(&told.len()), "{found:?}");
        }
    }
}

#[test]
fn a_proof_names_two_events() {
    let found = found("p1 invoke 1\np2 invoke 2\np1 ok 1\np2 ok 2");
    assert_eq!(found[0].events, [2, 3]);
    assert_eq!(found[0].explanation, "key \"k\": p1 was told 1, and p2 was told 2");
    assert_eq!(found[0].time_ns, Some(4_000_000));
    let text = "p1 invoke 1\np2 invoke 2\np2 ok 1\np1 fail ?";
    let found = self::found(text);
    assert_eq!(found[0].events, [2, 3]);
    let told = "key \"k\": p2 was told 1, though every proposal of it by then failed for certain";
    assert_eq!(found[0].explanation, told);
}

#[test]
fn what_cannot_be_read_is_an_error_with_its_event() {
    let error =
        |text: &str| judge(&history(text), &CheckOptions::default()).unwrap_err().to_string();
    assert_eq!(error("p1 invoke ?"), "event 0: the propose has no `value`");
    assert!(error("p1 invoke 1\np1 ok null").starts_with("event 1: the ok propose answers null"));
}

#[test]
fn random_histories_are_judged_as_by_brute_force() {
    let honest = |rng: &mut ChaCha8Rng, state: &Option<Value>| {
        let asked = Value::Int(pick(rng, 4).cast_signed());
        Propose { decided: Some(state.clone().unwrap_or_else(|| asked.clone())), asked }
    };
    let lost = |op: &Propose| Propose { decided: None, ..op.clone() };
    let drawer = Drawer { honest, lost };
    let mut valid = 0;
    for seed in 0..20_000 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut ops = draw(&Consensus, &drawer, seed, 7, 2 + seed as usize % 4);
        renumber(&mut ops);
        let coarse = 1 + seed as u32 / 4 % 4;
        let mut moments: Vec<(u32, String)> = Vec::new();
        let mut kept = Vec::new();
        for op in ops {
            let failed = !op.is_lost() && rng.random_bool(0.15);
            let line = |kind: &str, value: String| format!("p{} {kind} {value}", op.process);
            moments.push((op.invoke, line("invoke", op.op.asked.to_string())));
            match &op.op.decided {
                _ if op.is_lost() => {}
                _ if failed => moments.push((op.ret, line("fail", "?".into()))),
                Some(decided) => moments.push((op.ret, line("ok", decided.to_string()))),
                None => panic!("a return without an answer"),
            }
            kept.extend((!failed).then_some(op));
        }
        moments.sort_unstable();
        let mut now = u32::MAX;
        let line = |(rank, line): (u32, String)| {
            let same = std::mem::replace(&mut now, rank / coarse) == rank / coarse;
            if same { format!("={line}") } else { line }
        };
        let text: Vec<String> = moments.into_iter().map(line).collect();
        tie(&mut kept, coarse);
        let truth = linearizable(&Consensus, &kept);
        valid += u32::from(truth);
        let found = kinds(&found(&text.join("\n")));
        assert_eq!(found == "valid", truth, "seed {seed}: {found}\n{}", text.join("\n"));
    }
    assert!((2_000..18_000).contains(&valid), "{valid} are valid: the drawing shows nothing");
}

/// One key, asked for by a client and again at the end at both nodes.
const END: &str = r#"
1 phase "disturbance"
2 can-progress true
p1 invoke 1
p1 ok 1
50 phase "final-reads"
p8 invoke 2 n1
p8 ok 1 n1
60 final-read {"node":"n1","complete":true,"length":1,"why":null}
p9 invoke 3 n2
p9 ok 1 n2
70 final-read {"node":"n2","complete":true,"length":1,"why":null}
"#;

fn check_end(expected: &str, text: &str) {
    let checker = CHECKERS.iter().find(|checker| checker.name == "termination").unwrap();
    let evidence = Evidence { history: history(text), ..Evidence::default() };
    let nodes = vec!["n1".into(), "n2".into()];
    let settings = Settings { nodes, recovery_ns: 100_000_000, ..Settings::default() };
    assert!((checker.applies)(&evidence, &settings));
    let found = (checker.run)(&evidence, &settings).verdict.in_short();
    assert!(found.contains(expected), "{found}, not {expected}\n{text}");
}

#[test]
fn at_the_end_every_proposal_is_answered() {
    check_end("valid", END);
    let late = END.replace("p9 ok 1 n2", "200 x 0\np9 ok 1 n2").replace("70 final", "210 final");
    check_end("termination", &late);
    let never = END.replace("p9 ok 1 n2", "200 x 0\np9 info ? n2").replace("70 final", "210 final");
    check_end("termination", &never);
    let again = never.replace("p9 info ? n2", "p9 info ? n2\np19 invoke 4 n2\np19 info ? n2");
    check_end("termination", &again);
    check_end("valid", &END.replace("p9 ok 1 n2", "p9 fail ? n2\np9 invoke 5 n2\np9 ok 1 n2"));
}

#[test]
fn nothing_is_demanded_that_was_not_owed_or_not_waited_for() {
    let never = END.replace("p9 ok 1 n2", "200 x 0\np9 info ? n2").replace("70 final", "210 final");
    let gone = never.replace("200 x 0", "150 can-progress false\n200 x 0");
    check_end("none could be demanded", &gone);
    let stall = r#"190 stall {"from_ns":70000000,"to_ns":90000000,"what":"n2"}"#;
    check_end(
        "the machine stood still for 20 ms",
        &never.replace("200 x 0", stall).replace("p9 info", "200 x 0\np9 info"),
    );
    check_end("was asked for key \"k\" for", &END.replace("p9 ok 1 n2", "p9 info ? n2"));
    let down = END.replace("p9 invoke 3 n2\np9 ok 1 n2\n", "");
    check_end("n2 was not asked again for 1 keys", &down);
    let down = down.replace("\"n2\",\"complete\":true", "\"n2\",\"complete\":false");
    check_end("n2 could not be read to its end", &down);
    check_end("n2 was not asked at the end", &down.replace("{\"node\":\"n2\"", "{\"node\":\"n3\""));
}
