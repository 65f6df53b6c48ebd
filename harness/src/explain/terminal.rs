//! The story in a terminal: a column for each node, time downwards, a message as an arrow on the
//! line where it arrives, the nine steps at the right.

use std::fmt::Write as _;

use super::steps::{STEPS, Step};
use super::{Message, Story, millis, show_epoch, states};

/// A column: the longest words of a note, and a space on either side.
const COLUMN: usize = 27;
/// Room for the time.
const TIME: usize = 10;

enum Line<'a> {
    Chapter(&'a str),
    Note { node: u8, words: String, step: Option<Step> },
    Arrow(&'a Message),
    Lost(&'a Message),
}

/// The whole story as text, without colours.
pub fn text(story: &Story) -> String {
    let mut out = format!("{}: {}\n", story.system, story.about);
    let _ = writeln!(
        out,
        "{} nodes, seed {}, virtual time in ms; --html FILE shows the same as a page\n",
        story.nodes, story.seed
    );
    let _ = write!(out, "{:TIME$}", "");
    for node in 1..=story.nodes {
        let _ = write!(out, "{:COLUMN$}", format!("n{node}"));
    }
    out.push_str("step\n");
    for (at, line) in lines(story) {
        let drawn = match &line {
            Line::Chapter(title) => {
                let _ = write!(out, "\n{:>7}   {title}\n", millis(at));
                continue;
            }
            Line::Note { node, words, step } => (note(story.nodes, *node, words), *step),
            Line::Arrow(message) => (arrow(story.nodes, message, true), message.step),
            Line::Lost(message) => (arrow(story.nodes, message, false), None),
        };
        let (row, step) = drawn;
        let step = step.map_or(String::new(), |step| step.0.to_string());
        let _ = writeln!(out, "{:>7}   {row}{step}", millis(at));
    }
    out.push('\n');
    out += &legend(story);
    if !story.states.boxes.is_empty() {
        let _ = write!(out, "\n{}", states::text::lines(&story.states));
    }
    out
}

/// What the steps are, and what was left out.
fn legend(story: &Story) -> String {
    let mut out = String::from("the nine steps (Kleppmann, Distributed Systems, 6.2):\n");
    for (step, name, what) in STEPS {
        let seen = story.first(step);
        let at =
            seen.map_or("not in this run".to_string(), |at| format!("first at {}", millis(at)));
        let _ = writeln!(out, "  {} {name}: {what} ({at})", step.0);
    }
    let undrawn: u64 = story.undrawn.values().sum();
    if undrawn > 0 {
        let names: Vec<String> =
            story.undrawn.iter().map(|(name, count)| format!("{count} {name}")).collect();
        let _ = writeln!(out, "not drawn, as they changed nothing: {}", names.join(", "));
    }
    out
}

fn lines(story: &Story) -> Vec<(u64, Line<'_>)> {
    let chapters = story.chapters.iter().map(|(at, title)| (*at, 0, Line::Chapter(title)));
    let notes = story.notes.iter().map(|note| {
        let words = note.what.words();
        (note.at_ns, 2, Line::Note { node: note.node, words, step: note.step })
    });
    let messages = story.messages.iter().map(|message| match message.arrives_ns {
        Some(at) => (at, 1, Line::Arrow(message)),
        None => (message.sent_ns, 3, Line::Lost(message)),
    });
    let mut all: Vec<_> = chapters.chain(messages).chain(notes).collect();
    all.sort_by_key(|(at, rank, _)| (*at, *rank));
    all.into_iter().map(|(at, _, line)| (at, line)).collect()
}

/// Lifelines, and the words beside the one they belong to.
fn note(nodes: u8, node: u8, words: &str) -> String {
    let mut row = String::new();
    for column in 1..=nodes {
        let words = if column == node { format!("● {words}") } else { "│".to_string() };
        let words: String = words.chars().take(COLUMN - 1).collect();
        let _ = write!(row, "{words:COLUMN$}");
    }
    row
}

/// An arrow from lifeline to lifeline with the message's name on it.
fn arrow(nodes: u8, message: &Message, arrives: bool) -> String {
    let (from, to) = (usize::from(message.from) - 1, usize::from(message.to) - 1);
    let width = COLUMN * usize::from(nodes);
    let mut row: Vec<char> = vec![' '; width];
    for column in 0..usize::from(nodes) {
        row[column * COLUMN] = '│';
    }
    let (left, right) = (from.min(to) * COLUMN, from.max(to) * COLUMN);
    for cell in &mut row[left + 1..right] {
        *cell = if arrives { '─' } else { '·' };
    }
    let end = if arrives { ['◀', '▶'] } else { ['✗', '✗'] };
    if to < from {
        row[left + 1] = end[0];
    } else {
        row[right - 1] = end[1];
    }
    let label = format!(" {} {} ", message.name, show_epoch(message.epoch));
    let room = right - left;
    let start = left + (room.saturating_sub(label.chars().count())) / 2 + 1;
    for (cell, c) in row[start..right - 1].iter_mut().zip(label.chars()) {
        *cell = c;
    }
    row.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::super::{Note, What, steps};
    use super::*;

    fn message(from: u8, to: u8, arrives_ns: Option<u64>) -> Message {
        let (name, step) = ("vote".to_string(), Some(steps::VOTING));
        Message { from, to, name, epoch: 3, sent_ns: 1_000_000, arrives_ns, step }
    }

    #[test]
    fn arrows_point_at_the_receiver_on_the_line_of_their_arrival() {
        let story = Story {
            system: "toy".into(),
            nodes: 3,
            messages: vec![message(3, 1, Some(5_000_000)), message(1, 2, None)],
            notes: vec![Note { at_ns: 5_000_000, node: 1, what: What::Starts, step: None }],
            ..Story::default()
        };
        let text = text(&story);
        let line = |part: &str| text.lines().find(|line| line.contains(part)).unwrap();
        assert!(line("5.0   │◀──").contains(" vote 3 ─"), "{text}");
        assert!(line("5.0   │◀──").ends_with('2'), "the step stands at the right: {text}");
        assert!(line("5.0   ● starts").contains('│'), "{text}");
        assert!(line("1.0   │···").contains('✗'), "{text}");
    }
}
