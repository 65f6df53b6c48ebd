//! Our own JSON lines: one event a line. A file cut off anywhere is still a history.
//! It never guesses: a broken line in the middle is an error that says where and what was expected.

use crate::history::line::parse_line;
use crate::history::order::{Names, order};
use crate::history::{History, Note, ParseError};

/// Reads JSON lines. Empty lines are read over; a last line cut off is noted.
pub fn parse(bytes: &[u8]) -> Result<(History, Vec<Note>), ParseError> {
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    let mut names = Names::default();
    let mut events = Vec::with_capacity(bytes.len() / LINE_BYTES_TYPICAL);
    let mut lines = Vec::with_capacity(events.capacity());
    let mut cut_off = None;
    let mut line = 0;
    let mut rest = bytes;
    while !rest.is_empty() {
        line += 1;
        let end = rest.iter().position(|&byte| byte == b'\n');
        let text = &rest[..end.unwrap_or(rest.len())];
        rest = end.map_or(&[], |end| &rest[end + 1..]);
        if text.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let last = end.is_none();
        let at =
            |at: usize, message: String| ParseError { line, column: Some(at as u64 + 1), message };
        let text = match std::str::from_utf8(text) {
            Ok(text) => text,
            Err(error) if last && error.error_len().is_none() => {
                cut_off = Some(line);
                break;
            }
            Err(error) => {
                let message = "found bytes that are not UTF-8, expected JSON text";
                return Err(at(error.valid_up_to(), message.into()));
            }
        };
        match parse_line(text, &mut names) {
            Ok(event) => {
                events.push(event);
                lines.push(line);
            }
            Err(error) if last && error.cut => {
                cut_off = Some(line);
                break;
            }
            Err(error) => return Err(at(error.at, error.message)),
        }
    }
    let (history, mut notes) = order(events, &lines)?;
    if let Some(line) = cut_off {
        let message = "the last line is cut off; everything before it is judged";
        notes.push(Note { line: Some(line), message: message.into() });
    }
    Ok((history, notes))
}

/// For the first allocation only: a return of an append is about this long.
const LINE_BYTES_TYPICAL: usize = 120;
