//! A card for each anomaly: what it is, the sentence, the proof drawn, who led and what was broken.

use maud::{Markup, html};
use schism_verify::verdict::Anomaly;

use super::super::facts::Facts;
use super::super::facts::evidence;
use super::super::pictures::{PICTURES, Place};
use super::super::{Report, words};
use crate::draw::page;
use crate::draw::text::cut;
use crate::store::verdict_file::CheckFile;

/// More would bury the first ones, which tell most: the rest is listed by sentence.
const CARDS_MAX: usize = 20;

/// Sentences of anomalies beyond the cards; verdict.json has them all.
const SENTENCES_MAX: usize = 200;

/// All cards; nothing where there are none.
pub(super) fn section(report: &Report<'_>, facts: &Facts<'_>) -> Markup {
    let found = words::anomalies(report);
    if found.is_empty() {
        return html! {};
    }
    html! {
        section #anomalies {
            h2 { "What went wrong" }
            @for (place, (check, anomaly)) in found.iter().take(CARDS_MAX).enumerate() {
                (card(facts, check, anomaly, (place + 1, found.len())))
            }
            @if found.len() > CARDS_MAX { (rest(&found)) }
        }
    }
}

fn card(
    facts: &Facts<'_>,
    check: &CheckFile,
    anomaly: &Anomaly,
    (place, count): (usize, usize),
) -> Markup {
    let proof = evidence::of(facts, anomaly);
    let at = proof.remark.as_ref().map(|remark| remark.0).or(anomaly.time_ns);
    html! {
        article.card {
            p.eyebrow {
                span.kind { (anomaly.kind.name()) }
                span.dim { (words::meaning(anomaly.kind)) }
                @if count > 1 { span.count { (place) " of " (count) } }
            }
            h3 { (cut(&anomaly.explanation, 2_000)) }
            @for picture in PICTURES.iter().filter(|picture| picture.place == Place::Anomaly) {
                @if let Some(drawing) = (picture.draw)(facts, Some(anomaly)) {
                    figure {
                        h4 { (picture.title) }
                        (page::picture(&drawing.svg, picture.legend, &drawing.note))
                    }
                }
            }
            dl.facts {
                @if let Some(at) = at {
                    @let moment = facts.moment(at);
                    dt { "When" } dd { (facts.show(at)) }
                    dt { "Faults active" } dd { (moment.faults) }
                    dt { "Who led" } dd { (moment.leaders) }
                }
                dt { "Found by" } dd { (check.name) }
            }
            @if !proof.operations.is_empty() { (evidence_table(facts, anomaly, &proof)) }
        }
    }
}

fn evidence_table(
    facts: &Facts<'_>,
    anomaly: &Anomaly,
    proof: &evidence::Evidence<'_, '_>,
) -> Markup {
    let events: Vec<String> = anomaly.events.iter().take(20).map(u64::to_string).collect();
    let more = if anomaly.events.len() > 20 { ", ..." } else { "" };
    html! {
        details {
            summary { "The operations in figures" }
            div.scroll {
                table {
                    thead { tr {
                        th { "Process" } th { "Node" } th { "Operation" }
                        th.n { "Asked" } th.n { "Answered" } th.n { "Took" } th { "Ended" }
                    } }
                    tbody {
                        @for (operation, label) in proof.operations.iter().zip(&proof.labels) {
                            tr {
                                td { "p" (operation.process) }
                                td { (operation.node()) }
                                td { code { (label) } }
                                td.n { (facts.show(operation.from_ns)) }
                                td.n { (operation.to_ns.map_or("never".into(), |at| facts.show(at))) }
                                td.n { (operation.latency_ns().map_or(String::new(), words::nanos)) }
                                td { (operation.ending().word()) }
                            }
                        }
                    }
                }
            }
            p.note { "Events of history.jsonl by index: " (events.join(", ")) (more) }
        }
    }
}

fn rest(found: &[(&CheckFile, &Anomaly)]) -> Markup {
    let more = &found[CARDS_MAX..];
    let shown = more.len().min(SENTENCES_MAX);
    html! {
        article.card {
            h3 { (more.len()) " more, without a picture" }
            p.note {
                "The first " (CARDS_MAX) " have cards; verdict.json holds all."
                @if shown < more.len() { " The first " (shown) " of the rest:" }
            }
            ul.rest {
                @for (_, anomaly) in &more[..shown] {
                    li { span.kind { (anomaly.kind.name()) } " " (cut(&anomaly.explanation, 300)) }
                }
            }
        }
    }
}
