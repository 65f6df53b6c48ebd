//! What goes to the terminal: colours only where a person looks.

use std::io::{self, IsTerminal, Write};

use crate::workload::{Loaded, Workload};

/// Wide enough for a table of checks where nothing says how wide the screen is.
const WIDTH: usize = 100;

pub fn colour() -> bool {
    io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty())
}

pub fn width() -> usize {
    comfy_table::Table::new().width().map_or(WIDTH, usize::from)
}

/// A result. A closed pipe ends the showing, not the program.
pub fn show(text: &str) {
    let mut stdout = io::stdout().lock();
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
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
