//! The story as a page: one file, no network, no script, light and dark, for a lecture's screen
//! and for paper.
//! It never lets text from outside through unescaped.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::picture;
use super::steps::{STEPS, Step};
use super::{Story, millis, states};
use crate::report::html::STYLE;

const OWN_STYLE: &str = include_str!("story.css");

impl Story {
    /// When a step first happened.
    pub fn first(&self, step: Step) -> Option<u64> {
        let notes = self.notes.iter().filter(|note| note.step == Some(step)).map(|n| n.at_ns);
        let messages = self.messages.iter().filter(|m| m.step == Some(step));
        notes.chain(messages.filter_map(|message| message.arrives_ns)).min()
    }
}

/// The whole page.
pub fn page(story: &Story) -> String {
    let undrawn: u64 = story.undrawn.values().sum();
    let names: Vec<String> =
        story.undrawn.iter().map(|(name, count)| format!("{count} {name}")).collect();
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { "schism explain " (story.system) }
                style { (PreEscaped(STYLE)) (PreEscaped(OWN_STYLE)) }
            }
            body {
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
                    @if !story.states.boxes.is_empty() { (states_section(story)) }
                    section {
                        h2 { "Who said what to whom" }
                        figure {
                            div.scroll { (PreEscaped(picture::draw(story))) }
                            figcaption {
                                span.legend {
                                    span.key { i class="swatch life-leads" {} "leads, a colour per epoch" }
                                    span.key { i class="swatch life-seeks" {} "seeks an epoch" }
                                    span.key { i class="swatch life-down" {} "down" }
                                }
                                span.note {
                                    "Time runs downwards, in milliseconds, not to scale."
                                    @if undrawn > 0 {
                                        " Not drawn, as they changed nothing: " (names.join(", ")) "."
                                    }
                                }
                            }
                        }
                    }
                }
                footer { "Virtual time; everything from seed " (story.seed) ". Written by schism." }
            }
        }
    };
    markup.into_string()
}

fn states_section(story: &Story) -> Markup {
    html! {
        section {
            h2 { "The states of a node" }
            figure {
                div.scroll { (PreEscaped(states::picture::draw(&story.states, &story.system))) }
                figcaption {
                    span.legend {
                        span.key {
                            i class="swatch way-taken" {}
                            "taken in this run: by whom first, when, and in which step"
                        }
                        span.key { i class="swatch way-absent" {} "not in this run" }
                    }
                    span.note { "A crash ends a node in any state." }
                }
            }
        }
    }
}

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
