//! Messages as bytes: what is written is read back, and nothing that is read can panic.

use bytes::Bytes;
use proptest::prelude::*;
use schism_protocol::log::EntryId;
use schism_protocol::raft::message::{Body, Message};
use schism_protocol::wire::Wire;
use schism_protocol::{
    Chain, ClientId, Command, Epoch, Index, LogEntry, Offset, Session, Snapshot,
};

fn value() -> impl Strategy<Value = Bytes> {
    prop::collection::vec(any::<u8>(), 0..40).prop_map(Bytes::from)
}

fn command() -> impl Strategy<Value = Command> {
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

fn body() -> impl Strategy<Value = Body> {
    let id = (any::<u64>(), 0..u64::MAX / 2)
        .prop_map(|(birth, index)| EntryId { birth: Epoch(birth), index: Index(index) });
    let entries = prop::collection::vec((any::<u64>(), command()), 0..5);
    let append = (id.clone(), any::<u64>(), any::<u64>(), entries);
    let snapshot = (any::<[u64; 5]>(), value(), any::<u64>(), prop::collection::vec(value(), 0..4));
    prop_oneof![
        id.clone().prop_map(|last| Body::PreVote { last }),
        any::<bool>().prop_map(|granted| Body::PreVoteReply { granted }),
        id.prop_map(|last| Body::Vote { last }),
        any::<bool>().prop_map(|granted| Body::VoteReply { granted }),
        append.prop_map(|(prev, commit, round, entries)| {
            let entry = |(k, (birth, command))| LogEntry {
                index: Index(prev.index.0 + 1 + k as u64),
                birth: Epoch(birth),
                command,
            };
            let entries = entries.into_iter().enumerate().map(entry).collect();
            Body::Append { prev, commit: Index(commit), round, entries }
        }),
        any::<(u64, u64)>()
            .prop_map(|(matched, round)| Body::Matched { matched: Index(matched), round }),
        any::<(u64, Option<u64>, u64, u64)>().prop_map(|(prev, conflict, first, round)| {
            let (prev, first) = (Index(prev), Index(first));
            Body::Mismatch { prev, conflict: conflict.map(Epoch), first, round }
        }),
        snapshot.prop_map(|([index, birth, chain, length, delivered], state, round, values)| {
            let snapshot = Snapshot {
                index: Index(index),
                birth: Epoch(birth),
                chain: Chain(chain),
                length: Offset(length),
                delivered_chain: Chain(delivered),
                state,
            };
            Body::Snapshot { snapshot, round, from: Offset(length), values }
        }),
        any::<(u64, u64, u64)>().prop_map(|(index, have, round)| Body::SnapshotHave {
            index: Index(index),
            have: Offset(have),
            round
        }),
        any::<u64>().prop_map(|token| Body::ReadIndex { token }),
        any::<(u64, Option<u64>)>()
            .prop_map(|(token, index)| Body::ReadIndexReply { token, index: index.map(Index) }),
    ]
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(term in any::<u64>(), body in body()) {
        let message = Message { term: Epoch(term), body };
        prop_assert_eq!(Message::decode(message.encode()), Ok(message));
    }

    #[test]
    fn every_cut_frame_is_refused(term in any::<u64>(), body in body(), cut in any::<prop::sample::Index>()) {
        let bytes = Message { term: Epoch(term), body }.encode();
        let cut = cut.index(bytes.len());
        prop_assert!(Message::decode(bytes.slice(..cut)).is_err());
    }

    #[test]
    fn garbage_never_panics(kind in 0u8..14, bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let framed: Vec<u8> = std::iter::once(kind).chain(bytes).collect();
        if let Ok(message) = Message::decode(framed.clone().into()) {
            prop_assert_eq!(message.encode(), Bytes::from(framed));
        }
    }
}
