//! An event as a line of JSON: written by the recorder, read back by the judge.
//! It never keeps a field that docs/reference/history.md does not name.

use super::json::{field, plain};
use super::loose::Ends;
use super::order::{NO_INDEX, Names};
use super::scan::{INTEGER_MAX, ScanError, Scanner, TIME_MAX};
use super::time::Written;
use super::{Event, Field, Level, Process, Type};

impl Event {
    /// Appends this event as one line of JSON, with its line feed.
    pub fn to_json_line(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"index\":");
        plain(out, &self.index);
        field(out, "time", self.time());
        match self.process() {
            Process::Client(client) => field(out, "process", Some(client)),
            Process::Nemesis => field(out, "process", Some("nemesis")),
        }
        field(out, "type", Some(self.kind.name()));
        field(out, "f", Some(&*self.f));
        for &name in Field::ALL {
            self.write_field(name, out);
        }
        field(out, "error", self.error());
        field(out, "node", self.node.as_deref());
        out.extend_from_slice(b"}\n");
    }
}

/// A name that docs/reference/history.md has: of a field that models use, or that every event has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Name {
    Index,
    Time,
    /// The same as other programs call it.
    TimeNs,
    Process,
    Type,
    F,
    Error,
    Node,
    Model(Field),
}

impl Name {
    fn of(name: &str) -> Option<Name> {
        Some(match name {
            "index" => Name::Index,
            "time" => Name::Time,
            "t_ns" => Name::TimeNs,
            "process" => Name::Process,
            "type" => Name::Type,
            "f" => Name::F,
            "error" => Name::Error,
            "node" => Name::Node,
            other => Name::Model(Field::named(other)?),
        })
    }

    fn bit(self) -> u32 {
        match self {
            Name::Index => 1,
            Name::Time => 1 << 1,
            Name::Process => 1 << 2,
            Name::Type => 1 << 3,
            Name::F => 1 << 4,
            Name::Error => 1 << 5,
            Name::Node => 1 << 6,
            Name::TimeNs => 1 << 7,
            Name::Model(field) => 1 << (8 + field as u32),
        }
    }
}

/// Reads an event from a line.
#[cfg(test)]
pub(super) fn parse_line(line: &str, names: &mut Names) -> Result<Event, ScanError> {
    read_event(&mut Scanner::new(line), names).map(|(event, _)| event)
}

/// Reads an event, and nothing may follow it.
pub(super) fn read_event(
    scanner: &mut Scanner<'_>,
    names: &mut Names,
) -> Result<(Event, Ends), ScanError> {
    let event = read_fields(scanner, names)?;
    scanner.end().map(|()| event)
}

/// Reads an event. Its index is [`NO_INDEX`] where none is given. Fields that
/// docs/reference/history.md does not name are read over; null in an optional field is absence, but
/// for values. Where no `process` is said, `client` is its name.
pub(super) fn read_fields(
    scanner: &mut Scanner<'_>,
    names: &mut Names,
) -> Result<(Event, Ends), ScanError> {
    let mut ends = Ends::default();
    let mut event = Event::new(Process::Nemesis, Type::Info, names.none.clone());
    event.index = NO_INDEX;
    let mut seen = 0u32;
    let mut client = None;
    let mut seq = None;
    scanner.object(|scanner, name| {
        let Some(known) = Name::of(name) else {
            return scanner.skip().map(drop);
        };
        if seen & known.bit() != 0 {
            return Err(scanner.expected(&format!("each field once, but `{name}` comes twice")));
        }
        seen |= known.bit();
        match known {
            Name::Index => {
                event.index = scanner.number_or_null(INTEGER_MAX)?.unwrap_or(NO_INDEX);
            }
            Name::Time => ends.time = time(scanner)?,
            Name::TimeNs => {
                let ns = scanner.number_or_null(TIME_MAX)?.map(Written::Whole);
                ends.time = ends.time.or(ns);
            }
            Name::Process => {
                let (process, name) = process(scanner, names)?;
                event.set_process(process);
                ends.process = name;
            }
            Name::Type => event.kind = kind(scanner)?,
            Name::F => event.f = names.get(&scanner.string()?),
            // Values repeat as names do not, so they are not shared.
            Name::Model(Field::Key) => event.set_key(Some(scanner.value()?)),
            Name::Model(Field::Value) => event.value = Some(scanner.value()?),
            Name::Model(Field::Offset) => event.set_offset(scanner.number_or_null(INTEGER_MAX)?),
            Name::Model(Field::Expect) => event.set_expect(scanner.number_or_null(INTEGER_MAX)?),
            Name::Model(Field::From) => event.set_from(scanner.number_or_null(INTEGER_MAX)?),
            Name::Model(Field::Limit) => event.set_limit(scanner.number_or_null(INTEGER_MAX)?),
            Name::Model(Field::Tail) => event.set_tail(scanner.number_or_null(INTEGER_MAX)?),
            Name::Model(Field::Level) => event.set_level(level(scanner)?),
            Name::Model(Field::Element) => event.set_element(Some(scanner.value()?)),
            Name::Model(Field::Client) => client = name_or_other(scanner, names)?,
            Name::Model(Field::Seq) => seq = scanner.number_or_null(INTEGER_MAX)?,
            Name::Error => event.set_error(name_or_other(scanner, names)?),
            Name::Node => event.node = name_or_other(scanner, names)?,
        }
        Ok(())
    })?;
    event.set_time(ends.time.map(Written::ns));
    if seen & Name::Process.bit() == 0
        && let Some(name) = &client
    {
        seen |= Name::Process.bit();
        match name.parse().ok().filter(|number| *number <= INTEGER_MAX) {
            Some(number) => event.set_process(Process::Client(number)),
            None => ends.process = Some(name.clone()),
        }
    }
    event.set_session(client.zip(seq));
    for (known, name) in [(Name::Process, "process"), (Name::Type, "type"), (Name::F, "f")] {
        if seen & known.bit() == 0 {
            let message = format!("the field `{name}` is missing");
            return Err(ScanError { at: 0, message, cut: false });
        }
    }
    Ok((event, ends))
}

/// A process; where it has a name and no number, that name.
fn process(
    scanner: &mut Scanner<'_>,
    names: &mut Names,
) -> Result<(Process, Option<super::Name>), ScanError> {
    if scanner.peek() == Some(b'"') {
        let name = scanner.string()?;
        let name = name.strip_prefix(':').unwrap_or(&name);
        return Ok((Process::Nemesis, (name != "nemesis").then(|| names.get(name))));
    }
    scanner.number(INTEGER_MAX).map(|number| (Process::Client(number), None))
}

fn time(scanner: &mut Scanner<'_>) -> Result<Option<Written>, ScanError> {
    const EXPECTED: &str =
        "a time: nanoseconds, seconds with a fraction, or a date as ISO 8601 has it";
    match scanner.peek() {
        Some(b'n') => scanner.skip().map(|_| None),
        Some(b'"') => {
            let error = scanner.expected(EXPECTED);
            Written::date(&scanner.string()?).map(Some).ok_or(error)
        }
        _ => scanner.number_text(Written::number, Written::Whole, EXPECTED).map(Some),
    }
}

fn kind(scanner: &mut Scanner<'_>) -> Result<Type, ScanError> {
    let before = scanner.here();
    let kind = Type::named(&scanner.string()?);
    kind.ok_or_else(|| {
        scanner.go_back(before);
        scanner.expected("a type: \"invoke\", \"ok\", \"fail\" or \"info\"")
    })
}

fn level(scanner: &mut Scanner<'_>) -> Result<Option<Level>, ScanError> {
    let error = scanner.expected("a level: \"linearizable\" or \"local\"");
    if scanner.peek() == Some(b'n') {
        return scanner.skip().map(|_| None);
    }
    Level::named(&scanner.string()?).map(Some).ok_or(error)
}

fn name_or_other(
    scanner: &mut Scanner<'_>,
    names: &mut Names,
) -> Result<Option<super::Name>, ScanError> {
    match scanner.peek() {
        Some(b'"') => scanner.string().map(|text| Some(names.get(&text))),
        Some(b'n') => scanner.skip().map(|_| None),
        _ => scanner.skip().map(|text| Some(names.get(text))),
    }
}
