//! Facts of small histories in the form of their files.

use schism_facts::remark::{self, Heal, Remark, Start};
use schism_verify::History;
use schism_verify::history::{Event, nemesis};
use schism_verify::verdict::{Anomaly, Kind};
use serde_json::json;

use super::super::Report;
use super::recovery::{recoveries, silences};
use super::strikes::Sides;
use super::{Facts, evidence};
use crate::action::{Action, Endpoint, Flow, LinkOverlay, NodeId, NodeOverlay, Style};
use crate::store::verdict_file::VerdictFile;

fn events(lines: &str) -> Vec<Event> {
    History::parse(lines.as_bytes()).unwrap().0.events().to_vec()
}

fn with<T>(lines: &str, trace: &[(&str, &str)], look: impl Fn(&Facts<'_>) -> T) -> T {
    let events = events(lines);
    let traces =
        trace.iter().map(|(node, text)| ((*node).into(), text.as_bytes().to_vec())).collect();
    look(&Facts::new(&Report {
        verdict: &VerdictFile::default(),
        events: &events,
        workload: None,
        plan: None,
        environment: &json!({"clock_origin_ns": 1_000}),
        traces: &traces,
        directory: "",
    }))
}

/// A strike of this fault that did this without an effect, from 1 s to 2 s.
fn strike(fault: &str, action: impl Into<Action>) -> String {
    let action = serde_json::to_value(action.into()).unwrap();
    let start = Start { overlay: Some(1), action, ..Start::default() };
    let heal = Heal { overlay: Some(1), effective: Some(false), ..Heal::default() };
    let mut lines = Vec::new();
    for (time, strike) in [(1, remark::Strike::Start(start)), (2, remark::Strike::Heal(heal))] {
        let mut event = nemesis::event(&Remark::Fault(fault.to_owned(), strike));
        event.set_time(Some(time * 1_000_000_000));
        event.to_json_line(&mut lines);
    }
    String::from_utf8(lines).unwrap()
}

/// An ok operation of this process from and to these milliseconds.
fn ok(process: u64, from_ms: u64, to_ms: u64, f: &str, asked: &str, told: &str) -> String {
    let line = |ms: u64, kind: &str, rest: &str| {
        let time = ms * 1_000_000;
        format!(r#"{{"time":{time},"process":{process},"type":"{kind}","f":"{f}"{rest}}}"#)
    };
    format!("{}\n{}\n", line(from_ms, "invoke", asked), line(to_ms, "ok", told))
}

#[test]
fn sides_of_a_partition_are_those_without_a_way_between_them() {
    let block = |pairs: &[(u8, u8)]| {
        let end = |node: u8| Endpoint::Node(NodeId(node));
        let both = pairs.iter().flat_map(|&(a, b)| [(a, b), (b, a)]);
        let flows = both.map(|(a, b)| Flow { from: end(a), to: end(b) }).collect();
        LinkOverlay::Block { flows, style: Style::Hold }
    };
    let sides = |pairs: &[(u8, u8)]| {
        with(&strike("partition", block(pairs)), &[], |facts| facts.strikes[0].sides(3))
    };
    let groups = |groups: &[&[u8]]| {
        Some(Sides::Groups(groups.iter().map(|group| group.iter().copied().collect()).collect()))
    };
    assert_eq!(sides(&[(1, 2), (1, 3)]), groups(&[&[2, 3], &[1]]));
    assert_eq!(sides(&[(1, 2), (1, 3), (2, 3)]), groups(&[&[1], &[2], &[3]]));
    assert_eq!(sides(&[(1, 3)]), Some(Sides::Touched([1, 3].into())));
    assert_eq!(sides(&[]), None);
}

#[test]
fn a_crash_ends_the_leadership_it_interrupts() {
    let down = NodeOverlay::Down { nodes: [NodeId(1)].into() };
    let trace = concat!(
        r#"{"e":"role","inc":1,"at":501000,"role":"leader","epoch":3}"#,
        "\n",
        r#"{"e":"append","inc":1,"at":601000,"i":1}"#,
        "\n",
        r#"{"e":"boot","inc":2,"at":2000001000,"epoch":3}"#,
        "\n",
        r#"{"e":"role","inc":2,"at":2000"# // torn
    );
    with(&strike("crash", down), &[("n1", trace)], |facts| {
        assert!(facts.traced);
        let leadership = &facts.leaderships[0];
        assert_eq!(
            (leadership.from_ns, leadership.to_ns, leadership.epoch),
            (500_000, 1_000_000_000, 3)
        );
        assert_eq!(facts.leaderships.len(), 1);
        assert_eq!(facts.moment(600_000_000).leaders, "n1 led epoch 3");
        assert_eq!(facts.moment(1_500_000_000).leaders, "nobody led");
    });
}

#[test]
fn recovery_counts_from_the_heal_and_silence_while_somebody_waits() {
    const VALUE: &str = r#","value":7"#;
    const OFFSET: &str = r#","offset":0"#;
    let mut lines = strike("pause", NodeOverlay::Pause { nodes: [NodeId(1)].into() });
    for step in 0..9 {
        lines += &ok(1, 100 * step, 100 * step + 50, "append", VALUE, OFFSET);
    }
    lines += &ok(1, 1_100, 2_300, "append", VALUE, OFFSET); // asked before the heal
    lines += &ok(2, 2_100, 2_150, "append", VALUE, OFFSET);
    lines += &ok(2, 5_000, 5_010, "append", VALUE, OFFSET); // nobody waited before
    lines += &ok(3, 2_101, 2_102, "tail", "", r#","tail":0"#); // proves nothing
    with(&lines, &[], |facts| {
        let row = &recoveries(facts)[0];
        assert_eq!(row.first_ok_ns, Some(150_000_000));
        assert_eq!(row.quiet_ns, 1_000_000_000);
        let quiet: Vec<(u64, u64)> =
            silences(facts).iter().map(|s| (s.from_ns / 1_000_000, s.to_ns / 1_000_000)).collect();
        assert_eq!(quiet, [(1_100, 2_150)]);
        assert_eq!(facts.strikes[0].effective, Some(false));
        assert_eq!(facts.strikes[0].effect_words(), "no effect");
    });
}

#[test]
fn reads_say_what_they_saw_of_the_matter() {
    let lines = [
        ok(1, 1, 2, "append", r#","value":7"#, r#","value":7,"offset":1"#),
        ok(2, 3, 4, "read", "", r#","value":[5,9,7],"tail":3"#),
        ok(3, 5, 6, "read", "", r#","value":[5,8],"tail":2"#),
    ]
    .concat();
    let labels = |kind, events: &[u64]| {
        with(&lines, &[], |facts| {
            let events = events.to_vec();
            let anomaly = Anomaly { kind, explanation: String::new(), events, time_ns: None };
            evidence::of(facts, &anomaly).labels
        })
    };
    assert_eq!(labels(Kind::LostAppend, &[0, 2]), ["append 7 -> 1", "read -> 9 at 1, tail 3"]);
    assert_eq!(labels(Kind::Duplicate, &[0, 2])[1], "read -> 7 at 2, tail 3");
    assert_eq!(
        labels(Kind::NonPrefix, &[2, 4]),
        ["read -> 9 at 1, tail 3", "read -> 8 at 1, tail 2"]
    );
    assert_eq!(labels(Kind::StaleRead, &[2])[0], "read -> 3 entries, tail 3");
}

#[test]
fn labels_show_the_key_and_what_is_asked_of_every_model() {
    let lines = [
        ok(1, 1, 2, "put", r#","key":"k1","value":7"#, r#","key":"k1","value":7"#),
        ok(1, 3, 4, "get", r#","key":"k1","level":"local""#, r#","key":"k1","value":7"#),
        ok(1, 5, 6, "add", r#","key":"k2","element":9"#, r#","key":"k2","element":9"#),
        ok(1, 7, 8, "contains", r#","element":9"#, r#","element":9,"value":false"#),
        ok(1, 9, 10, "read", r#","key":"k2""#, r#","key":"k2","value":[9,4]"#),
        ok(1, 11, 12, "dequeue", r#","key":"q""#, r#","key":"q","value":3"#),
        ok(1, 13, 14, "acquire", r#","key":"l""#, r#","key":"l""#),
    ]
    .concat();
    let labels = with(&lines, &[], |facts| {
        let label = super::operations::Operation::label;
        facts.operations.iter().map(label).collect::<Vec<_>>()
    });
    assert_eq!(
        labels,
        [
            "put k1 7 -> ok",
            "get k1 local -> 7",
            "add k2 9 -> ok",
            "contains 9 -> false",
            "read k2 -> [9 4]",
            "dequeue q -> 3",
            "acquire l -> ok"
        ]
    );
    let remark = with(&lines, &[], |facts| {
        let (kind, events) = (Kind::LostElement, vec![4, 5, 8, 9]);
        let anomaly = Anomaly { kind, explanation: String::new(), events, time_ns: None };
        evidence::of(facts, &anomaly).remark
    });
    assert_eq!(remark.unwrap().1, "acknowledged here, absent afterwards");
}

#[test]
fn at_equal_times_a_process_is_answered_in_the_order_in_which_it_asked() {
    let lines = [
        ok(0, 5, 5, "write", r#","value":1"#, r#","value":1"#),
        ok(0, 5, 5, "write", r#","value":2"#, r#","value":2"#),
        ok(0, 5, 5, "read", "", r#","value":1"#),
    ];
    let labels = with(&lines.concat(), &[], |facts| {
        facts.operations.iter().map(super::operations::Operation::label).collect::<Vec<_>>()
    });
    assert_eq!(labels, ["write 1 -> ok", "write 2 -> ok", "read -> 1"]);
}
