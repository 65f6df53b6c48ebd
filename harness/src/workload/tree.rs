//! YAML as a tree in which every key and value knows where it was written.
//! It never guesses a type: a scalar is its text, and who reads it says what it should be.

use std::borrow::Cow;
use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span, StrInput, Tag};
use schism_facts::foreign::excerpt;

use super::error::{Mistake, Place};

/// A value and its place.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Node {
    pub at: Place,
    pub tree: Tree,
}

/// What a value is.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Tree {
    /// Nothing, `~` or `null`.
    Null,
    /// A word, number or string. `plain`: without quotes.
    Scalar { text: String, plain: bool },
    /// `[a, b]` or lines with dashes.
    List(Vec<Node>),
    /// `{a: b}` or lines with colons, in the file's order, no key twice.
    Map(Vec<(Key, Node)>),
}

/// A key of a map and its place.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Key {
    pub at: Place,
    pub text: String,
}

/// Reads one YAML document. With a flag, every place is that flag.
pub(super) fn read(text: &str, flag: Option<&Place>) -> Result<Node, Mistake> {
    // No workload nests deeper than 6; a file that does is an attack on the stack.
    const DEPTH_MAX: usize = 32;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = Reader { parser: Parser::new_from_str(text), text, flag, left: DEPTH_MAX };
    loop {
        let (event, span) = reader.next()?;
        match event {
            Event::StreamStart | Event::DocumentStart(_) | Event::Nothing => {}
            Event::StreamEnd => {
                return Ok(Node { at: reader.place(&span), tree: Tree::Null });
            }
            event => {
                let node = reader.node(event, &span)?;
                reader.end()?;
                return Ok(node);
            }
        }
    }
}

struct Reader<'a> {
    parser: Parser<'a, StrInput<'a>>,
    text: &'a str,
    flag: Option<&'a Place>,
    left: usize,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<(Event<'a>, Span), Mistake> {
        match self.parser.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => Err(self.syntax(&error)),
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    /// Nothing may come after the one document.
    fn end(&mut self) -> Result<(), Mistake> {
        loop {
            match self.next()? {
                (Event::StreamEnd, _) => return Ok(()),
                (Event::DocumentStart(_), span) => {
                    return Err(self
                        .place(&span)
                        .mistake("a second document starts here; a workload is one document"));
                }
                _ => {}
            }
        }
    }

    fn node(&mut self, event: Event<'a>, span: &Span) -> Result<Node, Mistake> {
        let at = self.place(span);
        let tree = match event {
            Event::Scalar(text, style, anchor, tag) => {
                refuse(&at, anchor, tag.as_ref())?;
                printable(&at, &text)?;
                scalar(text, style)
            }
            Event::SequenceStart(anchor, tag) => {
                refuse(&at, anchor, tag.as_ref())?;
                self.deeper(&at)?;
                let mut items = Vec::new();
                loop {
                    match self.next()? {
                        (Event::SequenceEnd, _) => break,
                        (event, span) => items.push(self.node(event, &span)?),
                    }
                }
                self.left += 1;
                Tree::List(items)
            }
            Event::MappingStart(anchor, tag) => {
                refuse(&at, anchor, tag.as_ref())?;
                self.deeper(&at)?;
                let entries = self.map()?;
                self.left += 1;
                Tree::Map(entries)
            }
            Event::Alias(_) => {
                return Err(at.mistake("aliases are not understood; write the value again"));
            }
            _ => return Err(at.mistake("a value was expected here")),
        };
        Ok(Node { at, tree })
    }

    fn map(&mut self) -> Result<Vec<(Key, Node)>, Mistake> {
        let mut entries: Vec<(Key, Node)> = Vec::new();
        // Where each key stands: a machine may have written very many.
        let mut places: HashMap<String, Place> = HashMap::new();
        loop {
            let (event, span) = self.next()?;
            if event == Event::MappingEnd {
                return Ok(entries);
            }
            let key = match self.node(event, &span)? {
                Node { at, tree: Tree::Scalar { text, .. } } => Key { at, text },
                Node { at, .. } => return Err(at.mistake("a key must be a word")),
            };
            if let Some(first) = places.insert(key.text.clone(), key.at.clone()) {
                let hint = match first {
                    Place::Text { line, .. } => format!("; it is already on line {line}"),
                    Place::Flag(_) | Place::Elsewhere { .. } => String::new(),
                };
                let name = excerpt(&key.text);
                return Err(key.at.mistake(format!("duplicate key `{name}`{hint}")));
            }
            let (event, span) = self.next()?;
            let mut value = self.node(event, &span)?;
            if value.tree == Tree::Null {
                // The place of nothing is wherever the parser noticed; the key's is of more use.
                value.at = key.at.clone();
            }
            entries.push((key, value));
        }
    }

    fn deeper(&mut self, at: &Place) -> Result<(), Mistake> {
        self.left = self
            .left
            .checked_sub(1)
            .ok_or_else(|| at.mistake("nested too deeply to be a workload"))?;
        Ok(())
    }

    fn place(&self, span: &Span) -> Place {
        if let Some(flag) = self.flag {
            return flag.clone();
        }
        let (start, end) = (span.start, span.end);
        let width =
            if start.line() == end.line() { end.col().saturating_sub(start.col()) } else { 1 };
        Place::Text { line: start.line().max(1), column: start.col() + 1, width: width.max(1) }
    }

    fn syntax(&self, error: &ScanError) -> Mistake {
        let line = error.marker().line().max(1);
        if self.flag.is_none()
            && let Some((line, column)) = self.tab(line)
        {
            return Place::Text { line, column, width: 1 }
                .mistake("a tab; YAML is indented with spaces");
        }
        let at = self.place(&Span::empty(*error.marker()));
        at.mistake(format!("not YAML: {}", error.info()))
    }

    /// A tab in the indentation of this line, or of the one before, where the parser gave up.
    fn tab(&self, line: usize) -> Option<(usize, usize)> {
        [line, line - 1].into_iter().filter(|&line| line > 0).find_map(|line| {
            let content = self.text.lines().nth(line - 1)?;
            let indent = content.len() - content.trim_start().len();
            content[..indent].find('\t').map(|column| (line, column + 1))
        })
    }
}

fn refuse(at: &Place, anchor: usize, tag: Option<&Cow<'_, Tag>>) -> Result<(), Mistake> {
    if anchor > 0 {
        return Err(
            at.mistake("anchors are not understood; write the value again where it is used")
        );
    }
    match tag {
        Some(_) => Err(at.mistake("tags are not understood; write the value without `!`")),
        None => Ok(()),
    }
}

/// Lines may be broken by line feeds only: readers of YAML 1.1 and 1.2 disagree about the others.
fn printable(at: &Place, text: &str) -> Result<(), Mistake> {
    let odd = |c: &char| {
        c.is_control() && !matches!(c, '\n' | '\t')
            || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}')
    };
    match text.chars().find(odd) {
        Some(c) => Err(at.mistake(format!("an invisible character, U+{:04X}", u32::from(c)))),
        None => Ok(()),
    }
}

fn scalar(text: Cow<'_, str>, style: ScalarStyle) -> Tree {
    let plain = style == ScalarStyle::Plain;
    if plain && matches!(&*text, "" | "~" | "null" | "Null" | "NULL") {
        return Tree::Null;
    }
    Tree::Scalar { text: text.into_owned(), plain }
}

impl Node {
    /// What stands under a key of a map.
    pub(super) fn under(&self, name: &str) -> Option<&Node> {
        let Tree::Map(entries) = &self.tree else { return None };
        entries.iter().find(|(key, _)| key.text == name).map(|(_, node)| node)
    }

    /// A plain word at a place.
    pub(super) fn word(at: &Place, text: impl Into<String>) -> Self {
        Node { at: at.clone(), tree: Tree::Scalar { text: text.into(), plain: true } }
    }

    /// What it is, for errors: "a list", "the word `five`".
    pub(super) fn found(&self) -> String {
        // Enough to recognise it by, short enough for one line.
        const SHOWN_CHARS_MAX: usize = 40;
        match &self.tree {
            Tree::Null => "nothing".to_owned(),
            Tree::List(_) => "a list".to_owned(),
            Tree::Map(_) => "a map".to_owned(),
            Tree::Scalar { text, .. } => {
                let mut shown: String = text.chars().take(SHOWN_CHARS_MAX).collect();
                if shown.len() < text.len() {
                    shown.push_str("...");
                }
                format!("`{}`", shown.escape_debug())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        read(text, None).unwrap_err().in_file("f", text).to_string()
    }

    #[test]
    fn keys_and_values_know_their_places() {
        let text = "nodes: 5\nfaults:\n  - crash: {target: [one, n2]}\n";
        let Tree::Map(top) = read(text, None).unwrap().tree else { panic!("a map") };
        assert_eq!(top[0].0.at, Place::Text { line: 1, column: 1, width: 5 });
        assert_eq!(top[0].1.at, Place::Text { line: 1, column: 8, width: 1 });
        let Tree::List(faults) = &top[1].1.tree else { panic!("a list") };
        let Tree::Map(fault) = &faults[0].tree else { panic!("a map") };
        assert_eq!(fault[0].0.at, Place::Text { line: 3, column: 5, width: 5 });
        let Tree::Map(body) = &fault[0].1.tree else { panic!("a map") };
        let Tree::List(targets) = &body[0].1.tree else { panic!("a list") };
        assert_eq!(targets[1].at, Place::Text { line: 3, column: 27, width: 2 });
    }

    #[test]
    fn hostile_and_broken_files_are_refused_with_their_place() {
        let check = |text: &str, start: &str| {
            let error = error(text);
            assert!(error.starts_with(start), "{text:?} gave {error}");
        };
        check("a: 1\nb: 2\na: 3\n", "f:3:1: duplicate key `a`; it is already on line 1");
        check("a: {b: 1, b: 2}\n", "f:1:11: duplicate key `b`");
        check("a:\n\tb: 1\n", "f:2:1: a tab; YAML is indented with spaces");
        check("a: [1, 2\nb: 3\n", "f:");
        check("a: \"x\n", "f:");
        check("a: &x [1]\nb: *x\n", "f:1:");
        check("b: *x\n", "f:1:4: not YAML");
        check("a: !!int 5\n", "f:1:");
        check("[a, b]: 5\n", "f:1:1: a key must be a word");
        check("a: 1\n---\nb: 2\n", "f:2:1: a second document");
        check("a: x\u{2028}y\n", "f:1:4: an invisible character, U+2028");
        check("a: \"\\0\"\n", "f:1:4: an invisible character, U+0000");
        check(&"[".repeat(100_000), "f:1:");
        check(&format!("a: {}", "{b: ".repeat(100)), "f:1:");
        check(&format!("{}x", "- ".repeat(1_000)), "f:1:");
    }

    #[test]
    fn windows_line_ends_and_byte_order_marks_are_no_trouble() {
        let tree = read("\u{feff}a: 1\r\nb: x\r\n", None).unwrap().tree;
        let Tree::Map(entries) = tree else { panic!("a map") };
        assert_eq!(entries[1].1.tree, Tree::Scalar { text: "x".into(), plain: true });
    }
}
