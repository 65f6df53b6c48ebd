//! A made-up run to test the renderers with, the same every time: five nodes, a strike every 2.5 s,
//! and each but the delays brings another leader.

use std::collections::BTreeMap;

use schism_facts::remark::{self, Effect, Heal, Phase, Remark, Start};
use schism_verify::History;
use schism_verify::history::{Event, Type};
use schism_verify::verdict::{Anomaly, Kind};
use serde_json::json;

use super::Report;
use crate::action::{Action, Endpoint, Flow, LinkOverlay, NodeId, NodeOverlay, Style};
use crate::store::verdict_file::{CheckFile, FaultFile, OperationsFile, VerdictFile};
use crate::workload::Workload;
use crate::workload::tests::workload;

const MS: u64 = 1_000_000;
/// The monotonic clock at time 0 of the history.
const ORIGIN: u64 = 5_000_000 * MS;

pub struct Sample {
    pub verdict: VerdictFile,
    pub events: Vec<Event>,
    pub workload: Workload,
    environment: serde_json::Value,
    traces: BTreeMap<String, Vec<u8>>,
}

impl Sample {
    pub fn valid(seconds: u64, operations_per_s: u64) -> Sample {
        let mut lines = Lines::default();
        let leaderless = lines.strikes(seconds);
        lines.operations(seconds, operations_per_s, &leaderless);
        lines.text.sort_by_key(|line| line.0);
        let text: String = lines.text.into_iter().map(|(_, line)| line).collect();
        let (history, _) = History::parse(text.as_bytes()).expect("a history");
        Sample {
            verdict: verdict(),
            events: history.events().to_vec(),
            workload: workload_asked(),
            environment: json!({ "clock_origin_ns": ORIGIN }),
            traces: lines.traces,
        }
    }

    /// In the same run a deposed leader answered a read, and an acknowledged append is gone.
    pub fn violated(seconds: u64, operations_per_s: u64) -> Sample {
        let mut sample = Self::valid(seconds, operations_per_s);
        let during = |event: &&mut Event| event.time() > Some(5_400 * MS);
        let mut later = sample.events.iter_mut().filter(during);
        let mut next = |kind, f: &str| {
            later.find(|event| event.kind == kind && *event.f == *f).expect("operations go on")
        };
        let (asked, told) = (next(Type::Invoke, "append").index, next(Type::Ok, "append"));
        let (seen, length) = (told.index, told.offset().expect("it has one") + 1);
        let (read, answer) = (next(Type::Invoke, "read").index, next(Type::Ok, "read"));
        answer.set_tail(Some(length - 3));
        let anomaly = |kind, explanation: &str| Anomaly {
            kind,
            explanation: explanation.into(),
            events: vec![asked, seen, read, answer.index],
            time_ns: answer.time(),
        };
        let stale = anomaly(Kind::StaleRead, "process 4 read less than process 7 had seen before");
        let lost = anomaly(Kind::LostAppend, "an acknowledged append is gone");
        let verdict = &mut sample.verdict;
        (verdict.verdict, verdict.exit) = ("violated".into(), 1);
        verdict.bug = Some("R13".into());
        for (check, found) in [(0, stale), (2, lost)] {
            verdict.checks[check].verdict = "violated".into();
            verdict.checks[check].anomalies = vec![found];
        }
        sample
    }

    /// The same run, of a system that may lose what it acknowledged, and did.
    pub fn lossy(seconds: u64, operations_per_s: u64) -> Sample {
        let mut sample = Self::valid(seconds, operations_per_s);
        let durable = &mut sample.verdict.checks[2];
        durable.name = "failover-loss".into();
        durable.lost = Some(12);
        durable.notes = vec![
            "12 acknowledged appends were lost to failovers, as asynchronous mode may: 12 when n2 \
             opened epoch 2 with length 140"
                .into(),
        ];
        sample
    }

    pub fn report(&self) -> Report<'_> {
        Report {
            verdict: &self.verdict,
            events: &self.events,
            workload: Some(&self.workload),
            plan: None,
            environment: &self.environment,
            traces: &self.traces,
            directory: "runs/20261123-101500-raft-under-fire-7",
        }
    }
}

#[derive(Default)]
struct Lines {
    /// Lines of the history, each with its time.
    text: Vec<(u64, String)>,
    traces: BTreeMap<String, Vec<u8>>,
}

impl Lines {
    fn say(&mut self, at: u64, process: &str, kind: &str, f: &str, rest: &str) {
        let line =
            format!(r#"{{"time":{at},"process":{process},"type":"{kind}","f":"{f}"{rest}}}"#);
        self.text.push((at, line + "\n"));
    }

    fn remark(&mut self, at: u64, remark: &Remark) {
        let (f, value) = remark.write();
        self.say(at, r#""nemesis""#, "info", &f, &format!(r#","value":{value}"#));
    }

    fn role(&mut self, at: u64, node: u64, role: &str, epoch: u64) {
        let line = json!({"e": "role", "inc": 1, "at": ORIGIN + at, "role": role, "epoch": epoch});
        let trace = self.traces.entry(format!("n{node}")).or_default();
        trace.extend_from_slice(format!("{line}\n").as_bytes());
    }

    /// Says when nobody led.
    fn strikes(&mut self, seconds: u64) -> Vec<(u64, u64)> {
        self.remark(0, &Remark::Phase(Phase::WarmUp));
        self.remark(2_000 * MS, &Remark::Phase(Phase::Disturbance));
        self.remark(seconds * 1_000 * MS, &Remark::Phase(Phase::Recovery));
        let (mut leader, mut epoch, mut leaderless) = (2, 1, Vec::new());
        self.role(100 * MS, leader, "leader", epoch);
        for strike in 0..(seconds * 1_000).saturating_sub(2_000) / 2_500 {
            let (from, to) = ((strike + 1) * 2_500 * MS, ((strike + 1) * 2_500 + 1_500) * MS);
            let node = NodeId(leader as u8);
            let ends = |to| Flow { from: Endpoint::Node(node), to: Endpoint::Node(to) };
            let flows = NodeId::all(5).filter(|other| *other != node).map(ends).collect();
            let (fault, action): (_, Option<Action>) = match strike % 4 {
                0 => ("crash", Some(NodeOverlay::Down { nodes: [node].into() }.into())),
                1 => ("partition", Some(LinkOverlay::Block { flows, style: Style::Hold }.into())),
                2 => ("latency", None),
                _ => ("pause", Some(NodeOverlay::Pause { nodes: [node].into() }.into())),
            };
            let start = Start {
                overlay: Some(strike),
                targets: vec![node],
                describe: format!("strike {node}"),
                action: json!(action),
                ..Start::default()
            };
            let heal = Heal {
                overlay: Some(strike),
                effect: Effect::of([("killed".to_owned(), 1)]),
                ..Heal::default()
            };
            self.remark(from, &Remark::Fault(fault.to_owned(), remark::Strike::Start(start)));
            self.remark(to, &Remark::Fault(fault.to_owned(), remark::Strike::Heal(heal)));
            if fault != "latency" {
                let (old, elected) = (leader, from + 300 * MS);
                (leader, epoch) = (leader % 5 + 1, epoch + 1);
                self.role(elected - 30 * MS, leader, "candidate", epoch);
                self.role(elected, leader, "leader", epoch);
                self.role(to + 15 * MS, old, "follower", epoch);
                leaderless.push((from, elected));
            }
        }
        leaderless
    }

    /// One after the other by each of ten processes; who meets nobody that leads waits.
    fn operations(&mut self, seconds: u64, per_s: u64, leaderless: &[(u64, u64)]) {
        let (mut busy, mut length) = ([0; 10], 0);
        for number in 0..seconds * per_s {
            let process = number as usize % busy.len();
            let from = 210 * MS + number * 1_000 * MS / per_s;
            if busy[process] > from {
                continue;
            }
            let waits = leaderless.iter().find(|(a, b)| *a <= from && from < *b);
            let to = waits.map_or(from, |span| span.1) + (1 + number % 3) * MS;
            busy[process] = to;
            let (f, asked, told) = if number % 2 == 0 {
                length += 1;
                let value = format!(r#","value":{number}"#);
                ("append", value.clone(), format!(r#"{value},"offset":{}"#, length - 1))
            } else {
                ("read", String::new(), format!(r#","value":[],"tail":{length}"#))
            };
            let node = format!(r#","node":"n{}""#, process % 5 + 1);
            self.say(from, &process.to_string(), "invoke", f, &(asked + &node));
            self.say(to, &process.to_string(), "ok", f, &(told + &node));
        }
    }
}

fn workload_asked() -> Workload {
    let text = "name: raft-under-fire\nabout: Raft keeps one total order.\nsystem: raft\n\
                nodes: 5\nclients: 10\nduration: 30s\n";
    workload(text)
}

fn verdict() -> VerdictFile {
    let check = |name: &str| CheckFile {
        name: name.into(),
        verdict: "valid".into(),
        elapsed_ms: 12.4,
        operations: 24_120,
        ..CheckFile::default()
    };
    let names = [
        "linearizable",
        "total-order",
        "durable",
        "invariants",
        "progress",
        "convergence",
        "bypass",
        "survival",
    ];
    VerdictFile {
        verdict: "valid".into(),
        checks: names.map(check).into(),
        expect: "valid".into(),
        workload: "raft-under-fire".into(),
        system: "raft".into(),
        seed: 7,
        replay: "schism replay runs/20261123-101500-raft-under-fire-7".into(),
        operations: OperationsFile {
            ok: 24_120,
            p50_ms: 2.1,
            p99_ms: 38.0,
            max_ms: 302.0,
            ..OperationsFile::default()
        },
        faults: vec![FaultFile {
            fault: "crash".into(),
            strikes: 3,
            effective: 2,
            effect: "killed 2 processes".into(),
        }],
        phases_ms: vec![("warm-up".into(), 2_000.0), ("disturbance".into(), 28_000.0)],
        ..VerdictFile::default()
    }
}
