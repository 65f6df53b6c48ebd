//! Messages as bytes: what is written is read back, and nothing that is read can panic.

use bytes::Bytes;
use proptest::prelude::*;
use schism_protocol::wire::Wire;
use schism_protocol::zab::message::{Body, Message, Note, Order, Place, Report};
use schism_protocol::zab::{Standing, Zxid};
use schism_protocol::{
    Chain, ClientId, Command, Epoch, Index, LogEntry, NodeId, Offset, Session, Snapshot,
};

fn value() -> impl Strategy<Value = Bytes> {
    prop::collection::vec(any::<u8>(), 0..40).prop_map(Bytes::from)
}

fn zxid() -> impl Strategy<Value = Zxid> {
    any::<(u64, u64)>().prop_map(|(epoch, index)| Zxid { epoch: Epoch(epoch), index: Index(index) })
}

fn standing() -> impl Strategy<Value = Standing> {
    (any::<u64>(), zxid()).prop_map(|(current, last)| Standing { current: Epoch(current), last })
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

fn order() -> impl Strategy<Value = Order> {
    let entries = prop::collection::vec((any::<u64>(), command()), 0..5);
    let snapshot = (any::<[u64; 5]>(), value(), any::<u64>(), prop::collection::vec(value(), 0..4));
    prop_oneof![
        Just(Order::NewEpoch),
        Just(Order::NewLeader),
        zxid().prop_map(|from| Order::Diff { from }),
        zxid().prop_map(|to| Order::Trunc { to }),
        snapshot.prop_map(|([index, epoch, chain, length, delivered], state, from, values)| {
            let snapshot = Snapshot {
                index: Index(index),
                epoch: Epoch(epoch),
                chain: Chain(chain),
                length: Offset(length),
                delivered_chain: Chain(delivered),
                state,
            };
            Order::Snap { snapshot, from: Offset(from), values }
        }),
        any::<u64>().prop_map(|commit| Order::UpToDate { commit: Index(commit) }),
        any::<u64>().prop_map(|commit| Order::Commit { commit: Index(commit) }),
        any::<u64>().prop_map(|round| Order::Ping { round }),
        any::<(u64, u64)>().prop_map(|(token, index)| Order::ReadAt { token, index: Index(index) }),
        (any::<u64>(), entries).prop_map(|(commit, entries)| {
            // On arrival entries are numbered from 1: their place is where they go.
            let entry = |(k, (epoch, command))| LogEntry {
                index: Index(1 + k as u64),
                epoch: Epoch(epoch),
                command,
            };
            let entries = entries.into_iter().enumerate().map(entry).collect();
            Order::Propose { commit: Index(commit), entries }
        }),
    ]
}

fn report() -> impl Strategy<Value = Report> {
    prop_oneof![
        (standing(), any::<bool>())
            .prop_map(|(standing, counted)| Report::AckEpoch { standing, counted }),
        (any::<u64>(), zxid()).prop_map(|(about, last)| Report::Last { about, last }),
        any::<(u64, u64)>()
            .prop_map(|(index, have)| Report::SnapHave { index: Index(index), have: Offset(have) }),
        any::<(u64, bool, u64)>().prop_map(|(upto, synced, round)| Report::Ack {
            upto: Index(upto),
            synced,
            round
        }),
        any::<u64>().prop_map(|token| Report::Read { token }),
    ]
}

fn body() -> impl Strategy<Value = Body> {
    let vote = prop::option::of((1..=u8::MAX).prop_map(NodeId));
    let hears = prop::collection::vec(any::<u8>().prop_map(NodeId), 0..9);
    let note = (any::<(bool, bool)>(), vote, standing(), hears);
    let place = any::<(u64, u64)>().prop_map(|(session, number)| Place { session, number });
    prop_oneof![
        note.prop_map(|((leading, eligible), vote, standing, hears)| {
            Body::Note { note: Note { leading, eligible, vote, standing, hears } }
        }),
        any::<u64>().prop_map(|session| Body::FollowerInfo { session }),
        (place, order()).prop_map(|(at, order)| Body::Order { at, order }),
        (any::<u64>(), report()).prop_map(|(session, report)| Body::Report { session, report }),
    ]
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(epoch in any::<u64>(), body in body()) {
        let message = Message { epoch: Epoch(epoch), body };
        prop_assert_eq!(Message::decode(message.encode()), Ok(message));
    }

    #[test]
    fn every_cut_frame_is_refused(epoch in any::<u64>(), body in body(), cut in any::<prop::sample::Index>()) {
        let bytes = Message { epoch: Epoch(epoch), body }.encode();
        let cut = cut.index(bytes.len());
        prop_assert!(Message::decode(bytes.slice(..cut)).is_err());
    }

    #[test]
    fn garbage_never_panics(kind in 0u8..20, bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let framed: Vec<u8> = std::iter::once(kind).chain(bytes).collect();
        if let Ok(message) = Message::decode(framed.clone().into()) {
            prop_assert_eq!(message.encode(), Bytes::from(framed));
        }
    }
}
