//! At the end, with everything healed, all nodes hold the same log.

use crate::checkers::time::{Span, Stalls};
use crate::checkers::{CheckResult, Checker, Sees};
use crate::evidence::{Evidence, Settings, finals};
use crate::history::nemesis::Said;
use crate::verdict::{Anomaly, Kind};

pub(crate) const CHECKER: Checker = Checker {
    name: "convergence",
    about: "after everything is healed, all nodes come to hold the same log",
    sees: Sees::Outside,
    applies: |evidence, _| {
        let history = &evidence.history;
        finals::of_logs(history) || history.nemesis("settled").next().is_some()
    },
    run,
};

/// Nodes have 30 s to settle (docs/internals/faults.md); the harness looks every 50 ms, so it may
/// give up a moment before. A wait that was shorter was cut off, and says nothing.
const SETTLE_MS_MIN: u64 = 29_000;

fn run(evidence: &Evidence, settings: &Settings) -> CheckResult {
    let history = &evidence.history;
    let mut anomalies = Vec::new();
    let mut doubts = Vec::new();
    let said = Said::of(history.events());
    let stalls = Stalls::of(&said);
    match (said.unreadable("settled"), &said.settled) {
        (Some(why), _) => doubts.push(why),
        (None, None) => doubts.push("the run never waited for its nodes to settle".into()),
        (None, Some((event, settled))) => {
            let to = event.time().unwrap_or(0);
            let waited = settled.waited_ms.saturating_mul(1_000_000);
            let span = Span { from: to.saturating_sub(waited), to };
            if settled.converged {
            } else if let Some((_, why)) = said.memory_lost_at(to) {
                doubts.push(format!("the nodes can never hold the same log again: {why}"));
            } else if settled.waited_ms < SETTLE_MS_MIN {
                doubts.push(format!("settling was cut off after {} ms", settled.waited_ms));
            } else if let Some(why) = stalls.within(span, waited / 10) {
                doubts.push(format!("{why} while nodes settled"));
            } else {
                let counts: Vec<String> =
                    settled.delivered.iter().map(|(node, n)| format!("{node} {n}")).collect();
                let told = format!(
                    "{} ms after everything was healed the nodes had delivered different numbers \
                     of entries: {}",
                    settled.waited_ms,
                    counts.join(", ")
                );
                anomalies.push(Anomaly::at(event, Kind::NotConverged, told));
            }
            if settled.converged {
                compare(evidence, settings, &mut anomalies, &mut doubts);
            }
        }
    }
    let nodes = settings.nodes.len() as u64;
    CheckResult::weigh(nodes, anomalies, doubts)
}

/// Nodes that said they agree must show the same log.
fn compare(
    evidence: &Evidence,
    settings: &Settings,
    anomalies: &mut Vec<Anomaly>,
    doubts: &mut Vec<String>,
) {
    let logs = finals::logs(&evidence.history, &settings.nodes);
    for (node, log) in &logs {
        if let Some(why) = &log.missing {
            doubts.push(finals::unread(node, why));
        }
    }
    let mut whole = logs.iter().filter(|(_, log)| log.missing.is_none());
    let Some((first, one)) = whole.next() else {
        doubts.push("no node was read to its end".into());
        return;
    };
    for (node, other) in whole {
        let shorter = one.entries.len().min(other.entries.len());
        let differ = (0..shorter).find(|&at| one.entries[at] != other.entries[at]);
        let sentence = match differ {
            Some(at) => format!(
                "at the end {first} holds {} at offset {at}, and {node} holds {}",
                one.entries[at], other.entries[at]
            ),
            None if one.entries.len() == other.entries.len() => continue,
            None => format!(
                "at the end {first} holds {} entries, and {node} holds {}",
                one.entries.len(),
                other.entries.len()
            ),
        };
        let at = differ.unwrap_or(shorter) as u64;
        let mut events: Vec<u64> = [one, other].iter().filter_map(|log| log.shown_by(at)).collect();
        events.sort_unstable();
        anomalies.push(Anomaly {
            kind: Kind::NotConverged,
            explanation: sentence,
            events,
            time_ns: None,
        });
    }
}
