//! The state machine that every protocol's log drives: the log that clients see, and the sessions.
//! The delivered values stay in memory to serve reads.
//!
//! It never decides whether a request is a repetition (the protocol's rules do), and never does
//! work proportional to what was delivered.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::common::session::{Lookup, Outcome, Sessions};
use crate::machine::{
    Answer, Chain, Command, Doubt, Index, LogEntry, NodeId, Offset, Refusal, Reply, Snapshot,
    chain_value,
};

/// What applying the log so far came to.
#[derive(Clone, Debug, Default)]
pub struct Replica {
    /// The last index applied.
    pub applied: Index,
    /// The delivered values, by offset.
    pub values: Values,
    /// The chain over them.
    pub chain: Chain,
    /// Sessions as of `applied`.
    pub sessions: Sessions,
}

/// Delivered values beyond this are more than a node keeps in memory: it takes no further command.
pub const LOG_BYTES_MAX: usize = 1 << 30;

/// What a value takes beside its own bytes: its handle, and the head of its allocation.
const VALUE_OVERHEAD_BYTES: usize = 64;

/// Delivered values, and how much memory they take.
#[derive(Clone, Debug, Default)]
pub struct Values {
    list: Vec<Bytes>,
    bytes: usize,
}

impl Values {
    /// Adds one at the end.
    pub fn push(&mut self, value: Bytes) {
        self.bytes += cost(&value);
        self.list.push(value);
    }

    /// Keeps the first so many.
    pub fn truncate(&mut self, length: usize) {
        let kept = length.min(self.list.len());
        self.bytes -= self.list.drain(kept..).map(|value| cost(&value)).sum::<usize>();
    }

    /// All of them, by offset.
    #[must_use]
    pub fn list(&self) -> &[Bytes] {
        &self.list
    }

    /// There is no room for another.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.bytes >= LOG_BYTES_MAX
    }
}

impl Extend<Bytes> for Values {
    fn extend<I: IntoIterator<Item = Bytes>>(&mut self, values: I) {
        values.into_iter().for_each(|value| self.push(value));
    }
}

impl FromIterator<Bytes> for Values {
    fn from_iter<I: IntoIterator<Item = Bytes>>(values: I) -> Values {
        let mut all = Values::default();
        all.extend(values);
        all
    }
}

fn cost(value: &Bytes) -> usize {
    value.len() + VALUE_OVERHEAD_BYTES
}

/// What applying one entry did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Applied {
    /// What to answer whoever asked; None for entries nobody asked for.
    pub reply: Option<Reply>,
    /// Its offset: of this entry, or for a repetition of the entry it repeats.
    pub offset: Option<Offset>,
    /// Whether it was executed now.
    pub fresh: bool,
}

#[derive(Serialize, Deserialize)]
struct SnapshotState {
    members: Vec<NodeId>,
    sessions: Sessions,
}

impl Replica {
    /// Starts from a snapshot and the values it stands for.
    pub fn restore(snapshot: &Snapshot, values: Vec<Bytes>) -> Result<Self, String> {
        let length = values.len() as u64;
        if length != snapshot.length.0 {
            return Err(format!(
                "the snapshot stands for {} delivered entries, but {length} were kept",
                snapshot.length.0
            ));
        }
        let sessions = Self::decode_state(&snapshot.state)?;
        let (applied, values) = (snapshot.index, values.into_iter().collect());
        Ok(Replica { applied, values, chain: snapshot.delivered_chain, sessions })
    }

    /// How many entries were delivered.
    #[must_use]
    pub fn length(&self) -> Offset {
        Offset(self.values.list.len() as u64)
    }

    /// The snapshot's state: configuration and sessions.
    #[must_use]
    pub fn encode_state(&self, members: &[NodeId]) -> Bytes {
        let state = SnapshotState { members: members.to_vec(), sessions: self.sessions.clone() };
        postcard::to_stdvec(&state).expect("plain data always encodes").into()
    }

    /// The sessions in a snapshot's state; none in an empty one.
    pub fn decode_state(state: &[u8]) -> Result<Sessions, String> {
        if state.is_empty() {
            return Ok(Sessions::default());
        }
        let state: SnapshotState = postcard::from_bytes(state)
            .map_err(|e| format!("the snapshot's state cannot be decoded: {e}"))?;
        Ok(state.sessions)
    }

    /// Applies the next entry. `lookup` is what the protocol's rules say about its session.
    pub fn apply(&mut self, entry: &LogEntry, lookup: Lookup) -> Applied {
        assert!(entry.index == self.applied.next(), "entries are applied in order, each once");
        self.applied = entry.index;
        let Command::Append { value, session, expect } = &entry.command else {
            let reply = matches!(entry.command, Command::Open)
                .then(|| Reply::Ok(Answer::Opened(self.sessions.open(entry.index))));
            return Applied { reply, offset: None, fresh: true };
        };
        let (reply, offset) = match lookup {
            Lookup::Fresh => {
                let outcome = self.execute(value, *expect);
                if let Some(session) = session {
                    self.sessions.remember(*session, outcome, entry.index);
                }
                return answer(outcome, true);
            }
            Lookup::Known(outcome) => {
                if let Some(session) = session {
                    self.sessions.touch(session.client, entry.index);
                }
                return answer(outcome, false);
            }
            Lookup::TooOld => (Reply::Info(Doubt::TooOld), None),
            Lookup::NeverOpened => (Reply::Fail(Refusal::SessionExpired), None),
            Lookup::Expired => (Reply::Info(Doubt::SessionExpired), None),
        };
        Applied { reply: Some(reply), offset, fresh: false }
    }

    /// Values from `from` on, at most `limit`, and no more than fit into `bytes` (but at least
    /// one, if there is one).
    #[must_use]
    pub fn read(&self, from: Offset, limit: Option<u64>, bytes: usize) -> Vec<Bytes> {
        let start = usize::try_from(from.0).unwrap_or(usize::MAX).min(self.values.list.len());
        let limit = limit.map_or(usize::MAX, |l| usize::try_from(l).unwrap_or(usize::MAX));
        let mut room = bytes;
        let fits = |value: &&Bytes| {
            // One more for the comma that separates values in an answer.
            let fits = room > value.len() || room == bytes;
            room = room.saturating_sub(value.len() + 1);
            fits
        };
        self.values.list[start..].iter().take(limit).take_while(fits).cloned().collect()
    }

    fn execute(&mut self, value: &Bytes, expect: Option<Offset>) -> Outcome {
        let length = self.length();
        if expect.is_some_and(|expected| expected != length) {
            return Outcome::Conflict(length);
        }
        self.chain = chain_value(self.chain, value);
        self.values.push(value.clone());
        Outcome::Appended(length)
    }
}

fn answer(outcome: Outcome, fresh: bool) -> Applied {
    let (reply, offset) = match outcome {
        Outcome::Appended(offset) => {
            (Reply::Ok(Answer::Appended { offset, duplicate: !fresh }), Some(offset))
        }
        Outcome::Conflict(length) => (Reply::Fail(Refusal::Conflict(length)), None),
    };
    Applied { reply: Some(reply), offset, fresh }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::Epoch;

    fn append(index: u64, value: &'static str, expect: Option<u64>) -> LogEntry {
        let value = Bytes::from_static(value.as_bytes());
        let command = Command::Append { value, session: None, expect: expect.map(Offset) };
        LogEntry { index: Index(index), epoch: Epoch(1), command }
    }

    #[test]
    fn offsets_are_dense_and_refused_entries_take_none() {
        let mut replica = Replica::default();
        let mut check = |entry, expected: Option<u64>| {
            assert_eq!(replica.apply(&entry, Lookup::Fresh).offset, expected.map(Offset));
        };
        check(append(1, "1", None), Some(0));
        check(append(2, "2", Some(0)), None);
        check(append(3, "3", Some(1)), Some(1));
        check(append(4, "4", None), Some(2));
    }

    #[test]
    fn a_log_beyond_its_limit_is_full_until_it_is_cut() {
        // A thousand handles on one value: what is counted is what they would take.
        let large = Bytes::from(vec![b'1'; 1 << 20]);
        let mut values: Values = std::iter::repeat_n(large.clone(), 1_023).collect();
        assert!(!values.is_full());
        values.push(large);
        assert!(values.is_full());
        values.truncate(1_000);
        assert!(!values.is_full() && values.list().len() == 1_000);
    }

    #[test]
    fn a_read_is_cut_by_limit_and_by_size() {
        let mut replica = Replica::default();
        for (i, value) in ["1111", "2222", "3333"].into_iter().enumerate() {
            replica.apply(&append(i as u64 + 1, value, None), Lookup::Fresh);
        }
        let lengths = |from, limit, bytes| replica.read(Offset(from), limit, bytes).len();
        assert_eq!(lengths(0, None, 1_000), 3);
        assert_eq!(lengths(1, Some(1), 1_000), 1);
        assert_eq!(lengths(0, None, 10), 2);
        assert_eq!(lengths(0, None, 1), 1, "a value larger than the answer still comes");
        assert_eq!(lengths(9, None, 1_000), 0);
        assert_eq!(lengths(0, Some(0), 1_000), 0);
    }

    #[test]
    fn a_snapshot_brings_the_sessions_back() {
        let mut replica = Replica::default();
        replica.sessions.open(Index(4));
        replica.applied = Index(4);
        let state = replica.encode_state(&[NodeId(1)]);
        let snapshot = Snapshot { index: Index(4), state, ..Snapshot::default() };
        let back = Replica::restore(&snapshot, Vec::new()).unwrap();
        assert_eq!(back.sessions, replica.sessions);
        assert!(Replica::restore(&snapshot, vec![Bytes::new()]).is_err());
    }
}
