//! Every acknowledged append is in the final log of every node, where it was said to be.

use std::collections::{BTreeMap, BTreeSet};

use crate::checkers::CheckResult;
use crate::checkers::told::Told;
use crate::evidence::delivered::{self, Delivered};
use crate::evidence::finals::{self, FinalLog};
use crate::evidence::{Evidence, Settings};
use crate::history::History;
use crate::history::nemesis::Said;
use crate::models::log::{Acked, acked};
use crate::verdict::{Anomaly, Kind};

pub(super) fn find(evidence: &Evidence, settings: &Settings) -> CheckResult {
    let history = &evidence.history;
    let acked = acked(history);
    let logs = finals::logs(history, &settings.nodes);
    let evidence_of: BTreeMap<&String, Delivered> = evidence
        .delivered
        .iter()
        .filter_map(|(node, bytes)| Some((node, delivered::parse(node, bytes).ok()?)))
        .collect();

    let mut told = Told::default();
    let mut lost = BTreeSet::new();
    let doubts = absent(history, &acked, &logs, |node, number, log| {
        let append = &acked[number];
        let had = evidence_of
            .get(node)
            .is_some_and(|log| log.ever(append.offset).any(|value| value == append.value));
        let before = if had { ", although it had delivered it before" } else { "" };
        let kind = if had { Kind::LostAfterCrash } else { Kind::LostAppend };
        told.add(anomaly(kind, node, append, log, before));
        lost.insert(number);
    });
    let lost = Some(lost.len() as u64);
    CheckResult { lost, ..CheckResult::weigh(acked.len() as u64, told.into_anomalies(), doubts) }
}

/// Hands over, node by node, each of these appends (by its place among them) that is not where it
/// was said to be in the node's log at the end. Returns what stands in the way of an answer.
pub(crate) fn absent<'a>(
    history: &History,
    acked: &[Acked<'_>],
    logs: &'a BTreeMap<String, FinalLog>,
    mut tell: impl FnMut(&'a String, usize, &'a FinalLog),
) -> Vec<String> {
    let settled = Said::of(history.events()).settled;
    let behind_is_fine = settled.is_none_or(|(_, settled)| !settled.converged);
    let holds = |log: &FinalLog, append: &Acked<'_>| log.holds(append.offset, append.value);
    let somewhere = |append: &Acked<'_>| logs.values().any(|log| holds(log, append));
    let mut doubts = Vec::new();
    for (node, log) in logs {
        if let Some(why) = &log.missing {
            doubts.push(finals::unread(node, why));
            continue;
        }
        let mut behind = false;
        for (number, append) in acked.iter().enumerate().filter(|(_, append)| !holds(log, append)) {
            if append.offset >= log.entries.len() as u64 && behind_is_fine && somewhere(append) {
                behind = true; // not lost: this node had no time to catch up
            } else {
                tell(node, number, log);
            }
        }
        if behind {
            doubts.push(format!("{node} had not caught up when it was read"));
        }
    }
    if logs.is_empty() {
        doubts.push("no node was read to its end".into());
    }
    doubts
}

/// That an acknowledged append is not in the log of a node at its end, and `more` about it.
pub(crate) fn anomaly(
    kind: Kind,
    node: &str,
    append: &Acked<'_>,
    log: &FinalLog,
    more: &str,
) -> Anomaly {
    let who = append.invoke.process();
    let by = append.ret.node.as_ref().map(|node| format!(" by {node}")).unwrap_or_default();
    let instead = match log.entries.get(append.offset as usize) {
        Some(value) => format!("{node} ended with {value} there"),
        None => format!("the log of {node} ended at length {}", log.entries.len()),
    };
    let mut events = vec![append.invoke.index, append.ret.index];
    events.extend(log.shown_by(append.offset));
    Anomaly {
        kind,
        explanation: format!(
            "the append of {} by {who} was acknowledged at offset {}{by}, but {instead}{more}",
            append.value, append.offset
        ),
        events,
        time_ns: append.ret.time(),
    }
}
