//! Why no order explains a history, for people: the first return that cannot be explained, and the
//! few operations that prove it. It never names a proof that was not checked again.

use std::collections::HashMap;
use std::fmt::Write;
use std::time::Duration;

use foldhash::fast::FixedState;

use super::NICER;
use super::fast::Certificate;
use super::judged::Judged;
use super::object::Object;
use super::open::of_key;
use super::search::{Ended, Searched, Way, search_plainly};
use crate::budget::Meter;
use crate::history::{Event, History, Operation, Process, Type, Value};
use crate::minimize::minimize;
use crate::models::spec::{Spec, Timed, says_no};
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
    if let Some((other, why)) = vain(history, object, culprit) {
        say(&mut sentence, format_args!("; it found what {} asked for{why}", name(history, other)));
        proof.push(other);
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

/// Looking for the first bad event may take this long: so much only for histories of which one
/// judgement takes a good part of it.
const FIRST: Duration = Duration::from_secs(2);

/// The certificate of the first return that no order explains: a fast path finds some
/// contradiction, and often says it with operations that came later.
pub(super) fn first_contradiction<S: Spec>(
    judged: &Judged<S>,
    ops: &[Timed<S::Op>],
    found: Certificate,
    meter: &Meter,
) -> Certificate {
    let meter = meter.slice(FIRST);
    let mut returns: Vec<u32> = ops.iter().map(|op| op.ret).filter(|ret| *ret < u32::MAX).collect();
    returns.sort_unstable();
    let ret_of: HashMap<u32, u32, FixedState> = ops.iter().map(|op| (op.id, op.ret)).collect();
    let last = |certificate: &Certificate| {
        let rets = certificate.ops.iter().filter_map(|id| ret_of.get(id));
        let last = rets.copied().filter(|ret| *ret < u32::MAX).max().unwrap_or(0);
        returns.partition_point(|ret| *ret < last)
    };
    let (mut low, mut high) = (0, last(&found));
    let mut first = found;
    while low < high && meter.time().is_ok() {
        let middle = usize::midpoint(low, high);
        match judged.fast(&until(judged, ops, returns[middle])) {
            Some(Err(certificate)) => {
                high = last(&certificate).min(middle);
                first = certificate;
            }
            _ => low = middle + 1,
        }
    }
    first
}

/// What was known at this rank.
fn until<S: Spec>(judged: &Judged<S>, ops: &[Timed<S::Op>], rank: u32) -> Vec<Timed<S::Op>> {
    let mut known = Vec::with_capacity(ops.len());
    for op in ops.iter().take_while(|op| op.invoke <= rank) {
        if op.ret <= rank {
            known.push(op.clone());
            continue;
        }
        let lost = Timed { op: (judged.unanswered)(&op.op), ret: u32::MAX, ..*op };
        if !judged.spec.only_reads(&lost.op) {
            known.push(lost);
        }
    }
    known
}

pub(super) fn name_certificate<Op>(
    history: &History,
    object: &Object<Op>,
    certificate: &Certificate,
) -> Anomaly {
    let mut ops = certificate.ops.clone();
    let mut sentence = certificate.why.clone();
    let found = certificate.unasked.zip(ops.last().copied());
    let vain = found.and_then(|(who, by)| Some((who, vain(history, object, by)?)));
    if let Some((who, (other, why))) = vain {
        sentence = format!("{who} found what {{{}}} asked for{why}", ops.len());
        ops.push(other);
    }
    for (at, &id) in ops.iter().enumerate() {
        sentence = sentence.replace(&format!("{{{at}}}"), &name(history, id));
    }
    sentence.insert_str(0, &of_key(object.key.as_ref()));
    let returns = ops.iter().filter_map(|&id| history.ret(operation(history, id)));
    let time = returns.filter_map(Event::time).max();
    anomaly(history, &ops, sentence, time)
}

/// Why somebody who asked for a value cannot have put it where it was found: what follows the name.
const FAILED: &str = "; that failed, so it certainly never happened, and nobody else asked for it";
const LATER: &str = " only afterwards";

/// An operation that asked for what this one found, but failed, or asked only once this one had
/// returned. None: nobody did, or somebody else can have put it there.
fn vain<Op>(history: &History, object: &Object<Op>, by: u32) -> Option<(u32, &'static str)> {
    let by = operation(history, by);
    let asked = history.invoke(by);
    let answer = history.ret(by).and_then(|ret| ret.value.as_ref());
    let mut found: Vec<&Value> = match (&*asked.f, answer, &asked.value) {
        ("cas", _, Some(Value::List(pair))) => pair.iter().take(1).collect(),
        ("contains", ..) => asked.element().or(asked.value.as_ref()).into_iter().collect(),
        ("read", Some(list @ Value::List(values)), _) => values.iter().chain([list]).collect(),
        (_, answer, _) => answer.into_iter().collect(),
    };
    let puts = |event: &Event, value: &Value| match (&*event.f, event.element(), &event.value) {
        ("cas", _, Some(Value::List(pair))) => pair.get(1) == Some(value),
        ("append", None, Some(Value::Str(token))) => {
            matches!(value, Value::Str(text) if !token.is_empty() && text.contains(&**token))
        }
        ("remove", ..) => false,
        (_, element, asked) => element.or(asked.as_ref()) == Some(value),
    };
    let mut vain: Vec<(u32, &Event, &'static str)> = Vec::new();
    for (id, op) in history.operations().iter().enumerate() {
        let asked = history.invoke(op);
        let of_key = object.key.is_none() || asked.key() == object.key.as_ref();
        if !of_key || op == by || !found.iter().any(|value| puts(asked, value)) {
            continue;
        }
        let ret = history.ret(op);
        if ret.is_some_and(|ret| ret.kind == Type::Fail || says_no(asked, ret)) {
            vain.push((id as u32, asked, FAILED));
        } else if by.ret().is_some_and(|ret| op.invoke() > ret) {
            vain.insert(0, (id as u32, asked, LATER)); // it says more than a failed one
        } else if &*asked.f != "append" {
            found.retain(|value| !puts(asked, value));
        }
    }
    let of_one = |(_, asked, _): &&(u32, &Event, _)| found.iter().any(|value| puts(asked, value));
    vain.iter().find(of_one).map(|(id, _, why)| (*id, *why))
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
