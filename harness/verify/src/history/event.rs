//! One event of a history, as in one line of `history.jsonl`.
//! It never knows a model: which fields an operation needs is the model's to say.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::value::{Name, Value};

/// One event. Absent fields of a return keep the invoke's value.
///
/// Histories hold tens of millions of these, so an event is 88 bytes: what nearly every event has
/// stands in it, and what few have (see the methods) is kept apart and costs memory only there.
#[derive(Clone, PartialEq, Debug)]
pub struct Event {
    /// Its position in the history: 0, 1, 2, ...
    pub index: u64,
    /// [`NO_TIME`] where the file gives none.
    time: u64,
    /// [`NEMESIS`] for the one who breaks things.
    process: u64,
    /// What was asked or answered. None: absent.
    pub value: Option<Value>,
    /// The operation: `append`, `read`, ...; for the nemesis the fault's kind or `phase`.
    pub f: Name,
    pub node: Option<Name>,
    /// Two numbers, each the field that `numbered` says.
    numbers: [u64; 2],
    rare: Option<Box<Rare>>,
    numbered: [Number; 2],
    pub kind: Type,
}

/// Stands for no time: later than any time that a history may say.
const NO_TIME: u64 = u64::MAX;

/// Stands for the nemesis among the processes, which end at 2^53.
const NEMESIS: u64 = u64::MAX;

/// The numbers an event may carry. A question or an answer of the log has at most two of them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Number {
    None,
    Offset,
    Expect,
    From,
    Limit,
    Tail,
}

#[derive(Clone, PartialEq, Debug, Default)]
struct Rare {
    key: Option<Value>,
    element: Option<Value>,
    session: Option<(Name, u64)>,
    error: Option<Name>,
    level: Option<Level>,
    /// Numbers beyond the two that stand in the event.
    numbers: Vec<(Number, u64)>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Process {
    /// One thread of clients' logic, with at most one open operation.
    Client(u64),
    /// The one who breaks things.
    Nemesis,
}

/// The four types of event, as in Jepsen.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Type {
    Invoke,
    /// It happened, with this result.
    Ok,
    /// It certainly did not happen and never will.
    Fail,
    /// Nobody knows: it may happen at any later time, or never. For the nemesis: a remark.
    Info,
}

/// How fresh a read must be.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// It takes effect between invocation and return.
    Linearizable,
    /// What the node asked has delivered.
    Local,
}

impl Type {
    /// Its name in files.
    pub fn name(self) -> &'static str {
        match self {
            Type::Invoke => "invoke",
            Type::Ok => "ok",
            Type::Fail => "fail",
            Type::Info => "info",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "invoke" => Type::Invoke,
            "ok" => Type::Ok,
            "fail" => Type::Fail,
            "info" => Type::Info,
            _ => return None,
        })
    }
}

impl Level {
    /// As histories and the client protocol call it.
    pub fn name(self) -> &'static str {
        match self {
            Level::Linearizable => "linearizable",
            Level::Local => "local",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        [Level::Linearizable, Level::Local].into_iter().find(|level| level.name() == name)
    }
}

impl Event {
    /// An event with nothing but who, what kind and which operation.
    pub fn new(process: Process, kind: Type, f: impl Into<Name>) -> Self {
        let mut event = Event {
            index: 0,
            time: NO_TIME,
            process: NEMESIS,
            value: None,
            f: f.into(),
            node: None,
            numbers: [0; 2],
            rare: None,
            numbered: [Number::None; 2],
            kind,
        };
        event.set_process(process);
        event
    }

    /// Nanoseconds since the first node was started; None where the file gives none.
    pub fn time(&self) -> Option<u64> {
        (self.time != NO_TIME).then_some(self.time)
    }

    pub fn set_time(&mut self, time: Option<u64>) {
        self.time = time.unwrap_or(NO_TIME);
    }

    pub fn process(&self) -> Process {
        match self.process {
            NEMESIS => Process::Nemesis,
            number => Process::Client(number),
        }
    }

    /// Whether a client asked or was answered, and not the nemesis remarked.
    pub fn is_client(&self) -> bool {
        self.process != NEMESIS
    }

    pub fn set_process(&mut self, process: Process) {
        self.process = match process {
            Process::Nemesis => NEMESIS,
            Process::Client(number) => {
                assert!(number != NEMESIS, "process numbers are below 2^64 - 1");
                number
            }
        };
    }

    pub fn offset(&self) -> Option<u64> {
        self.number(Number::Offset)
    }

    pub fn set_offset(&mut self, offset: Option<u64>) {
        self.set_number(Number::Offset, offset);
    }

    pub fn expect(&self) -> Option<u64> {
        self.number(Number::Expect)
    }

    pub fn set_expect(&mut self, expect: Option<u64>) {
        self.set_number(Number::Expect, expect);
    }

    pub fn from(&self) -> Option<u64> {
        self.number(Number::From)
    }

    pub fn set_from(&mut self, from: Option<u64>) {
        self.set_number(Number::From, from);
    }

    pub fn limit(&self) -> Option<u64> {
        self.number(Number::Limit)
    }

    pub fn set_limit(&mut self, limit: Option<u64>) {
        self.set_number(Number::Limit, limit);
    }

    pub fn tail(&self) -> Option<u64> {
        self.number(Number::Tail)
    }

    pub fn set_tail(&mut self, tail: Option<u64>) {
        self.set_number(Number::Tail, tail);
    }

    /// The object it is about, where there is more than one.
    pub fn key(&self) -> Option<&Value> {
        self.rare.as_ref()?.key.as_ref()
    }

    pub fn set_key(&mut self, key: Option<Value>) {
        self.set_rare(key, |rare| &mut rare.key);
    }

    /// The element of a set operation.
    pub fn element(&self) -> Option<&Value> {
        self.rare.as_ref()?.element.as_ref()
    }

    pub fn set_element(&mut self, element: Option<Value>) {
        self.set_rare(element, |rare| &mut rare.element);
    }

    /// Session and number of an append: ("c3", 9).
    pub fn session(&self) -> Option<&(Name, u64)> {
        self.rare.as_ref()?.session.as_ref()
    }

    pub fn set_session(&mut self, session: Option<(Name, u64)>) {
        self.set_rare(session, |rare| &mut rare.session);
    }

    pub fn error(&self) -> Option<&str> {
        self.rare.as_ref()?.error.as_deref()
    }

    pub fn set_error(&mut self, error: Option<Name>) {
        self.set_rare(error, |rare| &mut rare.error);
    }

    /// How fresh a read must be; None: linearizable.
    pub fn level(&self) -> Option<Level> {
        self.rare.as_ref()?.level
    }

    pub fn set_level(&mut self, level: Option<Level>) {
        self.set_rare(level, |rare| &mut rare.level);
    }

    fn number(&self, name: Number) -> Option<u64> {
        for (numbered, number) in self.numbered.iter().zip(self.numbers) {
            if *numbered == name {
                return Some(number);
            }
        }
        let more = &self.rare.as_ref()?.numbers;
        more.iter().find(|(numbered, _)| *numbered == name).map(|(_, number)| *number)
    }

    /// The numbers stay in the order of [`Number`], the first two in the event: equal events are
    /// equal however they were made.
    fn set_number(&mut self, name: Number, number: Option<u64>) {
        let [first, second] = self.numbered;
        match number {
            // As every parser and recorder goes: in order, and nothing there yet.
            Some(number) if first == Number::None && self.rare.is_none() => {
                (self.numbered[0], self.numbers[0]) = (name, number);
                return;
            }
            Some(number) if second == Number::None && first < name && first != Number::None => {
                (self.numbered[1], self.numbers[1]) = (name, number);
                return;
            }
            _ => {}
        }
        let mut all = Vec::new();
        for other in NUMBERS {
            let value = if other == name { number } else { self.number(other) };
            all.extend(value.map(|value| (other, value)));
        }
        let mut all = all.into_iter();
        for at in 0..self.numbers.len() {
            (self.numbered[at], self.numbers[at]) = all.next().unwrap_or((Number::None, 0));
        }
        let more: Vec<(Number, u64)> = all.collect();
        if self.rare.is_some() || !more.is_empty() {
            self.rare.get_or_insert_default().numbers = more;
            self.tidy();
        }
    }

    fn set_rare<T>(&mut self, value: Option<T>, field: fn(&mut Rare) -> &mut Option<T>) {
        if value.is_some() || self.rare.is_some() {
            *field(self.rare.get_or_insert_default()) = value;
            self.tidy();
        }
    }

    /// Nothing rare is kept where there is none of it, so that equal events are equal.
    fn tidy(&mut self) {
        self.rare.take_if(|rare| **rare == Rare::default());
    }
}

const NUMBERS: [Number; 5] =
    [Number::Offset, Number::Expect, Number::From, Number::Limit, Number::Tail];

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Process::Client(number) => write!(f, "p{number}"),
            Process::Nemesis => f.write_str("nemesis"),
        }
    }
}
