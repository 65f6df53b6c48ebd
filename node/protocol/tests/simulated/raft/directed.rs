//! The tricky rules one by one, each in the smallest situation that shows it.

use bytes::Bytes;
use schism_protocol::raft::message::Body;
use schism_protocol::raft::{Paper, Raft};
use schism_protocol::{
    Answer, Boot, BootError, Chain, Doubt, EntryId, Epoch, Index, Level, Offset, Output, Protocol,
    Record, Refusal, Reply, Request, Role, Session, Snapshot, TraceEvent,
};

use super::lone::{Lone, N2, N3, PLAIN, boot, id, lone, matched, value};

#[test]
fn an_entry_of_an_older_term_is_not_committed_by_counting() {
    // Figure 8: a majority holds entry 2 of term 2, and yet it may be overwritten.
    let mut leader = lone(3, 3, &[1, 2], PLAIN);
    leader.elected().hears(N2, 4, matched(2));
    assert_eq!(leader.status().commit, Index(0));
    leader.hears(N2, 4, matched(3));
    assert_eq!(leader.status().commit, Index(3));
}

#[test]
fn a_pre_candidate_that_is_behind_catches_up() {
    let mut ahead = lone(3, 5, &[1], &[]);
    ahead.hears(N2, 3, Body::PreVote { last: id(9, 3) });
    assert_eq!(ahead.sent(), [(N2, 5, Body::PreVoteReply { granted: false })]);

    let mut behind = lone(3, 2, &[1], &[]);
    behind.waits(301);
    assert_eq!(behind.sent().len(), 2, "pre-votes are asked for");
    assert!(behind.records().is_empty(), "and nothing is promised");
    behind.hears(N3, 5, Body::PreVoteReply { granted: false });
    assert_eq!(behind.status().epoch, Epoch(5));
}

#[test]
fn a_granted_pre_vote_carries_the_term_asked_about() {
    let mut node = lone(3, 2, &[1], &[]);
    node.hears(N2, 3, Body::PreVote { last: id(1, 1) });
    assert_eq!(node.sent(), [(N2, 3, Body::PreVoteReply { granted: true })]);
    node.append(2, id(1, 1), 0, &[]).hears(N3, 3, Body::PreVote { last: id(1, 1) });
    let denied = Body::PreVoteReply { granted: false };
    assert_eq!(node.sent(), [(N3, 2, denied)], "who hears a leader grants nothing");
}

#[test]
fn votes_go_once_a_term_to_logs_that_are_up_to_date() {
    let granted = |node: &mut Lone, from, term, last| {
        node.hears(from, term, Body::Vote { last });
        let mut sent = node.sent();
        node.durable();
        sent.extend(node.sent());
        sent == [(from, term, Body::VoteReply { granted: true })]
    };
    let mut node = lone(3, 3, &[1, 1, 3], &[]);
    assert!(!granted(&mut node, N2, 4, id(9, 2)), "longer, but older at its end");
    assert!(!granted(&mut node, N2, 5, id(2, 3)), "shorter");
    assert!(granted(&mut node, N2, 6, id(3, 3)));
    assert!(granted(&mut node, N2, 6, id(3, 3)), "the same vote again");
    assert!(!granted(&mut node, N3, 6, id(9, 5)), "another one in the same term");
}

#[test]
fn promises_of_an_older_term_are_void_when_the_disk_is_done_with_them() {
    // The disk takes longer than an election: nothing of term 4 may be said in term 5.
    let promises = |node: &Lone| -> Vec<u64> {
        let epochs = node.said.iter().filter_map(|output| match output {
            Output::Trace(TraceEvent::Promise { epoch, .. }) => Some(epoch.0),
            _ => None,
        });
        epochs.collect()
    };
    let mut node = lone(3, 3, &[1], PLAIN);
    node.waits(301).waits(301).durable();
    assert_eq!(promises(&node), [5]);
    assert_eq!(node.sent().iter().map(|(_, term, _)| *term).collect::<Vec<_>>(), [5, 5]);

    let mut node = lone(3, 3, &[1], PLAIN);
    node.append(3, id(1, 1), 0, &[3]).waits(301).durable();
    assert!(node.matched().is_empty(), "an acknowledgement of term 3 is not one of term 4");
    assert_eq!(promises(&node), [4]);
}

#[test]
fn a_vote_leaves_when_it_is_on_disk_and_after_its_evidence() {
    let mut node = lone(3, 1, &[1], &[]);
    node.hears(N2, 2, Body::Vote { last: id(1, 1) });
    assert!(node.sent().is_empty());
    node.durable();
    assert!(matches!(
        node.said[..3],
        [
            Output::Trace(TraceEvent::Persist { epoch: Epoch(2), promise: Some(N2), .. }),
            Output::Trace(TraceEvent::Promise { epoch: Epoch(2), to: N2 }),
            Output::Send { to: N2, .. }
        ]
    ));
}

#[test]
fn a_candidate_asks_for_votes_when_its_own_is_on_disk() {
    let mut node = lone(3, 1, &[1], PLAIN);
    node.waits(301);
    assert_eq!((node.sent().len(), node.records().len()), (0, 1));
    node.durable();
    assert_eq!(node.sent().len(), 2);
}

#[test]
fn what_agrees_is_never_truncated() {
    let mut node = lone(3, 1, &[1, 1, 1], &[]);
    node.append(1, id(0, 0), 0, &[1]);
    assert!(node.records().is_empty());
    assert_eq!(node.matched(), [1], "only what the message covers is known to agree");
    assert_eq!(node.status().last, Index(3));
    node.append(1, id(0, 0), 0, &[1, 1, 1, 1]).durable();
    node.append(1, id(1, 1), 0, &[1]);
    assert_eq!(node.status().last, Index(4), "a late message takes nothing away");
}

#[test]
fn a_conflict_removes_the_tail_first_and_is_acknowledged_when_durable() {
    let mut node = lone(3, 1, &[1, 1, 1], &[]);
    node.append(2, id(1, 1), 0, &[2]);
    let records = node.records();
    assert!(matches!(records[1], Record::Truncate { from: Index(2) }), "{records:?}");
    assert!(matches!(records[2], Record::Append(_)), "{records:?}");
    assert_eq!(node.matched(), [] as [u64; 0]);
    node.append(2, id(1, 1), 0, &[]);
    assert_eq!(node.matched(), [] as [u64; 0], "not even a heartbeat before the term is durable");
    node.durable();
    let traced =
        node.said.iter().position(|o| matches!(o, Output::Trace(TraceEvent::AckSent { .. })));
    let persisted =
        node.said.iter().position(|o| matches!(o, Output::Trace(TraceEvent::Persist { .. })));
    assert!(persisted.unwrap() < traced.unwrap());
    assert_eq!(*node.matched().iter().max().unwrap(), 2);
}

#[test]
fn a_heartbeat_waits_for_no_entries() {
    let mut node = lone(3, 1, &[1], &[]);
    node.append(1, id(1, 1), 0, &[1, 1]);
    assert_eq!(node.matched(), [] as [u64; 0]);
    node.append(1, id(3, 1), 0, &[]);
    assert_eq!(node.matched(), [1], "it says what is durable by now");
    node.durable();
    assert_eq!(node.matched(), [3]);
}

#[test]
fn a_follower_commits_only_what_it_knows_to_agree() {
    let mut node = lone(3, 1, &[1, 1, 1], &[]);
    node.append(2, id(1, 1), 3, &[]);
    assert_eq!(node.status().commit, Index(1));
}

#[test]
fn a_mismatch_names_the_term_and_its_first_index() {
    let check = |prev: EntryId, conflict: Option<u64>, first: u64| {
        let mut node = lone(3, 4, &[1, 1, 3, 3, 3], &[]);
        node.append(4, prev, 0, &[]);
        let conflict = conflict.map(Epoch);
        let body = Body::Mismatch { prev: prev.index, conflict, first: Index(first), round: 0 };
        assert_eq!(node.sent(), [(N2, 4, body)]);
    };
    check(id(5, 4), Some(3), 3);
    check(id(2, 4), Some(1), 1);
    check(id(9, 4), None, 6);
}

#[test]
fn a_deposed_leader_does_not_know_what_becomes_of_its_appends() {
    let mut leader = lone(3, 1, &[], PLAIN);
    leader.elected().asks(value("7"));
    leader.hears(N3, 9, Body::VoteReply { granted: false });
    assert_eq!(leader.replies(), [Reply::Info(Doubt::LeadershipLost)]);
    leader.append(9, id(0, 0), 0, &[]).asks(value("8"));
    assert_eq!(leader.replies(), [Reply::Fail(Refusal::NotLeader(Some(N2)))]);
}

#[test]
fn a_leader_without_a_majority_steps_down() {
    let mut leader = lone(3, 1, &[], PLAIN);
    leader.elected().waits(100);
    assert_eq!(leader.status().role, Role::Leader);
    leader.waits(60);
    assert_eq!(leader.status().role, Role::Follower);
}

#[test]
fn too_much_is_refused_for_certain() {
    let mut leader = lone(3, 1, &[], &[("pre-vote", "false"), ("pending-max", "2")]);
    leader.elected().asks(value("1"));
    assert_eq!(leader.replies(), []);
    leader.asks(value("2"));
    assert_eq!(leader.replies(), [Reply::Fail(Refusal::Overloaded)]);
    let value = Bytes::from(vec![b'1'; 1_000_000]);
    leader.asks(Request::Append { value, session: None, expect: None });
    assert!(matches!(leader.replies()[..], [Reply::Fail(Refusal::Refused(_))]));
}

#[test]
fn a_leader_reads_after_a_round_that_started_after_the_question() {
    let mut leader = lone(3, 1, &[], PLAIN);
    leader.elected().asks(Request::Tail { level: Level::Linearizable });
    assert!(leader.sent().is_empty(), "nothing of its own term is committed yet");
    leader.hears(N2, 2, matched(1));
    let rounds = leader.sent().into_iter().filter_map(|(_, _, body)| match body {
        Body::Append { round, .. } => Some(round),
        _ => None,
    });
    assert_eq!(rounds.collect::<Vec<_>>(), [1, 1]);
    leader.hears(N2, 2, matched(1));
    assert_eq!(leader.replies(), [], "an answer to an earlier message proves nothing");
    leader.hears(N3, 2, Body::Matched { matched: Index(0), round: 1 });
    assert_eq!(leader.replies(), [Reply::Ok(Answer::Tail(Offset(0)))]);
}

#[test]
fn a_follower_believes_only_the_answer_to_its_latest_question() {
    let mut node = lone(3, 1, &[1], &[]);
    node.append(1, id(1, 1), 1, &[]).asks(Request::Tail { level: Level::Linearizable });
    let [(N2, 1, Body::ReadIndex { token })] = node.sent()[..] else {
        panic!("{:?}", node.sent());
    };
    node.hears(N2, 1, Body::ReadIndexReply { token: token + 1, index: Some(Index(1)) });
    assert_eq!(node.replies(), []);
    node.hears(N2, 1, Body::ReadIndexReply { token, index: Some(Index(1)) });
    assert_eq!(node.replies(), [Reply::Ok(Answer::Tail(Offset(0)))]);
}

#[test]
fn one_node_is_a_cluster() {
    let mut node = lone(1, 0, &[], &[]);
    node.waits(0).durable().durable();
    assert_eq!(node.status().role, Role::Leader);
    let mut check = |request, expected: Reply| {
        node.asks(request);
        let mut replies = node.replies();
        node.durable();
        replies.extend(node.replies());
        assert_eq!(replies, [expected]);
    };
    let append = |text: &'static str, session: Option<u64>, expect: Option<u64>| Request::Append {
        value: Bytes::from_static(text.as_bytes()),
        session: session.map(|seq| Session { client: schism_protocol::ClientId(2), seq }),
        expect: expect.map(Offset),
    };
    let appended =
        |offset, duplicate| Reply::Ok(Answer::Appended { offset: Offset(offset), duplicate });
    check(Request::Open, Reply::Ok(Answer::Opened(schism_protocol::ClientId(2))));
    check(append("1", Some(1), None), appended(0, false));
    check(append("1", Some(1), None), appended(0, true));
    check(append("2", None, Some(0)), Reply::Fail(Refusal::Conflict(Offset(1))));
    check(append("2", None, Some(1)), appended(1, false));
    let tail = Offset(2);
    let values = vec![Bytes::from_static(b"2")];
    let level = Level::Linearizable;
    let read = Request::Read { from: Offset(1), limit: None, level };
    check(read, Reply::Ok(Answer::Read { values, tail }));
    check(Request::Tail { level: Level::Local }, Reply::Ok(Answer::Tail(tail)));
    let stranger = Session { client: schism_protocol::ClientId(99), seq: 1 };
    let value = Bytes::from_static(b"3");
    let request = Request::Append { value, session: Some(stranger), expect: None };
    check(request, Reply::Fail(Refusal::SessionExpired));
}

#[test]
fn a_snapshot_can_be_interrupted_anywhere() {
    let snapshot = Snapshot {
        index: Index(2),
        epoch: Epoch(2),
        chain: Chain(77),
        length: Offset(1),
        delivered_chain: Chain(88),
        state: Bytes::new(),
    };
    let body = |values| {
        let (snapshot, from) = (snapshot.clone(), Offset(0));
        Body::Snapshot { snapshot, round: 0, from, values }
    };
    let whole = vec![Bytes::from_static(b"1")];
    let mut node = lone(3, 2, &[1, 1, 1], &[]);
    node.hears(N2, 2, body(Vec::new()));
    assert!(matches!(node.sent()[..], [(N2, 2, Body::SnapshotHave { have: Offset(0), .. })]));
    node.hears(N2, 2, body(whole.clone()));
    let records = node.records();
    assert!(node.sent().is_empty(), "nothing is acknowledged before it is durable");
    for kept in 0..=records.len() {
        let mut boot = boot(3, 2, &[1, 1, 1], &[]);
        for record in &records[..kept] {
            match record {
                Record::Truncate { from } => boot.log.retain(|entry| entry.index < *from),
                Record::Snapshot { snapshot, values, .. } => {
                    boot.log.retain(|entry| entry.index > snapshot.index);
                    boot.delivered.clone_from(values);
                    boot.snapshot = Some(snapshot.clone());
                }
                other => panic!("{other:?}"),
            }
        }
        let epochs: Vec<_> = boot.log.iter().map(|entry| entry.epoch.0).collect();
        let expected: &[u64] = [&[1, 1, 1][..], &[1, 1], &[]][kept];
        assert_eq!(epochs, expected, "no tail of another prefix behind the snapshot");
        let raft = Raft::recover(boot, &Paper, &mut Vec::new()).unwrap();
        let mut again = Lone::of(|_| raft, ());
        again.hears(N2, 2, body(whole.clone())).durable();
        assert_eq!(again.status().last, Index(2));
        assert_eq!(again.status().delivered, Offset(1));
    }
    node.durable();
    assert_eq!(node.matched(), [2]);
    node.hears(N2, 2, body(whole));
    assert!(node.records().is_empty(), "what is not newer changes nothing");
}

#[test]
fn the_values_of_a_snapshot_travel_in_messages_of_bounded_size() {
    let value = Bytes::from(vec![b'1'; 400 * 1024]);
    let snapshot =
        Snapshot { index: Index(5), epoch: Epoch(1), length: Offset(5), ..Snapshot::default() };
    let mut start = boot(3, 1, &[], PLAIN);
    (start.snapshot, start.delivered) = (Some(snapshot), vec![value; 5]);
    let raft = Raft::recover(start, &Paper, &mut Vec::new()).unwrap();
    let mut leader = Lone::of(|_| raft, ());
    let mut follower = lone(3, 1, &[], &[]);
    let (prev, first) = (Index(5), Index(1));
    leader.elected().hears(N2, 2, Body::Mismatch { prev, conflict: None, first, round: 0 });
    let mut frames = Vec::new();
    for _ in 0..5 {
        let offer = leader.sent().into_iter().find(|(to, ..)| *to == N2);
        let Some((_, _, body @ Body::Snapshot { .. })) = offer else { break };
        if let Body::Snapshot { values, .. } = &body {
            frames.push(values.len());
        }
        let mut answers = follower.hears(N2, 2, body).sent();
        answers.extend(follower.durable().sent());
        for (_, _, answer) in answers {
            leader.hears(N2, 2, answer);
        }
    }
    assert_eq!(frames, [0, 2, 2, 1]);
    assert_eq!(follower.status().delivered, Offset(5));
}

#[test]
fn a_snapshot_keeps_the_suffix_that_belongs_to_it() {
    let mut node = lone(3, 2, &[1, 2, 2], &[]);
    let (chain, epoch) = (Chain(77), Epoch(2));
    let snapshot = Snapshot { index: Index(2), epoch, chain, ..Snapshot::default() };
    let (round, from, values) = (0, Offset(0), Vec::new());
    node.hears(N2, 2, Body::Snapshot { snapshot, round, from, values });
    assert_eq!(node.status().last, Index(3));
    assert_eq!(node.records().len(), 1);
}

#[test]
fn a_disk_that_contradicts_itself_is_refused() {
    let refuse = |change: fn(&mut Boot)| {
        let mut boot = boot(3, 1, &[1, 1, 1], &[]);
        change(&mut boot);
        Raft::recover(boot, &Paper, &mut Vec::new()).err()
    };
    let hole = refuse(|boot| drop(boot.log.remove(1)));
    assert_eq!(hole, Some(BootError::Disk("the log has a hole: after index 1 comes 3".into())));
    let state = refuse(|boot| boot.state = Bytes::from_static(&[0x80]));
    assert!(matches!(state, Some(BootError::Disk(_))));
    let values = refuse(|boot| boot.delivered = vec![Bytes::new()]);
    assert!(matches!(values, Some(BootError::Disk(_))));
    let option = refuse(|boot| drop(boot.options.insert("window".into(), "wide".into())));
    assert!(matches!(option, Some(BootError::Option(_))));
}
