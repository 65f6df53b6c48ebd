//! The messages of manual failover as bytes.

use proptest::prelude::*;
use schism_protocol::failover::Standing;
use schism_protocol::failover::message::{Body, Message};
use schism_protocol::{Epoch, Offset};

use crate::world::frames::{hold, id, index, run, snapshot, values};

fn body() -> impl Strategy<Value = Body> {
    let round = any::<u64>();
    let standing =
        (any::<u64>(), index()).prop_map(|(synced, last)| Standing { synced: Epoch(synced), last });
    let some_values = (snapshot(), any::<u64>(), values());
    prop_oneof![
        Just(Body::Fence),
        standing.prop_map(|standing| Body::Promised { standing }),
        Just(Body::Refused),
        (id(), any::<u64>()).prop_map(|(prev, have)| Body::Pull { prev, have: Offset(have) }),
        (run(), index()).prop_map(|((prev, entries), end)| Body::Pulled { prev, entries, end }),
        some_values.clone().prop_map(|(snapshot, from, values)| {
            Body::PulledValues { snapshot, from: Offset(from), values }
        }),
        (run(), index(), index(), round).prop_map(|((prev, entries), commit, open, round)| {
            Body::Append { prev, commit, open, round, entries }
        }),
        (index(), any::<bool>(), round).prop_map(|(matched, whole, round)| Body::Matched {
            matched,
            whole,
            round
        }),
        (index(), any::<Option<u64>>(), index()).prop_map(|(prev, conflict, first)| {
            Body::Mismatch { prev, conflict: conflict.map(Epoch), first }
        }),
        (some_values, index(), round).prop_map(|((snapshot, from, values), open, round)| {
            Body::Values { snapshot, open, round, from: Offset(from), values }
        }),
        (index(), any::<u64>()).prop_map(|(index, have)| Body::Have { index, have: Offset(have) }),
    ]
}

#[test]
fn frames_hold() {
    let messages = (any::<u64>(), body());
    hold(Body::FRAMES, messages.prop_map(|(epoch, body)| Message { epoch: Epoch(epoch), body }));
}
