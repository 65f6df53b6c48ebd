//! A snapshot over a log that parted from it: nothing rests on it before the disk has it, whatever
//! the disk held in its place.

use schism_protocol::raft::message::Body;
use schism_protocol::{EntryId, Offset, Output, Record};

use super::lone::{Lone, N2, id, lone};
use crate::world::lone::{persisted_with_sum, sum_of};

fn summed_up() -> Body {
    let (snapshot, round, from) = (sum_of(3, 2), 0, Offset(0));
    Body::Snapshot { snapshot, round, from, values: Vec::new() }
}

/// A follower whose disk holds entries of these terms, over which the leader of term 2 puts a
/// snapshot up to its entry 3, of term 2.
fn installed(epochs: &[u64]) -> Lone {
    let mut node = lone(3, 2, epochs, &[]);
    node.hears(N2, 2, summed_up());
    assert!(node.records().iter().any(|record| matches!(record, Record::Snapshot { .. })));
    assert!(node.matched().is_empty(), "{epochs:?}: on the snapshot itself");
    node
}

/// What it acknowledges of this message before the snapshot is on its disk, and when it is.
fn acknowledged(epochs: &[u64], message: impl Fn(&mut Lone)) -> (Vec<u64>, Option<u64>) {
    let mut node = installed(epochs);
    message(&mut node);
    let early = node.matched();
    node.durable();
    (early, node.matched().into_iter().max())
}

/// Logs that a snapshot up to entry 3 of term 2 parts from: shorter, as long, and longer.
const OTHERS: [&[u64]; 4] = [&[1], &[1, 1], &[1, 1, 1], &[1, 1, 1, 1, 1]];

#[test]
fn no_message_after_a_snapshot_is_acknowledged_before_it_is_on_the_disk() {
    for epochs in OTHERS {
        let append = |prev: EntryId, entries: &'static [u64]| {
            acknowledged(epochs, move |node| {
                node.append(2, prev, 3, entries);
            })
        };
        // A heartbeat says what is durable: of this log nothing is.
        assert_eq!(append(id(3, 2), &[]), (vec![0], Some(3)), "{epochs:?}: a heartbeat");
        assert_eq!(append(id(3, 2), &[2]), (vec![], Some(4)), "{epochs:?}: the next entry");
        assert_eq!(append(id(1, 1), &[2, 2]), (vec![], Some(3)), "{epochs:?}: what it sums up");
        let again = acknowledged(epochs, |node| {
            node.hears(N2, 2, summed_up());
        });
        assert_eq!(again, (vec![0], Some(3)), "{epochs:?}: the snapshot again");
    }
}

#[test]
fn what_agrees_with_a_snapshot_is_acknowledged_as_before() {
    let heartbeat = |epochs: &[u64]| {
        acknowledged(epochs, |node| {
            node.append(2, id(3, 2), 3, &[]);
        })
    };
    // The disk holds all that the snapshot sums up, as entries.
    assert_eq!(heartbeat(&[1, 1, 2]), (vec![3], Some(3)));
    assert_eq!(heartbeat(&[1, 1, 2, 2]), (vec![3], Some(3)));
}

#[test]
fn the_trace_says_what_the_disk_holds_and_not_what_the_snapshot_will_make_of_it() {
    for epochs in OTHERS {
        // The term is written down in front of the snapshot, by a message that arrived before.
        let mut node = lone(3, 1, epochs, &[]);
        node.hears(N2, 2, summed_up());
        let [before, after] = node.durable_in_two();
        assert_eq!(persisted_with_sum(&before), [0; 0], "{epochs:?}");
        assert_eq!(persisted_with_sum(&after), [3], "{epochs:?}");
        let acknowledges = |output: &Output<_>| matches!(output, Output::Send { .. });
        assert!(!before.iter().any(acknowledges), "{epochs:?}: {before:?}");
    }
}
