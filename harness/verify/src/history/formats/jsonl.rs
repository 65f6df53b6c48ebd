//! Our own JSON lines: one event a line. A file cut off anywhere is still a history.
//! It never guesses: a broken line in the middle is an error that says where and what was expected.
//!
//! A file is read in blocks, and a block's pieces in parallel: only the events are kept, so a
//! history may come from a file that would not fit into memory.

use std::io::Read;

use memchr::{memchr, memrchr};
use rayon::prelude::*;

use super::ReadError;
use crate::history::line::read_event;
use crate::history::lines::Lines;
use crate::history::loose::Loose;
use crate::history::order::{Names, order};
use crate::history::scan::Scanner;
use crate::history::{Event, History, Note, ParseError};
use crate::parallel;

/// What is read from a file at a time: enough to keep every core busy between two reads.
pub(super) const BLOCK_BYTES: usize = 32 << 20;

/// A line has at most so many bytes: a read of a million entries has a fifth of that. Whatever goes
/// on longer is no history, and would fill the memory.
const LINE_BYTES_MAX: usize = 2 * BLOCK_BYTES;

/// What one core parses at a time: long enough that handing it over costs nothing beside it.
const PIECE_BYTES: usize = 1 << 20;

/// For the first allocation only: a return of an append is about this long.
const LINE_BYTES_TYPICAL: usize = 120;

/// Reads JSON lines. Empty lines are read over; a last line cut off is noted.
pub fn parse(bytes: &[u8]) -> Result<(History, Vec<Note>), ParseError> {
    read(Vec::new(), bytes).map_err(|error| match error {
        ReadError::Parse(error) => error,
        ReadError::Io(_) | ReadError::Refused(_) => unreachable!("memory can always be read"),
    })
}

/// Reads JSON lines from a stream whose first bytes are `block`.
pub(super) fn read(
    mut block: Vec<u8>,
    mut stream: impl Read,
) -> Result<(History, Vec<Note>), ReadError> {
    let mut file = File::default();
    let mark = block.len() - without_mark(&block).len();
    block.drain(..mark);
    loop {
        let count = stream.by_ref().take(BLOCK_BYTES as u64).read_to_end(&mut block)?;
        if count < BLOCK_BYTES {
            file.take(&block)?;
            return Ok(file.finish()?);
        }
        // A line that is longer than the block waits for more of it.
        let end = memrchr(b'\n', &block).map_or(0, |at| at + 1);
        file.take(&block[..end])?;
        block.drain(..end);
        if block.len() > LINE_BYTES_MAX {
            return Err(file.too_long().into());
        }
    }
}

fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes)
}

/// How many of the first bytes are whole lines: about `wanted`, or all of them.
fn whole_lines(bytes: &[u8], wanted: usize) -> usize {
    if bytes.len() <= wanted {
        return bytes.len();
    }
    memchr(b'\n', &bytes[wanted..]).map_or(bytes.len(), |at| wanted + at + 1)
}

/// A file of which everything up to here was read.
#[derive(Default)]
struct File {
    events: Vec<Event>,
    loose: Loose,
    lines: Lines,
    /// How many lines were read, empty ones included.
    count: u64,
    cut_off: Option<u64>,
    /// Emptied buffers of pieces: memory of this size costs more to get than to fill.
    buffers: Vec<Vec<Event>>,
}

/// Some whole lines of a file. Lines count from the piece's first.
#[derive(Default)]
struct Piece {
    events: Vec<Event>,
    loose: Loose,
    lines: Lines,
    count: u64,
    cut_off: Option<u64>,
    wrong: Option<ParseError>,
}

impl File {
    /// Reads whole lines; only the file's last may lack its line feed.
    fn take(&mut self, block: &[u8]) -> Result<(), ParseError> {
        let mut parts = Vec::with_capacity(block.len() / PIECE_BYTES + 1);
        let mut rest = block;
        while !rest.is_empty() {
            let (part, after) = rest.split_at(whole_lines(rest, PIECE_BYTES));
            parts.push(part);
            rest = after;
        }
        if let [only] = parts[..] {
            return self.append(piece(only, Vec::new()));
        }
        self.buffers.resize_with(parts.len(), Vec::new);
        let work: Vec<_> = parts.into_iter().zip(self.buffers.drain(..)).collect();
        let read = |(part, buffer)| piece(part, buffer);
        let pieces: Vec<Piece> = if parallel::has_pool() {
            work.into_par_iter().map(read).collect()
        } else {
            work.into_iter().map(read).collect()
        };
        pieces.into_iter().try_for_each(|piece| self.append(piece))
    }

    fn append(&mut self, mut piece: Piece) -> Result<(), ParseError> {
        if let Some(wrong) = piece.wrong {
            return Err(ParseError { line: wrong.line + self.count, ..wrong });
        }
        self.loose.append(piece.loose, self.events.len());
        if self.events.is_empty() {
            self.events = piece.events;
        } else {
            self.events.append(&mut piece.events);
            self.buffers.push(piece.events);
        }
        self.lines.append(&piece.lines, self.count);
        self.cut_off = piece.cut_off.map(|line| line + self.count);
        self.count += piece.count;
        Ok(())
    }

    /// That the line which comes next is none.
    fn too_long(&self) -> ParseError {
        let most = LINE_BYTES_MAX >> 20;
        let message =
            format!("a line goes on for more than {most} MiB; expected JSON lines, one event each");
        ParseError { line: self.count + 1, column: None, message }
    }

    fn finish(mut self) -> Result<(History, Vec<Note>), ParseError> {
        let told = self.loose.settle(&mut self.events, &self.lines)?;
        let (history, mut notes) = order(self.events, self.lines)?;
        notes.extend(told);
        if let Some(line) = self.cut_off {
            let message = "the last line is cut off; everything before it is judged";
            notes.push(Note { line: Some(line), message: message.into() });
        }
        Ok((history, notes))
    }
}

/// Reads up to the first line that is wrong, into an empty buffer.
fn piece(bytes: &[u8], buffer: Vec<Event>) -> Piece {
    let mut piece = Piece { events: buffer, ..Piece::default() };
    piece.events.reserve(bytes.len() / LINE_BYTES_TYPICAL);
    let (text, broken) = match std::str::from_utf8(bytes) {
        Ok(text) => (text, None),
        Err(error) => {
            let (good, _) = bytes.split_at(error.valid_up_to());
            (std::str::from_utf8(good).expect("valid up to here"), Some(error))
        }
    };
    let mut names = Names::default();
    let mut scanner = Scanner::new("");
    let mut start = 0;
    while start < bytes.len() {
        piece.count += 1;
        let end = memchr(b'\n', &text.as_bytes()[start..]).map(|at| start + at);
        if let (None, Some(error)) = (end, broken) {
            if error.error_len().is_none() {
                piece.cut_off = Some(piece.count);
            } else {
                let message = "found bytes that are not UTF-8, expected JSON text";
                piece.fail(text.len() - start, message.into());
            }
            break;
        }
        let line = &text[start..end.unwrap_or(text.len())];
        start = end.map_or(text.len(), |end| end + 1);
        if line.trim_ascii_start().is_empty() {
            continue;
        }
        scanner.start(line);
        match read_event(&mut scanner, &mut names) {
            Ok((event, ends)) => {
                piece.loose.push(piece.events.len(), ends);
                piece.events.push(event);
                piece.lines.push(piece.count);
            }
            Err(error) if end.is_none() && error.cut => {
                piece.cut_off = Some(piece.count);
                break;
            }
            Err(error) => {
                piece.fail(error.at, error.message);
                break;
            }
        }
    }
    piece
}

impl Piece {
    fn fail(&mut self, at: usize, message: String) {
        self.wrong = Some(ParseError { line: self.count, column: Some(at as u64 + 1), message });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Events over many blocks and pieces, with an empty line after each thousandth.
    fn long() -> Vec<u8> {
        let mut text = Vec::new();
        for number in 0..300_000u64 {
            for kind in ["invoke", "ok"] {
                let line = format!(
                    "{{\"process\":{number},\"type\":\"{kind}\",\"f\":\"append\",\"value\":\"{number:0>60}\"}}\n"
                );
                text.extend_from_slice(line.as_bytes());
            }
            if number % 1000 == 999 {
                text.push(b'\n');
            }
        }
        assert!(text.len() > 2 * BLOCK_BYTES);
        text
    }

    #[test]
    fn a_long_file_is_the_same_in_blocks_and_keeps_its_lines() {
        let text = long();
        let (whole, notes) = parse(&text).unwrap();
        assert_eq!((whole.events().len(), notes.len()), (600_000, 0));
        let (read, _) = super::read(text[..100].to_vec(), &text[100..]).unwrap();
        assert_eq!(read, whole);
        for index in [0, 1_999, 2_000, 599_999] {
            let line = Some(index + index / 2_000 + 1);
            assert_eq!((whole.line_of(index), read.line_of(index)), (line, line));
        }
    }

    #[test]
    fn a_line_without_end_is_refused_early() {
        let start = b"{\"process\":0,\"type\":\"invoke\",\"f\":\"tail\"}\n{\"process\":\"";
        let endless = start.chain(std::io::repeat(b'x'));
        let Err(ReadError::Parse(error)) = super::read(Vec::new(), endless) else {
            panic!("it is refused")
        };
        assert_eq!(error.line, 2);
        assert!(error.message.starts_with("a line goes on for more than 64 MiB"), "{error}");
    }

    #[test]
    fn errors_far_inside_name_their_line() {
        let mut text = long();
        let at = text.len() - 10_000;
        text[at] = 1;
        let line = memchr::memchr_iter(b'\n', &text[..at]).count() as u64 + 1;
        let error = parse(&text).unwrap_err();
        assert_eq!(error.line, line);
        let Err(ReadError::Parse(read)) = super::read(Vec::new(), &text[..]) else {
            panic!("it is wrong")
        };
        assert_eq!(read, error);
    }
}
