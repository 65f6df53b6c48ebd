//! Linearizable reads at one who does not lead: it asks the leader for an index, waits until it has
//! applied that much, and answers from what it has. Reads that come while a question is under way
//! share the next one.
//!
//! It answers clients, and never sends: it says what to ask.

use std::collections::VecDeque;

use super::options::after;
use super::replica::Replica;
use super::rounds::{Reader, answer};
use crate::machine::{Index, Level, Outputs, Time};

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
    /// Nobody waits. Tokens go on from this one.
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

    /// Nobody is asked or believed any more: everyone who waits.
    pub fn end(&mut self) -> Vec<Reader> {
        let granted =
            std::mem::take(&mut self.granted).into_iter().flat_map(|(_, readers)| readers);
        granted.chain(self.forget()).collect()
    }

    /// Those who waited for so long; a question without an answer is to be asked again before.
    pub fn give_up(&mut self, now: Time, patience_ns: u64) -> Vec<Reader> {
        if let Some(asked) = self.asked.take_if(|asked| asked.again_at <= now) {
            self.waiting.extend(asked.readers);
        }
        let is_old = |reader: &mut Reader| reader.is_old(now, patience_ns);
        let mut old: Vec<Reader> = self.waiting.extract_if(.., is_old).collect();
        for (_, readers) in &mut self.granted {
            old.extend(readers.extract_if(.., is_old));
        }
        self.granted.retain(|(_, readers)| !readers.is_empty());
        old
    }
}
