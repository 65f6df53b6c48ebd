//! Where a system acknowledges what only its leader holds, an acknowledged append may be absent at
//! the end if a later epoch than that of its acknowledgement opened with a log that ends at or
//! before its offset (docs/internals/protocols.md). Anything else that is gone is lost: most of
//! all what somebody was shown, since a majority held that.
//!
//! What stays stands in the order of real time. It never judges reads: `reads` does.

mod excuse;
mod shown;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};

use foldhash::fast::FixedState;
use schism_facts::Acks;

use crate::checkers::durable::log::{absent, anomaly};
use crate::checkers::told::Told;
use crate::checkers::{CheckResult, Checker, Sees};
use crate::evidence::finals::{self, FinalLog};
use crate::evidence::{Evidence, Settings};
use crate::history::{History, Type, Value};
use crate::models::log::{Acked, acked};
use crate::verdict::{Anomaly, Kind};
use excuse::{Excuse, Excuses, Opening};
use shown::Shown;

pub(crate) const CHECKER: Checker = Checker {
    name: "failover-loss",
    about: "where acknowledged appends may be lost: only to a later epoch that opened without them",
    sees: Sees::Nodes,
    applies: |evidence, settings| {
        settings.acks == Acks::UntilFailover && finals::of_logs(&evidence.history, settings)
    },
    run,
};

fn run(evidence: &Evidence, settings: &Settings) -> CheckResult {
    let history = &evidence.history;
    let acked = acked(history);
    let logs = finals::logs(history, &settings.nodes);
    // Each append once, with the first node that lacks it.
    let mut gone: BTreeMap<usize, (&String, &FinalLog)> = BTreeMap::new();
    let mut doubts = absent(history, &acked, &logs, |node, number, log| {
        gone.entry(number).or_insert((node, log));
    });
    // Without a loss there is nothing to excuse, and no trace to be read.
    let looked = (!gone.is_empty()).then(|| {
        let lost = gone.keys().map(|&number| &acked[number]);
        (Shown::of(evidence, lost), Excuses::of(evidence, settings))
    });

    let mut told = Told::default();
    let mut tally = Tally::default();
    if let Some((shown, excuses)) = &looked {
        for (&number, &(node, log)) in &gone {
            let append = &acked[number];
            let mut lost = |kind, why: &str| {
                told.add(anomaly(kind, node, append, log, &format!("; {why}")));
            };
            match (shown.get(append), excuses.excuse(append)) {
                (Some(by), _) => lost(by.kind(node), &format!("it may not be lost: {by}")),
                (None, Excuse::Opened(opening)) => *tally.excused.entry(opening).or_default() += 1,
                (None, Excuse::None(why)) => lost(Kind::LostAppend, &why),
                (None, Excuse::Unclear(why)) => *tally.unclear.entry(why).or_default() += 1,
            }
        }
    }
    for found in out_of_order(history, &acked, &logs) {
        told.add(found);
    }
    doubts.extend(tally.doubts());
    let lost = Some(gone.len() as u64);
    let found = CheckResult::weigh(acked.len() as u64, told.into_anomalies(), doubts);
    CheckResult { notes: tally.in_words().into_iter().collect(), lost, ..found }
}

/// What became of appends that are gone, but for those that should not be.
#[derive(Default)]
struct Tally<'a> {
    /// How many each opening excuses.
    excused: BTreeMap<&'a Opening, u64>,
    /// Why nobody can say, and of how many.
    unclear: BTreeMap<String, u64>,
}

/// Openings named in a sentence: a reader wants to see that there were some, not all of them.
const OPENINGS_TOLD_MAX: usize = 5;

impl Tally<'_> {
    fn doubts(&self) -> impl Iterator<Item = String> {
        self.unclear.iter().map(|(why, count)| {
            let (appends, are) = if *count == 1 { ("append", "is") } else { ("appends", "are") };
            format!(
                "{count} acknowledged {appends} {are} gone, and nobody can say whether a failover \
                 may have lost them: {why}"
            )
        })
    }

    /// None: nothing is known to be lost, and not that nothing is.
    fn in_words(&self) -> Option<String> {
        let count: u64 = self.excused.values().sum();
        if count == 0 {
            let none =
                "no acknowledged append was lost to a failover; asynchronous mode may lose some";
            return self.unclear.is_empty().then(|| none.into());
        }
        let (appends, were) = if count == 1 { ("append", "was") } else { ("appends", "were") };
        let each = self.excused.iter().take(OPENINGS_TOLD_MAX).map(|(opening, count)| {
            let Opening { epoch, node, length } = opening;
            let length = length.unwrap_or_default();
            format!("{count} when {node} opened epoch {epoch} with length {length}")
        });
        let mut each: Vec<String> = each.collect();
        if self.excused.len() > OPENINGS_TOLD_MAX {
            let rest: u64 = self.excused.values().skip(OPENINGS_TOLD_MAX).sum();
            let more = self.excused.len() - OPENINGS_TOLD_MAX;
            each.push(format!("{rest} when {more} more epochs opened"));
        }
        Some(format!(
            "{count} acknowledged {appends} {were} lost to failovers, as asynchronous mode may: {}",
            each.join(", ")
        ))
    }
}

/// What was asked for after an acknowledgement does not stand before what that was for, where both
/// are there at the end: entries were put into the log in its order.
fn out_of_order(
    history: &History,
    acked: &[Acked<'_>],
    logs: &BTreeMap<String, FinalLog>,
) -> Vec<Anomaly> {
    let whole = logs.values().filter(|log| log.missing.is_none());
    let Some(log) = whole.max_by_key(|log| log.entries.len()) else { return Vec::new() };
    let asked = asked(history);
    let returned: BTreeMap<u64, &Acked<'_>> = acked
        .iter()
        .filter(|append| log.holds(append.offset, append.value))
        .map(|append| (append.offset, append))
        .collect();
    let mut found = Vec::new();
    // The entry so far that was asked for last.
    let mut latest: Option<(usize, u64, &Value)> = None;
    for (offset, value) in (0..).zip(&log.entries) {
        let append = returned.get(&offset);
        if let (Some(append), Some((invoked, at, earlier))) = (append, latest)
            && history.position(append.ret.index).is_some_and(|returned| returned < invoked)
        {
            found.push(Anomaly {
                kind: Kind::RealTimeOrder,
                explanation: format!(
                    "{earlier} stands at offset {at}, though it was asked for only after the \
                     append of {value} by {} had been acknowledged at offset {offset}",
                    append.invoke.process()
                ),
                events: vec![append.ret.index, history.events()[invoked].index],
                time_ns: append.ret.time(),
            });
        }
        if let Some(Some(invoked)) = asked.get(value)
            && latest.is_none_or(|(before, ..)| before < *invoked)
        {
            latest = Some((*invoked, offset, value));
        }
    }
    found
}

/// When each value was asked for; None: by several, so that nobody knows whose stands where.
fn asked(history: &History) -> HashMap<&Value, Option<usize>, FixedState> {
    let mut asked = HashMap::default();
    for op in history.operations() {
        let invoke = history.invoke(op);
        if invoke.f.starts_with("append")
            && history.outcome(op) != Type::Fail
            && let Some(value) = &invoke.value
        {
            let once = Some(op.invoke());
            asked.entry(value).and_modify(|known| *known = None).or_insert(once);
        }
    }
    asked
}
