//! Consensus from total order broadcast: to propose is to append (key, value), and what is decided
//! for a key is the value of the first entry for it. The log is Raft's.
//!
//! It never answers before this node has delivered an entry for the key, and never decides
//! anything itself: the order of the log does.

use std::collections::BTreeMap;

use bytes::{BufMut, Bytes, BytesMut};

use crate::machine::{
    Answer, Boot, BootError, Input, Output, Outputs, Protocol, Refusal, Reply, Request, Status,
    Ticket, Time, build, reply_to,
};
use crate::raft::message::Message;
use crate::raft::{Paper, Raft, Rules};
use crate::{ProtocolRow, SystemRow};

/// Consensus from total order broadcast as a row of the table of protocols.
pub const ROW: ProtocolRow = ProtocolRow {
    facts: SystemRow {
        name: "consensus-from-log",
        about: "propose is append, decide is the first entry for the key, in Raft's log",
        models: &["consensus"],
        ..crate::raft::ROW.facts
    },
    build: |boot, out| build::<ConsensusFromLog>(boot, &Paper, out),
    states: crate::raft::ROW.states,
};

/// One node: Raft, and what its log decides.
pub struct ConsensusFromLog {
    raft: Raft,
    /// The first value of each key in what was delivered.
    decided: BTreeMap<Bytes, Bytes>,
    /// Delivered entries looked at so far.
    looked_at: usize,
    /// Who proposed what and waits for the log.
    waiting: BTreeMap<Ticket, Bytes>,
    /// What Raft said in the step under way; kept for its memory.
    said: Outputs<Message>,
}

impl Protocol for ConsensusFromLog {
    type Message = Message;
    type Rules = dyn Rules;

    fn recover(
        boot: Boot,
        rules: &'static dyn Rules,
        out: &mut Outputs<Message>,
    ) -> Result<Self, BootError> {
        let raft = Raft::recover(boot, rules, out)?;
        let mut node = ConsensusFromLog {
            raft,
            decided: BTreeMap::new(),
            looked_at: 0,
            waiting: BTreeMap::new(),
            said: Vec::new(),
        };
        node.look_at_deliveries();
        Ok(node)
    }

    fn step(&mut self, now: Time, input: Input<Message>, out: &mut Outputs<Message>) {
        let Input::Request { ticket, request } = input else { return self.pass(now, input, out) };
        let Request::Propose { key, value } = request else {
            // The log is not for clients.
            let why = "this system decides single values; it shows no log".into();
            return reply_to(ticket, Reply::Fail(Refusal::Refused(why)), out);
        };
        if let Some(value) = self.decided.get(&key) {
            return reply_to(ticket, Reply::Ok(Answer::Decided(value.clone())), out);
        }
        let request = Request::Append { value: entry(&key, &value), session: None, expect: None };
        self.waiting.insert(ticket, key);
        self.pass(now, Input::Request { ticket, request }, out);
    }

    fn state(&self) -> &'static str {
        self.raft.state()
    }

    fn status(&self) -> Status {
        self.raft.status()
    }
}

impl ConsensusFromLog {
    /// Raft takes a step; its answers to appends become answers to proposals.
    fn pass(&mut self, now: Time, input: Input<Message>, out: &mut Outputs<Message>) {
        let mut said = std::mem::take(&mut self.said);
        self.raft.step(now, input, &mut said);
        self.look_at_deliveries();
        out.extend(said.drain(..).map(|output| match output {
            Output::Reply { ticket, reply } => {
                let key = self.waiting.remove(&ticket);
                let reply = match reply {
                    Reply::Ok(_) => {
                        let value = key.and_then(|key| self.decided.get(&key));
                        let value = value.expect("an entry that is answered was delivered first");
                        Reply::Ok(Answer::Decided(value.clone()))
                    }
                    other => other,
                };
                Output::Reply { ticket, reply }
            }
            other => other,
        }));
        self.said = said;
    }

    /// The first entry for a key decides it; what a snapshot brought counts as delivered.
    fn look_at_deliveries(&mut self) {
        let values = self.raft.values();
        for value in values.get(self.looked_at..).unwrap_or_default() {
            let (key, value) = split(value);
            self.decided.entry(key).or_insert(value);
        }
        self.looked_at = self.looked_at.max(values.len());
    }
}

/// An entry of the log: `[key,value]`, both compact JSON.
fn entry(key: &Bytes, value: &Bytes) -> Bytes {
    let mut bytes = BytesMut::with_capacity(key.len() + value.len() + 3);
    bytes.put_u8(b'[');
    bytes.put_slice(key);
    bytes.put_u8(b',');
    bytes.put_slice(value);
    bytes.put_u8(b']');
    bytes.freeze()
}

/// The reverse. A key is one word, number or string: it ends at the first comma that is in none.
fn split(entry: &Bytes) -> (Bytes, Bytes) {
    let (mut quoted, mut escaped) = (false, false);
    let ends = |byte: &u8| {
        let ends = *byte == b',' && !quoted;
        quoted ^= *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        ends
    };
    let comma = entry.iter().position(ends).expect("an entry is a pair");
    (entry.slice(1..comma), entry.slice(comma + 1..entry.len() - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_a_pair_whatever_its_words_hold() {
        let check = |key: &'static str, value: &'static str| {
            let (key, value) = (Bytes::from(key), Bytes::from(value));
            assert_eq!(split(&entry(&key, &value)), (key, value));
        };
        check("1", "2");
        check("\"a,b\"", "\"c,d\"");
        check("\"a\\\",b\"", "\"]\"");
        check("\"a\\\\\"", "null");
    }
}
