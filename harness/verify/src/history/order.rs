//! From events in the order of their file to a history: pairing, then the order of real time.

use std::collections::{HashMap, HashSet};

use foldhash::fast::FixedState;

use super::lines::Lines;
use super::{Event, History, Name, Note, Operation, ParseError, Process, Type};

/// What is known of a process while its events are paired, in file order.
#[derive(Default)]
struct Thread {
    open: Option<usize>,
    time: Option<u64>,
    /// Its last operation ended with info, so its number should not come again.
    retired: bool,
}

/// Pairs invocations and returns in file order, then sorts by (time, invoke before return).
pub(super) fn order(
    mut events: Vec<Event>,
    lines: Lines,
) -> Result<(History, Vec<Note>), ParseError> {
    if events.len() >= EVENTS_MAX {
        let message = format!("a history has at most {EVENTS_MAX} events");
        return Err(ParseError { line: lines.line(EVENTS_MAX), column: None, message });
    }
    let mut notes = Vec::new();
    let (mut operations, touches) = pair(&events, &lines, &mut notes)?;
    number(&mut events, &mut notes);

    // Without a time on every event, file order is the order.
    let timed = events.iter().all(|event| event.time().is_some());
    if !timed && events.iter().any(|event| event.time().is_some()) {
        let message = "some events carry no time, so the file's order is taken as the order";
        notes.push(Note { line: None, message: message.into() });
    }
    let key = |event: &Event| (event.time(), event.kind != Type::Invoke);
    if !timed || events.is_sorted_by_key(key) {
        let by_index = Vec::new();
        return Ok((History { events, operations, by_index, lines, touches: false }, notes));
    }
    // The sort is stable, so events that tie keep the file's order.
    let mut places: Vec<u32> = (0..events.len() as u32).collect();
    places.sort_by_key(|&at| key(&events[at as usize]));
    let mut rank = vec![0; events.len()];
    for (position, at) in (0..).zip(places) {
        rank[at as usize] = position;
    }
    for op in &mut operations {
        op.invoke = rank[op.invoke as usize];
        op.ret = rank.get(op.ret as usize).copied().unwrap_or(u32::MAX);
    }
    operations.sort_by_key(|op| op.invoke);
    permute(&mut events, rank.clone());
    Ok((History { events, operations, by_index: rank, lines, touches }, notes))
}

/// Forgets the times of foreign events where they can give no order: some are missing while others
/// are there, or those of a process go back. Then the order of the file is the order, and a note
/// says why.
pub(super) fn times_that_hold(events: &mut [Event], lines: &Lines) -> Option<Note> {
    if events.iter().all(|event| event.time().is_none()) {
        return None;
    }
    let mut last: HashMap<u64, u64, FixedState> = HashMap::default();
    let wrong = events.iter().enumerate().find_map(|(at, event)| {
        let Some(time) = event.time() else { return Some((at, "this event has no time".into())) };
        let Process::Client(process) = event.process() else { return None };
        let before = last.insert(process, time).filter(|before| *before > time)?;
        Some((at, format!("here process {process} goes back in time, from {before} to {time}")))
    });
    let (at, why) = wrong?;
    for event in events.iter_mut() {
        event.set_time(None);
    }
    let message = format!("{why}, so no times are used: the file's order is taken as the order");
    Some(Note { line: Some(lines.line(at)), message })
}

/// Positions are 32 bits wide, and the last stands for none.
const EVENTS_MAX: usize = u32::MAX as usize;

/// Moves each event to its rank, in place: a second copy might not fit into memory.
fn permute(events: &mut [Event], mut rank: Vec<u32>) {
    for at in 0..events.len() {
        while rank[at] as usize != at {
            let to = rank[at] as usize;
            events.swap(at, to);
            rank.swap(at, to);
        }
    }
}

/// Operations with file positions, in the order of invocation in the file; and whether a process
/// asks again at the very time at which it was answered.
fn pair(
    events: &[Event],
    lines: &Lines,
    notes: &mut Vec<Note>,
) -> Result<(Vec<Operation>, bool), ParseError> {
    let mut touches = false;
    let mut threads: HashMap<u64, Thread, FixedState> = HashMap::default();
    let mut operations: Vec<Operation> = Vec::with_capacity(events.len() / 2);
    for (at, event) in events.iter().enumerate() {
        let error = |message: String| ParseError { line: lines.line(at), column: None, message };
        let Process::Client(process) = event.process() else { continue };
        let thread = threads.entry(process).or_default();
        if let (Some(before), Some(now)) = (thread.time, event.time())
            && now < before
        {
            return Err(error(format!(
                "process {process} goes back in time, from {before} to {now}; the events of one \
                 process must be in order"
            )));
        }
        if event.kind == Type::Invoke {
            touches |= thread.time.is_some() && thread.time == event.time();
            thread.time = event.time().or(thread.time);
            if let Some(first) = thread.open {
                let first = operations[first].invoke();
                return Err(error(format!(
                    "process {process} invokes `{}` while its `{}` of line {} is still open; a \
                     process has at most one open operation",
                    event.f,
                    events[first].f,
                    lines.line(first)
                )));
            }
            if thread.retired {
                thread.retired = false;
                notes.push(Note {
                    line: Some(lines.line(at)),
                    message: format!(
                        "process {process} goes on after an info, which should have retired its \
                         number; the earlier operation is still taken as open for ever"
                    ),
                });
            }
            thread.open = Some(operations.len());
            operations.push(Operation { process, invoke: at as u32, ret: u32::MAX });
            continue;
        }
        thread.time = event.time().or(thread.time);
        let Some(number) = thread.open.take() else {
            return Err(error(format!(
                "process {process} returns from `{}` but has no open operation; expected an \
                 invoke before it",
                event.f
            )));
        };
        let invoke = operations[number].invoke();
        if events[invoke].f != event.f {
            return Err(error(format!(
                "process {process} returns from `{}` but line {} invoked `{}`",
                event.f,
                lines.line(invoke),
                events[invoke].f
            )));
        }
        if let (Some(asked), Some(answered)) = (events[invoke].key(), event.key())
            && asked != answered
        {
            return Err(error(format!(
                "process {process} is answered for key {answered}, but line {} asked for key \
                 {asked}",
                lines.line(invoke)
            )));
        }
        thread.retired = event.kind == Type::Info;
        operations[number].ret = at as u32;
    }
    Ok((operations, touches))
}

/// Keeps the indexes the file gives if they grow, and counts the events otherwise.
fn number(events: &mut [Event], notes: &mut Vec<Note>) {
    // An absent index is the greatest, so if they grow only the last can be absent.
    if events.is_sorted_by(|a, b| a.index < b.index) && events.last().is_none_or(given) {
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
    /// The empty name, to be filled in.
    pub none: Name,
}

impl Names {
    pub(crate) fn get(&mut self, text: &str) -> Name {
        if let Some(name) = self.known.get(text) {
            return name.clone();
        }
        let name = Name::from(text);
        self.known.insert(name.clone());
        name
    }
}
