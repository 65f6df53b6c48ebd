//! Linearizable reads at a node that does not lead (Ongaro's dissertation, 6.4.1): it asks the
//! leader what index a read asked now may be answered from, waits until it has applied that much,
//! and answers from what it has. Reads that come while a question is under way share the next one.
//!
//! It never sends and never answers: it says what to ask, and whose turn it is. It never takes an
//! answer to an older question for an answer to a newer one.

use std::collections::VecDeque;

use crate::machine::{Index, NodeId, Time};
use crate::reads::Reader;

/// Who waits for a leader's round ([`crate::reads::Rounds`]).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Waiter {
    /// A client of the leader itself.
    Here(Reader),
    /// Another node, with this question.
    At {
        /// Who asks.
        node: NodeId,
        /// Its question.
        token: u64,
    },
}

impl Waiter {
    /// The client, if it is one of this node's.
    #[must_use]
    pub fn reader(self) -> Option<Reader> {
        match self {
            Waiter::Here(reader) => Some(reader),
            Waiter::At { .. } => None,
        }
    }

    /// Whether this is a question of that node. It has one at a time: an older one has nobody left
    /// who waits for its answer.
    #[must_use]
    pub fn is_from(&self, from: NodeId) -> bool {
        matches!(self, Waiter::At { node, .. } if *node == from)
    }
}

/// The reads of a node that does not lead.
#[derive(Clone, Debug)]
pub struct Asking {
    token: u64,
    waiting: Vec<Reader>,
    asked: Option<Asked>,
    granted: VecDeque<(Index, Vec<Reader>)>,
}

#[derive(Clone, Debug)]
struct Asked {
    token: u64,
    again_at: Time,
    readers: Vec<Reader>,
}

impl Asking {
    /// Questions are numbered from `token` on, which no earlier incarnation may have reached.
    #[must_use]
    pub fn new(token: u64) -> Self {
        Asking { token, waiting: Vec::new(), asked: None, granted: VecDeque::new() }
    }

    /// When something is to be done if no answer comes.
    #[must_use]
    pub fn due(&self) -> Option<Time> {
        self.asked.as_ref().map(|asked| asked.again_at)
    }

    /// Waits for the next question.
    pub fn wait(&mut self, reader: Reader) {
        self.waiting.push(reader);
    }

    /// The question to ask now for everyone who waits, unless an answer is still to come; asked
    /// again at `again_at`.
    pub fn question(&mut self, again_at: Time) -> Option<u64> {
        if self.asked.is_some() || self.waiting.is_empty() {
            return None;
        }
        self.token += 1;
        let readers = std::mem::take(&mut self.waiting);
        self.asked = Some(Asked { token: self.token, again_at, readers });
        Some(self.token)
    }

    /// The leader's answer to a question; None: it does not lead. Returns who is refused.
    pub fn answered(&mut self, token: u64, index: Option<Index>) -> Vec<Reader> {
        let Some(asked) = self.asked.take_if(|asked| asked.token == token) else {
            return Vec::new();
        };
        match index {
            Some(index) => {
                self.granted.push_back((index, asked.readers));
                Vec::new()
            }
            None => asked.readers,
        }
    }

    /// The next readers who may be answered from what is applied.
    pub fn take_granted(&mut self, applied: Index) -> Option<Vec<Reader>> {
        self.granted.front().filter(|(index, _)| *index <= applied)?;
        self.granted.pop_front().map(|(_, readers)| readers)
    }

    /// Those whose question has no answer yet: the leader they would ask is another now.
    pub fn forget(&mut self) -> Vec<Reader> {
        let mut readers = self.asked.take().map(|asked| asked.readers).unwrap_or_default();
        readers.append(&mut self.waiting);
        readers
    }

    /// A question without an answer is asked again.
    pub fn on_time(&mut self, now: Time) {
        if let Some(asked) = self.asked.take_if(|asked| asked.again_at <= now) {
            self.waiting.extend(asked.readers);
        }
    }

    /// Keeps only those readers as `keep` says.
    pub fn retain(&mut self, mut keep: impl FnMut(&Reader) -> bool) {
        self.waiting.retain(&mut keep);
        for (_, readers) in &mut self.granted {
            readers.retain(&mut keep);
        }
        self.granted.retain(|(_, readers)| !readers.is_empty());
    }
}
