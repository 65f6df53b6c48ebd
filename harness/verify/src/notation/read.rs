//! Reading histories from a notation made for tests.
//!
//! Statements are separated by two spaces or a line's end; each event comes one nanosecond after
//! the one before it. Processes are single letters: `a` is process 0, `b` process 1.
//!
//! ```text
//! a: append 1 -> 0        invoked and returned, nothing between
//! a> append 1             invoked
//! a< 0                    returned: ok with this answer
//! =b< [1]                 the same at the time of the event before it
//! ```
//!
//! | asked | answered |
//! |---|---|
//! | `append V`, `append-if V at E`, either with ` c3/9` (client and seq) | `0` (offset) |
//! | `read`, `read F`, `read F limit L`, with `local` before it | `[1 x]`, `[1 x] of 7` (tail 7) |
//! | `tail`, `local tail` | `7` |
//!
//! An answer can also be `fail`, `fail ERROR`, `conflict`, `conflict 7` (tail 7) or `?` (info). A
//! node is named at the end of what is asked: `append 1 @n2`. V is an integer or a word.

use crate::history::{Event, History, Level, ParseError, Process, Type, Value};

#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotationError {
    #[error("`{0}` is no statement of the notation")]
    Statement(String),
    #[error("{0}")]
    History(#[from] ParseError),
}

pub fn read(text: &str) -> Result<History, NotationError> {
    let mut events: Vec<Event> = Vec::new();
    let mut time = 0;
    let statements = text.lines().flat_map(|line| line.split("  ")).map(str::trim);
    for statement in statements.filter(|statement| !statement.is_empty()) {
        let unknown = || NotationError::Statement(statement.to_owned());
        let (same, rest) = match statement.strip_prefix('=') {
            Some(rest) => (true, rest),
            None => (false, statement),
        };
        if !same {
            time += 1;
        }
        let mut letters = rest.chars();
        let process = match letters.next() {
            Some(letter @ 'a'..='z') => Process::Client(u64::from(letter as u8 - b'a')),
            _ => return Err(unknown()),
        };
        let how = letters.next().ok_or_else(unknown)?;
        let rest = letters.as_str().trim();
        match how {
            '>' => push(&mut events, question(process, rest).ok_or_else(unknown)?, time),
            '<' => {
                let open =
                    events.iter().rfind(|e| e.process() == process && e.kind == Type::Invoke);
                let open = open.ok_or_else(unknown)?.clone();
                let event = answer(&open, rest).ok_or_else(unknown)?;
                push(&mut events, event, time);
            }
            ':' => {
                let (asked, answered) = rest.split_once("->").ok_or_else(unknown)?;
                let open = question(process, asked.trim()).ok_or_else(unknown)?;
                let event = answer(&open, answered.trim()).ok_or_else(unknown)?;
                push(&mut events, open, time);
                time += 1;
                push(&mut events, event, time);
            }
            _ => return Err(unknown()),
        }
    }
    Ok(History::from_events(events)?)
}

fn push(events: &mut Vec<Event>, mut event: Event, time: u64) {
    event.set_time(Some(time));
    event.index = events.len() as u64;
    events.push(event);
}

fn question(process: Process, text: &str) -> Option<Event> {
    let (text, node) = match text.split_once('@') {
        Some((text, node)) => (text, Some(node.trim())),
        None => (text, None),
    };
    let mut words = text.split_whitespace().peekable();
    let local = words.next_if_eq(&"local").is_some();
    let mut event = Event::new(process, Type::Invoke, words.next()?);
    event.set_level(local.then_some(Level::Local));
    event.node = node.map(Into::into);
    match &*event.f {
        "append" => event.value = Some(value(words.next()?)),
        "append-if" => {
            event.value = Some(value(words.next()?));
            words.next_if_eq(&"at")?;
            event.set_expect(Some(words.next()?.parse().ok()?));
        }
        "read" => {
            if let Some(from) = words.next_if(|word| *word != "limit") {
                event.set_from(Some(from.parse().ok()?));
            }
            if words.next_if_eq(&"limit").is_some() {
                event.set_limit(Some(words.next()?.parse().ok()?));
            }
        }
        "tail" => {}
        _ => return None,
    }
    if let Some(session) = words.next() {
        let (client, seq) = session.split_once('/')?;
        event.set_session(Some((client.into(), seq.parse().ok()?)));
    }
    words.next().is_none().then_some(event)
}

fn answer(open: &Event, text: &str) -> Option<Event> {
    let mut event = Event::new(open.process(), Type::Ok, open.f.clone());
    event.node.clone_from(&open.node);
    event.set_session(open.session().cloned());
    let (first, rest) = text.split_once(' ').unwrap_or((text, ""));
    match first {
        "?" => event.kind = Type::Info,
        "fail" => {
            event.kind = Type::Fail;
            event.set_error((!rest.is_empty()).then(|| rest.into()));
        }
        "conflict" => {
            event.kind = Type::Fail;
            event.set_error(Some("conflict".into()));
            if !rest.is_empty() {
                event.set_tail(Some(rest.parse().ok()?));
            }
        }
        _ if &*open.f == "read" => {
            let (list, tail) = text.strip_prefix('[')?.split_once(']')?;
            let values: Vec<Value> = list.split_whitespace().map(value).collect();
            event.value = Some(Value::List(values.into()));
            if let Some(tail) = tail.trim().strip_prefix("of ") {
                event.set_tail(Some(tail.parse().ok()?));
            }
        }
        _ if &*open.f == "tail" => event.set_tail(Some(text.parse().ok()?)),
        _ => event.set_offset(Some(text.parse().ok()?)),
    }
    Some(event)
}

fn value(word: &str) -> Value {
    word.parse().map_or_else(|_| Value::Str(word.into()), Value::Int)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_have_the_times_and_fields_that_are_written() {
        let text = "a> append 7 c3/9 @n2  b: local read 2 limit 5 -> [x 1] of 9  =a< 0
            a: append-if 8 at 1 -> conflict 3  c> tail  c< ?";
        let history = read(text).unwrap();
        let line = |at: usize| {
            let mut out = Vec::new();
            history.events()[at].to_json_line(&mut out);
            String::from_utf8(out).unwrap()
        };
        let session = r#""client":"c3","seq":9,"node":"n2"}"#;
        let start = r#"{"index":0,"time":1,"process":0,"type":"invoke","f":"append","value":7,"#;
        assert_eq!(line(0), format!("{start}{session}\n"));
        let read = r#"{"index":1,"time":2,"process":1,"type":"invoke","f":"read","from":2,"#;
        assert_eq!(line(1), format!("{read}\"limit\":5,\"level\":\"local\"}}\n"));
        let ok = r#"{"index":2,"time":3,"process":1,"type":"ok","f":"read","value":["x",1],"#;
        assert_eq!(line(2), format!("{ok}\"tail\":9}}\n"));
        let ok = r#"{"index":3,"time":3,"process":0,"type":"ok","f":"append","offset":0,"#;
        assert_eq!(line(3), format!("{ok}{session}\n"));
        let fail = r#"{"index":5,"time":5,"process":0,"type":"fail","f":"append-if","tail":3,"#;
        assert_eq!(line(5), format!("{fail}\"error\":\"conflict\"}}\n"));
        assert_eq!(history.events()[7].kind, Type::Info);
    }

    #[test]
    fn what_is_no_statement_is_refused() {
        for text in ["a", "a: append 1", "a< 0", "a: jump -> 0", "a: append 1 -> x", "1: tail -> 0"]
        {
            assert!(read(text).is_err(), "{text}");
        }
        assert!(matches!(read("a> tail  a> tail"), Err(NotationError::History(_))));
    }
}
