//! The tricky rules, one by one: a replica is told exactly what the situation needs.

use schism_protocol::vsr::message::Body;
use schism_protocol::{
    Doubt, Epoch, Index, Input, Level, Output, Record, Refusal, Reply, Request, Role, TraceEvent,
};

use super::lone::{Durable, Memory, N2, N3, change, new_state, noop, suffix, value};

/// Primary of view 3, whose log of that view begins with these epochs.
pub fn primary(epochs: &[u64]) -> Durable {
    let mut lone = Durable::new(Some((1, 1)), epochs);
    let last = epochs.len() as u64;
    lone.hears(N2, 3, change(1, 0, suffix(last, 1, &[], last))).durable();
    assert_eq!((lone.status().role, lone.view()), (Role::Leader, 3));
    lone.durable();
    lone
}

#[test]
fn an_acknowledgement_leaves_when_it_is_on_disk_and_after_its_evidence() {
    let mut lone = Durable::new(Some((1, 1)), &[1, 1]);
    lone.prepare(N2, 1, 2, &[1, 1]);
    assert_eq!((lone.acknowledged(), lone.last()), (vec![], 4));
    lone.durable();
    assert_eq!(lone.acknowledged(), [4]);
    let persist = lone.first(|event| matches!(event, TraceEvent::Persist { .. }));
    let ack = lone.first(|event| matches!(event, TraceEvent::AckSent { .. }));
    assert!(persist < ack && persist.is_some(), "the disk's evidence comes first");
}

#[test]
fn over_a_hole_nothing_is_acknowledged_and_what_is_missing_is_asked_for() {
    let mut lone = Durable::new(Some((1, 1)), &[1, 1]);
    lone.prepare(N2, 1, 4, &[1]);
    assert_eq!((lone.kinds(), lone.last()), (vec![Body::GET_STATE], 2));
    let piece = suffix(2, 1, &[1, 1, 1], 5);
    lone.hears(N2, 1, new_state(4, piece));
    assert_eq!((lone.last(), lone.status().commit), (5, Index(4)));
    assert_eq!(lone.durable().acknowledged(), [5]);
}

#[test]
fn messages_of_older_views_are_dropped() {
    let mut lone = Durable::new(Some((4, 4)), &[1]);
    lone.prepare(N2, 1, 1, &[1]);
    lone.wants(N3, 2, 3);
    lone.hears(N3, 2, Body::StartView { commit: Index(0), suffix: suffix(0, 0, &[], 0) });
    assert_eq!((lone.view(), lone.last(), lone.sent()), (4, 1, vec![]));
}

#[test]
fn a_restarted_primary_begins_the_next_view() {
    let mut lone = Durable::new(Some((3, 3)), &[1, 3]);
    assert_eq!((lone.view(), lone.sent()), (4, vec![]), "nothing leaves before it is on disk");
    assert_eq!(lone.durable().kinds(), [Body::START_VIEW_CHANGE, Body::DO_VIEW_CHANGE]);
    let promise = lone.first(|event| matches!(event, TraceEvent::Promise { to: N2, .. }));
    assert!(promise.is_some());
}

#[test]
fn a_suspicion_alone_moves_nobody() {
    let mut lone = Durable::new(Some((1, 1)), &[1]);
    lone.waits(301);
    assert_eq!((lone.view(), lone.kinds()), (1, vec![Body::START_VIEW_CHANGE]));
    lone.wants(N3, 1, 2);
    assert_eq!((lone.view(), lone.kinds()), (2, vec![]), "a majority of three wants to leave");
    assert_eq!(lone.durable().kinds(), [Body::START_VIEW_CHANGE, Body::DO_VIEW_CHANGE]);
}

#[test]
fn whoever_hears_the_primary_is_not_talked_out_of_it() {
    let mut lone = Durable::new(Some((1, 1)), &[1]);
    lone.prepare(N2, 1, 1, &[]);
    lone.wants(N3, 1, 2);
    assert_eq!((lone.view(), lone.sent()), (1, vec![]));
    // But one that has left cannot come back.
    lone.wants(N3, 2, 2);
    assert_eq!(lone.view(), 2);
}

#[test]
fn the_log_of_the_latest_normal_view_is_chosen_and_not_the_longest() {
    let mut lone = Durable::new(Some((1, 1)), &[1, 1, 1]);
    lone.hears(N3, 3, change(2, 1, suffix(1, 1, &[2], 2)));
    assert_eq!((lone.view(), lone.last()), (3, 3), "its own is not on disk yet");
    lone.durable();
    assert_eq!((lone.status().role, lone.last()), (Role::Leader, 2));
    let cut = lone.first(|e| matches!(e, TraceEvent::Truncate { from: Index(2), .. }));
    let leads = lone.first(|e| matches!(e, TraceEvent::Role { role: Role::Leader, .. }));
    assert!(cut.is_some() && cut < leads, "its role is told when its log is chosen");
    assert_eq!(lone.status().commit, Index(1), "the largest commit number");
}

#[test]
fn of_logs_of_one_view_the_longest_is_chosen() {
    let mut lone = Durable::new(Some((1, 1)), &[1]);
    lone.hears(N2, 3, change(1, 0, suffix(1, 1, &[1, 1], 3))).durable();
    assert_eq!((lone.status().role, lone.last()), (Role::Leader, 3));
}

#[test]
fn a_log_that_did_not_come_whole_is_asked_for_before_the_view_begins() {
    let mut lone = Durable::new(Some((1, 1)), &[1]);
    lone.hears(N2, 3, change(2, 0, suffix(3, 2, &[2], 4))).durable();
    assert_eq!(lone.status().role, Role::Candidate);
    assert!(lone.kinds().contains(&Body::GET_STATE));
    let whole = new_state(0, suffix(0, 0, &[1, 2, 2, 2], 4));
    lone.hears(N3, 3, whole.clone());
    assert_eq!(lone.status().role, Role::Candidate, "only the chosen log counts");
    lone.hears(N2, 3, whole);
    assert_eq!((lone.status().role, lone.last()), (Role::Leader, 4));
}

#[test]
fn a_later_view_replaces_the_log_in_one_step() {
    let mut lone = Durable::new(Some((1, 1)), &[1, 1, 1]);
    lone.prepare(N3, 5, 4, &[]);
    assert_eq!((lone.view(), lone.last()), (5, 3), "it keeps its log");
    let piece = |prev, epochs: &[u64]| new_state(4, suffix(prev, 1, epochs, 4));
    lone.hears(N3, 5, piece(0, &[1, 1]));
    assert_eq!((lone.last(), lone.records()), (3, vec![]), "and keeps it while pieces come");
    lone.hears(N3, 5, piece(2, &[4, 5]));
    assert_eq!((lone.last(), lone.status().commit), (4, Index(4)));
    let kept = matches!(lone.records().first(), Some(Record::Truncate { from: Index(3) }));
    assert!(kept, "what agrees stays: {:?}", lone.records());
    assert_eq!(lone.durable().acknowledged(), [4]);
}

#[test]
fn what_agrees_but_is_not_the_views_goes_too() {
    let mut lone = Durable::new(Some((1, 1)), &[1, 1, 1]);
    lone.hears(N3, 2, Body::StartView { commit: Index(1), suffix: suffix(1, 1, &[1], 2) });
    assert_eq!((lone.last(), lone.status().role), (2, Role::Follower));
}

#[test]
fn a_primary_counts_its_own_log_when_the_disk_knows_it_as_the_views() {
    let mut lone = Durable::new(Some((1, 1)), &[1]);
    lone.hears(N2, 3, change(1, 0, suffix(1, 1, &[], 1))).durable();
    lone.hears(N2, 3, Body::PrepareOk { upto: Index(1), round: 0 });
    assert_eq!(lone.status().commit, Index(0), "the entry is on disk, that it is view 3's is not");
    assert_eq!(lone.durable().status().commit, Index(1));
}

#[test]
fn reads_wait_until_what_the_view_began_with_is_committed() {
    let mut lone = primary(&[1, 1]);
    lone.asks(Request::Tail { level: Level::Linearizable });
    assert_eq!(lone.sent(), [], "nobody knows yet what is committed");
    lone.hears(N2, 3, Body::PrepareOk { upto: Index(2), round: 0 });
    assert!(lone.sent().iter().any(|(_, _, b)| matches!(b, Body::Prepare { round: 1, .. })));
    assert_eq!(lone.replies(), []);
    lone.hears(N2, 3, Body::PrepareOk { upto: Index(2), round: 1 });
    assert_eq!(lone.replies().len(), 1);
}

#[test]
fn a_primary_without_a_majority_gives_its_view_up_and_knows_no_outcome() {
    let mut lone = primary(&[1]);
    lone.asks(value("7"));
    lone.waits(201);
    assert_eq!((lone.view(), lone.status().role), (4, Role::Follower));
    assert_eq!(lone.replies(), [Reply::Info(Doubt::LeadershipLost)]);
    lone.asks(value("8"));
    assert_eq!(lone.replies(), [Reply::Fail(Refusal::NotLeader(None))]);
}

#[test]
fn a_first_start_in_memory_is_on_disk_before_anything_is_said() {
    let mut lone = Memory::new(None, &[]);
    assert_eq!((lone.status().role, lone.sent()), (Role::Recovering, vec![]));
    lone.wants(N2, 1, 1);
    assert_eq!(lone.sent(), []);
    lone.durable();
    assert_eq!(lone.view(), 1, "the primary of the empty view begins the next");
    assert!(lone.records().iter().all(|record| matches!(record, Record::State(_))));
}

/// The nonce it asks with.
fn nonce(lone: &Memory) -> u64 {
    let nonce = lone.said.iter().find_map(|output| match output {
        Output::Send { message, .. } => match message.body {
            Body::Recovery { nonce } => Some(nonce),
            _ => None,
        },
        _ => None,
    });
    nonce.expect("it asks everyone")
}

#[test]
fn a_replica_that_recovers_takes_part_in_nothing() {
    let mut lone = Memory::new(Some((4, 0)), &[]);
    lone.prepare(N3, 5, 0, &[5]);
    lone.wants(N2, 6, 6);
    lone.hears(N2, 6, change(5, 0, suffix(0, 0, &[], 0)));
    lone.hears(N2, 4, Body::Recovery { nonce: 1 });
    assert_eq!((lone.status().role, lone.sent()), (Role::Recovering, vec![]));
}

#[test]
fn a_replica_recovers_by_f_plus_1_answers_with_the_primary_of_the_latest_view() {
    let answer = |nonce, log| Body::RecoveryResponse { nonce, primary: log };
    let log = || Some((Index(1), suffix(0, 0, &[4, 5], 2)));
    let recovers = |answers: &[(u8, u64, bool, bool)]| {
        let mut lone = Memory::new(Some((4, 0)), &[]);
        let asked = nonce(&lone);
        for (from, view, with_log, asked_now) in answers {
            let nonce = if *asked_now { asked } else { asked ^ 1 };
            let log = with_log.then(log).flatten();
            lone.hears(schism_protocol::NodeId(*from), *view, answer(nonce, log));
        }
        (lone.status().role, lone.view(), lone.last())
    };
    let back = |view| (Role::Follower, view, 2);
    let still = (Role::Recovering, 4, 0);
    // n3 is primary of view 5, n2 of view 4.
    assert_eq!(recovers(&[(2, 5, false, true), (3, 5, true, true)]), back(5));
    assert_eq!(recovers(&[(2, 4, true, true), (3, 4, false, true)]), back(4));
    assert_eq!(recovers(&[(3, 5, true, true)]), still, "one is not f + 1");
    assert_eq!(recovers(&[(2, 4, true, true), (3, 5, false, true)]), still, "not the latest's");
    assert_eq!(recovers(&[(2, 5, false, false), (3, 5, true, true)]), still, "an old answer");
    assert_eq!(recovers(&[(2, 1, true, true), (3, 1, false, true)]), still, "a view it had left");
}

#[test]
fn answers_that_are_slower_than_its_patience_count() {
    let mut lone = Memory::new(Some((4, 0)), &[]);
    let asked = nonce(&lone);
    let answer = |primary| Body::RecoveryResponse { nonce: asked, primary };
    lone.hears(N3, 4, answer(None)).waits(5_000);
    assert_eq!((nonce(&lone), lone.status().role), (asked, Role::Recovering));
    lone.hears(N2, 4, answer(Some((Index(1), suffix(0, 0, &[4, 5], 2)))));
    assert_eq!(lone.status().role, Role::Recovering, "whoever answered before is asked again");
    lone.hears(N3, 5, answer(None)).hears(N3, 4, answer(None));
    assert_eq!(lone.status().role, Role::Recovering, "n3 has left view 4");
    lone.hears(N3, 5, answer(Some((Index(1), suffix(0, 0, &[4, 5, 5], 3)))));
    assert_eq!((lone.status().role, lone.view(), lone.last()), (Role::Follower, 5, 3));
}

/// What an earlier incarnation asked for may still be on its way; it has acknowledged more since.
#[test]
fn a_recovery_takes_no_less_than_its_primary_answered() {
    let mut lone = Memory::new(Some((4, 0)), &[]);
    let nonce = nonce(&lone);
    let answer = |primary| Body::RecoveryResponse { nonce, primary };
    lone.hears(N3, 4, answer(None));
    lone.hears(N2, 4, answer(Some((Index(20), suffix(20, 4, &[4; 5], 25)))));
    assert_eq!(lone.kinds(), [Body::GET_STATE]);
    lone.hears(N2, 4, new_state(8, suffix(0, 0, &[4; 10], 10)));
    assert_eq!((lone.status().role, lone.last()), (Role::Recovering, 0));
    lone.hears(N2, 4, new_state(20, suffix(10, 4, &[4; 15], 25)));
    assert_eq!((lone.status().role, lone.last()), (Role::Follower, 25));
}

/// It can come back into no earlier view, and nobody else knows of that one.
#[test]
fn whoever_recovers_takes_the_others_into_the_view_it_remembers() {
    let mut lone = Memory::new(None, &[]);
    lone.durable().durable();
    lone.hears(N2, 1, Body::StartView { commit: Index(0), suffix: suffix(0, 0, &[], 0) }).durable();
    assert_eq!((lone.view(), lone.status().role), (1, Role::Follower));
    lone.hears(N3, 2, Body::Recovery { nonce: 1 });
    assert_eq!(lone.view(), 2);
}

/// A disk that is behind even what is summed up in memory: the evidence of a promise is complete.
#[test]
fn a_promise_has_its_evidence_however_far_the_disk_is_behind() {
    let mut lone = Durable::with(Some((1, 1)), &[1], &[("snapshot-every", "2")]);
    lone.wants(N3, 1, 2).wants(N2, 1, 2).waits(5_000);
    assert_eq!(lone.view(), 2, "it has moved, and its disk does not know it yet");
    let moved = lone.mark;
    // The view begins without it, and goes on and on.
    lone.hears(N3, 2, Body::StartView { commit: Index(1), suffix: suffix(1, 1, &[2], 2) });
    for prev in [2, 4, 6, 8] {
        let body = Body::Prepare {
            prev: Index(prev),
            commit: Index(prev),
            round: 0,
            entries: [prev + 1, prev + 2].map(|index| noop(index, 2)).to_vec(),
        };
        lone.hears(N3, 2, body);
    }
    lone.input(Input::Durable(moved));
    let on_disk = lone.first(|event| {
        matches!(event, TraceEvent::Persist { epoch: Epoch(2), upto: Index(1), .. })
    });
    let promise = lone.first(|event| matches!(event, TraceEvent::Promise { epoch: Epoch(2), .. }));
    assert!(on_disk.expect("the disk holds view 2") < promise.expect("and it says so"));
}
