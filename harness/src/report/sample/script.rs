//! The play itself: who leads when, what strikes, what clients are told.
//! It never makes an answer that a log could not have given.

use std::collections::BTreeMap;
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use schism_verify::history::{Event, Level, Name, Process, Type, Value};
use serde_json::json;

use super::{Sample, verdict, workload};
use crate::plan::{Plan, Strike};
use crate::store::verdict_file::{FaultFile, OperationsFile};

const MS: u64 = 1_000_000;
const SECOND: u64 = 1_000 * MS;
/// The monotonic clock at time 0 of the made-up history.
const ORIGIN: u64 = 5_000 * SECOND;

pub(super) struct Script {
    rng: ChaCha8Rng,
    seconds: u64,
    operations_per_s: u64,
    events: Vec<Event>,
    /// When, until when, which node was cut off or down.
    away: Vec<(u64, u64, u8)>,
    /// When nobody led.
    leaderless: Vec<(u64, u64)>,
    traces: BTreeMap<u8, String>,
    strikes: Vec<Strike>,
    faults: BTreeMap<&'static str, FaultFile>,
}

impl Script {
    pub(super) fn new(seconds: u64, operations_per_s: u64) -> Self {
        Script {
            rng: ChaCha8Rng::seed_from_u64(7),
            seconds,
            operations_per_s,
            events: Vec::new(),
            away: Vec::new(),
            leaderless: Vec::new(),
            traces: BTreeMap::new(),
            strikes: Vec::new(),
            faults: BTreeMap::new(),
        }
    }

    pub(super) fn play(mut self) -> Sample {
        let end = self.seconds * SECOND;
        self.say(0, "phase", Value::Str("warm-up".into()));
        self.say(2 * SECOND, "phase", Value::Str("disturbance".into()));
        self.reigns_and_strikes(end);
        self.say(end, "phase", Value::Str("recovery".into()));
        self.say(end + 500 * MS, "phase", Value::Str("final-reads".into()));
        let mut latencies = self.clients(end);
        let operations = self.count(&mut latencies);
        self.events.sort_by_key(|event| (event.time(), event.kind != Type::Invoke));
        for (index, event) in self.events.iter_mut().enumerate() {
            event.index = index as u64;
        }
        Sample {
            verdict: verdict(operations, self.faults.into_values().collect()),
            events: self.events,
            workload: workload(self.seconds, self.operations_per_s),
            plan: Plan {
                left_out: Vec::new(),
                seed: 7,
                warm_up: Duration::from_secs(2),
                disturbance: Duration::from_secs(self.seconds.saturating_sub(2)),
                strikes: self.strikes,
                streams: vec![("client-0".into(), 1), ("heal".into(), 2)],
            },
            environment: json!({
                "schism": "0.1.0", "kernel": "Linux 6.1.0", "cpus": 2, "clock_origin_ns": ORIGIN,
            }),
            traces: (self.traces.into_iter())
                .map(|(node, text)| (Name::from(format!("n{node}")), text.into_bytes()))
                .collect(),
        }
    }

    fn below(&mut self, limit: u64) -> u64 {
        u64::from(self.rng.next_u32()) % limit
    }

    fn say(&mut self, at: u64, f: &str, value: Value) {
        let mut event = Event::new(Process::Nemesis, Type::Info, f);
        event.set_time(Some(at));
        event.value = Some(value);
        self.events.push(event);
    }

    fn say_json(&mut self, at: u64, f: &str, value: &serde_json::Value) {
        self.say(at, f, Value::Other(value.to_string().into()));
    }

    fn role(&mut self, at: u64, node: u8, role: &str, epoch: u64) {
        let at = ORIGIN + at;
        let line = json!({"e": "role", "inc": 1, "at": at, "role": role, "epoch": epoch});
        self.traces.entry(node).or_default().push_str(&(line.to_string() + "\n"));
    }

    /// A strike every 2.6 s, in turn; each that takes the leader away brings a new one.
    fn reigns_and_strikes(&mut self, end: u64) {
        let (mut leader, mut epoch) = (2_u8, 1_u64);
        for node in 1..=5 {
            self.role(40 * MS, node, "follower", 0);
        }
        self.role(180 * MS, leader, "candidate", 1);
        self.role(190 * MS, leader, "leader", 1);
        self.say_json(200 * MS, "leader", &json!({"node": "n2", "epoch": 1}));
        self.leaderless.push((0, 190 * MS));
        let mut at = 2_600 * MS;
        for number in 0.. {
            if at + 2 * SECOND > end {
                break;
            }
            let lasts = (900 + self.below(1_200)) * MS;
            let kind = ["crash", "partition", "latency", "pause"][number % 4];
            let hits = number % 4 != 2 && number % 3 != 2;
            let target = if hits { leader } else { leader % 5 + 1 };
            self.strike(number as u64, kind, target, at, lasts, hits);
            if hits {
                let next = (leader + number as u8 % 3) % 5 + 1;
                let elected = at + (240 + self.below(180)) * MS;
                epoch += 1;
                self.role(elected - 30 * MS, next, "candidate", epoch);
                self.role(elected, next, "leader", epoch);
                let named = json!({"node": format!("n{next}"), "epoch": epoch});
                self.say_json(elected + 20 * MS, "leader", &named);
                self.role(at + lasts + 15 * MS, leader, "follower", epoch);
                self.leaderless.push((at, elected));
                leader = next;
            }
            at += (2_100 + self.below(900)) * MS;
        }
    }

    fn strike(&mut self, id: u64, kind: &'static str, node: u8, at: u64, lasts: u64, hits: bool) {
        let name = format!("n{node}");
        let leads = if hits { " (leader)" } else { "" };
        let others: Vec<String> = (1..=5).filter(|&n| n != node).map(|n| format!("n{n}")).collect();
        let pair = |a: &str, b: &str| json!({"from": {"node": a}, "to": {"node": b}});
        let both = others.iter().flat_map(|other| [pair(&name, other), pair(other, &name)]);
        let flows: Vec<serde_json::Value> = both.collect();
        let (describe, effect, bit) = match kind {
            "crash" => (
                format!("kill {name}{leads}"),
                json!({"hold": {"down": {"nodes": [name]}}}),
                json!({"killed": 1}),
            ),
            "pause" => (
                format!("stop {name}{leads}"),
                json!({"hold": {"pause": {"nodes": [name]}}}),
                json!({"stopped": 1}),
            ),
            "partition" => (
                format!("isolate {name}{leads}, hold"),
                json!({"hold": {"block": {"flows": flows, "style": "hold"}}}),
                json!({"held-bytes": 18_200, "refused-connections": 3}),
            ),
            _ => ("peers, 50 ms".to_owned(), json!(null), json!({"delayed-segments": 812})),
        };
        let bites = id != 7;
        let start = json!({"phase": "start", "overlay": id, "strike": id, "targets": [name],
            "describe": describe, "lasts_ms": lasts / MS, "effect": effect});
        let bit = if bites { bit } else { json!({}) };
        let heal = json!({"phase": "heal", "overlay": id, "strike": id, "bit": bit,
            "effective": bites});
        self.say_json(at, kind, &start);
        self.say_json(at + lasts, kind, &heal);
        if kind != "latency" {
            self.away.push((at, at + lasts, node));
        }
        self.strikes.push(Strike {
            id,
            fault: kind.into(),
            at: Duration::from_nanos(at - 2 * SECOND),
            lasts: Duration::from_nanos(lasts),
            early: false,
            detail: json!({"target": if hits { "leader" } else { "one" }}),
        });
        let row = self
            .faults
            .entry(kind)
            .or_insert_with(|| FaultFile { fault: kind.into(), ..FaultFile::default() });
        row.strikes += 1;
        row.bit += u64::from(bites);
        row.effect = match kind {
            "crash" => format!("killed {} processes", row.bit),
            "pause" => format!("stopped {} processes", row.bit),
            "partition" => {
                format!("held {:.1} kB, refused {} connections", row.bit as f64 * 18.2, row.bit * 3)
            }
            _ => format!("delayed {} segments", row.bit * 812),
        };
    }

    /// Operations at a steady rate; those that meet a missing leader or node wait or time out.
    fn clients(&mut self, end: u64) -> Vec<u64> {
        let mut busy = [0_u64; 10];
        let mut number: [u64; 10] = std::array::from_fn(|slot| slot as u64);
        let mut spans = Vec::new();
        for tick in 0..self.seconds * self.operations_per_s {
            let from = 210 * MS + tick * SECOND / self.operations_per_s + self.below(MS);
            let slot = (0..10).find(|slot| busy[(slot + tick as usize) % 10] < from);
            let Some(slot) = slot.map(|slot| (slot + tick as usize) % 10) else { continue };
            if from >= end {
                break;
            }
            let f = ["append", "read", "append", "read", "tail"][self.below(5) as usize];
            let node = (slot % 5) as u8 + 1;
            let gone = |&&(a, b, n): &&(u64, u64, u8)| n == node && a <= from && from < b;
            let waits = self.leaderless.iter().find(|(a, b)| *a <= from && from < *b).copied();
            let tail = if self.below(100) == 0 { 30 } else { 3 };
            let mut to = from + 700_000 + self.below(tail * MS) + self.below(900_000);
            let mut lost = false;
            if self.away.iter().any(|span| gone(&span)) {
                (lost, to) = (true, from + SECOND);
            } else if let Some((_, until)) = waits {
                to = until + 3 * MS + self.below(40 * MS);
            }
            spans.push((from, to, number[slot], f, node, lost));
            busy[slot] = to + if lost { 20 * MS } else { 0 };
            number[slot] += if lost { 10 } else { 0 };
        }
        self.answers(spans, end)
    }

    fn answers(&mut self, mut spans: Vec<Span>, end: u64) -> Vec<u64> {
        spans.sort_by_key(|span| span.1);
        let mut log: Vec<Value> = Vec::new();
        let mut latencies = Vec::new();
        for (place, (from, to, process, f, node, lost)) in spans.into_iter().enumerate() {
            let mut invoke = Event::new(Process::Client(process), Type::Invoke, f);
            invoke.set_time(Some(from));
            invoke.node = Some(format!("n{node}").into());
            let mut ret = invoke.clone();
            ret.set_time(Some(to));
            ret.kind = Type::Ok;
            match f {
                "append" => invoke.value = i64::try_from(place).ok().map(Value::Int),
                "read" => invoke.set_from(Some((log.len() as u64).saturating_sub(20))),
                _ => {}
            }
            ret.value.clone_from(&invoke.value);
            ret.set_from(invoke.from());
            if lost && f == "append" {
                ret.kind = Type::Info;
                ret.set_error(Some("timeout".into()));
            } else if lost {
                ret.kind = Type::Fail;
                ret.set_error(Some("timeout".into()));
            } else {
                latencies.push(to - from);
                if f == "append" {
                    ret.set_offset(Some(log.len() as u64));
                    log.extend(invoke.value.clone());
                } else {
                    ret.set_tail(Some(log.len() as u64));
                }
            }
            self.events.extend([invoke, ret]);
        }
        for node in 1..=5_u64 {
            let mut invoke = Event::new(Process::Client(1_000 + node), Type::Invoke, "read");
            invoke.set_time(Some(end + (600 + node) * MS));
            invoke.node = Some(format!("n{node}").into());
            invoke.set_level(Some(Level::Local));
            let mut ret = invoke.clone();
            ret.set_time(Some(end + (640 + 3 * node) * MS));
            ret.kind = Type::Ok;
            ret.value = Some(Value::List(log.clone().into()));
            ret.set_tail(Some(log.len() as u64));
            self.events.extend([invoke, ret]);
        }
        latencies
    }

    fn count(&self, latencies: &mut [u64]) -> OperationsFile {
        latencies.sort_unstable();
        let quantile = |share: usize| {
            let place = latencies.len().saturating_sub(1) * share / 100;
            latencies.get(place).map_or(0.0, |&nanos| nanos as f64 / 1e6)
        };
        let of = |kind| {
            let clients = self.events.iter().filter(|event| event.process() != Process::Nemesis);
            clients.filter(|event| event.kind == kind).count() as u64
        };
        OperationsFile {
            ok: of(Type::Ok),
            fail: of(Type::Fail),
            info: of(Type::Info),
            p50_ms: quantile(50),
            p99_ms: quantile(99),
            max_ms: quantile(100),
        }
    }
}

/// from, to, process, operation, node, never answered.
type Span = (u64, u64, u64, &'static str, u8, bool);
