//! A JSON array of events: the maps of our JSON lines, with any white space between and within
//! them. File order is the order.

use super::cut_note;
use crate::history::line::read_event;
use crate::history::lines::Lines;
use crate::history::order::{Names, order};
use crate::history::scan::Scanner;
use crate::history::{History, Note, ParseError};

/// Reads an array. One that ends too early is noted.
pub fn parse(bytes: &[u8]) -> Result<(History, Vec<Note>), ParseError> {
    let (text, _) = super::edn::text(bytes)?;
    let mut names = Names::default();
    let (mut events, mut lines, mut cut) = (Vec::new(), Lines::default(), None);
    let mut cursor = Cursor { text, at: 0, line: 1 };
    let error = |line, message: String| ParseError { line, column: None, message };
    if cursor.next() != Some(b'[') {
        return Err(error(cursor.line, "expected `[`: an array of events".into()));
    }
    cursor.at += 1;
    loop {
        match cursor.next() {
            Some(b']') => {
                cursor.at += 1;
                if cursor.next().is_some() {
                    return Err(error(cursor.line, "expected nothing after the array".into()));
                }
                break;
            }
            Some(b',') if !events.is_empty() => {
                cursor.at += 1;
                continue;
            }
            Some(b'{') => {}
            Some(_) => return Err(error(cursor.line, "expected `{`: an event".into())),
            None => {
                cut = Some(cursor.line);
                break;
            }
        }
        let line = cursor.line;
        let Some(object) = cursor.object() else {
            cut = Some(line);
            break;
        };
        let mut event = read_event(&mut Scanner::new(object), &mut names).map_err(|wrong| {
            let before = object[..wrong.at].bytes().filter(|byte| *byte == b'\n').count();
            error(line + before as u64, wrong.message)
        })?;
        event.set_time(None);
        events.push(event);
        lines.push(line);
    }
    let (history, mut notes) = order(events, lines)?;
    notes.extend(cut.map(cut_note));
    Ok((history, notes))
}

struct Cursor<'a> {
    text: &'a str,
    at: usize,
    line: u64,
}

impl<'a> Cursor<'a> {
    /// The next byte that is not white space.
    fn next(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        while let Some(byte) = bytes.get(self.at).filter(|byte| byte.is_ascii_whitespace()) {
            self.line += u64::from(*byte == b'\n');
            self.at += 1;
        }
        bytes.get(self.at).copied()
    }

    /// From a brace to the one that closes it.
    fn object(&mut self) -> Option<&'a str> {
        let start = self.at;
        let (mut depth, mut quoted, mut escaped) = (0, false, false);
        for (at, byte) in self.text.bytes().enumerate().skip(start) {
            self.line += u64::from(byte == b'\n');
            match byte {
                _ if escaped => escaped = false,
                b'\\' if quoted => escaped = true,
                b'"' => quoted = !quoted,
                b'{' | b'[' if !quoted => depth += 1,
                b'}' | b']' if !quoted => {
                    depth -= 1;
                    if depth == 0 {
                        self.at = at + 1;
                        return Some(&self.text[start..self.at]);
                    }
                }
                _ => {}
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "[ {\"process\":0,\"type\":\"invoke\",\"f\":\"read\",\"time\":9},
 {\"process\":0, \"type\":\"ok\",
  \"f\":\"read\", \"value\":\"}\\\"]\",\"time\":3}
]";

    #[test]
    fn an_array_is_read_in_the_order_of_the_file() {
        let (history, notes) = parse(TEXT.as_bytes()).unwrap();
        assert_eq!((history.events().len(), history.operations().len()), (2, 1));
        assert_eq!(history.events()[1].value.as_ref().unwrap().to_string(), "\"}\\\"]\"");
        assert_eq!(notes, []);
        assert_eq!(parse(b"[]").unwrap().0.events().len(), 0);
    }

    #[test]
    fn what_is_wrong_has_a_line_and_what_is_cut_is_noted() {
        let error = |text: &str| parse(text.as_bytes()).unwrap_err().to_string();
        assert!(error(&TEXT.replace("\"f\":\"read\", ", "\"f\":read, ")).starts_with("3: "));
        assert!(error("[1]").starts_with("1: expected `{`"));
        assert!(error("[] 1").starts_with("1: expected nothing"));
        for end in 1..TEXT.len() {
            let (history, notes) = parse(&TEXT.as_bytes()[..end]).unwrap();
            assert!(history.events().len() <= 2);
            assert_eq!(notes.len(), 1, "cut at {end}");
        }
    }
}
