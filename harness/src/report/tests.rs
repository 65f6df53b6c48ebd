//! Every renderer over small and hostile runs.

use proptest::prelude::*;
use schism_facts::foreign::is_hidden;
use schism_verify::History;
use schism_verify::history::{Event, Process, Type, Value};
use schism_verify::verdict::{Anomaly, KINDS, Kind};
use serde_json::json;

use super::sample::Sample;
use super::{Report, html, junit, markdown, terminal};
use crate::store::verdict_file::{CheckFile, FaultFile, OperationsFile, VerdictFile};

/// A deposed leader answers a read while it is cut off.
const STALE: &str = r#"
{"time":100000000,"process":"nemesis","type":"info","f":"phase","value":"disturbance"}
{"time":110000000,"process":"nemesis","type":"info","f":"leader","value":{"node":"n2","epoch":3}}
{"time":8100000000,"process":"nemesis","type":"info","f":"partition","value":{"phase":"start","overlay":4,"strike":2,"targets":["n2"],"describe":"halves {n1,n2 | n3,n4,n5}","lasts_ms":3000}}
{"time":8300000000,"process":"nemesis","type":"info","f":"leader","value":{"node":"n4","epoch":4}}
{"time":8400000000,"process":7,"type":"invoke","f":"append","value":93,"node":"n1"}
{"time":8402000000,"process":7,"type":"ok","f":"append","value":93,"offset":43,"node":"n4"}
{"time":8403000000,"process":4,"type":"invoke","f":"read","from":30,"node":"n2"}
{"time":8404000000,"process":4,"type":"ok","f":"read","value":[],"tail":41,"node":"n2"}
{"time":11100000000,"process":"nemesis","type":"info","f":"partition","value":{"phase":"heal","overlay":4,"strike":2,"bit":{"held-bytes":1200},"effective":true}}
{"time":11150000000,"process":7,"type":"invoke","f":"append","value":94,"node":"n1"}
{"time":11160000000,"process":7,"type":"ok","f":"append","value":94,"offset":44,"node":"n4"}
"#;

fn stale() -> (Vec<Event>, VerdictFile) {
    let (history, _) = History::parse(STALE.trim_start().as_bytes()).unwrap();
    let anomaly = Anomaly {
        kind: Kind::StaleRead,
        explanation: "process 4 read length 41 from n2 after process 7 had already seen length 44 \
                      from n4"
            .into(),
        events: vec![4, 5, 6, 7],
        time_ns: Some(8_404_000_000),
    };
    let check = |name: &str, anomalies: Vec<Anomaly>| CheckFile {
        name: name.into(),
        verdict: if anomalies.is_empty() { "valid" } else { "violated" }.into(),
        elapsed_ms: 0.31,
        operations: 3,
        anomalies,
        ..CheckFile::default()
    };
    let verdict = VerdictFile {
        verdict: "violated".into(),
        checks: vec![check("linearizable", vec![anomaly]), check("durable", Vec::new())],
        expect: "valid".into(),
        exit: 1,
        workload: "raft-partitions".into(),
        system: "raft".into(),
        bug: Some("R13".into()),
        seed: 7,
        replay: "schism replay runs/r".into(),
        operations: OperationsFile {
            ok: 3,
            p50_ms: 2.0,
            p99_ms: 10.0,
            max_ms: 10.0,
            ..Default::default()
        },
        faults: vec![FaultFile {
            fault: "partition".into(),
            strikes: 1,
            effective: 1,
            effect: "held 1.2 kB".into(),
        }],
        ..VerdictFile::default()
    };
    (history.events().to_vec(), verdict)
}

fn with<T>(events: &[Event], verdict: &VerdictFile, render: impl Fn(&Report<'_>) -> T) -> T {
    let sample = Sample::valid(4, 10); // for its workload
    render(&Report {
        verdict,
        events,
        workload: Some(&sample.workload),
        plan: None,
        environment: &json!({}),
        traces: &std::collections::BTreeMap::new(),
        directory: "runs/r",
    })
}

#[test]
fn the_terminal_says_it_all_in_a_few_lines() {
    let (events, verdict) = stale();
    let text = with(&events, &verdict, |report| terminal::summary(report, 100, false));
    let expected = "\
VIOLATED  stale-read
1 violation in 3 operations.
raft-partitions on raft with bug R13, 5 nodes, 10 clients, seed 7

 check          verdict    found           looked at   took
───────────────────────────────────────────────────────────────
 linearizable   violated   stale-read              3   0.31 ms
 durable        valid      nothing wrong           3   0.31 ms

 fault       struck   effective   what it did altogether
─────────────────────────────────────────────────────────
 partition        1           1   held 1.2 kB

 operations   3 ok, 0 fail, 0 info
 latency      p50 2.00 ms, p99 10.0 ms, max 10.0 ms
 recovery     partition: p50 60.0 ms, max 60.0 ms from the heal to the first ok

stale-read  process 4 read length 41 from n2 after process 7 had already seen length 44 from n4

  p7 n4   |--append 93 -> 43--|
  p4 n2                         |--read 30.. -> tail 41--|
                              ^ 44 entries were visible here, 3 are missing in the later answer

faults active: partition halves {n1,n2 | n3,n4,n5} since 8.100 s; n4 led epoch 4, at 8.402 s

report: runs/r/report.html
again:  schism replay runs/r
";
    assert_eq!(text, expected, "\n{text}");
}

#[test]
fn no_line_is_wider_than_the_terminal_and_plain_means_plain() {
    let sample = Sample::violated(12, 200);
    for width in [60, 80, 100, 140] {
        let text = terminal::summary(&sample.report(), width, false);
        let wide: Vec<&str> = text.lines().filter(|l| l.chars().count() > width).collect();
        assert!(wide.is_empty(), "at {width}: {wide:#?}");
        assert!(!text.contains('\u{1b}'), "escape codes without colour");
    }
    assert!(terminal::summary(&sample.report(), 100, true).contains("\u{1b}[31;1mVIOLATED"));
}

/// The same run, in which everybody says this wherever somebody may say anything.
fn everywhere(said: &str) -> (Vec<Event>, VerdictFile) {
    let (mut events, mut verdict) = stale();
    for event in &mut events {
        if event.process() != Process::Nemesis {
            let value = Some(Value::Str(said.into()));
            (event.f, event.node) = (said.into(), Some(said.into()));
            event.set_key(value.clone());
            event.value = value;
            event.set_error(Some(said.into()));
        } else if &*event.f == "partition" {
            event.f = said.into();
            let Some(Value::Other(text)) = &event.value else { continue };
            let mut json: serde_json::Value = serde_json::from_str(text).unwrap();
            json["describe"] = json!(said);
            event.value = Some(Value::from_json(&json));
        }
    }
    for check in &mut verdict.checks {
        (check.name, check.model) = (said.into(), Some(said.into()));
        check.reason = Some(said.into());
        check.notes = vec![said.into()];
        check.anomalies.iter_mut().for_each(|anomaly| anomaly.explanation = said.into());
    }
    (verdict.workload, verdict.system, verdict.replay) = (said.into(), said.into(), said.into());
    (verdict.bug, verdict.reason) = (Some(said.into()), Some(said.into()));
    (verdict.faults[0].fault, verdict.faults[0].effect) = (said.into(), said.into());
    (events, verdict)
}

/// The page, JUnit, Markdown and the terminal, for each verdict.
fn outputs(said: &str) -> Vec<[String; 4]> {
    let (events, mut verdict) = everywhere(said);
    let of = |word: &str| {
        verdict.verdict = word.into();
        with(&events, &verdict, |report| {
            let environment = json!({"os": said});
            let mut report = *report;
            (report.environment, report.directory) = (&environment, said);
            report.workload = None; // so that nodes are those of the history
            let text = terminal::summary(&report, 100, false);
            [html::page(&report), junit::xml(&report), markdown::summary(&report), text]
        })
    };
    ["violated", "unknown", said].map(of).into()
}

#[test]
fn text_from_outside_is_escaped_everywhere() {
    for said in ["<script>alert(1)</script>\"'&\u{1b}[2J", "</title></svg><script>halves"] {
        for [page, junit, markdown, text] in outputs(said) {
            for page in [page, junit, markdown] {
                assert!(!page.contains("<script"), "{page}");
            }
            assert!(!text.contains('\u{1b}'), "{text:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..Default::default() })]

    /// Whatever somebody says, all of it is seen: nothing repaints a terminal, turns the direction
    /// of writing round, or makes XML of what is none.
    #[test]
    fn nothing_is_hidden_in_any_output(parts in prop::collection::vec(hidden_or_not(), 1..8)) {
        for [page, junit, markdown, text] in outputs(&parts.concat()) {
            for (name, output) in
                [("page", page), ("junit", junit), ("markdown", markdown), ("terminal", text)]
            {
                let found = output.chars().find(|c| is_hidden(*c) && !"\n\t".contains(*c));
                prop_assert_eq!(found, None, "in the {}", name);
            }
        }
    }
}

fn hidden_or_not() -> impl Strategy<Value = String> {
    let hidden = "\0\u{1}\u{7}\r\u{1b}\u{7f}\u{85}\u{9b}\u{ad}\u{200b}\u{200f}\u{2028}\u{202e}\u{2066}\u{feff}\u{fff9}\
        \u{fffe}\u{ffff}\u{1ffff}\u{fdd0}\u{e0001}";
    let hidden: Vec<char> = hidden.chars().collect();
    let any = any::<char>();
    prop_oneof![
        prop::sample::select(hidden).prop_map(String::from),
        any.prop_map(String::from),
        Just("word \n\t\u{1b}[2J".to_owned()),
    ]
}

#[test]
fn every_kind_renders_with_and_without_operations() {
    let (events, mut verdict) = stale();
    for (kind, name, meaning) in KINDS {
        for (proof, time_ns) in [
            (vec![4, 5, 6, 7], Some(8_404_000_000)),
            (Vec::new(), None),
            (vec![999], Some(u64::MAX)),
        ] {
            let explanation = format!("something about {name}");
            verdict.checks[0].anomalies = vec![Anomaly {
                kind: *kind,
                explanation: explanation.clone(),
                events: proof,
                time_ns,
            }];
            let (page, text) = with(&events, &verdict, |report| {
                (html::page(report), terminal::summary(report, 100, false))
            });
            for part in [*name, *meaning, &explanation] {
                assert!(page.contains(part), "{name}: {part} is not on the page");
            }
            assert!(text.contains(&format!("{name}  {explanation}")), "{text}");
        }
    }
}

#[test]
fn cards_are_capped_and_the_page_says_so() {
    let (events, mut verdict) = stale();
    let one = verdict.checks[0].anomalies[0].clone();
    verdict.checks[0].anomalies = vec![one; 500];
    let (page, text) = with(&events, &verdict, |report| {
        (html::page(report), terminal::summary(report, 100, false))
    });
    assert_eq!(page.matches("<article class=\"card\">").count(), 21);
    assert!(page.contains("480 more, without a picture"));
    assert!(page.len() < 500_000, "{} bytes", page.len());
    assert!(text.contains("and 495 more violations"), "{text}");
}

#[test]
fn nothing_at_all_renders() {
    let verdict = VerdictFile { verdict: "unknown".into(), ..VerdictFile::default() };
    let page = with(&[], &verdict, html::page);
    assert!(page.contains("The checks could not decide."), "{page}");
    let text = with(&[], &verdict, |report| terminal::summary(report, 80, false));
    assert!(text.starts_with("UNKNOWN\nThe checks could not decide.\n"), "{text}");
}

#[test]
fn a_history_without_times_renders() {
    let (mut events, verdict) = stale();
    for event in &mut events {
        event.set_time(None);
    }
    let text = with(&events, &verdict, |report| terminal::summary(report, 100, false));
    assert!(text.contains("since event 2; n4 led epoch 4, at event 5"), "{text}");
    assert!(with(&events, &verdict, html::page).contains("event 4"));
}

#[test]
fn absurd_times_take_neither_memory_nor_time() {
    let (mut events, verdict) = stale();
    let count = events.len() as u64;
    for (place, event) in (0..).zip(&mut events) {
        event.set_time(Some(u64::MAX / count * place));
    }
    let page = with(&events, &verdict, html::page);
    assert!(page.len() < 300_000, "{} bytes", page.len());
    for event in &mut events {
        event.set_time(Some(u64::MAX));
    }
    assert!(with(&events, &verdict, html::page).len() < 300_000);
}

#[test]
fn a_minute_at_a_thousand_operations_a_second_stays_small() {
    let sample = Sample::valid(60, 1_000);
    let page = html::page(&sample.report());
    let operations = sample.events.iter().filter(|event| event.kind == Type::Invoke).count();
    assert!(operations > 50_000, "{operations}");
    assert!(page.len() < 1_500_000, "{} bytes", page.len());
    assert!(!page.contains("http"), "the page names no other place");
    assert!(!page.contains("<script"), "the page needs no script");
}

#[test]
fn two_leaders_at_once_are_told_from_traces() {
    let sample = Sample::violated(30, 100);
    let text = terminal::summary(&sample.report(), 120, false);
    assert!(text.contains("n3 led epoch 2, n4 epoch 3"), "{text}");
}
