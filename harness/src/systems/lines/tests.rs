//! What goes over the wire, and what every answer and every broken connection means.

use std::net::TcpListener as BlockingListener;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpListener;

use super::*;

fn append(value: i64) -> Op {
    Op::Append { value: Value::Int(value), session: None, expect: None }
}

#[test]
fn requests_are_as_the_contract_shows_them() {
    let check = |op: Op, expected: &str| {
        let mut line = Vec::new();
        write_request(&mut line, 7, &op);
        assert_eq!(String::from_utf8(line).unwrap(), format!("{expected}\n"));
    };
    check(append(17), r#"{"id":7,"op":"append","value":17}"#);
    check(
        Op::Append { value: Value::Int(18), session: Some(("c3".into(), 9)), expect: None },
        r#"{"id":7,"op":"append","value":18,"client":"c3","seq":9}"#,
    );
    check(
        Op::Append { value: Value::Str("a\"b".into()), session: None, expect: Some(44) },
        r#"{"id":7,"op":"append-if","value":"a\"b","expect":44}"#,
    );
    check(
        Op::Read { from: 40, limit: Some(100), level: Level::Linearizable },
        r#"{"id":7,"op":"read","from":40,"limit":100,"level":"linearizable"}"#,
    );
    check(
        Op::Read { from: 0, limit: None, level: Level::Local },
        r#"{"id":7,"op":"read","from":0,"level":"local"}"#,
    );
    check(Op::Tail, r#"{"id":7,"op":"tail"}"#);
    check(Op::Open, r#"{"id":7,"op":"open"}"#);
    let propose = Op::Propose { key: Value::Str("k1".into()), value: Value::Int(5) };
    check(propose, r#"{"id":7,"op":"propose","key":"k1","value":5}"#);
    check(Op::Promote, r#"{"id":7,"op":"promote"}"#);
    check(Op::Status, r#"{"id":7,"op":"status"}"#);
}

#[test]
fn every_answer_is_classified() {
    let check = |op: &Op, line: &str, expected: Outcome| {
        let (_, outcome) = parse_answer(line.as_bytes(), Asked::by(op));
        assert_eq!(outcome, expected, "{line}");
    };
    let fail = |error: &str, leader: Option<u8>, tail| {
        let leader = leader.map(NodeId);
        Outcome::Fail(Failure { error: Some(error.into()), leader, tail, ..Failure::default() })
    };
    let info = |error: &str| Outcome::Info(error.into());
    let appended = |offset, duplicate| Outcome::Ok(Answer::Appended { offset, duplicate });
    let a = &append(1);
    check(a, r#"{"id":1,"ok":{"offset":42}}"#, appended(42, false));
    check(a, r#"{"id":2,"ok":{"offset":43,"duplicate":true}}"#, appended(43, true));
    check(a, r#"{"id":3,"fail":{"error":"conflict","tail":45}}"#, fail("conflict", None, Some(45)));
    check(
        a,
        r#"{"id":1,"fail":{"error":"not-leader","leader":"n2"}}"#,
        fail("not-leader", Some(2), None),
    );
    check(
        a,
        r#"{"id":1,"fail":{"error":"not-leader","leader":null}}"#,
        fail("not-leader", None, None),
    );
    for definite in DEFINITE {
        let line = format!(r#"{{"id":1,"fail":{{"error":"{definite}"}}}}"#);
        check(a, &line, fail(definite, None, None));
    }
    check(a, r#"{"id":1,"fail":{"error":"disk-on-fire"}}"#, info("disk-on-fire"));
    check(a, r#"{"id":1,"fail":{"error":"timeout"}}"#, info("timeout"));
    check(a, r#"{"id":1,"fail":{}}"#, info("unexplained"));
    check(a, r#"{"id":1,"info":{"error":"leadership-lost"}}"#, info("leadership-lost"));
    check(a, r#"{"id":1,"info":{"error":"not-leader"}}"#, info("not-leader"));
    check(a, r#"{"id":1,"ok":{}}"#, info("malformed-answer"));
    check(a, r#"{"id":1}"#, info("malformed-answer"));
    check(a, "hello", info("malformed-answer"));
    let read = &Op::Read { from: 0, limit: None, level: Level::Linearizable };
    let values = vec![Value::Int(3), Value::Str("x".into())];
    check(
        read,
        r#"{"id":4,"ok":{"value":[3,"x"],"tail":45}}"#,
        Outcome::Ok(Answer::Read { values: values.clone(), tail: Some(45) }),
    );
    check(
        read,
        r#"{"id":4,"ok":{"value":[3,"x"]}}"#,
        Outcome::Ok(Answer::Read { values, tail: None }),
    );
    check(&Op::Tail, r#"{"id":5,"ok":{"tail":45}}"#, Outcome::Ok(Answer::Tail(45)));
    check(&Op::Open, r#"{"id":8,"ok":{"client":"c3"}}"#, Outcome::Ok(Answer::Opened("c3".into())));
    let status = NodeStatus {
        role: "leader".into(),
        epoch: 3,
        leader: Some(NodeId(2)),
        delivered: Some(45),
    };
    check(
        &Op::Status,
        r#"{"id":6,"ok":{"role":"leader","epoch":3,"leader":"n2","delivered":45,"more":[1]}}"#,
        Outcome::Ok(Answer::Status(status)),
    );
    let propose = &Op::Propose { key: Value::Str("k1".into()), value: Value::Int(5) };
    let decided = Outcome::Ok(Answer::Decided(Value::Int(3)));
    check(propose, r#"{"id":7,"ok":{"value":3}}"#, decided);
    check(propose, r#"{"id":7,"ok":{}}"#, info("malformed-answer"));
    check(propose, r#"{"id":7,"info":{"error":"timeout"}}"#, info("timeout"));
    check(&Op::Promote, r#"{"id":1,"ok":{"epoch":4}}"#, Outcome::Ok(Answer::Promoted(4)));
    let mut refused = Failure { error: Some("refused".into()), ..Failure::default() };
    refused.detail = Some("it chooses by itself".into());
    check(
        &Op::Promote,
        r#"{"id":1,"fail":{"error":"refused","detail":"it chooses by itself"}}"#,
        Outcome::Fail(refused),
    );
    check(&Op::Status, r#"{"ok":{}}"#, Outcome::Ok(Answer::Status(NodeStatus::default())));
}

/// What the other side does with each connection, in turn.
#[derive(Clone, Copy)]
enum Play {
    /// Answers so many requests, then closes.
    Answer(u64),
    /// Reads one request and closes.
    Hang,
    /// Reads requests until the other side closes, and answers an earlier one's id.
    Confuse,
}

/// A node that plays this, one connection after the other; the count of connections so far.
async fn node(plays: Vec<Play>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        for play in plays {
            let (stream, _) = listener.accept().await.unwrap();
            let (reader, mut writer) = stream.into_split();
            let mut lines = BufReader::new(reader).lines();
            let mut answered = 0;
            while let Ok(Some(line)) = lines.next_line().await {
                let request: serde_json::Value = serde_json::from_str(&line).unwrap();
                let id = request["id"].as_u64().unwrap();
                let answer = match play {
                    Play::Hang => break,
                    Play::Answer(_) => format!("{{\"id\":{id},\"ok\":{{\"tail\":{answered}}}}}\n"),
                    Play::Confuse => format!(
                        "{{\"id\":{},\"ok\":{{\"tail\":99}}}}\n{{\"id\":{id},\"ok\":{{\"tail\":7}}}}\n",
                        id + 1_000
                    ),
                };
                writer.write_all(answer.as_bytes()).await.unwrap();
                answered += 1;
                if matches!(play, Play::Answer(most) if answered == most) {
                    break;
                }
            }
        }
    });
    address
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(work)
}

#[test]
fn one_connection_serves_many_requests() {
    block_on(async {
        let mut client = LinesClient::new(vec![node(vec![Play::Answer(3)]).await]);
        for tail in 0..3 {
            assert_eq!(client.invoke(NodeId(1), &Op::Tail).await, Outcome::Ok(Answer::Tail(tail)));
        }
    });
}

#[test]
fn nobody_listening_is_a_definite_no() {
    let free = BlockingListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let outcome =
        block_on(async { LinesClient::new(vec![free]).invoke(NodeId(1), &append(1)).await });
    assert_eq!(outcome, unreachable_node());
}

#[test]
fn a_connection_lost_after_the_request_left_is_a_maybe() {
    block_on(async {
        let mut client = LinesClient::new(vec![node(vec![Play::Hang, Play::Answer(1)]).await]);
        let lost = client.invoke(NodeId(1), &append(1)).await;
        assert_eq!(lost, Outcome::Info("connection-lost".into()));
        let again = client.invoke(NodeId(1), &Op::Tail).await;
        assert_eq!(again, Outcome::Ok(Answer::Tail(0)), "the next request dials anew");
    });
}

#[test]
fn answers_to_other_requests_are_passed_over() {
    block_on(async {
        let mut client = LinesClient::new(vec![node(vec![Play::Confuse]).await]);
        assert_eq!(client.invoke(NodeId(1), &Op::Tail).await, Outcome::Ok(Answer::Tail(7)));
    });
}

#[test]
fn a_request_given_up_takes_its_connection_with_it() {
    block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = LinesClient::new(vec![listener.local_addr().unwrap()]);
        let accepted = {
            let op = append(1);
            let asked = client.invoke(NodeId(1), &op);
            tokio::select! {
                outcome = asked => panic!("nobody answered, yet {outcome:?}"),
                accepted = async {
                    let (stream, _) = listener.accept().await.unwrap();
                    let mut reader = BufReader::new(stream);
                    let mut line = String::new();
                    reader.read_line(&mut line).await.unwrap();
                    reader
                } => accepted,
            }
        };
        let mut rest = String::new();
        let mut accepted = accepted;
        assert_eq!(accepted.read_line(&mut rest).await.unwrap(), 0, "the connection was closed");
    });
}
