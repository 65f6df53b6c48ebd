//! Raft's messages as bytes.

use proptest::prelude::*;
use schism_protocol::raft::message::{Body, Message};
use schism_protocol::{Epoch, Index, Offset};

use crate::world::frames::{hold, id, index, run, snapshot, values};

fn body() -> impl Strategy<Value = Body> {
    let round = any::<u64>();
    prop_oneof![
        id().prop_map(|last| Body::PreVote { last }),
        any::<bool>().prop_map(|granted| Body::PreVoteReply { granted }),
        id().prop_map(|last| Body::Vote { last }),
        any::<bool>().prop_map(|granted| Body::VoteReply { granted }),
        (run(), index(), round).prop_map(|((prev, entries), commit, round)| {
            Body::Append { prev, commit, round, entries }
        }),
        (index(), round).prop_map(|(matched, round)| Body::Matched { matched, round }),
        (index(), any::<Option<u64>>(), index(), round).prop_map(
            |(prev, conflict, first, round)| {
                Body::Mismatch { prev, conflict: conflict.map(Epoch), first, round }
            }
        ),
        (snapshot(), round, any::<u64>(), values()).prop_map(|(snapshot, round, from, values)| {
            Body::Snapshot { snapshot, round, from: Offset(from), values }
        }),
        (index(), any::<u64>(), round).prop_map(|(index, have, round)| {
            Body::SnapshotHave { index, have: Offset(have), round }
        }),
        any::<u64>().prop_map(|token| Body::ReadIndex { token }),
        (any::<u64>(), any::<Option<u64>>())
            .prop_map(|(token, index)| Body::ReadIndexReply { token, index: index.map(Index) }),
    ]
}

#[test]
fn frames_hold() {
    hold(
        Body::FRAMES,
        (any::<u64>(), body()).prop_map(|(term, body)| Message { term: Epoch(term), body }),
    );
}
