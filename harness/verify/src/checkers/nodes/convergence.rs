//! At the end, with everything healed, all nodes hold the same: the same log, or the same of each
//! key.

use std::collections::HashMap;

use foldhash::fast::FixedState;
use schism_facts::remark::Settled;

use super::keyed;
use crate::checkers::time::{Span, Stalls};
use crate::checkers::{CheckResult, Checker, Sees};
use crate::evidence::last_reads::LastReads;
use crate::evidence::{Evidence, Settings, finals};
use crate::history::nemesis::Said;
use crate::history::{History, Type, Value};
use crate::verdict::{Anomaly, Kind};

pub(crate) const CHECKER: Checker = Checker {
    name: "convergence",
    about: "after everything is healed, all nodes come to hold the same",
    sees: Sees::Outside,
    applies: |evidence, settings| {
        let history = &evidence.history;
        finals::of_logs(history, settings)
            || LastReads::of(history, settings).is_some()
            || history.nemesis("settled").next().is_some()
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
    let mut notes = Vec::new();
    let said = Said::of(history.events());
    let stalls = Stalls::of(&said);
    let reads = LastReads::of(history, settings);
    doubts.extend(reads.iter().flat_map(|reads| reads.unread.iter().cloned()));
    match (said.unreadable("settled"), &said.settled) {
        (Some(why), _) => doubts.push(why),
        (None, None) => doubts.push("the run never waited for its nodes to settle".into()),
        (None, Some((event, settled))) => {
            let to = event.time().unwrap_or(0);
            let waited = settled.waited_ms.saturating_mul(1_000_000);
            let span = Span { from: to.saturating_sub(waited), to };
            if settled.converged {
            } else if let Some((_, why)) = said.memory_lost_at(to) {
                let what = if reads.is_some() { "same" } else { "same log" };
                doubts.push(format!("the nodes can never hold the {what} again: {why}"));
            } else if settled.waited_ms < SETTLE_MS_MIN {
                doubts.push(format!("settling was cut off after {} ms", settled.waited_ms));
            } else if let Some(reads) = &reads {
                match stalls.within(span, waited / 10) {
                    Some(why) => doubts.push(format!("{why} while nodes settled")),
                    None => anomalies.extend(keyed::differences(reads, settled.waited_ms)),
                }
                if anomalies.is_empty() && doubts.is_empty() {
                    doubts
                        .push("the nodes did not settle, though what they answered agrees".into());
                }
            } else if settings.nodes.len() == 1 {
                let why = "the one node there is never said how much it had delivered";
                doubts.push(why.into());
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
            if settled.converged && reads.is_none() {
                let settled = Common::of(history, settled);
                notes = compare(evidence, settings, &settled, &mut anomalies, &mut doubts);
            }
        }
    }
    let nodes = settings.nodes.len() as u64;
    CheckResult { notes, ..CheckResult::weigh(nodes, anomalies, doubts) }
}

/// What all nodes must have in common.
struct Common<'a> {
    settled: &'a Settled,
    /// How many appends of each value were never answered: each may take effect at any time, also
    /// between the reads of two nodes.
    unanswered: HashMap<&'a Value, usize, FixedState>,
    /// The same of those that were acknowledged.
    acknowledged: HashMap<&'a Value, usize, FixedState>,
}

impl<'a> Common<'a> {
    fn of(history: &'a History, settled: &'a Settled) -> Self {
        let (mut unanswered, mut acknowledged) = (HashMap::default(), HashMap::default());
        for op in history.operations() {
            let invoke = history.invoke(op);
            let Some(value) = invoke.value.as_ref().filter(|_| invoke.f.starts_with("append"))
            else {
                continue;
            };
            match history.outcome(op) {
                Type::Ok => *acknowledged.entry(value).or_default() += 1,
                Type::Info => *unanswered.entry(value).or_default() += 1,
                Type::Fail | Type::Invoke => {}
            }
        }
        Common { settled, unanswered, acknowledged }
    }

    /// The length that no log may end below: of the last append before the nodes were read, and
    /// what they themselves said then. Some count more than clients do; such a length is none.
    fn length(&self, longest: usize) -> usize {
        let said = self.settled.delivered.values().min().map_or(0, |&length| length as usize);
        let barrier = self.settled.barrier.map_or(0, |length| length as usize);
        barrier.max(if said <= longest { said } else { 0 })
    }

    /// Whether what stands in this log from there on is nothing but unanswered appends that came
    /// late.
    fn explains(&self, log: &[Value], from: usize) -> bool {
        if from < self.length(log.len()) {
            return false;
        }
        let mut left = self.unanswered.clone();
        // What acknowledgements do not account for before, unanswered appends do.
        let mut acknowledged = self.acknowledged.clone();
        let mut takes = |value: &Value, from_acknowledged: bool| {
            let take = |of: &mut HashMap<&Value, usize, FixedState>| {
                let count = of.get_mut(value).filter(|count| **count > 0);
                count.map(|count| *count -= 1).is_some()
            };
            from_acknowledged && take(&mut acknowledged) || take(&mut left)
        };
        for value in &log[..from] {
            takes(value, true);
        }
        log[from..].iter().all(|value| takes(value, false))
    }
}

/// Nodes that said they agree must show the same log, but for what came late. What that was, in
/// sentences.
fn compare(
    evidence: &Evidence,
    settings: &Settings,
    common: &Common<'_>,
    anomalies: &mut Vec<Anomaly>,
    doubts: &mut Vec<String>,
) -> Vec<String> {
    let mut notes = Vec::new();
    let logs = finals::logs(&evidence.history, &settings.nodes);
    for (node, log) in &logs {
        if let Some(why) = &log.missing {
            doubts.push(finals::unread(node, why));
        }
    }
    let whole = || logs.iter().filter(|(_, log)| log.missing.is_none());
    // Against the longest, so that what others lack of it is not left uncompared.
    let Some((first, one)) = whole().rev().max_by_key(|(_, log)| log.entries.len()) else {
        doubts.push("no node was read to its end".into());
        return notes;
    };
    for (node, other) in whole() {
        let shorter = other.entries.len();
        let differ = (0..shorter).find(|&at| one.entries[at] != other.entries[at]);
        let sentence = match differ {
            Some(at) => format!(
                "at the end {first} holds {} at offset {at}, and {node} holds {}",
                one.entries[at], other.entries[at]
            ),
            None if one.entries.len() == shorter => continue,
            None if common.explains(&one.entries, shorter) => {
                notes.push(format!(
                    "{first} ended with {} entries and {node} with {shorter}: appends that were \
                     never answered took effect while the nodes were read",
                    one.entries.len()
                ));
                continue;
            }
            None => format!(
                "at the end {first} holds {} entries, and {node} holds {shorter}",
                one.entries.len()
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
    notes
}
