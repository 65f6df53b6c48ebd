//! The messages of Viewstamped Replication as bytes.

use proptest::prelude::*;
use schism_protocol::vsr::message::{Body, Message, Suffix};
use schism_protocol::{Epoch, Index, Offset};

use crate::world::frames::{hold, id, index, run, snapshot, values};

fn suffix() -> impl Strategy<Value = Suffix> {
    (run(), 0u64..1_000).prop_map(|((prev, entries), more)| {
        let last = Index(prev.index.0 + entries.len() as u64 + more);
        Suffix { prev, entries, last }
    })
}

fn body() -> impl Strategy<Value = Body> {
    let number = any::<u64>();
    prop_oneof![
        (run(), index(), number).prop_map(|((prev, entries), commit, round)| {
            Body::Prepare { prev: prev.index, commit, round, entries }
        }),
        (index(), number).prop_map(|(upto, round)| Body::PrepareOk { upto, round }),
        number.prop_map(|wanted| Body::StartViewChange { wanted: Epoch(wanted) }),
        (number, index(), suffix()).prop_map(|(normal, commit, suffix)| {
            Body::DoViewChange { normal: Epoch(normal), commit, suffix }
        }),
        (index(), suffix()).prop_map(|(commit, suffix)| Body::StartView { commit, suffix }),
        (index(), prop::collection::vec(id(), 0..4), number, index(), number).prop_map(
            |(after, ends, bytes, snapshot, have)| {
                Body::GetState { after, ends, bytes, snapshot, have: Offset(have) }
            }
        ),
        (index(), suffix(), any::<bool>()).prop_map(|(commit, suffix, more)| Body::NewState {
            commit,
            suffix,
            more
        }),
        (snapshot(), number, values(), any::<bool>()).prop_map(|(snapshot, from, values, more)| {
            Body::NewSnapshot { snapshot, from: Offset(from), values, more }
        }),
        number.prop_map(|nonce| Body::Recovery { nonce }),
        (number, prop::option::of((index(), suffix())))
            .prop_map(|(nonce, primary)| Body::RecoveryResponse { nonce, primary }),
        number.prop_map(|token| Body::ReadIndex { token }),
        (number, any::<Option<u64>>())
            .prop_map(|(token, index)| Body::ReadIndexReply { token, index: index.map(Index) }),
    ]
}

#[test]
fn frames_hold() {
    hold(
        Body::FRAMES,
        (any::<u64>(), body()).prop_map(|(view, body)| Message { view: Epoch(view), body }),
    );
}
