//! A JSON array of events: the maps of our JSON lines, with any white space between and within
//! them.

use super::cut_note;
use super::edn::line_feeds;
use crate::history::line::read_fields;
use crate::history::lines::Lines;
use crate::history::loose::Loose;
use crate::history::order::{Names, order, times_that_hold};
use crate::history::scan::{ScanError, Scanner};
use crate::history::{History, Note, ParseError};

/// Reads an array. One that ends too early is noted.
pub fn parse(bytes: &[u8]) -> Result<(History, Vec<Note>), ParseError> {
    let (text, _) = super::edn::text(bytes)?;
    let mut names = Names::default();
    let (mut events, mut lines, mut loose) = (Vec::new(), Lines::default(), Loose::default());
    // The line of a place at or after the last one that was asked for.
    let (mut line, mut counted) = (1, 0);
    let mut line_of = |at: usize| {
        line += line_feeds(&text.as_bytes()[counted..at]);
        counted = at;
        line
    };
    let mut scanner = Scanner::new(text);
    // Where the event begins that is being read.
    let mut start = 0;
    let read = scanner.elements(|scanner| {
        scanner.peek();
        start = scanner.here();
        let (event, ends) = read_fields(scanner, &mut names)?;
        loose.push(events.len(), ends);
        events.push(event);
        lines.push(line_of(start));
        Ok(())
    });
    let cut = match read {
        Ok(()) if scanner.peek().is_some() => {
            let message = "expected nothing after the array".into();
            return Err(ParseError { line: line_of(scanner.here()), column: None, message });
        }
        Ok(()) => None,
        Err(error) if error.cut => Some(line_of(start)),
        Err(ScanError { at, message, .. }) => {
            return Err(ParseError { line: line_of(at.max(start)), column: None, message });
        }
    };
    let told = loose.settle(&mut events, &lines)?;
    let untimed = times_that_hold(&mut events, &lines);
    let (history, mut notes) = order(events, lines)?;
    notes.extend(told);
    notes.extend(untimed);
    notes.extend(cut.map(cut_note));
    Ok((history, notes))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "[ {\"process\":0,\"type\":\"invoke\",\"f\":\"read\",\"time\":9},
 {\"process\":0, \"type\":\"ok\",
  \"f\":\"read\", \"value\":\"}\\\"]\",\"time\":3}
]";

    #[test]
    fn an_array_is_read_in_the_order_of_its_times_or_of_the_file() {
        let (history, notes) = parse(TEXT.as_bytes()).unwrap();
        assert_eq!((history.events().len(), history.operations().len()), (2, 1));
        assert_eq!(history.events()[1].value.as_ref().unwrap().to_string(), "\"}\\\"]\"");
        assert_eq!(notes.len(), 1);
        assert!(notes[0].message.contains("goes back in time, from 9 to 3"), "{notes:?}");
        let (history, notes) = parse(TEXT.replace(":9", ":1").as_bytes()).unwrap();
        assert_eq!((history.events()[1].time(), notes.len()), (Some(3), 0));
        assert_eq!(parse(b"[]").unwrap().0.events().len(), 0);
    }

    #[test]
    fn what_is_wrong_has_a_line_and_what_is_cut_is_noted() {
        let error = |text: &str| parse(text.as_bytes()).unwrap_err().to_string();
        assert!(error(&TEXT.replace("\"f\":\"read\", ", "\"f\":read, ")).starts_with("3: "));
        assert_eq!(error("[1]"), "1: found `1`, expected `{`");
        assert!(error("[] 1").starts_with("1: expected nothing"));
        for end in 1..TEXT.len() {
            let (history, notes) = parse(&TEXT.as_bytes()[..end]).unwrap();
            assert!(history.events().len() <= 2);
            let cut = notes.iter().filter(|note| note.message.contains("ends inside")).count();
            assert_eq!(cut, 1, "cut at {end}");
        }
    }
}
