//! Frames: there and back again, and whatever else may arrive.

use bytes::Bytes;
use proptest::prelude::*;
use schism_protocol::multi_paxos::ROW;
use schism_protocol::multi_paxos::message::{Body, Message};
use schism_protocol::paxos::ballot::Ballot;
use schism_protocol::paxos::catch_up::CatchUp;
use schism_protocol::wire::Wire;
use schism_protocol::{
    Chain, ClientId, Command, Epoch, Index, LogEntry, Offset, Session, Snapshot,
};

fn bytes() -> impl Strategy<Value = Bytes> {
    prop::collection::vec(any::<u8>(), 0..40).prop_map(Bytes::from)
}

fn command() -> impl Strategy<Value = Command> {
    let session = prop::option::of((any::<u64>(), any::<u64>()));
    let append = (bytes(), session, prop::option::of(any::<u64>()));
    prop_oneof![
        Just(Command::Noop),
        Just(Command::Open),
        append.prop_map(|(value, session, expect)| Command::Append {
            value,
            session: session.map(|(c, seq)| Session { client: ClientId(c), seq }),
            expect: expect.map(Offset),
        }),
    ]
}

fn commands() -> impl Strategy<Value = Vec<Command>> {
    prop::collection::vec(command(), 0..6)
}

fn entries() -> impl Strategy<Value = Vec<LogEntry>> {
    let entry = (any::<u64>(), any::<u64>(), command()).prop_map(|(i, b, command)| LogEntry {
        index: Index(i),
        epoch: Epoch(b),
        command,
    });
    prop::collection::vec(entry, 0..6)
}

fn chosen(prev: Index, commands: Vec<Command>) -> CatchUp {
    let entry = |(i, command)| LogEntry { index: Index(i), epoch: Epoch(0), command };
    CatchUp::Chosen { prev, entries: (prev.0 + 1..).zip(commands).map(entry).collect() }
}

fn snapshot() -> impl Strategy<Value = Snapshot> {
    (any::<[u64; 5]>(), bytes()).prop_map(|([i, b, c, l, d], state)| Snapshot {
        index: Index(i),
        epoch: Epoch(b),
        chain: Chain(c),
        length: Offset(l),
        delivered_chain: Chain(d),
        state,
    })
}

fn body() -> impl Strategy<Value = Body> {
    let slot = || (0..u64::MAX / 2).prop_map(Index);
    let promise = (0u32..9, 0u32..9, slot(), entries());
    let accept = (slot(), slot(), any::<u64>(), commands());
    let values = prop::collection::vec(bytes(), 0..5);
    let catch_up = prop_oneof![
        (slot(), any::<u64>()).prop_map(|(from, n)| CatchUp::Fetch { from, have: Offset(n) }),
        (slot(), commands()).prop_map(|(prev, commands)| chosen(prev, commands)),
        (snapshot(), any::<u64>(), values).prop_map(|(snapshot, n, values)| {
            CatchUp::Snapshot { snapshot, from: Offset(n), values }
        }),
    ];
    prop_oneof![
        Just(Body::Ask),
        any::<bool>().prop_map(|granted| Body::AskReply { granted }),
        slot().prop_map(|from| Body::Prepare { from }),
        promise.prop_map(|(piece, more, base, accepted)| {
            Body::Promise { piece, pieces: piece + 1 + more, base, accepted }
        }),
        Just(Body::Nack),
        accept.prop_map(|(first, commit, round, commands)| {
            Body::Accept { first, commit, round, commands }
        }),
        (slot(), any::<u64>()).prop_map(|(first, count)| Body::Accepted { first, count }),
        any::<u64>().prop_map(|round| Body::Heard { round }),
        any::<u64>().prop_map(|token| Body::ReadIndex { token }),
        (any::<u64>(), prop::option::of(slot()))
            .prop_map(|(token, index)| Body::ReadIndexReply { token, index }),
        catch_up.prop_map(|catch_up| Body::CatchUp { catch_up }),
    ]
}

proptest! {
    #[test]
    fn what_is_sent_is_what_arrives(ballot in 0u64..1 << 53, body in body()) {
        let message = Message { ballot: Ballot(ballot), body };
        let frame = message.encode();
        prop_assert!(ROW.facts.frames.iter().any(|row| row.kind == frame[0]), "a kind of the table");
        prop_assert_eq!(&frame[1..9], &ballot.to_le_bytes());
        prop_assert_eq!(Message::decode(frame), Ok(message));
    }

    #[test]
    fn a_cut_frame_is_refused(ballot in 0u64..1 << 53, body in body(), cut in any::<prop::sample::Index>()) {
        let frame = Message { ballot: Ballot(ballot), body }.encode();
        prop_assert!(Message::decode(frame.slice(..cut.index(frame.len()))).is_err());
    }

    #[test]
    fn garbage_never_panics(kind in 0u8..40, rest in prop::collection::vec(any::<u8>(), 0..80)) {
        let mut frame = vec![kind];
        frame.extend(rest);
        let _ = Message::decode(frame.into());
    }
}

#[test]
fn a_header_that_is_no_ballot_is_refused() {
    let frame = Message { ballot: Ballot::CHOSEN, body: Body::Ask }.encode();
    assert!(Message::decode(frame).is_err());
}
