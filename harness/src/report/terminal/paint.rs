//! Colour, width, tables and wrapped lines of text for a terminal.
//! It never asks the terminal: width and colour are told.

use comfy_table::{Attribute, Cell, ContentArrangement, LineStyle, Table, presets};

use super::super::facts::operations::cut;

/// Narrower than this no table can be read; it is taken as this.
const WIDTH_MIN: usize = 60;

/// Width of the names at the left, with the blank after them.
pub(super) const NAME: usize = 13;

/// How wide and whether in colour.
#[derive(Clone, Copy)]
pub(super) struct Paint {
    pub(super) width: usize,
    pub(super) colour: bool,
}

impl Paint {
    pub(super) fn new(width: usize, colour: bool) -> Self {
        Paint { width: width.max(WIDTH_MIN), colour }
    }

    pub(super) fn table(self, heads: &[&str]) -> Table {
        let mut table = Table::new();
        let rule = LineStyle::none().fill('─').junction('─');
        table.load_style(presets::NOTHING.header_separator(rule));
        table.set_content_arrangement(ContentArrangement::Dynamic);
        table.set_width(u16::try_from(self.width).unwrap_or(u16::MAX));
        table.force_no_tty();
        if self.colour {
            table.enforce_styling();
        }
        table.set_header(heads.iter().map(|head| {
            let cell = Cell::new(head);
            if self.colour { cell.add_attribute(Attribute::Dim) } else { cell }
        }));
        table
    }

    pub(super) fn text(table: &Table) -> String {
        let lines = table.lines().map(|line| format!("{}\n", line.trim_end()));
        lines.collect()
    }

    pub(super) fn good(self, text: &str) -> String {
        self.with("32;1", text)
    }

    pub(super) fn bad(self, text: &str) -> String {
        self.with("31;1", text)
    }

    pub(super) fn doubt(self, text: &str) -> String {
        self.with("33;1", text)
    }

    pub(super) fn bold(self, text: &str) -> String {
        self.with("1", text)
    }

    pub(super) fn dim(self, text: &str) -> String {
        self.with("2", text)
    }

    fn with(self, code: &str, text: &str) -> String {
        if self.colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// Text from outside on a terminal: control characters could repaint it.
pub(super) fn clean(text: &str) -> String {
    cut(text, usize::MAX)
}

/// Lines of whole words; a word longer than a line stands alone and is cut.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace().map(clean) {
        let line = lines.last_mut().expect("there is always a line");
        if line.is_empty() {
            *line = cut(&word, width);
        } else if line.chars().count() + 1 + word.chars().count() <= width {
            line.push(' ');
            line.push_str(&word);
        } else {
            lines.push(cut(&word, width));
        }
    }
    lines
}
