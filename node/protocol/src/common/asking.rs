//! Linearizable reads at one who does not lead: it asks the leader for an index, waits until it has
//! applied that much, and answers from what it has. Reads that come while a question is under way
//! share the next one.
//!
//! It answers clients, and never sends: it says what to ask, and which nodes are to be answered.

use std::collections::VecDeque;

use crate::common::options::after;
use crate::common::reads::{Reader, Rounds, answer};
use crate::common::replica::Replica;
use crate::machine::{Index, Level, NodeId, Outputs, Reply, Time, reply_to};

/// Who waits for a leader's round.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Waiter {
    /// A client of the leader's own.
    Here(Reader),
    /// Another node, which asked with this token.
    At {
        /// Which.
        node: NodeId,
        /// Unique over all its incarnations.
        token: u64,
    },
}

impl Waiter {
    /// Whether this node asked for it. One asks one question at a time: an older one of the same
    /// node has no answer to wait for.
    #[must_use]
    pub fn is_at(&self, other: NodeId) -> bool {
        matches!(self, Waiter::At { node, .. } if *node == other)
    }
}

impl Rounds<Waiter> {
    /// Ends the round under way if `confirmed` says so of its number: the leader's own clients are
    /// answered. Returns the index, and who else asked, with what token.
    pub fn answer_if<M>(
        &mut self,
        confirmed: impl Fn(u64) -> bool,
        replica: &Replica,
        out: &mut Outputs<M>,
    ) -> Option<(Index, Vec<(NodeId, u64)>)> {
        let (index, waiters) = self.end_if(confirmed)?;
        let (here, elsewhere) = apart(waiters);
        for reader in here {
            answer(reader, Level::Linearizable, replica, out);
        }
        Some((index, elsewhere))
    }

    /// Nobody leads here any more: clients hear it. Returns who else asked, with what token.
    pub fn refuse_all<M>(self, reply: &Reply, out: &mut Outputs<M>) -> Vec<(NodeId, u64)> {
        let (here, elsewhere) = apart(self.into_waiters());
        refuse(here, reply, out);
        elsewhere
    }

    /// The leader's own clients who waited for so long.
    pub fn give_up(&mut self, now: Time, patience_ns: u64) -> Vec<Reader> {
        let mut old = Vec::new();
        self.retain(|waiter| match waiter {
            Waiter::Here(reader) if after(reader.at, patience_ns) <= now => {
                old.push(*reader);
                false
            }
            Waiter::Here(_) | Waiter::At { .. } => true,
        });
        old
    }
}

fn apart(waiters: impl IntoIterator<Item = Waiter>) -> (Vec<Reader>, Vec<(NodeId, u64)>) {
    let (mut here, mut elsewhere) = (Vec::new(), Vec::new());
    for waiter in waiters {
        match waiter {
            Waiter::Here(reader) => here.push(reader),
            Waiter::At { node, token } => elsewhere.push((node, token)),
        }
    }
    (here, elsewhere)
}

/// Gives all of them the same answer, a definite no: a read has no effect.
pub fn refuse<M>(readers: impl IntoIterator<Item = Reader>, reply: &Reply, out: &mut Outputs<M>) {
    for reader in readers {
        reply_to(reader.ticket, reply.clone(), out);
    }
}

/// The reads of one who does not lead.
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
    /// Nobody waits. Tokens go on from this one: the time of the boot, in nanoseconds since the
    /// machine's start, is never the same in two incarnations.
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

    /// The token of a question to ask now for everyone who waits, unless an answer is still to
    /// come. Without one it may be asked again after this time.
    pub fn ask(&mut self, now: Time, patience_ns: u64) -> Option<u64> {
        if self.asked.is_some() || self.waiting.is_empty() {
            return None;
        }
        self.token += 1;
        let readers = std::mem::take(&mut self.waiting);
        self.asked = Some(Asked { token: self.token, again_at: after(now, patience_ns), readers });
        Some(self.token)
    }

    /// The answer to a question: they read at this index. False: it is the answer to another one.
    pub fn grant(&mut self, token: u64, index: Index) -> bool {
        let Some(asked) = self.asked.take_if(|asked| asked.token == token) else { return false };
        self.granted.push_back((index, asked.readers));
        true
    }

    /// Who was asked does not lead: those who waited for the answer.
    pub fn refuse(&mut self, token: u64) -> Vec<Reader> {
        let asked = self.asked.take_if(|asked| asked.token == token);
        asked.map(|asked| asked.readers).unwrap_or_default()
    }

    /// Answers everyone who can be answered from what is applied, in order.
    pub fn answer_ready<M>(&mut self, replica: &Replica, out: &mut Outputs<M>) {
        while self.granted.front().is_some_and(|(index, _)| *index <= replica.applied) {
            let (_, readers) = self.granted.pop_front().expect("it has a front");
            for reader in readers {
                answer(reader, Level::Linearizable, replica, out);
            }
        }
    }

    /// The leader changed: those who have no index yet.
    pub fn forget(&mut self) -> Vec<Reader> {
        let asked = self.asked.take().map(|asked| asked.readers).unwrap_or_default();
        asked.into_iter().chain(std::mem::take(&mut self.waiting)).collect()
    }

    /// Those who waited for so long; a question without an answer is to be asked again before.
    pub fn give_up(&mut self, now: Time, patience_ns: u64) -> Vec<Reader> {
        if let Some(asked) = self.asked.take_if(|asked| asked.again_at <= now) {
            self.waiting.extend(asked.readers);
        }
        let mut old = Vec::new();
        let mut keep = |reader: &Reader| {
            let late = after(reader.at, patience_ns) <= now;
            if late {
                old.push(*reader);
            }
            !late
        };
        self.waiting.retain(&mut keep);
        for (_, readers) in &mut self.granted {
            readers.retain(&mut keep);
        }
        self.granted.retain(|(_, readers)| !readers.is_empty());
        old
    }
}
