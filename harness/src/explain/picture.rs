//! The space-time diagram: a lifeline for each node, time downwards but not to scale, each message
//! a slanted arrow from where it left to where it arrived (Lamport 1978, figure 1, turned).

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::labels::Labels;
use super::{Message, Note, Story, What, millis, show_epoch};
use crate::draw::svg::{Svg, WIDTH};

/// Room for the times at the left.
const LEFT: f64 = 70.0;
/// Room for the words of the last lifeline.
const RIGHT: f64 = 170.0;
/// Two moments are at least so far apart: a line of 11 px text.
const STEP: f64 = 15.0;
/// A millisecond without news, down to a limit: time is felt, but a wait fills no page.
const PER_MS: f64 = 1.2;
const STEP_MAX: f64 = 46.0;
/// From a lifeline to its words.
const WORDS: f64 = 9.0;
/// Above a chapter's title.
const CHAPTER: f64 = 42.0;

struct Scale(BTreeMap<u64, f64>);

impl Scale {
    fn new(story: &Story) -> (Scale, f64) {
        let mut moments: BTreeMap<u64, f64> = BTreeMap::new();
        for note in &story.notes {
            *moments.entry(note.at_ns).or_default() += 0.0;
        }
        for message in &story.messages {
            moments.entry(message.sent_ns).or_default();
            moments.entry(message.arrives_ns.unwrap_or(message.sent_ns)).or_default();
        }
        // Notes of one node at one moment stand under each other.
        let mut rows: BTreeMap<u64, BTreeMap<u8, f64>> = BTreeMap::new();
        for note in &story.notes {
            *rows.entry(note.at_ns).or_default().entry(note.node).or_default() += 1.0;
        }
        let (mut y, mut last) = (30.0, 0);
        let mut chapters = story.chapters.iter().peekable();
        for (at, place) in &mut moments {
            let waited = (*at - last) as f64 / 1e6 * PER_MS;
            y += waited.clamp(STEP, STEP_MAX);
            while chapters.next_if(|(start, _)| start <= at).is_some() {
                y += CHAPTER;
            }
            *place = y;
            let most =
                rows.get(at).map_or(1.0, |nodes| nodes.values().copied().fold(1.0, f64::max));
            y += (most - 1.0) * STEP;
            last = *at;
        }
        (Scale(moments), y + 40.0)
    }

    /// The place of a moment, or of the next one that has a place.
    fn y(&self, at: u64) -> f64 {
        let next = self.0.range(at..).next().or_else(|| self.0.iter().next_back());
        next.map_or(0.0, |(_, y)| *y)
    }
}

/// The diagram as an `<svg>` element.
pub fn draw(story: &Story) -> String {
    let (scale, height) = Scale::new(story);
    let mut svg = Svg::default();
    let gap = (WIDTH - LEFT - RIGHT) / f64::from(story.nodes.saturating_sub(1).max(1));
    let x = |node: u8| LEFT + 20.0 + f64::from(node - 1) * gap;
    for node in 1..=story.nodes {
        svg.text((x(node), 16.0), "name strong mid", &format!("n{node}"));
        lifeline(&mut svg, story, &scale, node, x(node), height);
    }
    for (at, title) in &story.chapters {
        let y = scale.y(*at) - STEP - 8.0;
        svg.line((0.0, y - 18.0), (WIDTH, y - 18.0), "hair");
        svg.text((0.0, y), "chapter", &format!("{} ms   {title}", millis(*at)));
    }
    let mut labels = Labels::default();
    for (note, y) in placed(story, &scale) {
        labels.taken((x(note.node) + WORDS, y + 4.0), &note.what.words());
    }
    for message in &story.messages {
        draw_message(&mut svg, &scale, message, &x, &mut labels);
    }
    notes(&mut svg, story, &scale, &x);
    svg.finish(height, "chart story", &format!("space-time diagram of {}", story.system))
}

/// Thick where the node leads, dashed where it is down.
fn lifeline(svg: &mut Svg, story: &Story, scale: &Scale, node: u8, x: f64, height: f64) {
    let mut from = 24.0;
    let mut class = String::from("life down");
    for note in story.notes.iter().filter(|note| note.node == node) {
        let next = match &note.what {
            What::Starts => "life".to_string(),
            What::Crashes => "life down".to_string(),
            What::Role(role, epoch) if role == "LEADER" => {
                format!("life leads e{}", colour(*epoch))
            }
            What::Role(role, _) if role.contains("candidate") => "life seeks".to_string(),
            What::Role(..) => "life".to_string(),
            _ => continue,
        };
        let y = scale.y(note.at_ns);
        svg.line((x, from), (x, y), &class);
        (from, class) = (y, next);
    }
    svg.line((x, from), (x, height - 20.0), &class);
}

/// Epochs of ballots have the node in their low byte: the round decides the colour.
fn colour(epoch: u64) -> u64 {
    (if epoch > 0xff { epoch >> 8 } else { epoch }) % 6
}

fn draw_message(
    svg: &mut Svg,
    scale: &Scale,
    message: &Message,
    x: &dyn Fn(u8) -> f64,
    labels: &mut Labels,
) {
    let (x1, y1) = (x(message.from), scale.y(message.sent_ns));
    let lost = message.arrives_ns.is_none();
    let y2 = message.arrives_ns.map_or(y1 + STEP, |at| scale.y(at));
    let full = x(message.to);
    let x2 = if lost { x1 + (full - x1) * 0.6 } else { full };
    let class = if lost { "message lost" } else { "message" };
    svg.line((x1, y1), (x2, y2), class);
    let (dx, dy) = (x2 - x1, y2 - y1);
    let length = dx.hypot(dy).max(1.0);
    let (ux, uy) = (dx / length, dy / length);
    if !lost {
        svg.tip((x2 - ux * 3.0, y2 - uy * 3.0), (ux, uy), "tip");
    }
    let mut label = format!("{} {}", message.name, show_epoch(message.epoch));
    if let Some(step) = message.step {
        let _ = write!(label, " ·{}", step.0);
    }
    // In the gap beside the receiver, at best right of the words of the lifeline at its left.
    let gap = if dx > 0.0 { x(message.to) - x(message.to - 1) } else { x(message.to + 1) - full };
    let left = if dx > 0.0 { full - gap } else { full };
    let along = |share: f64| {
        let at = if lost { x1 + dx * share } else { left + gap * share };
        (at, y1 + dy * (at - x1) / dx - 3.0)
    };
    let (x, y) = labels.place(&[0.64, 0.5, 0.8, 0.4, 0.72, 0.56, 0.3].map(along), &label);
    svg.text((x, y), "label mid", &label);
}

/// Every note with the height of its line: those of one node at one moment stand under each other.
fn placed<'a>(story: &'a Story, scale: &Scale) -> impl Iterator<Item = (&'a Note, f64)> {
    let (mut last, mut row) = (None, 0.0);
    story.notes.iter().map(move |note| {
        row = if last == Some((note.at_ns, note.node)) { row + 1.0 } else { 0.0 };
        last = Some((note.at_ns, note.node));
        (note, scale.y(note.at_ns) + row * STEP)
    })
}

fn notes(svg: &mut Svg, story: &Story, scale: &Scale, x: &dyn Fn(u8) -> f64) {
    for (note, y) in placed(story, scale) {
        let class = match &note.what {
            What::Crashes => "words crash",
            What::Role(role, _) if role == "LEADER" => "words strong",
            What::Asked(_) | What::Answers(_) => "words client",
            _ => "words",
        };
        // A moment's first line says when it is.
        if y <= scale.y(note.at_ns) {
            svg.text((LEFT - 22.0, y + 4.0), "tick end", &millis(note.at_ns));
        }
        svg.rect((x(note.node) - 3.0, y - 3.0, 6.0, 6.0), "moment", "");
        svg.text((x(note.node) + WORDS, y + 4.0), class, &note.what.words());
        if let Some(step) = note.step {
            let centre = x(note.node) - 13.0;
            svg.rect((centre - 7.0, y - 7.0, 14.0, 14.0), "step", "");
            svg.text((centre, y + 4.0), "step-number mid", &step.0.to_string());
        }
    }
}
