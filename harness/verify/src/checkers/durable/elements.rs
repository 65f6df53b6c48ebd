//! Sets: every acknowledged element that nobody can have removed is in the set at the end.
//!
//! An element is absent for a reason if a remove of it that may have happened had not returned when
//! it was added: it may have come after. If there is none such and no final read shows it, then it
//! is lost: nothing else takes elements out.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use foldhash::fast::FixedState;

use super::note;
use crate::checkers::CheckResult;
use crate::checkers::told::Told;
use crate::evidence::last_reads::{LastRead, LastReads};
use crate::evidence::{Evidence, Settings};
use crate::history::{Event, History, Type, Value};
use crate::models::spec::Call;
use crate::verdict::{Anomaly, Kind};

/// What became of one set.
#[derive(Default)]
struct Set<'a> {
    /// Every element that may be in it.
    asked: BTreeSet<&'a Value>,
    /// Acknowledged adds: the element, where it was asked, and the two events.
    added: Vec<(&'a Value, usize, &'a Event, &'a Event)>,
    /// Until when each element may have been removed; `usize::MAX`: at any later time.
    removed: HashMap<&'a Value, usize, FixedState>,
}

pub(super) fn find(evidence: &Evidence, settings: &Settings) -> CheckResult {
    let history = &evidence.history;
    let reads = LastReads::of(history, settings).expect("the model's row says that keys are read");
    let sets = sets(history);
    let all = sets.values().map(|set| set.added.len() as u64).sum();
    let (mut told, mut lost) = (Told::default(), 0);
    for (key, reads) in reads.by_key.iter().filter(|_| reads.unread.is_empty()) {
        let none = Set::default();
        let set = sets.get(key).unwrap_or(&none);
        let mut shown: BTreeMap<&Value, &LastRead<'_>> = BTreeMap::new();
        for read in reads {
            if let Value::List(elements) = read.value {
                shown.extend(elements.iter().map(|element| (element, read)));
            }
        }
        let of = key.map(|key| format!(" {key}")).unwrap_or_default();
        for (element, read) in shown.iter().filter(|(element, _)| !set.asked.contains(*element)) {
            let explanation = format!(
                "at the end the set{of} of {} has {element}, which nobody ever added",
                read.node
            );
            let events = read.events.to_vec();
            told.add(Anomaly { kind: Kind::Phantom, explanation, events, time_ns: None });
        }
        for (element, asked, invoke, ret) in &set.added {
            let may_be_gone = set.removed.get(element).is_some_and(|until| until > asked);
            if may_be_gone || shown.contains_key(*element) {
                continue;
            }
            lost += 1;
            let by = ret.node.as_ref().map(|node| format!(" by {node}")).unwrap_or_default();
            let explanation = format!(
                "the add of {element} by {} was acknowledged{by}, nobody removed it, and at the end \
                 it is not in the set{of} of any node",
                invoke.process()
            );
            let last = reads.last().map(|read| read.events);
            let events = [invoke.index, ret.index].into_iter().chain(last.into_iter().flatten());
            let (kind, events) = (Kind::LostElement, events.collect());
            told.add(Anomaly { kind, explanation, events, time_ns: ret.time() });
        }
    }
    let notes = note(lost, all, "elements");
    let found = CheckResult::weigh(all, told.into_anomalies(), reads.unread);
    CheckResult { lost: Some(lost), notes, ..found }
}

fn sets(history: &History) -> BTreeMap<Option<&Value>, Set<'_>> {
    let mut sets: BTreeMap<_, Set<'_>> = BTreeMap::new();
    for op in history.operations() {
        let (invoke, ret) = (history.invoke(op), history.ret(op));
        let answered = ret.filter(|ret| matches!(ret.kind, Type::Ok | Type::Fail));
        let call = Call { asked: invoke, answered };
        // As the model has it: Jepsen writes the element of an add as its value.
        let Some(element) = invoke.element().or(call.done()) else { continue };
        let set = sets.entry(invoke.key()).or_default();
        match (&*invoke.f, answered) {
            ("add", ret) if !call.failed() => {
                // One that answers `present` by `false` says that it is in.
                set.asked.insert(element);
                if let Some(ret) = ret.filter(|_| !call.did_not_happen()) {
                    set.added.push((element, op.invoke(), invoke, ret));
                }
            }
            ("remove", _) if !call.did_not_happen() => {
                let until = op.ret().filter(|_| answered.is_some()).unwrap_or(usize::MAX);
                let last = set.removed.entry(element).or_default();
                *last = until.max(*last);
            }
            _ => {}
        }
    }
    sets
}
