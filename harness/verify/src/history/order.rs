//! From events in the order of their file to a history: pairing, then the order of real time.
//! It never knows a model.

use foldhash::fast::FixedState;
use std::collections::{HashMap, HashSet};

use super::{Event, History, Name, Note, Operation, ParseError, Process, Type};

/// What is known of a process while its events are paired, in file order.
#[derive(Default)]
struct Thread {
    /// The file position of the open invocation.
    open: Option<usize>,
    /// The time of its last event.
    time: Option<u64>,
    /// Its last operation ended with info, so its number should not come again.
    retired: bool,
}

/// Pairs invocations and returns in file order, then sorts by (time, invoke before return).
/// `lines[i]` is the line of event `i`; where it is empty, lines count events from 1.
pub(super) fn order(
    mut events: Vec<Event>,
    lines: &[u64],
) -> Result<(History, Vec<Note>), ParseError> {
    let line = |at: usize| lines.get(at).copied().unwrap_or(at as u64 + 1);
    let mut notes = Vec::new();
    let pairs = pair(&events, &line, &mut notes)?;
    number(&mut events, &mut notes);

    // Without a time on every event, file order is the order.
    let timed = events.iter().all(|event| event.time.is_some());
    if !timed && events.iter().any(|event| event.time.is_some()) {
        let message = "some events carry no time, so the file's order is taken as the order";
        notes.push(Note { line: None, message: message.into() });
    }
    let key = |event: &Event| (event.time, event.kind != Type::Invoke);
    if !timed || events.is_sorted_by_key(key) {
        return Ok((History { events, operations: pairs, by_index: Vec::new() }, notes));
    }
    // The sort is stable, so events that tie keep the file's order.
    let mut places: Vec<usize> = (0..events.len()).collect();
    places.sort_by_key(|&at| key(&events[at]));
    let mut rank = vec![0; events.len()];
    for (position, &at) in places.iter().enumerate() {
        rank[at] = position;
    }
    let mut slots: Vec<Option<Event>> = events.into_iter().map(Some).collect();
    let take = |&at: &usize| slots[at].take().expect("a permutation names each place once");
    let events: Vec<Event> = places.iter().map(take).collect();
    let mut operations: Vec<Operation> = pairs
        .into_iter()
        .map(|op| Operation { invoke: rank[op.invoke], ret: op.ret.map(|at| rank[at]), ..op })
        .collect();
    operations.sort_by_key(|op| op.invoke);
    Ok((History { events, operations, by_index: rank }, notes))
}

/// Operations with file positions, in the order of invocation in the file.
fn pair(
    events: &[Event],
    line: &dyn Fn(usize) -> u64,
    notes: &mut Vec<Note>,
) -> Result<Vec<Operation>, ParseError> {
    let mut threads: HashMap<u64, Thread, FixedState> = HashMap::default();
    let mut operations: Vec<Operation> = Vec::with_capacity(events.len() / 2);
    let mut open: HashMap<u64, usize, FixedState> = HashMap::default();
    for (at, event) in events.iter().enumerate() {
        let error = |message: String| ParseError { line: line(at), column: None, message };
        let Process::Client(process) = event.process else { continue };
        let thread = threads.entry(process).or_default();
        if let (Some(before), Some(now)) = (thread.time, event.time)
            && now < before
        {
            return Err(error(format!(
                "process {process} goes back in time, from {before} to {now}; the events of one \
                 process must be in order"
            )));
        }
        thread.time = event.time.or(thread.time);
        if event.kind == Type::Invoke {
            if let Some(first) = thread.open {
                return Err(error(format!(
                    "process {process} invokes `{}` while its `{}` of line {} is still open; a \
                     process has at most one open operation",
                    event.f,
                    events[first].f,
                    line(first)
                )));
            }
            if thread.retired {
                thread.retired = false;
                notes.push(Note {
                    line: Some(line(at)),
                    message: format!(
                        "process {process} goes on after an info, which should have retired its \
                         number; the earlier operation is still taken as open for ever"
                    ),
                });
            }
            thread.open = Some(at);
            open.insert(process, operations.len());
            operations.push(Operation { process, invoke: at, ret: None });
            continue;
        }
        let Some(invoke) = thread.open.take() else {
            return Err(error(format!(
                "process {process} returns from `{}` but has no open operation; expected an \
                 invoke before it",
                event.f
            )));
        };
        if events[invoke].f != event.f {
            return Err(error(format!(
                "process {process} returns from `{}` but line {} invoked `{}`",
                event.f,
                line(invoke),
                events[invoke].f
            )));
        }
        thread.retired = event.kind == Type::Info;
        operations[open[&process]].ret = Some(at);
    }
    Ok(operations)
}

/// Keeps the indexes the file gives if they grow, and counts the events otherwise.
fn number(events: &mut [Event], notes: &mut Vec<Note>) {
    if events.is_sorted_by(|a, b| a.index < b.index) && events.first().is_none_or(given) {
        return;
    }
    let any = events.iter().any(given);
    for (at, event) in events.iter_mut().enumerate() {
        event.index = at as u64;
    }
    if any {
        let message = "the file's `index` fields do not count up; events are numbered anew";
        notes.push(Note { line: None, message: message.into() });
    }
}

/// Whether the file gave this event an index.
fn given(event: &Event) -> bool {
    event.index != NO_INDEX
}

/// Stands for an absent index while a file is read. Far above 2^53, so no file can say it.
pub(super) const NO_INDEX: u64 = u64::MAX;

/// The name, shared with one read before where there is one: histories repeat few words.
#[derive(Default)]
pub(crate) struct Names {
    known: HashSet<Name, FixedState>,
}

impl Names {
    /// The shared name of this text.
    pub(crate) fn get(&mut self, text: &str) -> Name {
        if let Some(name) = self.known.get(text) {
            return name.clone();
        }
        let name = Name::from(text);
        self.known.insert(name.clone());
        name
    }
}
