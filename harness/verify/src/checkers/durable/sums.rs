//! Counters: what is read at the end is at least what was acknowledged, and at most what was asked.
//!
//! Every acknowledged add took effect, and nothing but adds changes a counter. So a counter that is
//! read once everything was answered shows all acknowledged adds, and of those that were never
//! answered any or none. The greatest of the final reads counts: others may be behind.

use std::collections::BTreeMap;

use super::note;
use crate::checkers::CheckResult;
use crate::checkers::told::Told;
use crate::evidence::last_reads::{LastRead, LastReads};
use crate::evidence::{Evidence, Settings};
use crate::history::{Event, History, Type, Value};
use crate::models::spec::Call;
use crate::verdict::{Anomaly, Kind};

/// What was added to one counter.
#[derive(Default)]
struct Sum<'a> {
    /// Of acknowledged adds: how many, the sum, and the greatest.
    acknowledged: (u64, i128, i128),
    /// The least and the most that the others can have added.
    open: (i128, i128),
    /// The last that was acknowledged.
    last: Option<(&'a Event, &'a Event)>,
}

pub(super) fn find(evidence: &Evidence, settings: &Settings) -> CheckResult {
    let history = &evidence.history;
    let reads = LastReads::of(history, settings).expect("the model's row says that keys are read");
    let sums = sums(history);
    let all = sums.values().map(|sum| sum.acknowledged.0).sum();
    let (mut told, mut lost) = (Told::default(), 0);
    for (key, reads) in reads.by_key.iter().filter(|_| reads.unread.is_empty()) {
        let number = |read: &&LastRead<'_>| match read.value {
            Value::Int(number) => i128::from(*number),
            _ => 0, // nothing was ever added to it
        };
        let none = Sum::default();
        let sum = sums.get(key).unwrap_or(&none);
        let Some(read) = reads.iter().max_by_key(number) else { continue };
        let (count, added, greatest) = sum.acknowledged;
        let (found, of) = (number(&read), key.map(|key| format!(" to {key}")).unwrap_or_default());
        let least = added + sum.open.0;
        if found < least {
            // So many at least, if they were the greatest.
            let missing = ((least - found + greatest.max(1) - 1) / greatest.max(1)) as u64;
            lost += missing;
            let explanation = format!(
                "{missing} of {count} acknowledged adds{of} are missing: they come to {added}, and \
                 at the end {} holds {found}",
                read.node
            );
            told.add(anomaly(Kind::LostWrite, explanation, sum, read));
        }
        let most = added + sum.open.1;
        if found > most {
            let explanation = format!(
                "at the end {} holds {found}, but all adds{of} together come to {most}",
                read.node
            );
            told.add(anomaly(Kind::Phantom, explanation, sum, read));
        }
    }
    let notes = note(lost, all, "adds");
    let found = CheckResult::weigh(all, told.into_anomalies(), reads.unread);
    CheckResult { lost: Some(lost), notes, ..found }
}

fn sums(history: &History) -> BTreeMap<Option<&Value>, Sum<'_>> {
    let mut sums: BTreeMap<_, Sum<'_>> = BTreeMap::new();
    for op in history.operations() {
        let (invoke, ret) = (history.invoke(op), history.ret(op));
        let answered = ret.filter(|ret| matches!(ret.kind, Type::Ok | Type::Fail));
        let call = Call { asked: invoke, answered };
        let Some(Value::Int(by)) = call.done().filter(|_| &*invoke.f == "add") else { continue };
        if call.did_not_happen() {
            continue;
        }
        let (by, sum) = (i128::from(*by), sums.entry(invoke.key()).or_default());
        if let Some(ret) = answered {
            let (count, added, greatest) = sum.acknowledged;
            sum.acknowledged = (count + 1, added + by, greatest.max(by));
            sum.last = Some((invoke, ret));
        } else {
            sum.open.0 += by.min(0);
            sum.open.1 += by.max(0);
        }
    }
    sums
}

fn anomaly(kind: Kind, explanation: String, sum: &Sum<'_>, read: &LastRead<'_>) -> Anomaly {
    let last = sum.last.map(|(invoke, ret)| [invoke.index, ret.index]);
    let events = last.into_iter().flatten().chain(read.events).collect();
    Anomaly { kind, explanation, events, time_ns: sum.last.and_then(|(_, ret)| ret.time()) }
}
