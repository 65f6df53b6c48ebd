//! What asynchronous mode answers from: the state machine as it will be if nothing is lost. The
//! leader answers when its own disk has the entry, before anyone else does, so what it says may
//! turn out not to have happened. A session is no such thing: it is opened when a majority holds
//! it, or its name could be given out twice.
//! It never delivers anything, and reads are never answered from it.

use std::collections::VecDeque;

use crate::common::ordered::Ordered;
use crate::common::replica::Replica;
use crate::common::session::{Lookup, Sessions};
use crate::machine::{Command, Index, LogEntry, Offset, Reply, Session, Ticket};

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

    /// How long the log is in it.
    pub(super) fn length(&self) -> Offset {
        self.replica.length()
    }

    /// An entry was put into the log; its answer waits for the disk. False: it must wait for a
    /// majority.
    #[must_use]
    pub(super) fn append(
        &mut self,
        entry: &LogEntry,
        ticket: Ticket,
        look_up: impl Fn(&Sessions, Session) -> Lookup,
    ) -> bool {
        let reply = self.apply(entry, look_up).expect("what a client asked for has an answer");
        let early = !matches!(entry.command, Command::Open);
        if early {
            self.waiting.push_back((entry.index, ticket, reply));
        }
        early
    }

    fn apply(
        &mut self,
        entry: &LogEntry,
        look_up: impl Fn(&Sessions, Session) -> Lookup,
    ) -> Option<Reply> {
        let session = match &entry.command {
            Command::Append { session, .. } => *session,
            _ => None,
        };
        let lookup = session.map_or(Lookup::Fresh, |s| look_up(&self.replica.sessions, s));
        self.replica.apply(entry, lookup).reply
    }

    /// The next answer that the disk allows.
    pub(super) fn durable(&mut self, upto: Index) -> Option<(Index, Ticket, Reply)> {
        self.waiting.front().filter(|(index, ..)| *index <= upto)?;
        self.waiting.pop_front()
    }

    /// Everyone who waits: this node leads no longer.
    pub(super) fn into_tickets(self) -> impl Iterator<Item = Ticket> {
        self.waiting.into_iter().map(|(_, ticket, _)| ticket)
    }
}
