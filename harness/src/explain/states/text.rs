//! The states in a terminal: an arrow a line, with who took it first.

use std::fmt::Write as _;

use super::{Arrow, States};

/// The lines, with a heading; nothing where nobody says what the states are.
pub fn lines(states: &States) -> String {
    if states.boxes.is_empty() {
        return String::new();
    }
    let name = |at: usize| states.boxes[at].name;
    let from = |arrow: &Arrow| arrow.from.map_or("start", name);
    let longest =
        |length: &dyn Fn(&Arrow) -> usize| states.arrows.iter().map(length).max().unwrap_or(0);
    let from_width = longest(&|arrow| from(arrow).chars().count());
    let to_width = longest(&|arrow| name(arrow.to).chars().count());
    let on_width = longest(&|arrow| arrow.on.chars().count());
    let mut out = String::from("the states of a node, and who went which way first:\n");
    for (at, arrow) in states.arrows.iter().enumerate() {
        let mark = states.mark(at);
        let step = mark.as_ref().and_then(|mark| mark.step);
        let step = step.map_or(String::new(), |step| format!(" (step {})", step.0));
        let when = mark.map_or_else(|| "not in this run".to_owned(), |mark| mark.when);
        let (from, to, on) = (from(arrow), name(arrow.to), arrow.on);
        let _ =
            writeln!(out, "  {from:from_width$} -> {to:to_width$}  {on:on_width$}  {when}{step}");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::tests::toy;
    use super::*;

    #[test]
    fn an_arrow_a_line_and_who_took_it_first() {
        let text = lines(&toy());
        let line = |part: &str| text.lines().find(|line| line.contains(part)).unwrap();
        assert_eq!(line("wakes up"), "  start -> idle  wakes up  n2 at 1.5 ms, 3× (step 1)");
        assert_eq!(line("is bored"), "  busy  -> idle  is bored  not in this run");
        assert_eq!(line("is asked"), "  idle  -> busy  is asked  n1 at 7.0 ms");
        assert_eq!(lines(&States::default()), "");
    }
}
