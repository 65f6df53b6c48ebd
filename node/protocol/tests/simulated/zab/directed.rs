//! The tricky rules one by one, each in the smallest situation that shows it.

use bytes::Bytes;
use schism_protocol::common::disk::Hard;
use schism_protocol::zab::HardState;
use schism_protocol::zab::message::{Body, Order, Report};
use schism_protocol::{
    Answer, Chain, Doubt, Epoch, Index, Level, NodeId, Offset, Output, Record, Refusal, Reply,
    Request, Role, Snapshot, TraceEvent,
};

use crate::world::lone::{persisted_with_sum, sum_of};
use crate::zab::lone::{
    Lone, N1, N2, N3, acked, hard, lone, lone_with, propose, standing, value, zxid,
};

fn fresh() -> HardState {
    HardState::default()
}

// Discovery.

#[test]
fn a_promise_leaves_when_it_is_on_disk_and_after_its_evidence() {
    let mut node = lone(hard(3, Some(N2), 3), &[1, 3]);
    node.follows().told(4, Order::NewEpoch);
    assert!(node.reports().is_empty());
    node.durable();
    assert!(matches!(
        node.said[..3],
        [
            Output::Trace(TraceEvent::Persist { epoch: Epoch(4), promise: Some(N3), .. }),
            Output::Trace(TraceEvent::Promise { epoch: Epoch(4), to: N3 }),
            Output::Send { to: N3, .. }
        ]
    ));
    let standing = standing(3, 3, 2);
    assert_eq!(node.reports(), [Report::AckEpoch { standing, counted: true }]);
}

#[test]
fn an_epoch_is_promised_once() {
    let check = |accepted, promised: NodeId, expected: Option<bool>| {
        let mut node = lone(hard(accepted, Some(promised), 1), &[1]);
        node.follows().told(4, Order::NewEpoch).durable();
        if node.reports().is_empty() {
            node.told(4, Order::Ping { round: 0 });
        }
        let counted = node.reports().into_iter().find_map(|report| match report {
            Report::AckEpoch { counted, .. } => Some(counted),
            _ => None,
        });
        assert_eq!(counted, expected, "accepted {accepted} of {promised}");
    };
    check(3, N2, Some(true));
    check(4, N3, Some(true));
    check(4, N2, Some(false));
    check(5, N2, None);
}

#[test]
fn an_epoch_is_offered_when_it_is_promised_to_oneself() {
    let mut leader = lone(fresh(), &[]);
    leader.chosen(7);
    assert!(leader.orders(N2).is_empty(), "its own disk does not have it yet");
    leader.durable();
    assert_eq!(leader.orders(N2), [Order::NewEpoch]);
    assert_eq!(leader.status().epoch, Epoch(8), "greater than what anybody accepted");
}

#[test]
fn no_node_leads_an_epoch_twice() {
    let mut leader = lone(hard(9, Some(N1), 9), &[9]);
    leader.chosen(9).durable();
    assert_eq!(leader.status().epoch, Epoch(10));
}

#[test]
fn a_leader_gives_up_for_a_better_history() {
    let check = |acker, expected| {
        let mut leader = lone(hard(3, Some(N2), 3), &[1, 3]);
        leader.chosen(3).durable();
        leader.answered(N2, Report::AckEpoch { standing: acker, counted: true });
        let role = leader.status().role;
        assert_eq!(role == Role::PreCandidate, expected, "{acker:?}");
    };
    check(standing(3, 3, 2), false);
    check(standing(3, 3, 3), true);
    check(standing(2, 2, 9), false);
    check(standing(4, 1, 1), true);
}

#[test]
fn one_who_is_past_this_epoch_ends_it() {
    let mut leader = lone(fresh(), &[]);
    leader.established(standing(0, 0, 0)).joined(N3, 5, 9);
    assert_eq!(leader.status().role, Role::PreCandidate);
    leader.chosen(1);
    assert_eq!(leader.status().epoch, Epoch(6), "the next one is past it too");
}

// Synchronisation, the leader's side.

#[test]
fn what_a_follower_must_drop_depends_on_its_last_zxid() {
    let check = |last, expected: Order| {
        let mut leader = lone(hard(4, Some(N2), 4), &[1, 1, 3, 3, 4]);
        leader.chosen(4).durable();
        let standing = schism_protocol::zab::Standing { current: Epoch(0), last };
        leader.answered(N2, Report::AckEpoch { standing, counted: true });
        assert_eq!(leader.orders(N2)[0], expected, "{last:?}");
        assert_eq!(*leader.orders(N2).last().unwrap(), Order::NewLeader);
    };
    check(zxid(0, 0), Order::Diff { from: zxid(0, 0) });
    check(zxid(3, 4), Order::Diff { from: zxid(3, 4) });
    check(zxid(4, 5), Order::Diff { from: zxid(4, 5) });
    check(zxid(3, 9), Order::Trunc { to: zxid(3, 4) });
    check(zxid(2, 9), Order::Trunc { to: zxid(1, 2) });
    check(zxid(1, 3), Order::Trunc { to: zxid(1, 2) });
}

#[test]
fn histories_that_part_twice_are_cut_where_they_part_first() {
    // The follower has 1 1 2 2, the leader 1 1 1 3: it asks to keep the third, which is not there.
    let mut leader = lone(hard(3, Some(N2), 3), &[1, 1, 1, 3]);
    leader.chosen(3).durable();
    leader.answered(N2, Report::AckEpoch { standing: standing(2, 2, 4), counted: true });
    assert_eq!(leader.orders(N2)[0], Order::Trunc { to: zxid(1, 3) });
    leader.answered(N2, Report::Last { about: 2, last: zxid(1, 2) });
    assert_eq!(leader.orders(N2)[0], Order::Trunc { to: zxid(1, 2) }, "no DIFF: there is more");
    leader.answered(N2, Report::Last { about: 2, last: zxid(1, 1) });
    assert!(leader.orders(N2).is_empty(), "an answer to an older question");
}

#[test]
fn a_leader_is_established_by_a_quorum_that_has_its_whole_history() {
    let mut leader = lone(hard(1, Some(N2), 1), &[1, 1]);
    leader.chosen(1).durable();
    leader.answered(N2, Report::AckEpoch { standing: standing(1, 1, 1), counted: true });
    let history = [Order::Diff { from: zxid(1, 1) }, propose(0, &[1]), Order::NewLeader];
    assert_eq!(leader.orders(N2).len(), history.len());
    leader.answered(N2, Report::Ack { upto: Index(2), synced: false, round: 0 });
    leader.answered(N2, acked(2, 0));
    let status = leader.status();
    assert_eq!((status.role, status.commit), (Role::Candidate, Index(0)), "not on its own disk");
    leader.durable();
    let status = leader.status();
    assert_eq!((status.role, status.commit), (Role::Leader, Index(2)));
    assert_eq!(leader.orders(N2), [Order::UpToDate { commit: Index(2) }]);
}

#[test]
fn a_joiner_gets_what_was_proposed_while_it_synchronised() {
    let mut leader = lone(fresh(), &[]);
    leader.established(standing(0, 0, 0)).joined(N3, 0, 9);
    leader.answered(N3, Report::AckEpoch { standing: standing(0, 0, 0), counted: true });
    assert_eq!(leader.orders(N3), [Order::Diff { from: zxid(0, 0) }, Order::NewLeader]);
    leader.asks(value("7"));
    assert!(leader.orders(N3).is_empty(), "not before it is synchronised");
    leader.answered(N3, acked(0, 0));
    let orders = leader.orders(N3);
    assert_eq!(orders[0], Order::UpToDate { commit: Index(0) });
    assert!(matches!(&orders[1], Order::Propose { entries, .. } if entries[0].index == Index(1)));
}

// Synchronisation, the follower's side.

/// A follower of n3 in epoch 5 that has promised it.
fn promised(epochs: &[u64]) -> Lone {
    let mut node = lone(hard(4, Some(N2), 4), epochs);
    node.follows().told(5, Order::NewEpoch).durable();
    node
}

#[test]
fn the_history_is_on_disk_before_the_epoch_and_both_before_the_acknowledgement() {
    let mut node = promised(&[1, 4, 4]);
    let mut records = node.told(5, Order::Trunc { to: zxid(1, 1) }).records();
    records.extend(node.told(5, propose(0, &[3])).records());
    records.extend(node.told(5, Order::NewLeader).records());
    let state = hard(5, Some(N3), 5).encode();
    assert!(matches!(records[0], Record::Truncate { from: Index(2) }), "{records:?}");
    assert!(matches!(&records[1], Record::Append(entry) if entry.index == Index(2)));
    assert_eq!(records[2], Record::State(state));
    assert!(node.reports().is_empty());
    node.durable();
    assert_eq!(node.reports(), [acked(2, 0)]);
}

#[test]
fn a_follower_commits_nothing_before_it_is_synchronised() {
    let mut node = promised(&[1]);
    node.told(5, Order::Diff { from: zxid(1, 1) }).told(5, propose(2, &[5]));
    node.told(5, Order::NewLeader).told(5, Order::Commit { commit: Index(2) });
    assert_eq!(node.status().commit, Index(0));
    node.durable().told(5, Order::UpToDate { commit: Index(9) });
    assert_eq!(node.status().commit, Index(2), "and no more than it has");
}

#[test]
fn a_trunc_to_what_is_not_there_is_answered_with_what_is() {
    let mut node = promised(&[1, 1, 2, 2]);
    node.told(5, Order::Trunc { to: zxid(1, 3) });
    assert_eq!(node.reports(), [Report::Last { about: 2, last: zxid(1, 2) }]);
    assert!(node.records().is_empty());
    node.told(5, Order::NewLeader);
    assert!(node.records().is_empty(), "the rest of that attempt is void");
    node.told(5, Order::Ping { round: 0 });
    assert_eq!(node.reports()[0], Report::Last { about: 2, last: zxid(1, 2) }, "said again");
    node.told(5, Order::Trunc { to: zxid(1, 2) });
    assert_eq!(node.status().last, Index(2));
}

#[test]
fn a_gap_ends_the_session_and_a_repetition_changes_nothing() {
    let mut node = promised(&[]);
    node.told(5, Order::Diff { from: zxid(0, 0) }).told(5, propose(0, &[5]));
    node.own.number -= 1;
    node.told(5, propose(0, &[5]));
    assert_eq!(node.status().last, Index(1), "it came twice");
    node.own.number += 1;
    let before = node.own.session;
    node.told(5, propose(0, &[5])).in_its_session();
    assert!(node.own.session > before, "it joins anew");
    assert_eq!(node.status().last, Index(1), "and takes nothing behind the gap");
}

#[test]
fn a_snapshot_is_installed_when_it_is_whole() {
    let snapshot = Snapshot {
        index: Index(9),
        epoch: Epoch(4),
        chain: Chain(7),
        length: Offset(2),
        ..Snapshot::default()
    };
    let piece = |from, values: &[&'static str]| Order::Snap {
        snapshot: snapshot.clone(),
        from: Offset(from),
        values: values.iter().map(|v| Bytes::from_static(v.as_bytes())).collect(),
    };
    let mut node = promised(&[1]);
    let have = |have| [Report::SnapHave { index: Index(9), have: Offset(have) }];
    assert_eq!(node.told(5, piece(2, &[])).reports(), have(0));
    assert_eq!(node.told(5, piece(0, &["1"])).reports(), have(1));
    assert!(node.records().is_empty(), "cut off here, nothing has changed");
    node.told(5, piece(1, &["2"]));
    assert!(matches!(node.records()[..], [Record::Snapshot { .. }]), "one record");
    assert_eq!(node.reports(), [Report::Last { about: 4, last: zxid(4, 9) }]);
    node.told(5, Order::Trunc { to: zxid(4, 9) }).told(5, Order::NewLeader).durable();
    assert_eq!(node.reports(), [acked(9, 0)]);
}

#[test]
fn the_trace_says_what_the_disk_holds_and_not_what_a_snapshot_will_make_of_it() {
    for epochs in [&[1][..], &[1, 1], &[1, 1, 1], &[1, 1, 1, 1, 1]] {
        let mut node = promised(epochs);
        let (snapshot, from, values) = (sum_of(3, 4), Offset(0), Vec::new());
        node.told(5, Order::Snap { snapshot, from, values });
        let [before, after] = node.durable_in_two();
        assert_eq!(persisted_with_sum(&before), [0; 0], "{epochs:?}");
        assert_eq!(persisted_with_sum(&after), [3], "{epochs:?}");
    }
}

#[test]
fn nothing_of_a_snapshot_is_acknowledged_before_it_is_on_the_disk() {
    for epochs in [&[1][..], &[1, 1], &[1, 1, 1], &[1, 1, 1, 1, 1]] {
        let mut node = promised(epochs);
        let (snapshot, from, values) = (sum_of(3, 4), Offset(0), Vec::new());
        node.told(5, Order::Snap { snapshot, from, values });
        node.told(5, Order::Trunc { to: zxid(4, 3) }).told(5, Order::Ping { round: 0 });
        let held = |upto| Report::Ack { upto: Index(upto), synced: false, round: 0 };
        assert_eq!(node.reports(), [held(0)], "{epochs:?}: while it synchronises");
        assert_eq!(node.told(5, Order::NewLeader).reports(), [], "{epochs:?}");
        assert_eq!(node.durable().reports(), [acked(3, 0)], "{epochs:?}");
    }
}

// Broadcast, and who may answer what.

#[test]
fn a_quorum_commits_in_order() {
    let mut leader = lone(fresh(), &[]);
    leader.established(standing(0, 0, 0)).asks(value("1")).asks(value("2"));
    leader.answered(N2, acked(2, 0));
    assert_eq!(leader.status().commit, Index(0), "its own disk has nothing yet");
    leader.durable();
    assert_eq!(leader.replies().len(), 2);
    assert_eq!(leader.status().commit, Index(2));
    let commits = leader.traced().filter(|e| matches!(e, TraceEvent::Commit { .. }));
    assert_eq!(commits.count(), 1);
    assert!(leader.orders(N2).is_empty(), "the next PROPOSE says it, or");
    let commit = Index(2);
    assert_eq!(leader.waits(50).orders(N2), [Order::Commit { commit }, Order::Ping { round: 0 }]);
}

#[test]
fn a_report_of_another_session_or_epoch_counts_for_nothing() {
    let mut leader = lone(fresh(), &[]);
    leader.established(standing(0, 0, 0)).asks(value("1")).durable();
    let late = |session| Body::Report { session, report: acked(1, 0) };
    leader.hears(N2, 1, late(7)).hears(N2, 0, late(1)).hears(N3, 1, late(1));
    assert_eq!(leader.status().commit, Index(0));
    leader.hears(N2, 1, late(1));
    assert_eq!(leader.status().commit, Index(1));
}

#[test]
fn a_leader_without_a_majority_steps_down_and_does_not_know() {
    let mut leader = lone(fresh(), &[]);
    leader.established(standing(0, 0, 0)).asks(value("7"));
    leader.waits(100);
    assert_eq!(leader.status().role, Role::Leader);
    leader.waits(60);
    assert_eq!(leader.status().role, Role::PreCandidate);
    assert_eq!(leader.replies(), [Reply::Info(Doubt::LeadershipLost)]);
    leader.asks(value("8"));
    assert_eq!(leader.replies(), [Reply::Fail(Refusal::NotLeader(None))]);
}

#[test]
fn a_read_waits_for_a_round_that_started_after_it() {
    let tail = |level| Request::Tail { level };
    let mut leader = lone(fresh(), &[]);
    leader.established(standing(0, 0, 0)).asks(tail(Level::Linearizable));
    assert_eq!(leader.orders(N2), [Order::Ping { round: 1 }]);
    leader.answered(N2, acked(0, 0));
    assert!(leader.replies().is_empty(), "that one is older");
    leader.answered(N2, acked(0, 1));
    assert_eq!(leader.replies(), [Reply::Ok(Answer::Tail(Offset(0)))]);

    leader.answered(N2, Report::Read { token: 3 });
    assert_eq!(leader.orders(N2), [Order::Ping { round: 2 }], "a follower's, likewise");
    leader.answered(N2, acked(0, 2));
    assert_eq!(leader.orders(N2), [Order::ReadAt { token: 3, index: Index(0) }]);
}

#[test]
fn a_follower_answers_when_it_has_what_the_leader_had_committed() {
    let tail = |level| Request::Tail { level };
    let mut node = promised(&[1]);
    node.asks(tail(Level::Linearizable));
    assert_eq!(node.replies(), [Reply::Fail(Refusal::NotLeader(Some(N3)))], "not synchronised");
    node.told(5, Order::Diff { from: zxid(1, 1) }).told(5, Order::NewLeader).durable();
    node.asks(tail(Level::Linearizable));
    assert_eq!(node.reports(), [Report::Read { token: 1 }]);
    node.told(5, Order::ReadAt { token: 1, index: Index(2) });
    assert!(node.replies().is_empty());
    node.told(5, propose(2, &[5]));
    assert_eq!(node.replies(), [Reply::Ok(Answer::Tail(Offset(0)))]);
    node.asks(tail(Level::Local));
    assert_eq!(node.replies(), [Reply::Ok(Answer::Tail(Offset(0)))]);
    node.asks(tail(Level::Linearizable)).waits(301);
    assert_eq!(node.replies(), [Reply::Fail(Refusal::NotLeader(None))], "its leader is gone");
}

#[test]
fn too_much_is_refused_for_certain() {
    let mut leader = lone_with(3, fresh(), &[], &[("pending-max", "1")]);
    leader.established(standing(0, 0, 0)).asks(value("1"));
    assert_eq!(leader.replies(), []);
    leader.asks(value("2"));
    assert_eq!(leader.replies(), [Reply::Fail(Refusal::Overloaded)]);
}

#[test]
fn a_cluster_of_one_leads_itself() {
    let mut node = lone_with(1, fresh(), &[], &[]);
    node.waits(0).durable().durable();
    assert_eq!(node.status().role, Role::Leader);
    node.asks(value("1")).durable();
    assert_eq!(node.replies().len(), 1);
}
