//! The operations that prove an anomaly, and the remark that makes a drawing of them speak.

use schism_verify::history::Value;
use schism_verify::verdict::{Anomaly, Kind};

use super::super::words::meaning;
use super::Facts;
use super::operations::{Ending, Focus, Operation};

/// Drawings show so many operations of a proof: most have two, and more rows than this are a list.
pub const SHOWN_MAX: usize = 10;

pub struct Evidence<'f, 'a> {
    /// The operations, by the time they were asked; at most [`SHOWN_MAX`].
    pub operations: Vec<&'f Operation<'a>>,
    /// What each asked and was told about the matter.
    pub labels: Vec<String>,
    pub more: usize,
    /// Where to look, and what is to be seen there.
    pub remark: Option<(u64, String)>,
}

pub fn of<'f, 'a>(facts: &'f Facts<'a>, anomaly: &Anomaly) -> Evidence<'f, 'a> {
    let named = |operation: &&Operation<'_>| operation.is_among(&anomaly.events);
    let mut operations: Vec<&Operation<'a>> = facts.operations.iter().filter(named).collect();
    operations.sort_by_key(|operation| (operation.from_ns, operation.to_ns));
    let more = operations.len().saturating_sub(SHOWN_MAX);
    if more > 0 {
        // the last one completed the proof: it stays
        operations.drain(SHOWN_MAX - 1..operations.len() - 1);
    }
    let remark = remark(&operations, anomaly.kind);
    let focus = focus(&operations, anomaly.kind);
    let labels = operations.iter().map(|operation| operation.label_on(&focus)).collect();
    Evidence { operations, labels, more, remark }
}

/// The offset or the value that the operations disagree on.
fn focus(operations: &[&Operation<'_>], kind: Kind) -> Focus {
    let append = operations.iter().find(|operation| operation.invoke.f.starts_with("append"));
    match kind {
        Kind::StaleRead | Kind::RealTimeOrder => Focus::Nothing,
        Kind::Duplicate | Kind::FailedYetVisible | Kind::FutureRead => append
            .and_then(|append| append.invoke.value.clone())
            .map_or(Focus::Nothing, Focus::Value),
        _ => append
            .and_then(|append| append.ret?.offset())
            .or_else(|| differing(operations))
            .map_or(Focus::Nothing, Focus::Offset),
    }
}

/// The first offset at which two reads were shown different entries.
fn differing(operations: &[&Operation<'_>]) -> Option<u64> {
    // Only of a log does it matter where something stands; a set has no places.
    let of_log =
        |operation: &&&Operation<'_>| operation.ret.is_some_and(|ret| ret.tail().is_some());
    let reads = operations.iter().filter(of_log);
    let mut reads = reads.filter_map(|operation| operation.entries());
    let (first, second) = (reads.next()?, reads.next()?);
    let from = first.0.max(second.0);
    let entry = |read: (u64, &[Value]), offset: u64| {
        usize::try_from(offset - read.0).ok().and_then(|place| read.1.get(place).cloned())
    };
    (from..)
        .map_while(|offset| Some((offset, entry(first, offset)?, entry(second, offset)?)))
        .find_map(|(offset, one, other)| (one != other).then_some(offset))
}

/// The moment that settles it, in words.
fn remark(operations: &[&Operation<'_>], kind: Kind) -> Option<(u64, String)> {
    let last = operations.last()?;
    let by_length = matches!(kind, Kind::StaleRead | Kind::RealTimeOrder | Kind::NonLinearizable);
    if let Some((at, text)) = by_length.then(|| missing(operations)).flatten() {
        return Some((at, text));
    }
    let acknowledged = operations.iter().find(|operation| {
        operation.ending() == Ending::Ok && operation.invoke.f.starts_with("append")
    });
    if let (Kind::LostAppend | Kind::LostAfterCrash, Some(append)) = (kind, acknowledged) {
        let offset = append
            .length_seen()
            .map_or(String::new(), |seen| format!(" at offset {}", seen.saturating_sub(1)));
        return Some((append.to_ns?, format!("acknowledged{offset} here, absent afterwards")));
    }
    let first = operations.first().filter(|operation| operation.ending() == Ending::Ok);
    if let (true, Some(first)) = (kind.is_loss(), first) {
        return Some((first.to_ns?, "acknowledged here, absent afterwards".into()));
    }
    if kind == Kind::NonLinearizable {
        return None; // the sentence says it better
    }
    Some((last.to_ns.unwrap_or(last.from_ns), meaning(kind).to_owned()))
}

/// The longest log that was seen before a shorter one was.
fn missing(operations: &[&Operation<'_>]) -> Option<(u64, String)> {
    let seen = operations.iter().filter_map(|op| Some((op.to_ns?, op.length_seen()?, op)));
    let (at, most, witness) =
        seen.clone().max_by_key(|(to, length, _)| (*length, u64::MAX - to))?;
    let (_, less, late) = seen.filter(|(_, _, op)| op.from_ns >= at).min_by_key(|row| row.1)?;
    // an append saw the log one shorter than its answer
    let less = if late.invoke.f.starts_with("append") { less - 1 } else { less };
    let gone = most.checked_sub(less).filter(|&gone| gone > 0 && witness.from_ns < late.from_ns)?;
    let (entries, were) = if most == 1 { ("entry", "was") } else { ("entries", "were") };
    let are = if gone == 1 { "is" } else { "are" };
    Some((
        at,
        format!("{most} {entries} {were} visible here, {gone} {are} missing in the later answer"),
    ))
}
