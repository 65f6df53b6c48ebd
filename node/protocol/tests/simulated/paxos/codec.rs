//! Frames: there and back again, and whatever else may arrive.

use bytes::Bytes;
use proptest::prelude::*;
use schism_protocol::paxos::ROW;
use schism_protocol::paxos::acceptor::Accepted;
use schism_protocol::paxos::ballot::Ballot;
use schism_protocol::paxos::message::{Body, Message};
use schism_protocol::wire::Wire;

fn bytes() -> impl Strategy<Value = Bytes> {
    prop::collection::vec(any::<u8>(), 0..40).prop_map(Bytes::from)
}

fn body() -> impl Strategy<Value = Body> {
    let accepted =
        (any::<u64>(), bytes()).prop_map(|(b, value)| Accepted { ballot: Ballot(b), value });
    prop_oneof![
        Just(Body::Prepare),
        prop::option::of(accepted).prop_map(|accepted| Body::Promise { accepted }),
        Just(Body::Nack),
        bytes().prop_map(|value| Body::Accept { value }),
        Just(Body::Accepted),
        bytes().prop_map(|value| Body::Decided { value }),
    ]
}

proptest! {
    #[test]
    fn what_is_sent_is_what_arrives(ballot in 0u64..1 << 53, key in bytes(), body in body()) {
        let message = Message { ballot: Ballot(ballot), key, body };
        let frame = message.encode();
        prop_assert!(ROW.facts.frames.iter().any(|row| row.kind == frame[0]), "a kind of the table");
        prop_assert_eq!(&frame[1..9], &ballot.to_le_bytes());
        prop_assert_eq!(Message::decode(frame), Ok(message));
    }

    #[test]
    fn a_cut_frame_is_refused(key in bytes(), body in body(), cut in any::<prop::sample::Index>()) {
        let frame = Message { ballot: Ballot(7), key, body }.encode();
        prop_assert!(Message::<Bytes>::decode(frame.slice(..cut.index(frame.len()))).is_err());
    }

    #[test]
    fn garbage_never_panics(kind in 0u8..40, rest in prop::collection::vec(any::<u8>(), 0..80)) {
        let mut frame = vec![kind];
        frame.extend(rest);
        let _ = Message::<Bytes>::decode(frame.into());
    }
}
