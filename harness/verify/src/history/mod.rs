//! What clients asked and were told, and what was broken meanwhile, in the order of real time.
//! A `History` that exists is well formed: its events are ordered and its operations paired.

mod builder;
mod event;
mod field;
pub mod formats;
mod json;
mod line;
mod lines;
mod loose;
pub mod nemesis;
mod number;
pub(crate) mod order;
mod processes;
pub(crate) mod scan;
#[cfg(test)]
mod tests;
mod time;
mod value;

use std::io::Read;

pub use builder::Builder;
pub use event::{Event, Level, Process, Type};
pub use field::Field;
pub use formats::ReadError;
use lines::Lines;
pub use value::{List, Name, Value};

/// Events in the order of real time, with the operations they make up.
#[derive(Clone, Debug, Default)]
pub struct History {
    events: Vec<Event>,
    operations: Vec<Operation>,
    /// Positions in `events` in the order of the file, which is also that of the events' indexes;
    /// empty where both orders agree.
    by_index: Vec<u32>,
    lines: Lines,
    /// Some process asks again at the very time at which it was answered.
    touches: bool,
}

/// Histories are equal if they say the same, on whatever lines.
impl PartialEq for History {
    fn eq(&self, other: &History) -> bool {
        self.events == other.events && self.operations == other.operations
    }
}

/// One operation of a process: positions of its events in [`History::events`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Operation {
    pub process: u64,
    invoke: u32,
    /// `u32::MAX`: it never returned.
    ret: u32,
}

impl Operation {
    /// The position of its invocation.
    pub fn invoke(&self) -> usize {
        self.invoke as usize
    }

    /// The position of its return. None: it never returned, which means info.
    pub fn ret(&self) -> Option<usize> {
        (self.ret != u32::MAX).then_some(self.ret as usize)
    }
}

/// Something a reader of the verdict should know about the file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Note {
    /// The line it is about, from 1.
    pub line: Option<u64>,
    pub message: String,
}

/// Why this is not a history. Shown as `LINE:COLUMN: message`, to stand behind `FILE:`.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{line}{}: {message}", column.map(|c| format!(":{c}")).unwrap_or_default())]
pub struct ParseError {
    /// The line, from 1.
    pub line: u64,
    /// The column in bytes, from 1, where there is one.
    pub column: Option<u64>,
    /// What was found and what was expected.
    pub message: String,
}

impl History {
    /// Reads a history in any known format. A line cut off at the very end is noted and the rest
    /// is kept.
    pub fn parse(bytes: &[u8]) -> Result<(History, Vec<Note>), ParseError> {
        formats::parse(bytes).map(|(_, history, notes)| (history, notes))
    }

    /// Reads a history in any known format from a file or a stream. JSON lines are read in blocks,
    /// so that a file larger than memory can still be a history that fits.
    pub fn read(file: impl Read) -> Result<(History, Vec<Note>), ReadError> {
        formats::read(file, None).map(|(_, history, notes)| (history, notes))
    }

    /// A history to be made event by event.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Orders and pairs events given in the order of their file; the line of an error is the
    /// event's position, from 1.
    pub fn from_events(events: Vec<Event>) -> Result<History, ParseError> {
        order::order(events, Lines::default()).map(|(history, _)| history)
    }

    /// Every event, in the order of real time.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// Every event, in the order of the file, which is that of the indexes.
    pub(crate) fn in_file_order(&self) -> impl Iterator<Item = &Event> {
        let places = 0..if self.by_index.is_empty() { self.events.len() } else { 0 };
        places.chain(self.by_index.iter().map(|&at| at as usize)).map(|at| &self.events[at])
    }

    /// Whether some process asks again at the very time at which it was answered. Only then do
    /// positions not tell that its first operation came before its second.
    pub(crate) fn touches(&self) -> bool {
        self.touches
    }

    /// For each event a rank in an order that keeps the file's where times are equal. It is one of
    /// the orders that the times and the processes allow; positions allow all of them.
    pub(crate) fn file_ranks(&self) -> Vec<u32> {
        let mut places: Vec<u32> = (0..self.events.len() as u32).collect();
        if self.events.iter().any(|event| event.time().is_none()) {
            return places; // the order of the file is the order
        }
        let event = |at: &u32| &self.events[*at as usize];
        places.sort_by_key(|at| (event(at).time(), event(at).index));
        let mut ranks = vec![0; places.len()];
        for (rank, at) in (0..).zip(places) {
            ranks[at as usize] = rank;
        }
        ranks
    }

    /// Every operation, in the order of invocation.
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// The position of the event with this index.
    pub fn position(&self, index: u64) -> Option<usize> {
        if self.by_index.is_empty() {
            let position = usize::try_from(index).ok()?;
            if self.events.get(position).is_some_and(|event| event.index == index) {
                return Some(position);
            }
            return self.events.binary_search_by_key(&index, |event| event.index).ok();
        }
        let index_of = |&at: &u32| self.events[at as usize].index;
        let found = self.by_index.binary_search_by_key(&index, index_of);
        found.ok().map(|at| self.by_index[at] as usize)
    }

    /// The line, from 1, of the event with this index in the file it was read from.
    pub fn line_of(&self, index: u64) -> Option<u64> {
        let position = self.position(index)?;
        let in_file = if self.by_index.is_empty() {
            position
        } else {
            self.by_index.iter().position(|&at| at as usize == position)?
        };
        Some(self.lines.line(in_file))
    }

    /// The operation that the event with this index belongs to.
    pub fn operation_of(&self, index: u64) -> Option<&Operation> {
        let position = self.position(index)?;
        let Process::Client(process) = self.events[position].process() else { return None };
        // Operations are sorted by invocation, and a process has few that overlap a moment: walk
        // back from the last one invoked by then.
        let after = self.operations.partition_point(|op| op.invoke() <= position);
        self.operations[..after].iter().rev().find(|op| {
            op.process == process && (op.invoke() == position || op.ret() == Some(position))
        })
    }

    pub fn invoke(&self, operation: &Operation) -> &Event {
        &self.events[operation.invoke()]
    }

    /// The return of an operation, if it returned.
    pub fn ret(&self, operation: &Operation) -> Option<&Event> {
        operation.ret().map(|position| &self.events[position])
    }

    /// How an operation ended: ok, fail, or info (also when it never returned).
    pub fn outcome(&self, operation: &Operation) -> Type {
        self.ret(operation).map_or(Type::Info, |event| event.kind)
    }

    /// The nemesis's remarks of this kind, in order.
    pub fn nemesis<'a>(&'a self, f: &'a str) -> impl Iterator<Item = &'a Event> {
        let of_nemesis = self.events.iter().filter(|event| !event.is_client());
        of_nemesis.filter(move |event| &*event.f == f)
    }
}
