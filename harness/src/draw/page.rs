//! The frame of a page: one file, no network, no script, light and dark, for a screen and for
//! paper. It never lets text from outside through unescaped: maud escapes, pictures escape
//! themselves, and what is hidden is shown.

use maud::{DOCTYPE, Markup, PreEscaped, html};
use schism_facts::foreign::visible;

pub const STYLE: &str = include_str!("style.css");

/// A whole page. `own_style` comes after the style that all share.
pub fn page(title: &str, own_style: &str, body: &Markup) -> String {
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                style { (PreEscaped(STYLE)) (PreEscaped(own_style)) }
            }
            body { (body) }
        }
    };
    visible(&markup.into_string()).into_owned()
}

/// What stands in a `<figure>`: a picture, what its colours mean (class of the swatch, words), and
/// what a reader must know to trust it. An empty legend or note is left out.
pub fn picture(svg: &str, legend: &[(&str, &str)], note: &str) -> Markup {
    html! {
        div.scroll { (PreEscaped(svg)) }
        figcaption {
            @if !legend.is_empty() {
                span.legend {
                    @for (class, meaning) in legend {
                        span.key { i class=(format!("swatch {class}")) {} (meaning) }
                    }
                }
            }
            @if !note.is_empty() { span.note { (note) } }
        }
    }
}
