//! What goes to the terminal: colours only where a person looks.

use std::io::{self, ErrorKind, IsTerminal, Write};
use std::sync::OnceLock;

use comfy_table::presets::{ASCII_MARKDOWN, NOTHING};

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

/// A result. A closed pipe ends the showing, not the program; any other trouble is in `not_shown`.
pub fn show(text: &str) {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
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

pub fn remark(text: &str) {
    let _ = writeln!(io::stderr().lock(), "schism: {text}");
}

/// The workload, once what is remarkable about it was said.
pub fn told(loaded: Loaded) -> Workload {
    for text in &loaded.remarks {
        remark(&format!("{}: {text}", loaded.workload.name));
    }
    loaded.workload
}

pub fn complain(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}
