//! The observer on evidence made by hand: what each row of it must see, and must not.

use schism_protocol::{
    Chain, CommitQuorum, Epoch, Index, NodeId, Offset, Role, Time, TraceEvent, Traces,
};

use super::Observer;

const PAXOS: Traces =
    Traces { without: &[1, 2], commit_quorum: CommitQuorum::Acceptors, ..Traces::ALL };

const MEMORY: Traces = Traces {
    without: &[6],
    commit_quorum: CommitQuorum::MajorityInMemory,
    epoch_outlives_crashes: false,
    ..Traces::ALL
};

const LEADER: Traces =
    Traces { without: &[1, 2, 4], commit_quorum: CommitQuorum::Leader, ..Traces::ALL };

/// A node and what it says; nothing: it starts again.
type Said = (usize, Option<TraceEvent>);

fn proposed(n: usize, ballot: u64, hash: u64) -> Said {
    (n, Some(TraceEvent::Proposed { slot: 1, ballot: Epoch(ballot), hash: Chain(hash) }))
}

fn accepted(n: usize, ballot: u64, hash: u64) -> Said {
    (n, Some(TraceEvent::Accepted { slot: 1, ballot: Epoch(ballot), hash: Chain(hash) }))
}

fn chosen(n: usize, ballot: u64, hash: u64) -> Said {
    (n, Some(TraceEvent::Chosen { slot: 1, ballot: Epoch(ballot), hash: Chain(hash) }))
}

fn promise(n: usize, epoch: u64) -> Said {
    (n, Some(TraceEvent::Promise { epoch: Epoch(epoch), to: NodeId(1) }))
}

fn boot(n: usize, epoch: u64) -> Said {
    let (first, last, chain) = (Index(1), Index(0), Chain(0));
    (n, Some(TraceEvent::Boot { epoch: Epoch(epoch), promise: None, first, last, chain }))
}

fn append(n: usize) -> Said {
    (n, Some(TraceEvent::Append { i: Index(1), epoch: Epoch(1), chain: Chain(7) }))
}

fn persist(n: usize) -> Said {
    let (upto, epoch, promise) = (Index(1), Epoch(1), None);
    (n, Some(TraceEvent::Persist { upto, chain: Chain(7), epoch, promise }))
}

fn commit(n: usize) -> Said {
    let (i, chain, epoch) = (Index(1), Chain(7), Epoch(1));
    (n, Some(TraceEvent::Commit { i, chain, epoch, as_leader: true }))
}

fn leads(n: usize, epoch: u64) -> Said {
    let (role, last, chain) = (Role::Leader, Index(0), Chain(0));
    (n, Some(TraceEvent::Role { role, epoch: Epoch(epoch), last, chain, length: None }))
}

fn recovered(n: usize) -> Said {
    (n, Some(TraceEvent::Recovered { epoch: Epoch(1) }))
}

const fn restart(n: usize) -> Said {
    (n, None)
}

fn check(traces: Traces, said: &[Said], expected: Option<&str>) {
    let mut observer = Observer::new(3, traces);
    let mut incarnations = [1; 3];
    (0..3).for_each(|node| observer.starts(node, 1));
    for (at, (node, event)) in said.iter().enumerate() {
        let node = node - 1;
        if let Some(event) = event {
            observer.sees(node, Time(at as u64), event.clone());
        } else {
            incarnations[node] += 1;
            observer.starts(node, incarnations[node]);
        }
    }
    let found = observer.violation.as_ref().map(|(name, _)| *name);
    assert_eq!(found, expected, "{said:?}: {:?}", observer.violation);
}

#[test]
fn acceptors() {
    let is = |said: &[Said], expected| check(PAXOS, said, expected);
    let two = [proposed(1, 1, 7), accepted(1, 1, 7), accepted(2, 1, 7)];
    let and = |more: &[Said]| [&two[..], more].concat();
    is(&and(&[chosen(1, 1, 7), chosen(3, 1, 7)]), None);
    is(&and(&[proposed(2, 2, 7), accepted(3, 2, 7), accepted(2, 2, 7), chosen(2, 2, 7)]), None);
    is(&[proposed(1, 1, 7), accepted(1, 1, 7), chosen(1, 1, 7)], Some("commit-quorum"));
    is(&[accepted(1, 1, 7), accepted(1, 1, 7), chosen(1, 1, 7)], Some("commit-quorum"));
    is(&[accepted(1, 1, 7), accepted(2, 2, 7), chosen(1, 2, 7)], Some("commit-quorum"));
    is(&and(&[proposed(2, 2, 8)]), Some("leader-completeness"));
    is(&[proposed(2, 2, 8), two[0].clone(), two[1].clone()], None);
    is(&[&[proposed(2, 2, 8)], &two[..]].concat(), Some("leader-completeness"));
    is(&[proposed(1, 1, 7), accepted(2, 1, 8)], Some("log-matching"));
    is(&and(&[accepted(2, 2, 8), accepted(3, 2, 8)]), Some("state-machine-safety"));
    is(&[promise(1, 2), accepted(1, 1, 7)], Some("acked-durability"));
    is(&[promise(1, 2), accepted(1, 2, 7), promise(1, 3)], None);
    is(&[promise(1, 3), promise(1, 2)], Some("acked-durability"));
    is(&[promise(1, 3), restart(1), boot(1, 2)], Some("acked-durability"));
    is(&[promise(1, 3), restart(1), boot(1, 3)], None);
    check(Traces::ALL, &[proposed(1, 1, 7)], Some("malformed"));
}

#[test]
fn a_commit_by_copies_ends_in_the_leaders_own_epoch() {
    let commits = |epoch| {
        let (i, chain) = (Index(1), Chain(7));
        (1, Some(TraceEvent::Commit { i, chain, epoch: Epoch(epoch), as_leader: true }))
    };
    let held = |commit| [append(1), append(2), persist(1), persist(2), commit];
    check(Traces::OF_COUNTED_COPIES, &held(commits(1)), None);
    check(Traces::OF_COUNTED_COPIES, &held(commits(2)), Some("commit-epoch"));
    check(Traces::ALL, &held(commits(2)), None);
}

#[test]
fn who_must_hold_a_commit() {
    check(Traces::ALL, &[append(1), persist(1), commit(1)], Some("commit-quorum"));
    check(Traces::ALL, &[append(1), append(2), persist(1), commit(1)], Some("commit-quorum"));
    check(Traces::ALL, &[append(1), append(2), persist(1), persist(2), commit(1)], None);
    check(LEADER, &[append(1), persist(1), commit(1)], None);
    check(LEADER, &[append(1), commit(1)], Some("commit-quorum"));
    check(MEMORY, &[append(1), append(2), commit(1)], None);
    check(MEMORY, &[append(1), commit(1)], Some("commit-quorum"));
    // It may have acknowledged before it crashed; once it has recovered, it holds it or does not.
    let crashed = [append(1), append(2), restart(2), boot(2, 0)];
    check(MEMORY, &[&crashed[..], &[commit(1)]].concat(), None);
    let recovered = [&crashed[..], &[recovered(2), commit(1)]].concat();
    check(MEMORY, &recovered, Some("commit-quorum"));
}

#[test]
fn what_a_failover_may_take_back() {
    let opens = |n: usize, epoch: u64, length: u64| {
        let (role, last, chain) = (Role::Leader, Index(0), Chain(0));
        let (epoch, length) = (Epoch(epoch), Some(Offset(length)));
        (n, Some(TraceEvent::Role { role, epoch, last, chain, length }))
    };
    let tells = |n: usize, epoch: u64, offset: u64| {
        let (kind, i, chain) = ("client", Index(1), Chain(7));
        let (epoch, offset) = (Epoch(epoch), Some(Offset(offset)));
        (n, Some(TraceEvent::AckSent { kind, i, chain, epoch, offset }))
    };
    let held = [opens(1, 1, 0), append(1), persist(1)];
    let and = |more: &[Said]| [&held[..], more].concat();
    check(Traces::ALL, &and(&[tells(1, 1, 0)]), None);
    check(Traces::ALL, &and(&[tells(1, 2, 0)]), Some("acked-durability"));
    check(Traces::ALL, &[opens(1, 1, 0), append(1), tells(1, 1, 0)], Some("acked-durability"));
    check(Traces::ALL, &and(&[opens(2, 2, 0), tells(2, 1, 0)]), Some("acked-durability"));
    let other = [append(2), persist(2), tells(2, 1, 0)];
    check(Traces::ALL, &and(&other), Some("malformed"));

    let mut observer = Observer::new(3, Traces::ALL);
    (0..3).for_each(|node| observer.starts(node, 1));
    for (node, event) in and(&[tells(1, 1, 5), opens(2, 3, 6)]) {
        observer.sees(node - 1, Time(0), event.unwrap());
    }
    assert_eq!(observer.epoch_told(0, 5), Some(Epoch(1)));
    assert_eq!((observer.epoch_told(0, 4), observer.epoch_told(1, 5)), (None, None));
    let without = |offset, epoch| observer.opened_without(offset, Epoch(epoch));
    assert!(without(6, 1) && without(7, 2), "at its length and beyond");
    assert!(!without(5, 1), "it opened with this one");
    assert!(!without(6, 3) && !without(7, 4), "the same epoch excuses nothing, nor an older one");
}

#[test]
fn epochs_grow_for_ever_or_within_an_incarnation() {
    let again = [leads(1, 3), restart(1), boot(1, 0), leads(1, 1)];
    check(MEMORY, &again, None);
    check(MEMORY, &[leads(1, 3), leads(1, 2)], Some("non-monotone"));
    check(Traces::ALL, &[leads(1, 3), leads(1, 2)], Some("non-monotone"));
    check(Traces::ALL, &[leads(1, 3), leads(2, 3)], Some("election-safety"));
    check(LEADER, &[leads(1, 3), restart(1), boot(1, 3), leads(1, 3)], None);
    let lost = [append(1), persist(1), restart(1), boot(1, 1)];
    check(Traces::ALL, &lost, Some("acked-durability"));
    check(Traces { without: &[6, 8], ..Traces::ALL }, &lost, None);
}

#[test]
fn a_snapshot_over_another_log_is_not_on_the_disk_that_held_that_log() {
    let append = |i, chain| {
        (1, Some(TraceEvent::Append { i: Index(i), epoch: Epoch(1), chain: Chain(chain) }))
    };
    let persist = |i, chain| {
        let (upto, chain, epoch) = (Index(i), Chain(chain), Epoch(2));
        (1, Some(TraceEvent::Persist { upto, chain, epoch, promise: None }))
    };
    let cut = (1, Some(TraceEvent::Truncate { from: Index(3), epoch: Epoch(2) }));
    let restore = |chain| {
        (1, Some(TraceEvent::Restore { i: Index(2), chain: Chain(chain), epoch: Epoch(2) }))
    };
    let ack = |chain| {
        let (kind, i, chain, epoch) = ("append", Index(2), Chain(chain), Epoch(2));
        (1, Some(TraceEvent::AckSent { kind, i, chain, epoch, offset: None }))
    };
    let is = |said: &[Said], expected| check(Traces::ALL, said, expected);
    let held = [append(1, 7), append(2, 8), append(3, 9), persist(3, 9)];
    let and = |more: &[Said]| [&held[..], more].concat();
    is(&and(&[cut.clone(), restore(80), ack(80)]), Some("acked-durability"));
    is(&and(&[cut, restore(80), persist(2, 80), ack(80)]), None);
    is(&and(&[restore(8), ack(8)]), None);
}
