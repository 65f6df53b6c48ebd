//! Operations: invoke and return in one, with the words a drawing puts on them.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;

use schism_verify::history::{Event, Level, Process, Type, Value};

use super::event_time;
use crate::draw::text::cut;

#[derive(Clone, Debug)]
pub struct Operation<'a> {
    pub process: u64,
    pub invoke: &'a Event,
    /// The answer; None: it never came.
    pub ret: Option<&'a Event>,
    pub from_ns: u64,
    pub to_ns: Option<u64>,
}

/// What a proof is about, so that reads can say what they saw of it.
#[derive(Clone, PartialEq, Debug)]
pub enum Focus {
    /// Lengths, or nothing a read can say.
    Nothing,
    /// What stands at this offset.
    Offset(u64),
    /// Where this value stands.
    Value(Value),
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Ending {
    /// It happened.
    Ok,
    /// It certainly did not.
    Fail,
    /// Nobody knows.
    Info,
}

/// Every ending, with its word on the page, which is also its class in the style sheet.
pub const ENDINGS: [(Ending, &str); 3] =
    [(Ending::Ok, "ok"), (Ending::Fail, "fail"), (Ending::Info, "info")];

impl Ending {
    pub fn word(self) -> &'static str {
        ENDINGS[self as usize].1
    }
}

/// Longer values are cut: a label must fit its bar, and 14 characters tell random values apart.
const VALUE_CHARS_MAX: usize = 14;

/// Pairs invokes with returns. A return without an invoke is left out: the parser has refused it.
pub(super) fn pair(events: &[Event], timed: bool) -> Vec<Operation<'_>> {
    // Events of one time stand invocations first, also those of one process: its returns come in
    // the order in which it asked.
    let mut open: BTreeMap<u64, VecDeque<usize>> = BTreeMap::new();
    let mut operations: Vec<Operation<'_>> = Vec::with_capacity(events.len() / 2);
    for event in events {
        let Process::Client(process) = event.process() else { continue };
        let at = event_time(event, timed);
        if event.kind == Type::Invoke {
            open.entry(process).or_default().push_back(operations.len());
            operations.push(Operation {
                process,
                invoke: event,
                ret: None,
                from_ns: at,
                to_ns: None,
            });
        } else if let Some(place) = open.get_mut(&process).and_then(VecDeque::pop_front) {
            operations[place].ret = Some(event);
            operations[place].to_ns = Some(at);
        }
    }
    operations
}

impl<'a> Operation<'a> {
    pub fn ending(&self) -> Ending {
        match self.ret.map(|event| event.kind) {
            Some(Type::Ok) => Ending::Ok,
            Some(Type::Fail) => Ending::Fail,
            _ => Ending::Info,
        }
    }

    /// Whether one of these events of the history is its invoke or its return.
    pub fn is_among(&self, events: &[u64]) -> bool {
        events.contains(&self.invoke.index)
            || self.ret.is_some_and(|ret| events.contains(&ret.index))
    }

    /// The node that answered, or was asked.
    pub fn node(&self) -> &'a str {
        let answered = self.ret.and_then(|event| event.node.as_ref());
        answered.or(self.invoke.node.as_ref()).map_or("", |node| node)
    }

    /// How long it took, where an answer came.
    pub fn latency_ns(&self) -> Option<u64> {
        self.to_ns.map(|to| to.saturating_sub(self.from_ns))
    }

    /// `append 93 -> 43`: what was asked and what was answered.
    pub fn label(&self) -> String {
        self.label_on(&Focus::Nothing)
    }

    /// The same, where a read says what it saw of the thing in focus: `read -> 93 at 43, tail 45`.
    pub fn label_on(&self, focus: &Focus) -> String {
        let answer = match self.ending() {
            Ending::Ok => self.seen(focus).unwrap_or_else(|| self.answer()),
            Ending::Fail => format!("fail {}", self.error("refused")),
            Ending::Info => format!("? {}", self.error("no answer")),
        };
        format!("{} -> {answer}", self.question())
    }

    /// The length of the log this operation saw, where it tells.
    pub fn length_seen(&self) -> Option<u64> {
        let ret = self.ret.filter(|event| event.kind == Type::Ok)?;
        match &*self.invoke.f {
            "append" | "append-if" => ret.offset().map(|offset| offset + 1),
            "read" | "tail" => ret.tail().or_else(|| match &ret.value {
                Some(Value::List(values)) => {
                    Some(self.invoke.from().unwrap_or(0) + values.len() as u64)
                }
                _ => None,
            }),
            _ => None,
        }
    }

    /// The entries a read was shown, with the offset of the first.
    pub fn entries(&self) -> Option<(u64, &'a [Value])> {
        let ret = self.ret.filter(|event| event.kind == Type::Ok && &*event.f == "read")?;
        let Some(Value::List(values)) = &ret.value else { return None };
        Some((self.invoke.from().unwrap_or(0), values))
    }

    fn seen(&self, focus: &Focus) -> Option<String> {
        let (from, values) = self.entries()?;
        let tail = self.ret.and_then(Event::tail);
        let tail = tail.map_or(String::new(), |tail| format!(", tail {tail}"));
        match focus {
            Focus::Nothing => None,
            Focus::Offset(offset) => {
                let place = usize::try_from(offset.checked_sub(from)?).ok()?;
                let value = values.get(place).map_or("nothing".into(), show);
                Some(format!("{value} at {offset}{tail}"))
            }
            Focus::Value(value) => {
                let places = (from..).zip(values).filter(|(_, shown)| *shown == value);
                let places: Vec<String> = places.map(|(offset, _)| offset.to_string()).collect();
                let shown = places.iter().take(3).cloned().collect::<Vec<_>>().join(" and ");
                (!places.is_empty()).then(|| format!("{} at {shown}{tail}", show(value)))
            }
        }
    }

    fn error(&self, otherwise: &str) -> String {
        let error = self.ret.and_then(Event::error);
        error.map_or_else(|| otherwise.to_owned(), |error| cut(error, 24))
    }

    fn question(&self) -> String {
        let asked = self.invoke;
        let mut text = cut(&asked.f, 16);
        if let Some(key) = &asked.key() {
            let _ = write!(text, " {}", show(key));
        }
        if let Some(element) = asked.element() {
            let _ = write!(text, " {}", show(element));
        }
        if asked.level() == Some(Level::Local) {
            text += " local";
        }
        match &*asked.f {
            "read" => {
                if let Some(from) = asked.from().filter(|&from| from > 0) {
                    let _ = write!(text, " {from}..");
                }
            }
            _ => {
                if let Some(value) = asked.value.as_ref().filter(|value| **value != Value::Null) {
                    let _ = write!(text, " {}", show(value));
                }
            }
        }
        if let Some(expect) = asked.expect() {
            let _ = write!(text, " at {expect}");
        }
        text
    }

    fn answer(&self) -> String {
        let Some(ret) = self.ret else { return String::new() };
        if let Some(offset) = ret.offset() {
            return offset.to_string();
        }
        match (&*self.invoke.f, &ret.value, ret.tail()) {
            (_, Some(Value::List(values)), Some(tail)) if !values.is_empty() => {
                let entries = if values.len() == 1 { "entry" } else { "entries" };
                format!("{} {entries}, tail {tail}", values.len())
            }
            (_, _, Some(tail)) => format!("tail {tail}"),
            ("propose", Some(value), _) => show(value),
            // Some tools write what a read found into its question too.
            ("read" | "get", Some(value), None) => show(value),
            (_, Some(value), None) if ret.value != self.invoke.value => show(value),
            _ => "ok".into(),
        }
    }
}

/// A value as a label shows it.
pub fn show(value: &Value) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Bool(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Str(text) => cut(text, VALUE_CHARS_MAX),
        Value::List(values) if values.len() <= 4 => {
            let shown: Vec<String> = values.iter().map(show).collect();
            format!("[{}]", shown.join(" "))
        }
        Value::List(values) => {
            let last = values.last().map(show).unwrap_or_default();
            format!("[{} .. {last}]", show(&values[0]))
        }
        Value::Other(text) => cut(text, VALUE_CHARS_MAX),
    }
}
