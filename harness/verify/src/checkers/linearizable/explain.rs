//! Why no order explains a history, for people: the first return that cannot be explained, and the
//! few operations that prove it. It never names a proof that was not checked again.

use std::fmt::Write;

use super::NICER;
use super::fast::Certificate;
use super::judged::Judged;
use super::object::Object;
use super::open::of_key;
use super::search::{Ended, Searched, Way, search_plainly};
use crate::budget::Meter;
use crate::history::{Event, History, Operation, Process, Type, Value};
use crate::minimize::minimize;
use crate::models::spec::{Spec, Timed};
use crate::verdict::{Anomaly, Kind};

/// More operations than this are not worth making fewer: each attempt searches them all.
const MINIMIZE_OPS_MAX: usize = 20_000;

/// A sentence names at most so many operations.
const NAMED_MAX: usize = 6;

/// Explains an object whose search got stuck at this rank. It may have looked ahead and got stuck
/// too early, or, if `late`, forgiven too much.
pub(super) fn explain<S: Spec>(
    judged: &Judged<S>,
    history: &History,
    object: &Object<S::Op>,
    rank: u32,
    late: bool,
    meter: &Meter,
) -> Anomaly {
    let meter = meter.slice(NICER);
    let from = if late { 0 } else { rank };
    let Some(rank) = first_stuck(judged, &object.ops, from, &meter) else {
        return near(history, object, rank);
    };
    let culprit = object.ops.iter().find(|op| op.ret == rank);
    let culprit = culprit.expect("a search gets stuck at the return of an operation").id;
    let completed: Vec<u32> =
        object.ops.iter().filter(|op| op.ret <= rank).map(|op| op.id).collect();

    let mut proof = completed;
    if object.ops.len() <= MINIMIZE_OPS_MAX {
        proof = minimize(proof, &mut |kept: &[u32]| {
            let violated =
                |ops| matches!(judged.search(ops, Way::Turns, &meter).ended, Ended::Stuck { .. });
            meter.time().is_ok() && violated(&weakened(&judged.spec, &object.ops, rank, Some(kept)))
        });
    }
    let event = &history.events()[rank as usize];
    let key = of_key(object.key.as_ref());
    let mut sentence = format!(
        "{key}{} cannot be explained (event {}; everything before it can)",
        name(history, culprit),
        event.index
    );
    sentence.push_str(&possible(
        judged,
        &weakened(&judged.spec, &object.ops, rank, None),
        rank,
        &meter,
    ));
    let others: Vec<u32> = proof.iter().copied().filter(|id| *id != culprit).collect();
    if others.is_empty() {
        sentence.push_str("; it is impossible by itself, whatever else happened");
    } else if others.len() <= NAMED_MAX {
        let names: Vec<String> = others.iter().map(|id| name(history, *id)).collect();
        say(&mut sentence, format_args!("; it contradicts {}", names.join(", ")));
    } else {
        say(&mut sentence, format_args!("; it contradicts {} operations together", others.len()));
    }
    proof.push(culprit);
    anomaly(history, &proof, sentence, event.time())
}

/// The states that were possible until this rank, if they can be found quickly.
fn possible<S: Spec>(judged: &Judged<S>, ops: &[Timed<S::Op>], rank: u32, meter: &Meter) -> String {
    let Searched { ended, states, .. } =
        search_plainly(&judged.spec, ops, &meter.slice(NICER / 10));
    let Ended::Stuck { rank: at, states: all, .. } = ended else { return String::new() };
    if at != rank {
        return String::new();
    }
    let more = if all.len() > states.len() { ", ..." } else { "" };
    format!(": until then only these states were possible: {}{more}", states.join(", "))
}

/// What can be said without finding the exact place.
pub(super) fn near<Op>(history: &History, object: &Object<Op>, rank: u32) -> Anomaly {
    let culprit = object.ops.iter().find(|op| op.ret == rank);
    let culprit = culprit.expect("a search gets stuck at the return of an operation").id;
    let event = &history.events()[rank as usize];
    let key = of_key(object.key.as_ref());
    let sentence = format!(
        "{key}no order of all operations explains their answers; at {} (event {}) at the latest \
         every order contradicts it or what comes after it",
        name(history, culprit),
        event.index
    );
    anomaly(history, &[culprit], sentence, event.time())
}

/// The first return that cannot be explained by what comes before it. A search that looks ahead
/// may give up earlier: it saw a contradiction coming. None: it would take too long to say.
fn first_stuck<S: Spec>(
    judged: &Judged<S>,
    ops: &[Timed<S::Op>],
    from: u32,
    meter: &Meter,
) -> Option<u32> {
    let mut returns: Vec<u32> =
        ops.iter().map(|op| op.ret).filter(|ret| (from..u32::MAX).contains(ret)).collect();
    returns.sort_unstable();
    // None: not known in time.
    let stuck = |rank: u32| match judged
        .search(&weakened(&judged.spec, ops, rank, None), Way::Turns, meter)
        .ended
    {
        Ended::Spent { .. } => None,
        Ended::Explained => Some(false),
        Ended::Stuck { .. } => Some(true),
    };
    // The cut is near where the search got stuck: try ever longer steps from there.
    let mut low = 0;
    let mut step = 1;
    let mut high = returns.len() - 1;
    while low + step - 1 < high {
        if stuck(returns[low + step - 1])? {
            high = low + step - 1;
            break;
        }
        low += step;
        step *= 2;
    }
    while low < high {
        let middle = usize::midpoint(low, high);
        if stuck(returns[middle])? {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    let rank = returns[high];
    stuck(rank)?.then_some(rank)
}

/// What is left of a history that ends with this rank, when nothing is asked of the operations
/// that are not kept: those that only read are gone, the others may have happened at any later
/// time, or never. If this is violated, so is the whole.
fn weakened<S: Spec>(
    spec: &S,
    ops: &[Timed<S::Op>],
    rank: u32,
    kept: Option<&[u32]>,
) -> Vec<Timed<S::Op>> {
    let mut left = Vec::with_capacity(ops.len());
    for op in ops.iter().filter(|op| op.invoke <= rank) {
        let mut op = op.clone();
        if op.ret > rank || kept.is_some_and(|kept| kept.binary_search(&op.id).is_err()) {
            op.ret = u32::MAX;
        }
        if !(op.is_lost() && spec.only_reads(&op.op)) {
            left.push(op);
        }
    }
    left
}

pub(super) fn name_certificate<Op>(
    history: &History,
    object: &Object<Op>,
    certificate: &Certificate,
) -> Anomaly {
    let mut sentence = certificate.why.clone();
    for (at, &id) in certificate.ops.iter().enumerate() {
        sentence = sentence.replace(&format!("{{{at}}}"), &name(history, id));
    }
    sentence.insert_str(0, &of_key(object.key.as_ref()));
    let returns = certificate.ops.iter().filter_map(|&id| history.ret(operation(history, id)));
    let time = returns.filter_map(Event::time).max();
    anomaly(history, &certificate.ops, sentence, time)
}

fn anomaly(history: &History, ops: &[u32], explanation: String, time_ns: Option<u64>) -> Anomaly {
    let mut events = Vec::new();
    for &id in ops {
        let op = operation(history, id);
        events.push(history.invoke(op).index);
        events.extend(history.ret(op).map(|event| event.index));
    }
    events.sort_unstable();
    events.dedup();
    Anomaly { kind: Kind::NonLinearizable, explanation, events, time_ns }
}

/// Writing to a string does not fail.
fn say(text: &mut String, more: std::fmt::Arguments<'_>) {
    text.write_fmt(more).expect("a string takes everything");
}

fn operation(history: &History, id: u32) -> &Operation {
    &history.operations()[id as usize]
}

/// `p3's read -> 4`.
fn name(history: &History, id: u32) -> String {
    let op = operation(history, id);
    told(history.invoke(op), history.ret(op))
}

/// The same of its two events.
pub(super) fn told(asked: &Event, ret: Option<&Event>) -> String {
    let process = match asked.process() {
        Process::Client(process) => format!("p{process}"),
        Process::Nemesis => "the nemesis".into(),
    };
    let mut text = format!("{process}'s {}", asked.f);
    for part in [asked.element(), asked.value.as_ref()].into_iter().flatten() {
        if *part != Value::Null {
            say(&mut text, format_args!(" {}", short(part)));
        }
    }
    match ret {
        Some(ret) if ret.kind == Type::Ok => {
            if let Some(answer) = ret.value.as_ref().filter(|_| answers(asked, ret)) {
                say(&mut text, format_args!(" -> {}", short(answer)));
            }
        }
        Some(ret) if ret.kind == Type::Fail => text.push_str(" (failed)"),
        _ => text.push_str(" (unanswered)"),
    }
    text
}

/// Whether the answer says more than the question.
fn answers(asked: &Event, ret: &Event) -> bool {
    asked.value != ret.value || ret.value == Some(Value::Null)
}

fn short(value: &Value) -> String {
    const MOST: usize = 40; // a sentence with six of them still fits a screen
    let text = value.to_string();
    if text.chars().count() <= MOST {
        return text;
    }
    let tail: String = text.chars().skip(text.chars().count() - 12).collect();
    format!("{}...{tail}", text.chars().take(MOST - 15).collect::<String>())
}
