//! What the run was made of: workload, plan, phases, environment; closed until asked for.

use maud::{Markup, html};

use super::super::Report;
use super::super::words;
use crate::draw::text::cut;
use crate::plan::Plan;
use crate::workload::Workload;

/// Strikes of the plan on the page; plan.json has them all.
const STRIKES_MAX: usize = 300;

pub(super) fn section(report: &Report<'_>) -> Markup {
    let workload = report.workload.map(Workload::to_yaml).unwrap_or_default();
    html! {
        section #plan {
            h2 { "Plan and environment" }
            @if let Some(plan) = report.plan { (strikes(plan)) }
            @if !workload.is_empty() {
                details { summary { "Workload, every default filled in" } pre { (workload) } }
            }
            @if !report.verdict.phases_ms.is_empty() {
                details {
                    summary { "How long each phase took" }
                    table { tbody { @for (name, ms) in &report.verdict.phases_ms {
                        tr { td { (name) } td.n { (words::millis(*ms)) } }
                    } } }
                }
            }
            details { summary { "Environment" } pre { (pretty(report.environment)) } }
        }
    }
}

fn strikes(plan: &Plan) -> Markup {
    html! {
        details {
            summary {
                "Plan: " (plan.strikes.len()) " strikes in " (plan.disturbance.as_secs_f64()) " s"
            }
            div.scroll { table {
                thead { tr { th.n { "#" } th { "Fault" } th.n { "At" } th.n { "For" } th { "Choices" } } }
                tbody {
                    @for strike in plan.strikes.iter().take(STRIKES_MAX) {
                        tr {
                            td.n { (strike.id) }
                            td { (strike.fault) }
                            td.n { (format!("{:.3} s", strike.at.as_secs_f64())) }
                            td.n { (words::millis(strike.lasts.as_secs_f64() * 1e3)) }
                            td { code { (cut(&strike.detail.to_string(), 160)) } }
                        }
                    }
                }
            } }
            @if plan.strikes.len() > STRIKES_MAX {
                p.note { "The first " (STRIKES_MAX) " are shown; plan.json has them all." }
            }
            p.note { "Times count from the start of the disturbance. The schedule is a pure function \
                of workload and seed; the interleaving of real processes is not." }
        }
    }
}

fn pretty<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}
