//! Sessions: what makes a repeated append take effect once (Ongaro's dissertation, section 6.3).
//! Replicated state: every node computes it from the log alone.
//!
//! It never executes a request of a session it does not know, and never forgets by time: which
//! sessions expire is a function of the log.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use crate::machine::{ClientId, Index, Offset, Session};

/// Sessions kept at once; opening one more expires the least recently used. With
/// [`REMEMBERED`] results each they encode to under 400 KiB, so that a snapshot's state fits into
/// one message.
pub const SESSIONS_MAX: usize = 1_024;

/// Results kept for each session: how many requests a client may have under way at once.
pub const REMEMBERED: usize = 16;

/// Every session known.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Sessions {
    open: BTreeMap<ClientId, Memory>,
    newest: Option<ClientId>,
}

/// What one session remembers.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
struct Memory {
    /// The index of the last entry that touched it.
    touched: Index,
    /// The greatest seq executed.
    last: u64,
    /// The latest results, oldest first.
    results: VecDeque<(u64, Outcome)>,
}

/// What came of a request that was executed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Outcome {
    /// The value is at this offset.
    Appended(Offset),
    /// The condition did not hold: the log had this length.
    Conflict(Offset),
}

/// What the sessions say about a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lookup {
    /// Not executed yet: execute it.
    Fresh,
    /// Executed, with this outcome.
    Known(Outcome),
    /// A later one was executed and this one's outcome, if any, is forgotten.
    TooOld,
    /// The session was never opened, so no try of this request can have been executed.
    NeverOpened,
    /// The session is not known any more; an earlier try may have been executed.
    Expired,
}

impl Sessions {
    /// Opens a session named after the entry that opens it.
    pub fn open(&mut self, index: Index) -> ClientId {
        if self.open.len() >= SESSIONS_MAX {
            let idle = self.open.iter().min_by_key(|(client, m)| (m.touched, **client));
            let idle = *idle.expect("a full table has a first").0;
            self.open.remove(&idle);
        }
        let client = ClientId(index.0);
        self.open.insert(client, Memory { touched: index, ..Memory::default() });
        self.newest = self.newest.max(Some(client));
        client
    }

    /// Says whether a request is to be executed.
    #[must_use]
    pub fn look_up(&self, session: Session) -> Lookup {
        let Some(memory) = self.open.get(&session.client) else {
            let opened = self.newest.is_some_and(|newest| session.client <= newest);
            return if opened { Lookup::Expired } else { Lookup::NeverOpened };
        };
        if session.seq > memory.last {
            return Lookup::Fresh;
        }
        let known = memory.results.iter().find(|(seq, _)| *seq == session.seq);
        known.map_or(Lookup::TooOld, |(_, outcome)| Lookup::Known(*outcome))
    }

    /// Remembers what came of a request, executed by the entry at `index`.
    pub fn remember(&mut self, session: Session, outcome: Outcome, index: Index) {
        let Some(memory) = self.open.get_mut(&session.client) else { return };
        memory.touched = index;
        memory.last = memory.last.max(session.seq);
        memory.results.retain(|(seq, _)| *seq != session.seq);
        if memory.results.len() >= REMEMBERED {
            memory.results.pop_front();
        }
        memory.results.push_back((session.seq, outcome));
    }

    /// Notes that a repeated request was seen: the session is in use.
    pub fn touch(&mut self, client: ClientId, index: Index) {
        if let Some(memory) = self.open.get_mut(&client) {
            memory.touched = index;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(client: u64, seq: u64) -> Session {
        Session { client: ClientId(client), seq }
    }

    #[test]
    fn a_request_is_fresh_once() {
        let mut sessions = Sessions::default();
        assert_eq!(sessions.look_up(ask(3, 1)), Lookup::NeverOpened);
        assert_eq!(sessions.open(Index(3)), ClientId(3));
        assert_eq!(sessions.look_up(ask(3, 1)), Lookup::Fresh);
        sessions.remember(ask(3, 1), Outcome::Appended(Offset(0)), Index(4));
        assert_eq!(sessions.look_up(ask(3, 1)), Lookup::Known(Outcome::Appended(Offset(0))));
        assert_eq!(sessions.look_up(ask(3, 2)), Lookup::Fresh);
    }

    #[test]
    fn a_request_overtaken_by_a_later_one_is_too_old() {
        let mut sessions = Sessions::default();
        sessions.open(Index(1));
        sessions.remember(ask(1, 5), Outcome::Conflict(Offset(2)), Index(2));
        assert_eq!(sessions.look_up(ask(1, 4)), Lookup::TooOld);
    }

    #[test]
    fn the_window_forgets_the_oldest_result_only() {
        let mut sessions = Sessions::default();
        sessions.open(Index(1));
        for seq in 1..=REMEMBERED as u64 + 1 {
            sessions.remember(ask(1, seq), Outcome::Appended(Offset(seq)), Index(seq + 1));
        }
        assert_eq!(sessions.look_up(ask(1, 1)), Lookup::TooOld);
        assert_eq!(sessions.look_up(ask(1, 2)), Lookup::Known(Outcome::Appended(Offset(2))));
    }

    #[test]
    fn opening_one_too_many_expires_the_least_recently_used() {
        let mut sessions = Sessions::default();
        for index in 1..=SESSIONS_MAX as u64 {
            sessions.open(Index(index));
        }
        sessions.touch(ClientId(1), Index(5_000));
        sessions.open(Index(6_000));
        assert_eq!(sessions.look_up(ask(1, 1)), Lookup::Fresh);
        assert_eq!(sessions.look_up(ask(2, 1)), Lookup::Expired);
    }
}
