//! The story as a page, for a lecture's screen and for paper.

use maud::{Markup, html};

use super::picture as diagram;
use super::steps::{STEPS, Step};
use super::{Story, millis, states};
use crate::draw::page::{self, picture};

const OWN_STYLE: &str = include_str!("story.css");

impl Story {
    pub fn first(&self, step: Step) -> Option<u64> {
        let notes = self.notes.iter().filter(|note| note.step == Some(step)).map(|n| n.at_ns);
        let messages = self.messages.iter().filter(|m| m.step == Some(step));
        notes.chain(messages.filter_map(|message| message.arrives_ns)).min()
    }
}

pub fn page(story: &Story) -> String {
    let undrawn: u64 = story.undrawn.values().sum();
    let names: Vec<String> =
        story.undrawn.iter().map(|(name, count)| format!("{count} {name}")).collect();
    let undrawn = if undrawn > 0 {
        format!(" Not drawn, as they changed nothing: {}.", names.join(", "))
    } else {
        String::new()
    };
    let note = format!("Time runs downwards, in milliseconds, not to scale.{undrawn}");
    let body = html! {
        header.verdict.valid {
            div.inner {
                p.eyebrow { "schism explain" }
                h1 { span.word { (story.system) } }
                p.lead { (story.about) }
                div.again {
                    span.dim { "See it again" }
                    code { "schism explain " (story.system) " --nodes " (story.nodes) " --seed " (story.seed) }
                }
            }
        }
        main {
            section {
                h2 { "The nine steps" }
                ol.steps { @for (step, name, what) in STEPS { (step_card(story, step, name, what)) } }
            }
            @if !story.states.boxes.is_empty() {
                section {
                    h2 { "The states of a node" }
                    figure {
                        (picture(&states::picture::draw(&story.states, &story.system), STATES_LEGEND,
                            "A crash ends a node in any state."))
                    }
                }
            }
            section {
                h2 { "Who said what to whom" }
                figure { (picture(&diagram::draw(story), LEGEND, &note)) }
            }
        }
        footer { "Virtual time; everything from seed " (story.seed) ". Written by schism." }
    };
    page::page(&format!("schism explain {}", story.system), OWN_STYLE, &body)
}

const STATES_LEGEND: &[(&str, &str)] = &[
    ("way-taken", "taken in this run: by whom first, when, and in which step"),
    ("way-absent", "not in this run"),
];

const LEGEND: &[(&str, &str)] = &[
    ("life-leads", "leads, a colour per epoch"),
    ("life-seeks", "seeks an epoch"),
    ("life-down", "down"),
];

fn step_card(story: &Story, step: Step, name: &str, what: &str) -> Markup {
    let first = story.first(step);
    html! {
        li.absent[first.is_none()] {
            b { span.number { (step.0) } (name) }
            (what)
            span.dim {
                @match first {
                    Some(at) => { " — first at " (millis(at)) " ms" }
                    None => { " — not in this run" }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_outside_stays_text() {
        let story = Story { system: "<b>toy".into(), nodes: 3, ..Story::default() };
        let page = page(&story);
        assert!(page.contains("&lt;b&gt;toy") && !page.contains("<b>toy"));
        assert_eq!(page.matches("not in this run").count(), 9);
    }
}
