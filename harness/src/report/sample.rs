//! Made-up runs: to look at what renderers make of them, and to test that they do.
//! Nothing here ran. Everything is drawn from one seed, so a sample is the same every time.

mod script;

use std::time::Duration;

use schism_verify::history::{Event, Level, Name, Process, Type, Value};
use schism_verify::verdict::{Anomaly, Kind};

use super::Report;
use crate::plan::Plan;
use crate::store::verdict_file::{CheckFile, FaultFile, OperationsFile, VerdictFile};
use crate::workload::{Expect, SystemSpec, Workload};
use script::Script;

/// A run that never was.
pub struct Sample {
    /// Its finding.
    pub verdict: VerdictFile,
    /// Its history.
    pub events: Vec<Event>,
    /// What was asked for.
    pub workload: Workload,
    /// What was planned.
    pub plan: Plan,
    /// Where it would have run.
    pub environment: serde_json::Value,
    /// Role lines of the nodes' traces.
    pub traces: Vec<(Name, Vec<u8>)>,
}

impl Sample {
    /// A run without a violation.
    pub fn valid(seconds: u64, operations_per_s: u64) -> Sample {
        Script::new(seconds, operations_per_s).play()
    }

    /// The same run, in which a deposed leader answered a read, and an acknowledged append is
    /// missing at the end.
    pub fn violated(seconds: u64, operations_per_s: u64) -> Sample {
        let mut sample = Self::valid(seconds, operations_per_s);
        let stale = sample.plant_stale_read();
        let lost = sample.plant_lost_append();
        let judge = &mut sample.verdict;
        judge.verdict = "violated".into();
        judge.exit = 1;
        judge.bug = Some("R13".into());
        judge.checks[0].verdict = "violated".into();
        judge.checks[0].anomalies = vec![stale];
        judge.checks[2].verdict = "violated".into();
        judge.checks[2].anomalies = vec![lost];
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

    /// What renderers take.
    pub fn report(&self) -> Report<'_> {
        Report {
            verdict: &self.verdict,
            events: &self.events,
            workload: Some(&self.workload),
            plan: Some(&self.plan),
            environment: &self.environment,
            traces: &self.traces,
            directory: "runs/20261123-101500-raft-under-fire-7",
        }
    }

    /// Makes a read that followed a longer answer miss its last three entries.
    fn plant_stale_read(&mut self) -> Anomaly {
        let strike = self.start_of("partition");
        let old = self.target_of("partition");
        let after = |event: &&Event| event.time() > Some(strike + 150_000_000);
        let append = |event: &&Event| event.kind == Type::Ok && &*event.f == "append";
        let seen = self.events.iter().filter(after).find(append).expect("appends go on").clone();
        let begun = self.invoke_of(&seen);
        let late = |event: &&Event| {
            event.time() > seen.time() && &*event.f == "read" && event.kind == Type::Invoke
        };
        let asked = self.events.iter().find(late).expect("reads go on").clone();
        let back =
            |event: &&mut Event| event.index > asked.index && event.process() == asked.process();
        let answer = self.events.iter_mut().find(back).expect("the sample's reads are answered");
        let length = seen.offset().expect("an ok append has an offset") + 1;
        answer.kind = Type::Ok;
        answer.set_tail(Some(length.saturating_sub(3)));
        answer.set_error(None);
        answer.node = Some(old.clone());
        let explanation = format!(
            "process {} read length {} from {old} after process {} had already seen length \
             {length} from {}",
            asked.process().to_string().trim_start_matches('p'),
            length.saturating_sub(3),
            seen.process().to_string().trim_start_matches('p'),
            seen.node.as_deref().unwrap_or("?"),
        );
        Anomaly {
            kind: Kind::StaleRead,
            explanation,
            events: vec![begun, seen.index, asked.index, answer.index],
            time_ns: answer.time(),
        }
    }

    /// Names an acknowledged append that the final read of n3 does not hold.
    fn plant_lost_append(&mut self) -> Anomaly {
        let strike = self.start_of("partition");
        let lost = |event: &&Event| {
            event.time() > Some(strike + 90_000_000)
                && event.kind == Type::Ok
                && &*event.f == "append"
        };
        let lost = self.events.iter().find(lost).expect("appends go on").clone();
        let read = self.events.iter().rev().filter(|event| event.level() == Some(Level::Local));
        let read: Vec<u64> =
            read.filter(|event| event.node.as_deref() == Some("n3")).map(|e| e.index).collect();
        let (from, to) = (read.iter().min(), read.iter().max());
        let (from, to) = (*from.expect("n3 is read"), *to.expect("n3 is read"));
        let offset = lost.offset().expect("an ok append has an offset");
        let value = lost.value.clone().unwrap_or(Value::Null);
        Anomaly {
            kind: Kind::LostAppend,
            explanation: format!(
                "append {} was acknowledged at offset {offset} by {}, and n3's final read has \
                 another value there",
                super::facts::operations::show(&value),
                lost.node.as_deref().unwrap_or("?"),
            ),
            events: vec![self.invoke_of(&lost), lost.index, from, to],
            time_ns: self.events[to as usize].time(),
        }
    }

    fn target_of(&self, fault: &str) -> Name {
        let strikes = super::facts::Facts::new(&self.report()).strikes;
        let strike = strikes.into_iter().find(|strike| *strike.fault == *fault);
        strike.expect("the script has this fault").targets[0].as_str().into()
    }

    fn start_of(&self, fault: &str) -> u64 {
        let strike = |event: &&Event| event.process() == Process::Nemesis && &*event.f == fault;
        let first = self.events.iter().find(strike);
        first.and_then(Event::time).expect("the script has this fault")
    }

    fn invoke_of(&self, ret: &Event) -> u64 {
        let own = |event: &&Event| event.process() == ret.process() && event.kind == Type::Invoke;
        let before = self.events[..ret.index as usize].iter().rev();
        before.clone().find(own).expect("a return has an invoke").index
    }
}

fn workload(seconds: u64, operations_per_s: u64) -> Workload {
    Workload {
        name: "raft-under-fire".into(),
        about: "Raft keeps one total order whatever the network does.".into(),
        system: SystemSpec::Named { name: "raft".into(), options: std::iter::empty().collect() },
        nodes: 5,
        clients: 10,
        duration: Duration::from_secs(seconds),
        rate: Some(operations_per_s as f64),
        seed: Some(7),
        operations: vec![("append".into(), 50), ("read".into(), 40), ("tail".into(), 10)],
        retry: false,
        read_level: Level::Linearizable,
        timeout: Duration::from_secs(1),
        faults: Vec::new(),
        checks: Vec::new(),
        bug: None,
        value_bytes: 8,
        keys: None,
        recovery: Duration::from_secs(10),
        recovery_max: None,
        min_operations: 100,
        expect: Expect::Valid,
    }
}

fn verdict(operations: OperationsFile, faults: Vec<FaultFile>) -> VerdictFile {
    let count = operations.ok + operations.fail + operations.info;
    let check = |name: &str, model: Option<&str>, elapsed_ms: f64, operations: u64| CheckFile {
        name: name.into(),
        model: model.map(Into::into),
        algorithm: model.map(Into::into),
        verdict: "valid".into(),
        elapsed_ms,
        operations,
        ..CheckFile::default()
    };
    VerdictFile {
        verdict: "valid".into(),
        checks: vec![
            check("linearizable", Some("log"), 12.4, count),
            check("total-order", None, 31.0, count * 2),
            check("durable", None, 8.2, count / 2),
            check("invariants", None, 61.7, count * 9),
            check("progress", None, 1.1, count),
            check("convergence", None, 0.2, 5),
            check("bypass", None, 0.1, 61),
            check("survival", None, 0.1, 5),
        ],
        expect: "valid".into(),
        workload: "raft-under-fire".into(),
        system: "raft".into(),
        seed: 7,
        replay: "schism replay runs/20261123-101500-raft-under-fire-7".into(),
        operations,
        faults,
        phases_ms: vec![
            ("start".into(), 212.0),
            ("warm-up".into(), 2_000.0),
            ("disturbance".into(), 58_000.0),
            ("recovery".into(), 640.0),
            ("final-reads".into(), 210.0),
            ("checks".into(), 118.0),
        ],
        ..VerdictFile::default()
    }
}
