//! Checks, faults, recovery and latency as tables.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::super::facts::Facts;
use super::super::facts::operations::Ending;
use super::super::facts::recovery::{Silence, recoveries, silences};
use super::super::{Report, refusals, words};
use crate::draw::text::cut;

/// Rows of strikes and silences: what a reader looks through. The history has them all.
const ROWS_MAX: usize = 100;

pub(super) fn checks(report: &Report<'_>) -> Markup {
    html! {
        section #checks {
            h2 { "Checks" }
            div.scroll {
                table {
                    thead { tr {
                        th { "Check" } th { "Verdict" } th { "Finding" }
                        th.n { "Looked at" } th.n { "Took" }
                    } }
                    tbody {
                        @for check in &report.verdict.checks {
                            tr {
                                td { b { (check.name) } @if let Some(model) = &check.model {
                                    span.dim { " of a " (model) }
                                } }
                                td { (badge(&check.verdict)) }
                                td { (words::finding(check))
                                    @for note in &check.notes { br; span.dim { (note) } } }
                                td.n { (words::grouped(check.operations)) }
                                td.n { (words::millis(check.elapsed_ms)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn badge(verdict: &str) -> Markup {
    let class = match verdict {
        "valid" => "badge valid",
        "violated" => "badge violated",
        _ => "badge unknown",
    };
    html! { span class=(class) { (verdict) } }
}

/// Every kind of fault with how often it struck and had an effect.
pub(super) fn faults(report: &Report<'_>, facts: &Facts<'_>) -> Markup {
    html! {
        section #faults {
            h2 { "Faults" }
            @if report.verdict.faults.is_empty() {
                p.note { "The workload breaks nothing." }
            } @else {
                p.note { "What the strikes were confirmed to do: bytes held, connections refused, \
                    processes reaped or seen stopped. A run whose faults have no effect is not valid." }
                div.scroll { table {
                    thead { tr {
                        th { "Fault" } th.n { "Struck" } th.n { "Effective" } th { "What it did altogether" }
                    } }
                    tbody {
                        @for fault in &report.verdict.faults {
                            @let class = crate::faults::class(&fault.fault);
                            tr {
                                td { i class=(format!("swatch strike {class}")) {} b { (fault.fault) } }
                                td.n { (fault.strikes) }
                                td.n { @if fault.effective == 0 { b.bad { "0" } } @else { (fault.effective) } }
                                td { (fault.effect) }
                            }
                        }
                    }
                } }
            }
            @if !facts.deaths.is_empty() {
                h3 { "Nodes that died though nobody killed them" }
                ul { @for (at, node, how) in &facts.deaths {
                    li { b { (node) } " at " (facts.show(*at)) ": " (how) }
                } }
            }
        }
    }
}

/// What came after every strike, and every silence.
pub(super) fn recovery(facts: &Facts<'_>) -> Markup {
    let after = recoveries(facts);
    let quiet = silences(facts);
    let or_never = |ns: Option<u64>| ns.map_or("never".to_owned(), words::nanos);
    html! {
        section #recovery {
            h2 { "Recovery" }
            @if after.is_empty() { p.note { "Nothing struck." } } @else {
                p.note { "From the confirmed heal: the first ok of an operation asked after it, and \
                    throughput back at nine tenths of the median before the first strike." }
                details open[after.len() <= 24] {
                summary { (after.len()) " strikes" }
                div.scroll { table {
                    thead { tr {
                        th { "Strike" } th.n { "At" } th.n { "Lasted" } th { "Effect" }
                        th.n { "Longest silence" } th.n { "First ok" } th.n { "Throughput back" }
                    } }
                    tbody {
                        @for row in after.iter().take(ROWS_MAX) {
                            @let strike = &facts.strikes[row.strike];
                            @let class = crate::faults::class(&strike.fault);
                            tr {
                                td { i class=(format!("swatch strike {class}")) {} (strike.title()) }
                                td.n { (facts.show(strike.from_ns)) }
                                td.n { (strike.to_ns.map_or("to the end".into(),
                                    |to| words::nanos(to.saturating_sub(strike.from_ns)))) }
                                td { (strike.effect_words()) }
                                td.n { (words::nanos(row.quiet_ns)) }
                                td.n { (or_never(row.first_ok_ns)) }
                                td.n { (or_never(row.throughput_ns)) }
                            }
                        }
                    }
                } }
                @if after.len() > ROWS_MAX { p.note { "The first " (ROWS_MAX) " are shown." } }
                }
            }
            (silent(facts, &quiet))
        }
    }
}

fn silent(facts: &Facts<'_>, quiet: &[Silence]) -> Markup {
    if quiet.is_empty() {
        return html! { p.note { "At no time was nothing acknowledged for 250 ms or more." } };
    }
    let longest = quiet.iter().map(|silence| silence.to_ns - silence.from_ns).max().unwrap_or(0);
    html! {
        details {
            summary {
                "Nothing was acknowledged for 250 ms or more: " (quiet.len()) " times, at most "
                (words::nanos(longest))
            }
            div.scroll { table {
                thead { tr { th.n { "From" } th.n { "To" } th.n { "Lasted" } th { "Faults active" } } }
                tbody {
                    @for silence in quiet.iter().take(ROWS_MAX) {
                        tr {
                            td.n { (facts.show(silence.from_ns)) }
                            td.n { (facts.show(silence.to_ns)) }
                            td.n { (words::nanos(silence.to_ns - silence.from_ns)) }
                            td { (facts.moment(silence.to_ns).faults) }
                        }
                    }
                }
            } }
            @if quiet.len() > ROWS_MAX { p.note { "The first " (ROWS_MAX) " are shown." } }
        }
    }
}

/// Why operations were no ok.
pub(super) fn refusals(report: &Report<'_>) -> Markup {
    let rows = refusals::rows(report);
    let quotes = rows.iter().any(|row| row.first.is_some());
    html! {
        @if !rows.is_empty() {
            section #refusals {
                h2 { "Why refused, why unanswered" }
                p.note { "Refused operations did not happen; of an unanswered one nobody knows." }
                div.scroll { table {
                    thead { tr {
                        th { "Error" } th { "Operation" } th { "Outcome" } th.n { "Times" }
                        th { "Node" } @if quotes { th { "The first in full" } }
                    } }
                    tbody {
                        @for row in rows.iter().take(ROWS_MAX) {
                            tr {
                                td { b { (cut(row.error, 80)) } }
                                td { (cut(row.operation, 40)) }
                                td { (row.outcome) }
                                td.n { (words::grouped(row.count)) }
                                td { (row.nodes()) }
                                @if quotes { td { (row.first.map_or(String::new(), |first| cut(first, 300))) } }
                            }
                        }
                    }
                } }
                @if rows.len() > ROWS_MAX { p.note { "The first " (ROWS_MAX) " are shown." } }
            }
        }
    }
}

/// Quantiles of ok operations, by operation.
pub(super) fn latency(facts: &Facts<'_>) -> Markup {
    let mut by_name: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for operation in facts.operations.iter().filter(|op| op.ending() == Ending::Ok) {
        by_name.entry(&operation.invoke.f).or_default().extend(operation.latency_ns());
    }
    let quantile = |sorted: &[u64], share: f64| {
        let place = (sorted.len().saturating_sub(1) as f64 * share).round() as usize;
        sorted.get(place).map_or(String::new(), |&ns| words::nanos(ns))
    };
    html! {
        section #quantiles {
            h2 { "Latency of ok operations" }
            @if by_name.is_empty() || !facts.timed { p.note { "Nothing to show." } } @else {
                div.scroll { table {
                    thead { tr {
                        th { "Operation" } th.n { "Count" }
                        @for name in ["p50", "p90", "p99", "p99.9", "max"] { th.n { (name) } }
                    } }
                    tbody {
                        @for (name, mut latencies) in by_name {
                            @let sorted = { latencies.sort_unstable(); latencies };
                            tr {
                                td { b { (cut(name, 40)) } }
                                td.n { (words::grouped(sorted.len() as u64)) }
                                @for share in [0.5, 0.9, 0.99, 0.999, 1.0] {
                                    td.n { (quantile(&sorted, share)) }
                                }
                            }
                        }
                    }
                } }
            }
        }
    }
}
