//! While a quorum can, something is acknowledged (docs/internals/faults.md, "Targets, time,
//! recovery").
//! It never judges time in which the machine itself stood still.

use crate::checkers::time::{Span, Stalls, can_progress, ms};
use crate::checkers::{CheckResult, Checker, Sees};
use crate::evidence::{Evidence, Settings, is_run};
use crate::history::nemesis::{Said, final_reads_at};
use crate::history::{Event, History};
use crate::models::{Model, Proves};
use crate::recovery::{self, Acknowledged};
use crate::verdict::{Anomaly, Kind};

pub(crate) const CHECKER: Checker = Checker {
    name: "progress",
    about: "operations are acknowledged while a quorum is up and connected",
    sees: Sees::Outside,
    applies: |evidence, _| {
        let history = &evidence.history;
        is_run(history) || history.nemesis("can-progress").next().is_some()
    },
    run,
};

fn run(evidence: &Evidence, settings: &Settings) -> CheckResult {
    let history = &evidence.history;
    let said = Said::of(history.events());
    let spans = demanded(history, &said);
    let stalls = Stalls::of(&said);
    let model = settings.model_of(history);
    let oks = Acknowledged::of(history, model);
    let mut anomalies = Vec::new();
    let mut doubts = Vec::new();
    let mut notes = Vec::new();
    if spans.is_empty() {
        doubts.push("the run never came to a time in which progress could be demanded".into());
    }
    let work = Work::of(history, model);
    for span in &spans {
        for gap in gaps(&oks.returns, *span) {
            if gap.to - gap.from <= settings.recovery_ns || !work.asked_in(gap) {
                continue;
            }
            let stalled = stalls.within(gap, settings.recovery_ns / 10);
            let told = |span: Span| {
                format!(
                    "nothing was acknowledged for {} ms (from {} ms on), though a quorum could have",
                    ms(span.to - span.from),
                    ms(span.from)
                )
            };
            if settings.silence_is_told {
                notes.push(format!("{}; nobody said how long that may be", told(gap)));
                continue;
            }
            // Where it did not, it may have been slow: there the system has twice as long.
            let steady = |span: &Span| {
                span.to - span.from > 2 * settings.recovery_ns && work.asked_in(*span)
            };
            let mut span = gap;
            if let Some(why) = stalled {
                let Some(part) = stalls.between(gap).into_iter().find(steady) else {
                    doubts.push(format!("{}; but {why}", told(gap)));
                    continue;
                };
                span = part;
            }
            let events = around(history, span);
            let time_ns = Some(span.from.saturating_add(settings.recovery_ns));
            let (kind, explanation) = (Kind::NoProgress, told(span));
            anomalies.push(Anomaly { kind, explanation, events, time_ns });
        }
    }
    if let Some(longest) = settings.recovery_max_ns {
        slow(history, &oks, &spans, longest, &stalls, &mut anomalies, &mut doubts);
    }
    let mut finding = CheckResult::weigh(oks.returns.len() as u64, anomalies, doubts);
    finding.notes.extend(notes);
    if let Some((since, why)) = said.memory_lost_at(u64::MAX) {
        finding.notes.push(format!("from {} ms on nothing is owed: {why}", ms(since)));
    }
    finding
}

/// Recoveries slower than the workload allows, where progress could be demanded all the while.
fn slow(
    history: &History,
    oks: &Acknowledged,
    spans: &[Span],
    longest: u64,
    stalls: &Stalls,
    anomalies: &mut Vec<Anomaly>,
    doubts: &mut Vec<String>,
) {
    for recovery in recovery::measure(history, oks) {
        let healed = recovery.healed_ns;
        let deadline = healed.saturating_add(longest);
        let demanded = spans.iter().any(|span| span.from <= healed && deadline < span.to);
        let took = recovery.first_ok_ns;
        if !demanded || took.is_some_and(|took| took <= longest) {
            continue;
        }
        let took = took.map_or("without end".to_owned(), |took| format!("{} ms", ms(took)));
        let told = format!(
            "recovery from {} (overlay {}) took {took}; {} ms are allowed",
            recovery.fault,
            recovery.overlay,
            ms(longest)
        );
        let span = Span { from: healed, to: deadline };
        if let Some(why) = stalls.within(span, longest / 10) {
            doubts.push(format!("{told}; but {why}"));
        } else {
            let events = around(history, span);
            let kind = Kind::SlowRecovery;
            anomalies.push(Anomaly { kind, explanation: told, events, time_ns: Some(deadline) });
        }
    }
}

/// The spans in which the system could make progress and clients were at work.
fn demanded(history: &History, said: &Said<'_>) -> Vec<Span> {
    let end = end_of_work(history, said);
    let spans = can_progress(said).into_iter();
    spans
        .map(|Span { from, to }| Span { from, to: to.min(end) })
        .filter(|s| s.from < s.to)
        .collect()
}

/// When clients wanted what proves progress: demanding it of a system nobody uses proves nothing.
struct Work {
    /// (invocation, latest return of any operation invoked by then), ascending.
    spans: Vec<(u64, u64)>,
}

impl Work {
    fn of(history: &History, model: Option<&Model>) -> Self {
        let mut spans: Vec<(u64, u64)> = Vec::new();
        for op in history.operations() {
            let (invoke, ret) = (history.invoke(op), history.ret(op));
            let asks = recovery::proves(model, invoke) != Proves::Nothing;
            if let Some(from) = invoke.time().filter(|_| asks) {
                spans.push((from, ret.and_then(Event::time).unwrap_or(u64::MAX)));
            }
        }
        spans.sort_unstable();
        let mut latest = 0;
        for span in &mut spans {
            latest = latest.max(span.1);
            span.1 = latest;
        }
        Work { spans }
    }

    fn asked_in(&self, gap: Span) -> bool {
        let before = self.spans.partition_point(|(from, _)| *from < gap.to);
        before.checked_sub(1).is_some_and(|last| self.spans[last].1 > gap.from)
    }
}

/// When clients were stopped, or the history ends.
pub(super) fn end_of_work(history: &History, said: &Said<'_>) -> u64 {
    let settled = said.settled.as_ref().and_then(|(event, settled)| {
        Some(event.time()?.saturating_sub(settled.waited_ms.saturating_mul(1_000_000)))
    });
    // Clients are stopped when everything is healed and progress has been demanded.
    let healed = said.healed.and_then(Event::time);
    let reads = final_reads_at(history).and_then(|at| history.events()[at].time());
    let last = history.events().last().and_then(Event::time);
    let stopped = [healed, settled, reads].into_iter().flatten().min();
    stopped.or(last).unwrap_or(0)
}

/// The spaces between these times, ascending, within a span, its ends included.
pub(super) fn gaps(returns: &[u64], span: Span) -> Vec<Span> {
    let from = returns.partition_point(|&time| time <= span.from);
    let to = returns.partition_point(|&time| time < span.to);
    let mut moments = vec![span.from];
    moments.extend(returns.get(from..to).unwrap_or(&[]));
    moments.push(span.to);
    moments.windows(2).map(|pair| Span { from: pair[0], to: pair[1] }).collect()
}

/// The first and the last event of a span.
fn around(history: &History, span: Span) -> Vec<u64> {
    let inside =
        |event: &&Event| event.time().is_some_and(|time| span.from <= time && time <= span.to);
    let first = history.events().iter().find(inside);
    let last = history.events().iter().rfind(inside);
    let mut events: Vec<u64> = first.into_iter().chain(last).map(|event| event.index).collect();
    events.dedup();
    events
}
