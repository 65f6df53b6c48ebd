//! Messages as bytes: what is written is read back, and nothing that is read can panic.

use bytes::Bytes;
use proptest::prelude::*;
use schism_protocol::log::EntryId;
use schism_protocol::vsr::message::{Body, Message, Suffix};
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

fn entries(after: u64, commands: Vec<(u64, Command)>) -> Vec<LogEntry> {
    let entry = |(k, (birth, command))| LogEntry {
        index: Index(after + 1 + k as u64),
        birth: Epoch(birth),
        command,
    };
    commands.into_iter().enumerate().map(entry).collect()
}

fn suffix() -> impl Strategy<Value = Suffix> {
    let commands = prop::collection::vec((any::<u64>(), command()), 0..5);
    (any::<u64>(), 0..u64::MAX / 4, commands, 0..u64::MAX / 4).prop_map(
        |(birth, index, commands, more)| {
            let last = Index(index + commands.len() as u64 + more);
            let prev = EntryId { birth: Epoch(birth), index: Index(index) };
            Suffix { prev, entries: entries(index, commands), last }
        },
    )
}

fn body() -> impl Strategy<Value = Body> {
    let commands = prop::collection::vec((any::<u64>(), command()), 0..5);
    let prepare = (0..u64::MAX / 2, any::<u64>(), any::<u64>(), commands);
    let snapshot = (any::<[u64; 5]>(), value(), any::<u64>(), prop::collection::vec(value(), 0..4));
    prop_oneof![
        prepare.prop_map(|(prev, commit, round, commands)| {
            let entries = entries(prev, commands);
            Body::Prepare { prev: Index(prev), commit: Index(commit), round, entries }
        }),
        any::<(u64, u64)>().prop_map(|(i, round)| Body::PrepareOk { upto: Index(i), round }),
        any::<u64>().prop_map(|wanted| Body::StartViewChange { wanted: Epoch(wanted) }),
        (any::<(u64, u64)>(), suffix()).prop_map(|((normal, commit), suffix)| {
            Body::DoViewChange { normal: Epoch(normal), commit: Index(commit), suffix }
        }),
        (any::<u64>(), suffix())
            .prop_map(|(i, suffix)| Body::StartView { commit: Index(i), suffix }),
        (any::<u64>(), suffix())
            .prop_map(|(i, suffix)| Body::NewState { commit: Index(i), suffix }),
        any::<(u64, u64, u64)>().prop_map(|(after, snapshot, have)| Body::GetState {
            after: Index(after),
            snapshot: Index(snapshot),
            have: Offset(have)
        }),
        snapshot.prop_map(|([index, birth, chain, length, delivered], state, from, values)| {
            let snapshot = Snapshot {
                index: Index(index),
                birth: Epoch(birth),
                chain: Chain(chain),
                length: Offset(length),
                delivered_chain: Chain(delivered),
                state,
            };
            Body::NewSnapshot { snapshot, from: Offset(from), values }
        }),
        any::<u64>().prop_map(|nonce| Body::Recovery { nonce }),
        (any::<u64>(), prop::option::of((any::<u64>(), suffix()))).prop_map(|(nonce, log)| {
            let primary = log.map(|(commit, log)| (Index(commit), log));
            Body::RecoveryResponse { nonce, primary }
        }),
        any::<u64>().prop_map(|token| Body::ReadIndex { token }),
        any::<(u64, Option<u64>)>()
            .prop_map(|(token, index)| Body::ReadIndexReply { token, index: index.map(Index) }),
    ]
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(view in any::<u64>(), body in body()) {
        let message = Message { view: Epoch(view), body };
        prop_assert_eq!(Message::decode(message.encode()), Ok(message));
    }

    #[test]
    fn every_cut_frame_is_refused(view in any::<u64>(), body in body(), cut in any::<prop::sample::Index>()) {
        let bytes = Message { view: Epoch(view), body }.encode();
        let cut = cut.index(bytes.len());
        prop_assert!(Message::decode(bytes.slice(..cut)).is_err());
    }

    #[test]
    fn garbage_never_panics(kind in 0u8..15, bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let framed: Vec<u8> = std::iter::once(kind).chain(bytes).collect();
        if let Ok(message) = Message::decode(framed.clone().into()) {
            prop_assert_eq!(message.encode(), Bytes::from(framed));
        }
    }
}
