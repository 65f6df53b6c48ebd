//! Histories made in memory, event by event.

use std::collections::HashMap;

use foldhash::fast::FixedState;

use super::{Event, History, Name, ParseError, Process, Type};

/// Collects events in the order in which they happened.
///
/// ```
/// use schism_verify::History;
/// let mut record = History::builder();
/// record.invoke(0, "write").value = Some(1.into());
/// record.ok(0);
/// record.invoke(1, "read");
/// record.ok(1).value = Some(1.into());
/// let history = record.finish().unwrap();
/// assert_eq!((history.events().len(), history.operations().len()), (4, 2));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Builder {
    events: Vec<Event>,
    open: HashMap<u64, Name, FixedState>,
}

impl Builder {
    /// A process asks for an operation. What it asks is filled into the event.
    pub fn invoke(&mut self, process: u64, f: impl Into<Name>) -> &mut Event {
        let f = f.into();
        self.open.insert(process, f.clone());
        self.push(process, Type::Invoke, f)
    }

    /// Its open operation happened. The answer is filled into the event.
    pub fn ok(&mut self, process: u64) -> &mut Event {
        self.ret(process, Type::Ok)
    }

    /// It certainly did not happen and never will.
    pub fn fail(&mut self, process: u64) -> &mut Event {
        self.ret(process, Type::Fail)
    }

    /// Nobody knows. Saying nothing at all means the same.
    pub fn info(&mut self, process: u64) -> &mut Event {
        self.ret(process, Type::Info)
    }

    /// The history; an error names the event, counted from 1, that has no partner.
    pub fn finish(self) -> Result<History, ParseError> {
        History::from_events(self.events)
    }

    fn ret(&mut self, process: u64, kind: Type) -> &mut Event {
        let f = self.open.remove(&process).unwrap_or_else(|| "nothing".into());
        self.push(process, kind, f)
    }

    fn push(&mut self, process: u64, kind: Type, f: Name) -> &mut Event {
        let mut event = Event::new(Process::Client(process), kind, f);
        event.index = self.events.len() as u64;
        self.events.push(event);
        self.events.last_mut().expect("it was just put there")
    }
}
