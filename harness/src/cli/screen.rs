//! What goes to the terminal: colours only where a person looks.

use std::io::{self, ErrorKind, IsTerminal, Write};
use std::sync::OnceLock;

use comfy_table::presets::{ASCII_MARKDOWN, NOTHING};
use schism_facts::foreign::{message, visible};

use crate::workload::{Loaded, Workload};

/// Wide enough for a table of checks where nothing says how wide the screen is.
const WIDTH: usize = 100;

pub fn colour() -> bool {
    io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty())
}

pub fn width() -> usize {
    comfy_table::Table::new().width().map_or(WIDTH, usize::from)
}

/// A table without a frame, or as Markdown, ending in a line break.
pub fn table<const COLUMNS: usize>(
    heading: [&str; COLUMNS],
    rows: impl Iterator<Item = [String; COLUMNS]>,
    markdown: bool,
) -> String {
    let mut table = comfy_table::Table::new();
    table.load_style(if markdown { ASCII_MARKDOWN } else { NOTHING });
    table.set_header(heading);
    table.add_rows(rows);
    format!("{table}\n")
}

/// Why stdout did not take all that was to be shown.
static NOT_SHOWN: OnceLock<String> = OnceLock::new();

/// A result for people, with our own colours and nothing else that a terminal would obey. A closed
/// pipe ends the showing, not the program; any other trouble is in `not_shown`.
pub fn show(text: &str) {
    print(coloured(text).as_bytes());
}

/// A result for programs: one JSON document.
pub fn document(json: &[u8]) {
    print(json);
}

fn print(bytes: &[u8]) {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            let _ = NOT_SHOWN.set(error.to_string());
        }
        _ => {}
    }
}

/// Why something was not shown. None: all of it was, or nobody wanted it any more.
pub fn not_shown() -> Option<&'static str> {
    NOT_SHOWN.get().map(String::as_str)
}

/// What is hidden in a text is shown, but for what sets a colour.
fn coloured(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for (at, piece) in text.split('\u{1b}').enumerate() {
        let end = piece.find('m').filter(|_| at > 0 && piece.starts_with('['));
        let is_colour =
            |end: &usize| piece[1..*end].bytes().all(|byte| byte.is_ascii_digit() || byte == b';');
        match end.filter(is_colour) {
            Some(end) => {
                shown.push('\u{1b}');
                shown.push_str(&piece[..=end]);
                shown.push_str(&visible(&piece[end + 1..]));
            }
            None if at > 0 => {
                shown.push_str(&visible("\u{1b}"));
                shown.push_str(&visible(piece));
            }
            None => shown.push_str(&visible(piece)),
        }
    }
    shown
}

pub fn remark(text: &str) {
    let _ = writeln!(io::stderr().lock(), "schism: {}", message(text));
}

/// The workload, once what is remarkable about it was said.
pub fn told(loaded: Loaded) -> Workload {
    for text in &loaded.remarks {
        remark(&format!("{}: {text}", loaded.workload.name));
    }
    loaded.workload
}

pub fn complain(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{}", message(text));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_obeys_nothing_but_our_colours() {
        let ours = "\u{1b}[31;1mVIOLATED\u{1b}[0m  stale\n\tmore";
        assert_eq!(coloured(ours), ours);
        assert_eq!(coloured("\u{1b}[2J\u{1b}]0;m\u{7}"), "\\u{1b}[2J\\u{1b}]0;m\\u{7}");
        assert_eq!(coloured("a\u{1b}[x1m\u{202e}\u{1b}"), "a\\u{1b}[x1m\\u{202e}\\u{1b}");
        assert_eq!(coloured("\u{1b}[\u{9b}m"), "\\u{1b}[\\u{9b}m");
    }
}
