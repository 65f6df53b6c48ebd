//! The sequencer's messages as bytes.

use proptest::prelude::*;
use schism_protocol::sequencer::message::{Body, Message};
use schism_protocol::{Epoch, Offset};

use crate::world::frames::{hold, index, run, snapshot, values};

fn body() -> impl Strategy<Value = Body> {
    prop_oneof![
        run().prop_map(|(before, entries)| Body::Run { before: before.index, entries }),
        index().prop_map(|upto| Body::Ack { upto }),
        (index(), index()).prop_map(|(before, wanted)| Body::Nack { before, wanted }),
        (snapshot(), any::<u64>(), values()).prop_map(|(snapshot, from, values)| {
            Body::Snapshot { snapshot, from: Offset(from), values }
        }),
        (index(), any::<u64>()).prop_map(|(index, have)| Body::Have { index, have: Offset(have) }),
    ]
}

#[test]
fn frames_hold() {
    let messages = (any::<u64>(), body());
    hold(Body::FRAMES, messages.prop_map(|(epoch, body)| Message { epoch: Epoch(epoch), body }));
}
