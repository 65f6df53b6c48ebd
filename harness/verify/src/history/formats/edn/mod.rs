//! Jepsen's histories in EDN: maps or records, one after the other or in one vector or list; with
//! keys of independent objects as `[k v]` tuples, and processes that may have names. It never takes
//! a cas for a tuple.

mod reader;
#[cfg(test)]
mod tests;

pub(super) use reader::line_feeds;
use reader::{Edn, Reader, Wrong};

use super::cut_note;
use schism_facts::foreign::excerpt;

use crate::history::lines::Lines;
use crate::history::loose::{Ends, Loose};
use crate::history::order::{NO_INDEX, Names, order, times_that_hold};
use crate::history::scan::INTEGER_MAX;
use crate::history::time::Written;
use crate::history::{Event, History, Level, Name, Note, ParseError, Process, Type, Value};

/// Reads EDN. A file that ends inside an event is noted.
pub fn parse(bytes: &[u8]) -> Result<(History, Vec<Note>), ParseError> {
    let (text, torn) = text(bytes)?;
    let mut reader = Reader::new(text);
    let mut read = Read::default();
    let mut cut = None;
    match events(&mut reader, &mut read) {
        Ok(()) => {}
        Err(wrong) if wrong.cut || torn => cut = Some(read.line),
        Err(wrong) => return Err(wrong.error),
    }
    read.finish(cut)
}

impl Read {
    /// What only all events together tell: whose names are numbers, which times give an order,
    /// whether values are pairs with a key. `cut`: the line at which the file ends too early.
    pub(super) fn finish(self, cut: Option<u64>) -> Result<(History, Vec<Note>), ParseError> {
        let Read { mut events, lines, keys_told, loose, .. } = self;
        let told = loose.settle(&mut events, &lines)?;
        let keyed = !keys_told && keyed(&events);
        if keyed {
            events.iter_mut().filter(|event| event.is_client()).for_each(split);
        }
        let untimed = times_that_hold(&mut events, &lines);
        let (history, mut notes) = order(events, lines)?;
        notes.extend(untimed);
        notes.extend(told);
        if keyed {
            let message = "every value is a pair, so the first of each was taken as a key";
            notes.push(Note { line: None, message: message.into() });
        }
        notes.extend(cut.map(cut_note));
        Ok((history, notes))
    }

    /// Takes fields as those of an event that stands on this line.
    fn take(&mut self, line: u64, fields: Vec<(Edn, Edn)>) -> Result<(), String> {
        let is_key = |name: &Edn| matches!(name, Edn::Keyword(word) if word == "key");
        self.keys_told |= fields.iter().any(|(name, _)| is_key(name));
        let (event, ends) = of_fields(fields, &mut self.names)?;
        self.loose.push(self.events.len(), ends);
        self.events.push(event);
        self.lines.push(line);
        Ok(())
    }

    /// The same, whose fields are given as EDN by name.
    pub(super) fn take_texts(&mut self, line: u64, fields: &[(&str, &str)]) -> Result<(), String> {
        let read = |(name, text): &(&str, &str)| {
            let value = one(text).map_err(|wrong| {
                format!("`{}` cannot be read as EDN: {}", excerpt(text), wrong.error.message)
            })?;
            Ok((Edn::Keyword((*name).into()), value))
        };
        let fields: Result<Vec<(Edn, Edn)>, String> = fields.iter().map(read).collect();
        self.take(line, fields?)
    }
}

/// One value, and nothing after it.
pub fn value(text: &str) -> Result<Value, ParseError> {
    one(text).map(Edn::into_value).map_err(|wrong| wrong.error)
}

fn one(text: &str) -> Result<Edn, Wrong> {
    let mut reader = Reader::new(text);
    let value = reader.value()?;
    match reader.peek()? {
        None => Ok(value),
        Some(_) => Err(reader.wrong("nothing after the value")),
    }
}

/// The text; true if it ends inside a character.
pub(super) fn text(bytes: &[u8]) -> Result<(&str, bool), ParseError> {
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok((text, false)),
        Err(error) => {
            let (good, _) = bytes.split_at(error.valid_up_to());
            if error.error_len().is_none() {
                return Ok((std::str::from_utf8(good).expect("valid up to here"), true));
            }
            let line = line_feeds(good) + 1;
            let message = "found bytes that are not UTF-8, expected text".into();
            Err(ParseError { line, column: None, message })
        }
    }
}

/// Events as they are read.
#[derive(Default)]
pub(super) struct Read {
    events: Vec<Event>,
    lines: Lines,
    names: Names,
    loose: Loose,
    /// Some event has a `:key`, if only nil: values are not tuples.
    keys_told: bool,
    /// The line of the event that is being read.
    line: u64,
}

fn events(reader: &mut Reader<'_>, read: &mut Read) -> Result<(), Wrong> {
    read.line = 1;
    while let Some(byte) = reader.peek()? {
        read.line = reader.line();
        let close = match byte {
            b'[' => b']',
            b'(' => b')',
            _ => {
                event(reader, read)?;
                continue;
            }
        };
        reader.take(byte)?;
        while !reader.take(close)? {
            read.line = reader.line();
            event(reader, read)?;
        }
    }
    Ok(())
}

fn event(reader: &mut Reader<'_>, read: &mut Read) -> Result<(), Wrong> {
    let line = reader.line();
    let Edn::Map(fields) = reader.value()? else {
        let message = "found a value, expected a map with :process, :type and :f".into();
        return Err(Wrong { error: ParseError { line, column: None, message }, cut: false });
    };
    read.take(line, fields).map_err(|message| {
        let error = ParseError { line, column: None, message };
        Wrong { error, cut: false }
    })
}

/// The event. Where no `:process` is said, `:client` is its name.
fn of_fields(fields: Vec<(Edn, Edn)>, names: &mut Names) -> Result<(Event, Ends), String> {
    let mut ends = Ends::default();
    let mut event = Event::new(Process::Nemesis, Type::Info, names.get(""));
    event.index = NO_INDEX;
    let (mut process, mut kind, mut f) = (false, false, false);
    let (mut client, mut seq) = (None, None);
    for (name, value) in fields {
        let Edn::Keyword(name) = name else { continue };
        let name = name.rsplit('/').next().unwrap_or_default();
        if matches!(value, Edn::Plain(Value::Null)) && name != "value" {
            continue;
        }
        let whole = |value: Edn, name: &str| match value.into_value() {
            Value::Int(number) if is_whole(number) => Ok(number as u64),
            other => Err(format!(
                "`:{name}` is {other}; expected a whole number from 0 to {INTEGER_MAX}"
            )),
        };
        match name {
            "process" => {
                process = true;
                match value {
                    Edn::Plain(Value::Int(number)) if is_whole(number) => {
                        event.set_process(Process::Client(number as u64));
                    }
                    Edn::Keyword(name) => ends.process = Some(names.get(&name)),
                    Edn::Plain(Value::Str(name)) => ends.process = Some(name),
                    _ => {
                        return Err(format!(
                            "`:process` is neither a whole number from 0 to {INTEGER_MAX} nor a \
                             name"
                        ));
                    }
                }
            }
            "type" => {
                kind = true;
                let word = value.into_value();
                let known = match &word {
                    Value::Str(text) => Type::named(text),
                    _ => None,
                };
                event.kind = known.ok_or_else(|| {
                    format!("`:type` is {word}; expected :invoke, :ok, :fail or :info")
                })?;
            }
            "f" => {
                f = true;
                event.f = word(value, names);
            }
            "time" => ends.time = time(value),
            "t_ns" => ends.time = ends.time.or_else(|| time(value)),
            "index" => event.index = whole(value, name)?,
            "key" => event.set_key(Some(value.into_value())),
            "value" => match value {
                Edn::Tuple(pair) => {
                    event.set_key(Some(pair.0.into_value()));
                    event.value = Some(pair.1.into_value());
                }
                value => event.value = Some(value.into_value()),
            },
            "element" => event.set_element(Some(value.into_value())),
            "offset" => event.set_offset(Some(whole(value, name)?)),
            "expect" => event.set_expect(Some(whole(value, name)?)),
            "from" => event.set_from(Some(whole(value, name)?)),
            "limit" => event.set_limit(Some(whole(value, name)?)),
            "tail" => event.set_tail(Some(whole(value, name)?)),
            "client" => client = Some(word(value, names)),
            "seq" => seq = Some(whole(value, name)?),
            "level" => {
                let level = Level::named(&word(value, names));
                let wrong = || "`:level` is neither :linearizable nor :local".to_owned();
                event.set_level(Some(level.ok_or_else(wrong)?));
            }
            "error" => event.set_error(Some(word(value, names))),
            "node" => event.node = Some(word(value, names)),
            _ => {}
        }
    }
    event.set_time(ends.time.map(Written::ns));
    if let (false, Some(name)) = (process, &client) {
        process = true;
        match name.parse().ok().filter(|number| *number <= INTEGER_MAX) {
            Some(number) => event.set_process(Process::Client(number)),
            None => ends.process = Some(name.clone()),
        }
    }
    event.set_session(client.zip(seq));
    for (there, name) in [(process, "process"), (kind, "type"), (f, "f")] {
        if !there {
            return Err(format!("the field `:{name}` is missing"));
        }
    }
    Ok((event, ends))
}

/// A time, if it can be one.
fn time(value: Edn) -> Option<Written> {
    match value {
        Edn::Plain(Value::Int(time)) => u64::try_from(time).ok().map(Written::Whole),
        Edn::Plain(Value::Other(number)) => Written::number(&number),
        Edn::Plain(Value::Str(text)) => Written::date(&text),
        _ => None,
    }
}

fn is_whole(number: i64) -> bool {
    u64::try_from(number).is_ok_and(|number| number <= INTEGER_MAX)
}

/// A text, or anything else as JSON.
fn word(value: Edn, names: &mut Names) -> Name {
    match value.into_value() {
        Value::Str(text) => names.get(&text),
        other => names.get(&other.to_string()),
    }
}

/// Whether values are `[k v]` tuples of independent keys. A tuple is a plain vector in older
/// files, so this looks at all of them: every client's invocation must have a pair, and there must
/// be one that would make no sense as it stands.
pub(super) fn keyed(events: &[Event]) -> bool {
    let of_clients = events.iter().filter(|event| event.is_client());
    let mut sure = false;
    for event in of_clients {
        if event.key().is_some() {
            return false;
        }
        let pair = match &event.value {
            Some(Value::List(pair)) if pair.len() == 2 => pair,
            None if event.kind != Type::Invoke => continue,
            _ => return false,
        };
        let pair_within = |value: &Value| matches!(value, Value::List(inner) if inner.len() == 2);
        match &*event.f {
            "cas" if pair_within(&pair[1]) => sure = true,
            "cas" => return false,
            // Two micro-operations, or a key and a list of them.
            "txn" if matches!(pair[0], Value::List(_)) => return false,
            _ => sure = true,
        }
    }
    sure
}

fn split(event: &mut Event) {
    let Some(Value::List(pair)) = event.value.take() else { return };
    event.set_key(Some(pair[0].clone()));
    event.value = Some(pair[1].clone());
}
