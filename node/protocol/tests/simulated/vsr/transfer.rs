//! State transfer, question by question: where two logs part, what stays when the view changes, and
//! that nothing which is only on its way is promised to anybody.

use bytes::Bytes;
use schism_protocol::vsr::message::Body;
use schism_protocol::{EntryId, Epoch, Index, Offset, Record, Role, Snapshot};

use super::directed::primary;
use super::lone::{Durable, N2, N3, change, new_state, suffix};
use crate::world::lone::{persisted_with_sum, sum_of};

/// The GetState among what was sent: where its sender's logs end, the snapshot that is arriving,
/// and how many values are here.
fn asks(lone: &Durable) -> (Vec<(u64, u64)>, u64, u64) {
    let asked = lone.sent().into_iter().find_map(|(_, _, body)| match body {
        Body::GetState { ends, snapshot, have, .. } => Some((ends, snapshot.0, have.0)),
        _ => None,
    });
    let (ends, snapshot, have) = asked.expect("it asks for what it lacks");
    (ends.into_iter().map(|end| (end.epoch.0, end.index.0)).collect(), snapshot, have)
}

#[test]
fn what_has_come_outlives_the_view_and_no_promise_speaks_of_it() {
    let mut lone = Durable::new(Some((1, 1)), &[1, 1]);
    lone.prepare(N3, 5, 9, &[]);
    assert_eq!(asks(&lone).0, [(1, 2)]);
    let piece = suffix(1, 1, &[4, 4], 9);
    lone.hears(N3, 5, Body::NewState { commit: Index(0), suffix: piece, more: true });
    assert_eq!((lone.acknowledged(), lone.last(), lone.records()), (vec![0], 2, vec![]));
    lone.durable().wants(N2, 7, 7).durable();
    let says = (N2, 7, change(1, 0, suffix(0, 0, &[1, 1], 2)));
    assert!(lone.sent().contains(&says), "its log is what it was: {:?}", lone.sent());
    lone.prepare(N2, 7, 9, &[]);
    assert_eq!(asks(&lone).0, [(4, 3), (1, 2)]);
    lone.hears(N2, 7, new_state(0, suffix(3, 4, &[7], 4)));
    assert_eq!((lone.last(), lone.status().role), (4, Role::Follower));
    let epochs = lone.records().into_iter().filter_map(|record| match record {
        Record::Append(entry) => Some((entry.index.0, entry.epoch.0)),
        _ => None,
    });
    assert_eq!(epochs.collect::<Vec<_>>(), [(2, 4), (3, 4), (4, 7)], "nothing travels twice");
}

#[test]
fn what_has_come_and_is_not_in_the_next_log_goes() {
    let mut lone = Durable::new(Some((1, 1)), &[1, 1]);
    lone.prepare(N3, 5, 9, &[]);
    let piece = suffix(2, 1, &[4, 5], 9);
    lone.hears(N3, 5, Body::NewState { commit: Index(0), suffix: piece, more: true });
    lone.prepare(N2, 7, 9, &[]);
    assert_eq!(asks(&lone).0, [(5, 4), (4, 3), (1, 2)]);
    lone.hears(N2, 7, new_state(0, suffix(3, 4, &[6], 4))).durable();
    assert_eq!((lone.last(), lone.acknowledged()), (4, vec![4]));
}

#[test]
fn values_of_a_snapshot_outlive_it_and_the_view() {
    let summed_up = |index, length| Snapshot {
        index: Index(index),
        epoch: Epoch(4),
        length: Offset(length),
        ..Snapshot::default()
    };
    let piece = |snapshot, from, values: &[&'static str]| Body::NewSnapshot {
        snapshot,
        from: Offset(from),
        values: values.iter().map(|value| Bytes::from_static(value.as_bytes())).collect(),
        more: false,
    };
    let mut lone = Durable::new(Some((1, 1)), &[1]);
    lone.prepare(N3, 5, 90, &[]);
    lone.hears(N3, 5, piece(summed_up(40, 4), 0, &["1", "2"]));
    assert_eq!(asks(&lone).1, 40);
    lone.prepare(N2, 7, 90, &[]);
    lone.hears(N2, 7, piece(summed_up(50, 5), 5, &[]));
    assert_eq!(asks(&lone), (vec![(1, 1)], 50, 2));
    lone.hears(N2, 7, piece(summed_up(50, 5), 2, &["3", "4", "5"]));
    assert_eq!((lone.last(), lone.status().delivered), (50, Offset(5)));
}

#[test]
fn the_end_of_a_log_is_sent_from_where_the_epochs_part() {
    let check = |ends: &[(u64, u64)], after: u64, from: u64| {
        let mut lone = primary(&[1, 1, 1]);
        let id =
            |(epoch, index): &(u64, u64)| EntryId { epoch: Epoch(*epoch), index: Index(*index) };
        let ask = Body::GetState {
            after: Index(after),
            ends: ends.iter().map(id).collect(),
            bytes: 1 << 20,
            snapshot: Index(0),
            have: Offset(0),
        };
        lone.hears(N2, 3, ask);
        let prev = lone.sent().into_iter().find_map(|(_, _, body)| match body {
            Body::NewState { suffix, .. } => Some((suffix.prev.index.0, suffix.is_whole())),
            _ => None,
        });
        assert_eq!(prev, Some((from, true)), "{ends:?}");
    };
    check(&[(1, 2)], 0, 2);
    check(&[(1, 9)], 0, 3);
    check(&[(2, 7), (1, 1)], 0, 1);
    check(&[(2, 7)], 1, 1);
    check(&[(1, 1)], 2, 2);
    check(&[], 0, 0);
}

#[test]
fn whoever_waits_for_the_log_lets_the_primary_know_that_it_is_heard() {
    let mut lone = Durable::new(Some((1, 1)), &[1]);
    let (asks, hears) = (Body::GET_STATE, Body::PREPARE_OK);
    assert_eq!(lone.prepare(N3, 5, 9, &[]).kinds(), [hears, asks]);
    assert_eq!(lone.prepare(N3, 5, 9, &[]).kinds(), [hears], "it has asked");
    assert_eq!(lone.acknowledged(), [0], "it holds nothing of this view");
    assert!(lone.prepare(N3, 5, 9, &[5]).kinds().is_empty());
    // And whoever has it, and waits for the disk.
    lone.hears(N3, 5, new_state(0, suffix(1, 1, &[5], 2)));
    assert_eq!((lone.last(), lone.acknowledged()), (2, vec![]));
    assert_eq!(lone.prepare(N3, 5, 2, &[]).acknowledged(), [0]);
    assert_eq!(lone.durable().acknowledged(), [2]);
}

#[test]
fn what_came_with_late_prepares_is_not_asked_for() {
    let mut lone = Durable::new(Some((1, 1)), &[1, 1]);
    lone.prepare(N2, 1, 4, &[1]);
    lone.hears(N2, 1, new_state(0, suffix(2, 1, &[1], 9)));
    lone.prepare(N2, 1, 2, &[1, 1]).prepare(N2, 1, 4, &[1; 4]);
    // The primary has summed up what it was asked for, and this replica is beyond that.
    lone.hears(
        N2,
        1,
        Body::Prepare { prev: Index(8), commit: Index(8), round: 0, entries: vec![] },
    );
    let snapshot = Snapshot { index: Index(7), epoch: Epoch(1), ..Snapshot::default() };
    let (from, values) = (Offset(0), Vec::new());
    lone.hears(N2, 1, Body::NewSnapshot { snapshot, from, values, more: false });
    assert_eq!(lone.prepare(N2, 1, 9, &[1]).last(), 8, "another gap");
    let after = lone.waits(101).sent().into_iter().find_map(|(_, _, body)| match body {
        Body::GetState { after, .. } => Some(after.0),
        _ => None,
    });
    assert_eq!(after, Some(8));
    lone.hears(N2, 1, new_state(8, suffix(8, 1, &[1, 1], 10)));
    assert_eq!(lone.last(), 10);
}

#[test]
fn the_trace_says_what_the_disk_holds_and_not_what_a_snapshot_will_make_of_it() {
    // The view is written down in front of the snapshot, which does not wait for it.
    for epochs in [&[1][..], &[1, 1], &[1, 1, 1], &[1, 1, 1, 1, 1]] {
        let mut lone = Durable::new(Some((1, 1)), epochs);
        lone.prepare(N3, 5, 90, &[]);
        let (snapshot, from, values) = (sum_of(3, 4), Offset(0), Vec::new());
        lone.hears(N3, 5, Body::NewSnapshot { snapshot, from, values, more: false });
        let [before, after] = lone.durable_in_two();
        assert_eq!(persisted_with_sum(&before), [0; 0], "{epochs:?}");
        assert_eq!(persisted_with_sum(&after), [3], "{epochs:?}");
    }
}
