//! Colour, width, tables and wrapped lines of text for a terminal.
//! It never asks the terminal: width and colour are told.

use comfy_table::{Attribute, Cell, ContentArrangement, LineStyle, Table, presets};

use crate::draw::text::{self, cut};

/// Narrower than this no table can be read; it is taken as this.
const WIDTH_MIN: usize = 60;

/// Width of the names at the left, with the blank after them.
pub const NAME: usize = 13;

#[derive(Clone, Copy)]
pub struct Paint {
    pub width: usize,
    pub colour: bool,
}

impl Paint {
    pub fn new(width: usize, colour: bool) -> Self {
        Paint { width: width.max(WIDTH_MIN), colour }
    }

    pub fn table(self, heads: &[&str]) -> Table {
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

    pub fn text(table: &Table) -> String {
        let lines = table.lines().map(|line| format!("{}\n", line.trim_end()));
        lines.collect()
    }

    pub fn good(self, text: &str) -> String {
        self.with("32;1", text)
    }

    pub fn bad(self, text: &str) -> String {
        self.with("31;1", text)
    }

    pub fn doubt(self, text: &str) -> String {
        self.with("33;1", text)
    }

    pub fn bold(self, text: &str) -> String {
        self.with("1", text)
    }

    pub fn dim(self, text: &str) -> String {
        self.with("2", text)
    }

    fn with(self, code: &str, text: &str) -> String {
        if self.colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// Text from outside on a terminal: control characters could repaint it.
pub fn clean(text: &str) -> String {
    cut(text, usize::MAX)
}

/// Lines of whole words; a word longer than a line stands alone and is cut.
pub fn wrap(text: &str, width: usize) -> impl Iterator<Item = String> {
    text::wrap(text, width).into_iter().map(move |line| cut(&line, width))
}
