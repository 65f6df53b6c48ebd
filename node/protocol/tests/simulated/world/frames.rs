//! Messages as bytes, for any protocol: what is written is read back, a cut frame is refused, and
//! nothing that is read can panic. A protocol brings a strategy for its message's body.

use std::fmt::Debug;

use bytes::Bytes;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use schism_protocol::wire::Wire;
use schism_protocol::{
    Chain, ClientId, Command, EntryId, Epoch, FrameRow, Index, LogEntry, Offset, Session, Snapshot,
};

/// As many cases as proptest tries by itself.
const CASES: u32 = 256;

fn check<S: Strategy>(strategy: S, test: impl Fn(S::Value)) {
    let mut runner = TestRunner::new(Config { cases: CASES, ..Config::default() });
    let tested = runner.run(&strategy, |value| {
        test(value);
        Ok(())
    });
    tested.unwrap_or_else(|failed| panic!("{failed}"));
}

/// All there is to say of a protocol's frames; every kind in its table must be written.
pub fn hold<M: Wire + Debug + PartialEq>(rows: &[FrameRow], messages: impl Strategy<Value = M>) {
    let kinds = std::cell::RefCell::new(std::collections::BTreeSet::new());
    check((messages, any::<prop::sample::Index>()), |(message, cut)| {
        let bytes = message.encode();
        kinds.borrow_mut().insert(bytes[0]);
        let cut = bytes.slice(..cut.index(bytes.len()));
        assert!(M::decode(cut).is_err(), "a cut frame is refused: {message:?}");
        assert_eq!(M::decode(bytes), Ok(message));
    });
    let known: Vec<u8> = rows.iter().map(|row| row.kind).collect();
    assert_eq!(kinds.into_inner().into_iter().collect::<Vec<_>>(), known, "the table of frames");

    let kind = 0..=rows.iter().map(|row| row.kind).max().unwrap_or(0) + 2;
    check((kind, prop::collection::vec(any::<u8>(), 0..200)), |(kind, bytes)| {
        let framed: Vec<u8> = std::iter::once(kind).chain(bytes).collect();
        if let Ok(message) = M::decode(framed.clone().into()) {
            assert_eq!(M::decode(message.encode()), Ok(message), "{framed:?}");
        }
    });
}

pub fn value() -> impl Strategy<Value = Bytes> + Clone {
    prop::collection::vec(any::<u8>(), 0..40).prop_map(Bytes::from)
}

pub fn values() -> impl Strategy<Value = Vec<Bytes>> + Clone {
    prop::collection::vec(value(), 0..4)
}

pub fn command() -> impl Strategy<Value = Command> + Clone {
    let session = prop::option::of((any::<u64>(), any::<u64>()));
    let append = (value(), session, prop::option::of(any::<u64>()));
    prop_oneof![
        Just(Command::Noop),
        Just(Command::Open),
        append.prop_map(|(value, session, expect)| Command::Append {
            value,
            session: session.map(|(client, seq)| Session { client: ClientId(client), seq }),
            expect: expect.map(Offset),
        }),
    ]
}

pub fn index() -> impl Strategy<Value = Index> + Clone {
    (0..u64::MAX / 2).prop_map(Index)
}

pub fn id() -> impl Strategy<Value = EntryId> + Clone {
    (any::<u64>(), index()).prop_map(|(epoch, index)| EntryId { epoch: Epoch(epoch), index })
}

/// An entry and a run that follows it.
pub fn run() -> impl Strategy<Value = (EntryId, Vec<LogEntry>)> + Clone {
    let entries = prop::collection::vec((any::<u64>(), command()), 0..5);
    (id(), entries).prop_map(|(prev, entries)| {
        let entry = |(k, (epoch, command))| LogEntry {
            index: Index(prev.index.0 + 1 + k as u64),
            epoch: Epoch(epoch),
            command,
        };
        (prev, entries.into_iter().enumerate().map(entry).collect())
    })
}

pub fn snapshot() -> impl Strategy<Value = Snapshot> + Clone {
    (any::<[u64; 5]>(), value()).prop_map(|([index, epoch, chain, length, delivered], state)| {
        Snapshot {
            index: Index(index),
            epoch: Epoch(epoch),
            chain: Chain(chain),
            length: Offset(length),
            delivered_chain: Chain(delivered),
            state,
        }
    })
}
