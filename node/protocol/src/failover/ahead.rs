//! What asynchronous mode answers from: the state machine as it will be if nothing is lost. The
//! leader answers when its own disk has the entry, before anyone else does, so what it says may
//! turn out not to have happened.
//! It never delivers anything, and reads are never answered from it.

use std::collections::VecDeque;

use crate::machine::{Index, LogEntry, Reply, Session, Ticket};
use crate::ordered::Ordered;
use crate::replica::Replica;
use crate::session::{Lookup, Sessions};

/// See above.
pub(super) struct Ahead {
    replica: Replica,
    waiting: VecDeque<(Index, Ticket, Reply)>,
}

impl Ahead {
    /// As if the whole log were committed.
    pub(super) fn of(ordered: &Ordered, look_up: impl Fn(&Sessions, Session) -> Lookup) -> Self {
        let mut ahead = Ahead { replica: ordered.replica.clone(), waiting: VecDeque::new() };
        for index in ordered.replica.applied.0 + 1..=ordered.log.last_index().0 {
            let entry = ordered.log.entry(Index(index)).expect("what is not applied is here");
            ahead.apply(entry, &look_up);
        }
        ahead
    }

    /// An entry was put into the log; its answer waits for the disk.
    pub(super) fn append(
        &mut self,
        entry: &LogEntry,
        ticket: Ticket,
        look_up: impl Fn(&Sessions, Session) -> Lookup,
    ) {
        let reply = self.apply(entry, look_up).expect("what a client asked for has an answer");
        self.waiting.push_back((entry.index, ticket, reply));
    }

    fn apply(
        &mut self,
        entry: &LogEntry,
        look_up: impl Fn(&Sessions, Session) -> Lookup,
    ) -> Option<Reply> {
        let session = match &entry.command {
            crate::machine::Command::Append { session, .. } => *session,
            _ => None,
        };
        let lookup = session.map_or(Lookup::Fresh, |s| look_up(&self.replica.sessions, s));
        self.replica.apply(entry, lookup).reply
    }

    /// The next answer that the disk allows.
    pub(super) fn durable(&mut self, upto: Index) -> Option<(Ticket, Reply)> {
        let (index, ..) = self.waiting.front()?;
        if *index > upto {
            return None;
        }
        self.waiting.pop_front().map(|(_, ticket, reply)| (ticket, reply))
    }

    /// Everyone who waits: this node leads no longer.
    pub(super) fn into_tickets(self) -> impl Iterator<Item = Ticket> {
        self.waiting.into_iter().map(|(_, ticket, _)| ticket)
    }
}
