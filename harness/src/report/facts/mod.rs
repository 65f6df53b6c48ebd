//! What the events say, worked out once for all renderers.
//! It never judges: what is an anomaly and what had an effect is written in the verdict and the
//! history.

pub mod evidence;
pub mod leaders;
pub mod operations;
pub mod recovery;
pub mod strikes;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use schism_facts::remark::{Phase, Stall};
use schism_verify::history::nemesis::Said;
use schism_verify::history::{Event, Name};
use schism_verify::models::{self, Model};

use super::Report;
use leaders::Leadership;
use operations::Operation;
use strikes::Strike;

/// A run as pictures and sentences need it. All times are nanoseconds on the history's clock.
pub struct Facts<'a> {
    /// Whether the history has times. Without them an event's place stands for its time.
    pub timed: bool,
    /// What clients asked, as its row says. None: no model knows it.
    pub model: Option<&'static Model>,
    /// Every operation of a client, by the time it was asked.
    pub operations: Vec<Operation<'a>>,
    /// Every strike of a fault, by start.
    pub strikes: Vec<Strike>,
    /// Who had which role when.
    pub leaderships: Vec<Leadership>,
    /// Whether `leaderships` come from the nodes' own traces, so that two may lead at once.
    pub traced: bool,
    /// The phases, each with its start.
    pub phases: Vec<(Phase, u64)>,
    /// When the machine itself stood still: from, to, what.
    pub stalls: Vec<(u64, u64, String)>,
    /// Nodes that died though nobody killed them: when, node, how.
    pub deaths: Vec<(u64, Name, String)>,
    pub nodes: Vec<Name>,
    pub end_ns: u64,
}

/// Where no time is given, events are drawn one millisecond apart: any fixed step would do.
const UNTIMED_STEP_NS: u64 = 1_000_000;

impl<'a> Facts<'a> {
    pub fn new(report: &Report<'a>) -> Facts<'a> {
        let events = report.events;
        let timed = events.iter().all(|event| event.time().is_some());
        let clock = |event: &Event| event_time(event, timed);
        let end_ns = events.iter().map(&clock).max().unwrap_or(0);
        let said = Said::of(events);
        let phases = said.phases.iter().map(|(event, phase)| (*phase, clock(event)));
        let stalls = said
            .stalls
            .iter()
            .map(|Stall { from_ns, to_ns, what }| (*from_ns, *to_ns.max(from_ns), what.clone()));
        let deaths = said
            .deaths
            .iter()
            .map(|(event, death)| (clock(event), death.node.to_string().into(), death.how.clone()));
        let operations = operations::pair(events, timed);
        let model = match report.workload {
            Some(workload) => Some(workload.model()),
            None => models::knowing(operations.iter().map(|operation| &*operation.invoke.f)),
        };
        let mut facts = Facts {
            timed,
            model,
            operations,
            strikes: said.strikes.iter().map(|strike| Strike::new(strike, clock)).collect(),
            leaderships: Vec::new(),
            traced: false,
            phases: phases.collect(),
            stalls: stalls.collect(),
            deaths: deaths.collect(),
            nodes: nodes(report),
            end_ns,
        };
        facts.leaderships = leaders::from_traces(report, &facts.strikes, end_ns);
        facts.traced = !facts.leaderships.is_empty();
        if !facts.traced {
            facts.leaderships = leaders::from_remarks(&said, clock, end_ns);
        }
        facts
    }

    /// The strikes that held at this moment.
    pub fn active(&self, at: u64) -> impl Iterator<Item = &Strike> {
        self.strikes
            .iter()
            .filter(move |strike| strike.from_ns <= at && strike.to_ns.is_none_or(|to| at <= to))
    }

    /// `faults active: ...; n2 led epoch 3`, the words for a moment.
    pub fn moment(&self, at: u64) -> Moment {
        let faults: Vec<String> = self
            .active(at)
            .map(|strike| format!("{} since {}", strike.title(), self.show(strike.from_ns)))
            .collect();
        Moment {
            faults: if faults.is_empty() { "none".into() } else { faults.join("; ") },
            leaders: leaders::led_at(&self.leaderships, at),
        }
    }

    /// A time in words: `8.114 s`, or `event 114` where the history has no times.
    pub fn show(&self, at: u64) -> String {
        if self.timed {
            format!("{:.3} s", at as f64 / 1e9)
        } else {
            format!("event {}", at / UNTIMED_STEP_NS)
        }
    }
}

pub struct Moment {
    /// The faults active then, or `none`.
    pub faults: String,
    pub leaders: String,
}

/// An event's time, or its place where the history has no times.
pub(super) fn event_time(event: &Event, timed: bool) -> u64 {
    match event.time() {
        Some(time) if timed => time,
        _ => event.index.saturating_mul(UNTIMED_STEP_NS),
    }
}

/// Lanes of a history that names nodes as it likes.
const NODES_MAX: usize = 32;

/// n1 ... nN where the workload says how many, else every node that was asked.
fn nodes(report: &Report<'_>) -> Vec<Name> {
    if let Some(workload) = report.workload {
        return (1..=workload.nodes).map(|number| format!("n{number}").into()).collect();
    }
    let asked: BTreeSet<(usize, &Name)> = report
        .events
        .iter()
        .filter_map(|event| event.node.as_ref())
        .map(|node| (node.len(), node)) // n10 after n9
        .collect();
    asked.into_iter().take(NODES_MAX).map(|(_, node)| node.clone()).collect()
}
