//! Spans of a run's time, and those in which the machine itself stood still: what did not happen in
//! them proves nothing of the system.

use schism_facts::remark::Stall;

use crate::history::nemesis::Said;

/// A span on the history's clock, in nanoseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Span {
    pub from: u64,
    pub to: u64,
}

/// The spans in which the system could make progress; the last may have no end.
pub(crate) fn can_progress(said: &Said<'_>) -> Vec<Span> {
    let mut spans = Vec::new();
    let mut since = None;
    for (event, can) in &said.can_progress {
        match (can, since, event.time()) {
            (true, None, time) => since = time,
            (false, Some(from), Some(to)) => {
                spans.push(Span { from, to });
                since = None;
            }
            _ => {}
        }
    }
    spans.extend(since.map(|from| Span { from, to: u64::MAX }));
    spans
}

/// When the machine itself stood still.
pub(crate) struct Stalls(Vec<Stall>);

impl Stalls {
    pub fn of(said: &Said<'_>) -> Self {
        let mut stalls = said.stalls.clone();
        stalls.sort_unstable_by_key(|stall| stall.from_ns);
        Stalls(stalls)
    }

    /// That the machine stood still for longer than this within the span, in words.
    pub fn within(&self, span: Span, most_ns: u64) -> Option<String> {
        let (mut covered, mut stalled) = (span.from, 0);
        for stall in &self.0 {
            let to = stall.to_ns.min(span.to);
            stalled += to.saturating_sub(stall.from_ns.max(covered));
            covered = covered.max(to);
        }
        let told = || format!("the machine stood still for {} ms", ms(stalled));
        (stalled > most_ns).then(told)
    }

    /// The parts of a span in which it did not.
    pub fn between(&self, span: Span) -> Vec<Span> {
        let mut parts = Vec::new();
        let mut from = span.from;
        for stall in &self.0 {
            parts.push(Span { from, to: stall.from_ns.min(span.to) });
            from = from.max(stall.to_ns);
        }
        parts.push(Span { from, to: span.to });
        parts.retain(|part| part.from < part.to);
        parts
    }
}

pub(crate) fn ms(ns: u64) -> u64 {
    ns / 1_000_000
}
