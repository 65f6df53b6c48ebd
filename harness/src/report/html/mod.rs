//! report.html, from the verdict at its top to the environment at its end.

mod anomalies;
mod details;
mod header;
mod tables;

use maud::{Markup, PreEscaped, html};

use super::facts::Facts;
use super::pictures::{PICTURES, Picture, Place};
use super::{Report, words};
use crate::draw::page;

pub fn page(report: &Report<'_>) -> String {
    let facts = Facts::new(report);
    let title = format!("{}: {}", report.verdict.verdict, words::tested(report));
    let pictures: Vec<Markup> = PICTURES
        .iter()
        .filter(|picture| picture.place == Place::Run && header::has_times(report))
        .filter_map(|picture| figure(picture, &facts))
        .collect();
    let body = html! {
        (PreEscaped(HATCHES))
        (header::header(report, !pictures.is_empty()))
        main {
            (anomalies::section(report, &facts))
            @if !pictures.is_empty() {
                section #time {
                    h2 { "The run over time" }
                    @for picture in &pictures { (picture) }
                }
            }
            (tables::checks(report))
            @if report.workload.is_some() {
                (tables::faults(report, &facts))
                (tables::recovery(&facts))
            }
            (tables::refusals(report))
            @if header::has_times(report) { (tables::latency(&facts)) }
            @if report.workload.is_some() { (details::section(report)) }
        }
        footer {
            "Written by schism from " code { (report.directory) }
            @if report.workload.is_some() {
                "; " code { "schism report " (report.directory) } " writes it again"
            }
            "."
        }
    };
    page::page(&title, "", &body)
}

fn figure(picture: &Picture, facts: &Facts<'_>) -> Option<Markup> {
    let drawing = (picture.draw)(facts, None)?;
    Some(html! {
        figure id=(picture.name) {
            h3 { (picture.title) }
            (page::picture(&drawing.svg, picture.legend, &drawing.note))
        }
    })
}

/// Hatching of nodes that were down or paused: in SVG only a pattern can, and it is shared by all
/// pictures of the page.
pub const HATCHES: &str = concat!(
    r#"<svg class="defs" width="0" height="0" aria-hidden="true">"#,
    r#"<defs>"#,
    r#"<pattern id="hatch-down" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">"#,
    r#"<rect width="6" height="6" class="hatch-ground"/>"#,
    r#"<rect width="2.5" height="6" class="hatch-down"/>"#,
    r#"</pattern>"#,
    r#"<pattern id="hatch-paused" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(-45)">"#,
    r#"<rect width="6" height="6" class="hatch-ground"/>"#,
    r#"<rect width="2.5" height="6" class="hatch-paused"/>"#,
    r#"</pattern>"#,
    r#"</defs>"#,
    r#"</svg>"#,
);
