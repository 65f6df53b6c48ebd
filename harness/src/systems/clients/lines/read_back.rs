//! Whatever a client accepts of a node, the reader of histories reads, and the judge takes: over
//! answers made up at random, in the protocol's form and far from it.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use schism_facts::remark::{Remark, Settled};
use schism_verify::history::{History, Process, Type, nemesis};
use schism_verify::models::MODELS;
use schism_verify::{CheckError, CheckOptions};

use super::super::is_out_of_contract;
use super::*;

/// Answers to each operation of each model: a second in a debug build.
const ANSWERS: usize = 400;

/// The invocation of this operation, with every field that it may ask.
fn asks(model: &Model, f: &str) -> Event {
    let mut asked = Event::new(Process::Client(1), Type::Invoke, f);
    let json = |text: &str| Value::from_json(&serde_json::from_str(text).unwrap());
    for &field in model.operation(f).unwrap().asks {
        let value = match (field, f) {
            (Field::Value, "append") if model.name == "kv" => json("\"3\""),
            (Field::Client | Field::Seq | Field::Level, _) => continue,
            (Field::Value, "cas") => json("[1,2]"),
            (Field::Value, "txn") => json(r#"[["r","x",null],["w","y",3]]"#),
            (Field::Limit, _) => json("10"),
            _ => json("3"),
        };
        asked.answer(field, value).unwrap();
    }
    model.validate(&asked, &asked).unwrap();
    asked
}

/// Numbers and words at the edges of what one reader or another takes.
const EDGES: &[&str] = &[
    "0",
    "3",
    "-1",
    "9007199254740992",
    "9007199254740993",
    "1152921504606846976",
    "9223372036854775808",
    "18446744073709551616",
    "1e2",
    "3.0",
    "1e16",
    "1.5",
    "-0.0",
    "2.2250738585072011e-308",
    "1e400",
    "null",
    "true",
    "\"\"",
    "\"x\"",
    r#""\u0000\u202e\ud83d\ude00\\\"""#,
    r#""\ud800""#,
    "\"\u{fffe}\u{85}\u{2028}\"",
    "[]",
    "{}",
    r#"[["r","x",7],["w","y",3]]"#,
    r#"{"b":0.1,"a":[2.5,1e22,"[[["]}"#,
    r#"{"a":5e-324,"b":123456789.123456789e-30}"#,
];

fn json(rng: &mut ChaCha8Rng, deep: usize) -> String {
    match rng.random_range(0..12) {
        0 if deep < 4 => {
            let parts: Vec<String> =
                (0..rng.random_range(0..4)).map(|_| json(rng, deep + 1)).collect();
            format!("[{}]", parts.join(","))
        }
        1 if deep < 4 => format!("{{\"{}\":{}}}", deep, json(rng, deep + 1)),
        2 => {
            let deep = [1, 40, 61, 62, 63, 64, 65, 100, 126, 200][rng.random_range(0..10)];
            let (open, close) = if rng.random() { ("[", "]") } else { ("{\"a\":", "}") };
            format!("{}7{}", open.repeat(deep), close.repeat(deep))
        }
        3 => rng.random::<u64>().to_string(),
        _ => EDGES[rng.random_range(0..EDGES.len())].to_owned(),
    }
}

/// An answer: often one of the right form, sometimes changed in a place or two.
fn answer(rng: &mut ChaCha8Rng, f: &str) -> Vec<u8> {
    let mut fields: Vec<String> = Vec::new();
    let names = ["error", "leader", "detail", "more"];
    for name in Field::ALL.iter().map(|field| field.name()).chain(names) {
        let value = match (name, rng.random_range(0..10)) {
            (_, 0) => json(rng, 0),
            ("offset" | "tail", 1..5) => rng.random_range(0..20).to_string(),
            ("value", 1..3) => json(rng, 3),
            ("value", 3..5) if f == "read" => "[7,\"x\"]".into(),
            ("error", 1..5) => r#""conflict""#.into(),
            _ => continue,
        };
        fields.push(format!("\"{name}\":{value}"));
    }
    let word = ["ok", "ok", "ok", "fail", "info"][rng.random_range(0..5)];
    let mut line = format!(r#"{{"id":1,"{word}":{{{}}}}}"#, fields.join(",")).into_bytes();
    while rng.random_range(0..8) == 0 {
        let at = rng.random_range(0..line.len());
        line[at] = rng.random();
    }
    line
}

#[test]
fn whatever_a_client_accepts_the_reader_reads() {
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    let (mut kinds, mut odd) = ([0; 3], 0);
    for model in MODELS {
        for f in model.names() {
            let asked = asks(model, f);
            for _ in 0..ANSWERS {
                let line = answer(&mut rng, f);
                let (_, said) = parse::<Body>(&line);
                let said = said.map(|body| body.answered);
                let done = Completion::new(model, &asked, said).quoting(Some(&line));
                kinds[done.event.kind as usize - 1] += 1;
                odd += u32::from(done.event.error().is_some_and(is_out_of_contract));
                reads_back(model, &asked, &done.event, &String::from_utf8_lossy(&line));
            }
        }
    }
    // Each outcome many times over, or the test shows little.
    assert!(kinds.iter().all(|&count| count > 300) && odd > 300, "{kinds:?} {odd}");
}

/// As the recorder writes both, they are read, and the judge can take them.
fn reads_back(model: &Model, asked: &Event, answered: &Event, line: &str) {
    let (mut asked, mut answered) = (asked.clone(), answered.clone());
    (asked.index, answered.index) = (0, 1);
    asked.set_time(Some(1));
    answered.set_time(Some(2));
    let mut text = Vec::new();
    asked.to_json_line(&mut text);
    answered.to_json_line(&mut text);
    let text = String::from_utf8(text).unwrap();
    assert_eq!(text.lines().count(), 2, "{line}");
    assert!(text.len() < 2_000 + 2 * line.len(), "{} bytes of {line}", text.len());
    let read = History::parse(text.as_bytes());
    let (history, notes) = read.unwrap_or_else(|error| panic!("{error}: {text} for {line}"));
    assert_eq!((history.events(), &*notes), (&[asked, answered][..], &[][..]), "{line}");
    let options = CheckOptions { model: Some(model.name.into()), ..CheckOptions::default() };
    let judged = schism_verify::check(&history, &options);
    assert!(!matches!(judged, Err(CheckError::Operation(_))), "{judged:?}: {text} for {line}");
}

#[test]
fn whatever_a_node_says_of_itself_can_be_remarked() {
    for edge in EDGES.iter().filter(|edge| serde_json::from_str::<serde_json::Value>(edge).is_ok())
    {
        let line = format!(
            r#"{{"id":1,"ok":{{"role":{edge},"epoch":{edge},"leader":{edge},"delivered":{edge}}}}}"#
        );
        let NodeStatus { epoch, leader, delivered, .. } =
            status(&parse(line.as_bytes()).1.unwrap());
        let delivered = delivered.map(|length| (NodeId(1), length)).into_iter().collect();
        let remarks = [
            Remark::Leader { node: leader, epoch: Some(epoch) },
            Remark::Settled(Settled { converged: true, waited_ms: 1, delivered, barrier: None }),
        ];
        let mut text = Vec::new();
        for remark in &remarks {
            nemesis::event(remark).to_json_line(&mut text);
        }
        // Nobody has stamped them.
        let text = String::from_utf8(text).unwrap().replace("\"index\":0,", "");
        let (history, _) = History::parse(text.as_bytes()).unwrap();
        let read: Vec<_> = history.events().iter().map(nemesis::read).collect();
        assert_eq!(read, remarks.map(|remark| (Some(remark), None)), "{line}");
    }
}
