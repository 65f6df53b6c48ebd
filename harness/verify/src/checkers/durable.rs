//! Every acknowledged append is in the final log of every node, where it was said to be.
//! It never asks when it got there.

use std::collections::BTreeMap;

use super::told::Told;
use super::total_order::delivered::{self, Delivered};
use super::{Checker, Finding, finals};
use crate::evidence::{Evidence, Settings};
use crate::history::nemesis::{self, Settled};
use crate::history::{Event, History, Type, Value};
use crate::models::consensus;
use crate::models::log::{self, Answered};
use crate::verdict::{Anomaly, Kind};

/// The check `durable`.
pub(super) const CHECKER: Checker = Checker {
    name: "durable",
    about: "every acknowledged append is in the final log of every node",
    applies: |evidence, _| {
        let history = &evidence.history;
        finals::start(history).is_some() && !consensus::is_asked(history)
    },
    run,
};

/// An acknowledged append.
pub(super) struct Acked<'a> {
    pub offset: u64,
    pub value: &'a Value,
    pub invoke: &'a Event,
    pub ret: &'a Event,
}

/// Every acknowledged append.
pub(super) fn acked(history: &History) -> Vec<Acked<'_>> {
    let mut acked = Vec::new();
    for op in history.operations() {
        let (invoke, Some(ret)) = (history.invoke(op), history.ret(op)) else { continue };
        if ret.kind != Type::Ok || !invoke.f.starts_with("append") {
            continue;
        }
        let answered = log::asked(invoke).and_then(|asked| log::answered(&asked, ret));
        if let (Ok(Answered::Appended(offset)), Some(value)) = (answered, &invoke.value) {
            acked.push(Acked { offset, value, invoke, ret });
        }
    }
    acked
}

fn run(evidence: &Evidence, settings: &Settings) -> Finding {
    let history = &evidence.history;
    let acked = acked(history);
    let logs = finals::logs(history, &settings.nodes);
    let settled = nemesis::all::<Settled>(history, "settled").unwrap_or_default();
    let behind_is_fine = settled.last().is_none_or(|settled| !settled.converged);
    let somewhere = |append: &Acked<'_>| {
        logs.values().any(|log| log.entries.get(append.offset as usize) == Some(append.value))
    };
    let evidence_of: BTreeMap<&String, Delivered> = evidence
        .delivered
        .iter()
        .filter_map(|(node, bytes)| Some((node, delivered::parse(node, bytes).ok()?)))
        .collect();

    let mut told = Told::default();
    let mut doubts = Vec::new();
    for (node, final_log) in &logs {
        if let Some(why) = &final_log.missing {
            doubts.push(format!("{node} could not be read to its end: {why}"));
            continue;
        }
        let mut behind = false;
        for append in &acked {
            let there = final_log.entries.get(append.offset as usize);
            if there == Some(append.value) {
                continue;
            }
            if there.is_none() && behind_is_fine && somewhere(append) {
                behind = true; // not lost: this node had no time to catch up
                continue;
            }
            let had = evidence_of
                .get(node)
                .is_some_and(|log| log.ever(append.offset).any(|value| value == append.value));
            told.add(anomaly(node, append, there, had, final_log));
        }
        if behind {
            doubts.push(format!("{node} had not caught up when it was read"));
        }
    }
    if logs.is_empty() {
        doubts.push("no node was read to its end".into());
    }
    Finding::weigh(acked.len() as u64, told.into_anomalies(), doubts)
}

fn anomaly(
    node: &str,
    append: &Acked<'_>,
    there: Option<&Value>,
    had: bool,
    log: &finals::FinalLog,
) -> Anomaly {
    let who = append.invoke.process();
    let by = append.ret.node.as_ref().map(|node| format!(" by {node}")).unwrap_or_default();
    let instead = match there {
        Some(value) => format!("{node} ended with {value} there"),
        None => format!("the log of {node} ended at length {}", log.entries.len()),
    };
    let before = if had { ", although it had delivered it before" } else { "" };
    let mut events = vec![append.invoke.index, append.ret.index];
    events.extend(log.shown_by(append.offset));
    Anomaly {
        kind: if had { Kind::LostAfterCrash } else { Kind::LostAppend },
        explanation: format!(
            "the append of {} by {who} was acknowledged at offset {}{by}, but {instead}{before}",
            append.value, append.offset
        ),
        events,
        time_ns: append.ret.time(),
    }
}
