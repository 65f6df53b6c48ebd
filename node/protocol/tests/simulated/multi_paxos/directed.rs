//! The tricky rules one by one, each in the smallest situation that shows it.

use bytes::Bytes;
use schism_protocol::multi_paxos::message::Body;
use schism_protocol::multi_paxos::{HardState, MultiPaxos, Paper};
use schism_protocol::paxos::ballot::Ballot;
use schism_protocol::paxos::catch_up::CatchUp;
use schism_protocol::{
    Answer, BootError, Chain, Command, Doubt, Epoch, Index, Level, LogEntry, NodeId, Offset,
    Output, Protocol, Record, Refusal, Reply, Request, Role, TraceEvent,
};

use super::lone::{Lone, N1, N2, N3, PLAIN, accepted, ballot, boot, command, lone};
use crate::world::lone::sum_of;

fn append(text: &'static str) -> Request {
    let value = Bytes::from_static(text.as_bytes());
    Request::Append { value, session: None, expect: None }
}

fn acknowledged(first: u64, count: u64) -> Body {
    Body::Accepted { first: Index(first), count }
}

fn chosen(node: &Lone) -> Vec<u64> {
    let slots = node.traced().filter_map(|event| match event {
        TraceEvent::Chosen { slot, .. } => Some(*slot),
        _ => None,
    });
    slots.collect()
}

#[test]
fn a_ballot_is_promised_to_oneself_on_disk_before_anyone_is_asked() {
    let mut node = lone(ballot(4, N3), &[], PLAIN);
    node.waits(301);
    assert!(node.sent().is_empty());
    assert!(matches!(node.records()[..], [Record::State(_)]));
    node.durable();
    let prepare = Body::Prepare { from: Index(1) };
    let own = ballot(5, N1);
    assert_eq!(node.sent(), [(N2, own, prepare.clone()), (N3, own, prepare)]);
    node.waits(301).durable();
    assert_eq!(node.sent()[0].1, ballot(6, N1), "and none is used twice");
}

#[test]
fn a_promise_leaves_when_it_is_on_disk_and_after_its_evidence() {
    let mut node = lone(ballot(1, N2), &[], &[]);
    let asked = ballot(2, N3);
    node.hears(N3, asked, Body::Prepare { from: Index(1) });
    assert!(node.sent().is_empty());
    node.durable();
    assert!(matches!(
        node.said[..3],
        [
            Output::Trace(TraceEvent::Persist { epoch: Epoch(515), promise: Some(N3), .. }),
            Output::Trace(TraceEvent::Promise { epoch: Epoch(515), to: N3 }),
            Output::Send { to: N3, .. }
        ]
    ));
}

#[test]
fn an_acceptor_keeps_its_promise() {
    let mut node = lone(ballot(3, N3), &[], &[]);
    node.hears(N2, ballot(2, N2), Body::Prepare { from: Index(1) });
    assert_eq!(node.sent(), [(N2, ballot(3, N3), Body::Nack)]);
    node.accept(ballot(2, N2), 1, 0, &["1"]);
    assert_eq!(node.sent(), [(N2, ballot(3, N3), Body::Nack)]);
    assert!(node.records().is_empty());
    node.accept(ballot(4, N2), 1, 0, &["1"]);
    assert!(node.sent().is_empty(), "not before it is on disk");
    node.durable();
    assert_eq!(node.sent(), [(N2, ballot(4, N2), acknowledged(1, 1))]);
    assert_eq!(node.node.status().epoch, ballot(4, N2).epoch(), "accepting is promising");
}

#[test]
fn a_promise_reports_all_that_was_accepted_with_its_holes() {
    let low = ballot(1, N2);
    let disk = [accepted(1, low, "1"), accepted(2, low, "2"), accepted(5, low, "5")];
    let mut node = lone(low, &disk, &[]);
    let asked = ballot(2, N3);
    node.hears(N3, asked, Body::Prepare { from: Index(2) }).durable();
    let report = vec![accepted(2, low, "2"), accepted(5, low, "5")];
    let body = Body::Promise { piece: 0, pieces: 1, base: Index(0), accepted: report };
    assert_eq!(node.sent(), [(N3, asked, body)]);
}

#[test]
fn the_highest_ballot_of_each_slot_is_proposed_again_and_holes_are_filled() {
    let (low, high) = (ballot(1, N2), ballot(2, N3));
    let own = [accepted(1, low, "old"), accepted(2, high, "2"), accepted(4, low, "4")];
    let mut node = lone(high, &own, PLAIN);
    node.waits(301).durable();
    node.promised(N2, ballot(3, N1), &[accepted(1, high, "new"), accepted(2, low, "older")]);
    let expected = [(1, command("new")), (2, command("2")), (3, Command::Noop), (4, command("4"))];
    assert_eq!(node.proposed(), expected);
    node.asks(append("9"));
    assert_eq!(node.proposed(), [(5, command("9"))], "what is new comes after all of them");
}

#[test]
fn what_is_known_to_be_chosen_is_above_every_ballot() {
    let mut node = lone(ballot(7, N2), &[accepted(1, ballot(7, N2), "stale")], PLAIN);
    node.waits(301).durable();
    node.promised(N3, ballot(8, N1), &[accepted(1, Ballot::CHOSEN, "chosen")]);
    assert_eq!(node.proposed(), [(1, command("chosen"))]);
}

#[test]
fn a_promise_counts_whole_and_in_its_own_ballot() {
    let mut node = lone(Ballot::default(), &[], PLAIN);
    node.waits(301).durable().waits(301).durable();
    node.promised(N2, ballot(1, N1), &[]);
    assert_eq!(node.node.status().role, Role::Candidate, "that was the ballot before");
    let piece = |piece| Body::Promise { piece, pieces: 2, base: Index(0), accepted: vec![] };
    node.hears(N2, ballot(2, N1), piece(1)).hears(N2, ballot(2, N1), piece(1));
    assert_eq!(node.node.status().role, Role::Candidate, "half of it is missing");
    node.hears(N2, ballot(2, N1), piece(0));
    assert_eq!(node.node.status().role, Role::Leader);
}

#[test]
fn who_lacks_what_others_only_have_as_a_sum_does_not_lead() {
    let mut node = lone(Ballot::default(), &[], PLAIN);
    node.waits(301).durable();
    let body = Body::Promise { piece: 0, pieces: 1, base: Index(9), accepted: vec![] };
    node.hears(N2, ballot(1, N1), body);
    assert_eq!(node.node.status().role, Role::Follower);
    let fetch = CatchUp::Fetch { from: Index(1), have: Offset(0) };
    assert_eq!(node.sent(), [(N2, ballot(1, N1), Body::CatchUp { catch_up: fetch })]);
}

#[test]
fn a_quorum_chooses_and_the_leader_counts_itself_when_its_disk_has_it() {
    let mut node = lone(Ballot::default(), &[], PLAIN);
    node.leads().asks(append("1"));
    node.hears(N2, ballot(1, N1), acknowledged(1, 1));
    assert!(chosen(&node).is_empty(), "one of three");
    let done = Reply::Ok(Answer::Appended { offset: Offset(0), duplicate: false });
    node.durable();
    assert_eq!((chosen(&node), node.replies()), (vec![1], vec![done]));
    node.asks(append("2")).hears(N2, ballot(1, N1), acknowledged(2, 1));
    node.hears(N3, ballot(9, N3), acknowledged(2, 1));
    assert!(chosen(&node).is_empty(), "an acceptance of another ballot");
    node.hears(N3, ballot(1, N1), acknowledged(2, 1));
    assert_eq!(chosen(&node), [2], "two others are a quorum without its own disk");
}

#[test]
fn slots_are_executed_in_order() {
    let mut node = lone(Ballot::default(), &[], PLAIN);
    node.leads().asks(append("1")).asks(append("2"));
    for from in [N2, N3] {
        node.hears(from, ballot(1, N1), acknowledged(2, 1));
    }
    assert_eq!(node.node.status().commit, Index(0), "slot 1 is open");
    for from in [N2, N3] {
        node.hears(from, ballot(1, N1), acknowledged(1, 1));
    }
    assert_eq!(node.node.status().commit, Index(2));
}

#[test]
fn a_learner_takes_what_it_accepted_in_the_leaders_ballot_and_asks_for_the_rest() {
    let (old, new) = (ballot(1, N3), ballot(2, N2));
    let mut node = lone(old, &[accepted(1, old, "overruled")], &[]);
    node.accept(new, 2, 0, &["2"]).durable();
    node.accept(new, 3, 2, &[]);
    assert_eq!(node.node.status().commit, Index(0), "slot 1 was accepted in another ballot");
    let fetch = CatchUp::Fetch { from: Index(1), have: Offset(0) };
    let fetch = Body::CatchUp { catch_up: fetch };
    assert!(node.sent().contains(&(N2, new, fetch)));
    let entry = LogEntry { index: Index(1), epoch: Epoch(0), command: command("1") };
    let answer = CatchUp::Chosen { prev: Index(0), entries: vec![entry] };
    node.hears(N2, new, Body::CatchUp { catch_up: answer }).accept(new, 3, 2, &[]);
    assert_eq!(node.node.status().commit, Index(2));
}

#[test]
fn a_leader_learns_from_its_acceptors_alone() {
    let mut node = lone(Ballot::default(), &[], PLAIN);
    node.leads().asks(append("mine"));
    let entry = LogEntry { index: Index(1), epoch: Epoch(0), command: command("theirs") };
    let told = CatchUp::Chosen { prev: Index(0), entries: vec![entry] };
    node.hears(N2, ballot(1, N1), Body::CatchUp { catch_up: told });
    assert_eq!((node.node.status().commit, node.replies()), (Index(0), vec![]));
}

#[test]
fn a_deposed_leader_says_maybe() {
    let mut node = lone(Ballot::default(), &[], PLAIN);
    node.leads().asks(append("1")).hears(N3, ballot(2, N3), Body::Nack);
    assert_eq!(node.replies(), [Reply::Info(Doubt::LeadershipLost)]);
    assert_eq!(node.node.status().role, Role::Follower);
    node.asks(append("2"));
    assert_eq!(node.replies(), [Reply::Fail(Refusal::NotLeader(None))], "and then a plain no");
}

#[test]
fn a_read_waits_for_the_barrier_and_for_a_round() {
    let low = ballot(1, N2);
    let mut node = lone(low, &[accepted(1, low, "1")], PLAIN);
    node.waits(301).durable().promised(N2, ballot(2, N1), &[]);
    node.asks(Request::Tail { level: Level::Linearizable });
    assert!(node.sent().is_empty(), "what was open before it may have been chosen");
    node.durable().hears(N2, ballot(2, N1), acknowledged(1, 1));
    assert!(node.replies().is_empty(), "somebody else may lead by now");
    node.hears(N2, ballot(2, N1), Body::Heard { round: 0 });
    assert!(node.replies().is_empty(), "a round that began before the read");
    node.hears(N2, ballot(2, N1), Body::Heard { round: 1 });
    assert_eq!(node.replies(), [Reply::Ok(Answer::Tail(Offset(1)))]);
}

#[test]
fn who_hears_a_leader_promises_nobody_else() {
    let mut node = lone(ballot(1, N2), &[], &[]);
    node.accept(ballot(1, N2), 1, 0, &[]);
    node.hears(N3, ballot(2, N3), Body::Ask);
    assert_eq!(node.sent(), [(N3, ballot(1, N2), Body::AskReply { granted: false })]);
    node.hears(N3, ballot(2, N3), Body::Prepare { from: Index(1) }).durable();
    assert!(node.sent().is_empty());
    node.waits(149).waits(2).hears(N3, ballot(9, N3), Body::Ask);
    assert_eq!(node.sent(), [(N3, ballot(9, N3), Body::AskReply { granted: true })]);
}

#[test]
fn what_was_lost_is_sent_again_after_a_heartbeat() {
    let mut node = lone(Ballot::default(), &[], PLAIN);
    node.leads().asks(append("1"));
    let accepts = |node: &Lone, to: NodeId| {
        let full = |(to_, _, body): &(NodeId, Ballot, Body)| {
            *to_ == to && matches!(body, Body::Accept { commands, .. } if !commands.is_empty())
        };
        node.sent().iter().filter(|sent| full(sent)).count()
    };
    assert_eq!((accepts(&node, N2), accepts(&node, N3)), (1, 1));
    node.hears(N3, ballot(1, N1), acknowledged(1, 1)).waits(50);
    assert_eq!((accepts(&node, N2), accepts(&node, N3)), (0, 0), "it may still come");
    node.waits(50);
    assert_eq!((accepts(&node, N2), accepts(&node, N3)), (1, 0));
}

#[test]
fn a_disk_with_a_hole_in_what_was_chosen_is_refused() {
    let hard = HardState { decided: Index(2), chain: Chain(1), ..HardState::default() };
    let log = [accepted(2, ballot(1, N2), "2")];
    let error = MultiPaxos::recover(boot(3, hard, &log, &[]), &Paper, &mut Vec::new()).err();
    assert!(matches!(error, Some(BootError::Disk(_))), "{error:?}");
}

#[test]
fn what_a_snapshot_sums_up_is_accepted_when_it_is_on_the_disk() {
    // Older ballots left values in the slots that the snapshot sums up, and behind it.
    let (old, new) = (ballot(1, N3), ballot(2, N2));
    let log: Vec<_> = (1..=5).map(|slot| accepted(slot, old, "old")).collect();
    for held in 0..=log.len() {
        let mut node = lone(new, &log[..held], PLAIN);
        let (snapshot, from, values) = (sum_of(3, 0), Offset(0), Vec::new());
        let catch_up = CatchUp::Snapshot { snapshot, from, values };
        node.hears(N2, new, Body::CatchUp { catch_up });
        assert!(matches!(node.records()[..], [Record::Snapshot { .. }]), "{:?}", node.records());
        node.accept(new, 2, 0, &["two", "three"]);
        let says = (N2, new, acknowledged(2, 2));
        assert!(!node.sent().contains(&says), "{held} slots held: {:?}", node.sent());
        assert!(node.durable().sent().contains(&says), "{held} slots held: {:?}", node.sent());
    }
}
