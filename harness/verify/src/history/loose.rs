//! What an event of a file says that only all events together make clear: which number a process
//! with a name has, and what unit the times have.

use super::lines::Lines;
use super::processes::Processes;
use super::time::{Times, Written};
use super::{Event, Name, Note, ParseError};

/// The loose ends of one event.
#[derive(Default)]
pub(super) struct Ends {
    /// The name of its process, which has no number.
    pub process: Option<Name>,
    /// How its time was written, if it has one.
    pub time: Option<Written>,
}

/// Those of all events.
#[derive(Default)]
pub(super) struct Loose {
    processes: Processes,
    times: Times,
}

impl Loose {
    /// The event at this place has these.
    pub fn push(&mut self, at: usize, ends: Ends) {
        if let Some(name) = ends.process {
            self.processes.push(at, name);
        }
        if let Some(written) = ends.time {
            self.times.push(at, written);
        }
    }

    /// Adds those of a piece of the file that begins after `before` events.
    pub fn append(&mut self, piece: Loose, before: usize) {
        self.processes.append(piece.processes, before);
        self.times.append(piece.times, before);
    }

    /// Ties them up, before anything asks for the order of the events.
    pub fn settle(self, events: &mut [Event], lines: &Lines) -> Result<Vec<Note>, ParseError> {
        let seconds = self.times.settle(events, lines)?;
        let named = self.processes.number(events).map(|message| Note { line: None, message });
        Ok(seconds.into_iter().chain(named).collect())
    }
}
