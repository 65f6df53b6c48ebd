//! The status block of a run that goes on.
//! It never repaints anything: the caller clears as many lines as it got and prints the next ones.

use std::fmt::Write as _;

use super::super::Live;
use super::super::facts::operations::cut;
use super::super::words::{grouped, millis};
use super::paint::{NAME, Paint};

/// The status block: a few lines, none wider than `width`, ending in a line break.
pub fn live(live: &Live, width: usize, colour: bool) -> String {
    let paint = Paint::new(width, colour);
    let leader = match &live.leader {
        Some((node, epoch)) => format!("{node}, epoch {epoch}"),
        None => "nobody".into(),
    };
    let faults = if live.faults.is_empty() { "none".into() } else { live.faults.join("; ") };
    let rows = [
        (
            "time",
            format!(
                "{:.1} of {:.0} s, {}   {}, seed {}",
                live.elapsed.as_secs_f64(),
                live.duration.as_secs_f64(),
                live.phase,
                live.workload,
                live.seed
            ),
        ),
        (
            "operations",
            format!(
                "{:.0}/s   {} ok, {} fail, {} info",
                live.operations_per_s,
                grouped(live.ok),
                grouped(live.fail),
                grouped(live.info)
            ),
        ),
        ("latency", format!("p50 {}, p99 {}", millis(live.p50_ms), millis(live.p99_ms))),
        ("leader", leader),
        ("faults now", faults),
        ("violations", live.violations.len().to_string()),
    ];
    let mut out = String::new();
    for (name, text) in rows {
        let text = cut(&text, paint.width - NAME);
        let text = match name {
            "violations" if live.violations.is_empty() => paint.good(&text),
            "violations" => paint.bad(&text),
            "faults now" if !live.faults.is_empty() => paint.doubt(&text),
            _ => text,
        };
        let _ = writeln!(out, "{} {text}", paint.dim(&format!("{name:<12}")));
    }
    if let Some(last) = live.violations.last() {
        let _ = writeln!(out, "{:NAME$}{}", "", paint.bad(&cut(last, paint.width - NAME)));
    }
    out
}
