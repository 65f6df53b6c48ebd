//! The lines protocol, text against text.

use super::answer;
use super::ask::{Ask, LINE_BYTES_MAX, parse};
use bytes::Bytes;
use proptest::prelude::*;
use schism_protocol::{
    Answer, Chain, ClientId, Doubt, Epoch, Index, Level, NodeId, Offset, Refusal, Reply, Request,
    Role, Session, Status,
};

fn asks(line: &str, request: Request) {
    assert_eq!(parse(line.as_bytes()).ask, Ok(Ask::Protocol(request)), "{line}");
}

fn append(value: &str, session: Option<(u64, u64)>, expect: Option<u64>) -> Request {
    Request::Append {
        value: Bytes::from(value.to_owned()),
        session: session.map(|(client, seq)| Session { client: ClientId(client), seq }),
        expect: expect.map(Offset),
    }
}

fn read(from: u64, limit: Option<u64>, level: Level) -> Request {
    Request::Read { from: Offset(from), limit, level }
}

#[test]
fn every_operation_of_the_contract_is_understood() {
    use Level::{Linearizable, Local};
    asks(r#"{"id":1,"op":"append","value":17}"#, append("17", None, None));
    asks(r#" { "value" : -17 , "op":"append","id":1 } "#, append("-17", None, None));
    asks(r#"{"id":1,"op":"append","value":-0}"#, append("0", None, None));
    asks(
        r#"{"id":1,"op":"append","value":9007199254740992}"#,
        append("9007199254740992", None, None),
    );
    asks(r#"{"id":1,"op":"append","value":"é\u0041\/\n"}"#, append(r#""éA/\n""#, None, None));
    asks(r#"{"id":1,"op":"append","value":"","x":[{"y":"}"}]}"#, append(r#""""#, None, None));
    asks(
        r#"{"id":2,"op":"append","value":18,"client":"c3","seq":9}"#,
        append("18", Some((3, 9)), None),
    );
    asks(r#"{"id":2,"op":"append","value":1,"client":null,"seq":null}"#, append("1", None, None));
    asks(r#"{"id":3,"op":"append-if","value":19,"expect":44}"#, append("19", None, Some(44)));
    asks(
        r#"{"id":4,"op":"read","from":40,"limit":100,"level":"linearizable"}"#,
        read(40, Some(100), Linearizable),
    );
    asks(r#"{"id":4,"op":"read"}"#, read(0, None, Linearizable));
    asks(r#"{"id":4,"op":"read","limit":0,"level":"local"}"#, read(0, Some(0), Local));
    asks(r#"{"id":5,"op":"tail"}"#, Request::Tail { level: Linearizable });
    asks(r#"{"id":8,"op":"open"}"#, Request::Open);
    let (key, value) = (Bytes::from_static(b"\"k1\""), Bytes::from_static(b"5"));
    let propose = Request::Propose { key, value };
    asks(r#"{"id":7,"op":"propose","key":"k1","value":5}"#, propose);
    asks(r#"{"id":7,"op":"promote"}"#, Request::Promote);
    assert_eq!(parse(br#"{"id":"a","op":"status"}"#).ask, Ok(Ask::Status));
    assert_eq!(parse(br#"{"id":"a\n","op":"status"}"#).id.as_deref(), Some(&b"\"a\\n\""[..]));
}

#[test]
fn what_is_not_understood_is_named_and_its_id_echoed() {
    let cases = [
        ("", "malformed", "not one JSON object", None),
        ("7", "malformed", "not one JSON object", None),
        (r#"{"id":1,"op":"tail""#, "malformed", "not one JSON object", Some("1")),
        (r#"{"id":1,"op":"tail"}}"#, "malformed", "not one JSON object", Some("1")),
        (r#"{"id":1,"op":"tail",}"#, "malformed", "not one JSON object", Some("1")),
        (r#"{"id":1,"op":"tail","x":tru}"#, "malformed", "not one JSON object", Some("1")),
        (r#"{"id":1 "op":"tail"}"#, "malformed", "not one JSON object", Some("1")),
        (r#"{"op":"tail"}"#, "malformed", "\"id\" has to be", None),
        (r#"{"id":null,"op":"tail"}"#, "malformed", "\"id\" has to be", None),
        (r#"{"id":-1.5,"op":"tail"}"#, "malformed", "\"id\" has to be", None),
        (r#"{"id":01,"op":"tail"}"#, "malformed", "not one JSON object", None),
        (r#"{"id":1,"id":2,"op":"tail"}"#, "malformed", "\"id\" is said twice", Some("1")),
        (r#"{"id":1}"#, "malformed", "\"op\" is missing", Some("1")),
        (r#"{"id":1,"op":7}"#, "malformed", "\"op\" has to be a string", Some("1")),
        (r#"{"id":1,"op":"put"}"#, "malformed", "unknown op \"put\"", Some("1")),
        (r#"{"id":1,"op":"propose","value":5}"#, "malformed", "\"key\" is missing", Some("1")),
        (r#"{"id":1,"op":"append"}"#, "malformed", "\"value\" is missing", Some("1")),
        (r#"{"id":1,"op":"append","value":1.0}"#, "malformed", "within 2^53", Some("1")),
        (r#"{"id":1,"op":"append","value":null}"#, "malformed", "within 2^53", Some("1")),
        (r#"{"id":1,"op":"append","value":[1]}"#, "malformed", "within 2^53", Some("1")),
        (r#"{"id":1,"op":"append","value":"\ud800"}"#, "malformed", "within 2^53", Some("1")),
        (r#"{"id":1,"op":"append","value":9007199254740993}"#, "malformed", "2^53", Some("1")),
        (r#"{"id":1,"op":"append","value":1,"seq":1}"#, "malformed", "come together", Some("1")),
        (
            r#"{"id":1,"op":"append","value":1,"client":"c1","seq":0}"#,
            "malformed",
            "from 1",
            Some("1"),
        ),
        (
            r#"{"id":1,"op":"append","value":1,"client":"x","seq":1}"#,
            "session-expired",
            "ever called \"x\"",
            Some("1"),
        ),
        (r#"{"id":1,"op":"append-if","value":1}"#, "malformed", "\"expect\" is missing", Some("1")),
        (r#"{"id":1,"op":"read","from":-1}"#, "malformed", "\"from\" has to be", Some("1")),
        (r#"{"id":1,"op":"read","level":"x"}"#, "malformed", "\"level\" is", Some("1")),
    ];
    for (line, error, detail, id) in cases {
        let parsed = parse(line.as_bytes());
        let no = parsed.ask.unwrap_err();
        assert_eq!(no.error, error, "{line}");
        assert!(no.detail.contains(detail), "{line}: {}", no.detail);
        assert_eq!(parsed.id.as_deref(), id.map(str::as_bytes), "{line}");
    }
}

#[test]
fn answers_are_as_the_contract_says() {
    let check = |reply: Reply, in_session: bool, line: &str| {
        let mut out = Vec::new();
        answer::reply(&mut out, b"1", &reply, in_session);
        assert_eq!(String::from_utf8(out).unwrap(), format!("{line}\n"));
    };
    let appended = Reply::Ok(Answer::Appended { offset: Offset(42), duplicate: false });
    check(appended.clone(), false, r#"{"id":1,"ok":{"offset":42}}"#);
    check(appended, true, r#"{"id":1,"ok":{"offset":42,"duplicate":false}}"#);
    check(Reply::Ok(Answer::Opened(ClientId(3))), false, r#"{"id":1,"ok":{"client":"c3"}}"#);
    check(Reply::Ok(Answer::Tail(Offset(45))), false, r#"{"id":1,"ok":{"tail":45}}"#);
    let decided = Answer::Decided(Bytes::from_static(b"3"));
    check(Reply::Ok(decided), false, r#"{"id":1,"ok":{"value":3}}"#);
    check(Reply::Ok(Answer::Promoted(Epoch(4))), false, r#"{"id":1,"ok":{"epoch":4}}"#);
    let values = vec![Bytes::from_static(b"17"), Bytes::from_static(b"\"a\"")];
    let read = Reply::Ok(Answer::Read { values, tail: Offset(45) });
    check(read, false, r#"{"id":1,"ok":{"value":[17,"a"],"tail":45}}"#);
    let fail = |refusal: Refusal, line: &str| check(Reply::Fail(refusal), false, line);
    fail(
        Refusal::NotLeader(Some(NodeId(2))),
        r#"{"id":1,"fail":{"error":"not-leader","leader":"n2"}}"#,
    );
    fail(Refusal::NotLeader(None), r#"{"id":1,"fail":{"error":"not-leader","leader":null}}"#);
    fail(Refusal::Conflict(Offset(45)), r#"{"id":1,"fail":{"error":"conflict","tail":45}}"#);
    fail(Refusal::Fenced(Epoch(4)), r#"{"id":1,"fail":{"error":"fenced","epoch":4}}"#);
    fail(Refusal::Overloaded, r#"{"id":1,"fail":{"error":"overloaded"}}"#);
    fail(Refusal::SessionExpired, r#"{"id":1,"fail":{"error":"session-expired"}}"#);
    fail(
        Refusal::Refused("no \"x\"".to_owned()),
        r#"{"id":1,"fail":{"error":"refused","detail":"no \"x\""}}"#,
    );
    let info = |doubt: Doubt, line: &str| check(Reply::Info(doubt), false, line);
    info(Doubt::LeadershipLost, r#"{"id":1,"info":{"error":"leadership-lost"}}"#);
    info(Doubt::TooOld, r#"{"id":1,"info":{"error":"too-old"}}"#);
    info(Doubt::SessionExpired, r#"{"id":1,"info":{"error":"session-expired"}}"#);
}

#[test]
fn a_status_is_one_line() {
    let status = Status {
        role: Role::Leader,
        epoch: Epoch(3),
        leader: Some(NodeId(2)),
        delivered: Offset(45),
        chain: Chain(0xab),
        commit: Index(50),
        last: Index(51),
    };
    let mut out = Vec::new();
    answer::status(&mut out, b"6", NodeId(2), 4, &status);
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "{\"id\":6,\"ok\":{\"role\":\"leader\",\"epoch\":3,\"leader\":\"n2\",\"delivered\":45,\
         \"chain\":\"00000000000000ab\",\"commit\":50,\"last\":51,\"node\":\"n2\",\"boot\":4}}\n"
    );
}

#[test]
fn an_answer_is_never_longer_than_a_line() {
    let value = format!("\"{}\"", "x".repeat(300_000));
    let values = vec![Bytes::from(value); 5];
    let mut out = b"something before it".to_vec();
    let before = out.len();
    let read = Reply::Ok(Answer::Read { values, tail: Offset(u64::MAX) });
    answer::reply(&mut out, b"1", &read, false);
    assert!(out.len() - before <= LINE_BYTES_MAX);
    let line: serde_json::Value = serde_json::from_slice(&out[before..]).unwrap();
    assert_eq!(line["ok"]["value"].as_array().unwrap().len(), 3);
}

proptest! {
    #[test]
    fn garbage_never_panics(line: Vec<u8>) {
        let _ = parse(&line);
    }

    #[test]
    fn near_misses_never_panic_and_what_passes_is_json(
        cut in 0_usize..70,
        insert in "[\\[\\]{}\",:\\\\0-9a-z ]{0,3}",
    ) {
        let good = r#"{"id":1,"op":"append","value":"a\"b","client":"c3","seq":9,"x":[1]}"#;
        let at = cut.min(good.len());
        let line = format!("{}{insert}{}", &good[..at], &good[at..]);
        if parse(line.as_bytes()).ask.is_ok() {
            prop_assert!(serde_json::from_str::<serde_json::Value>(&line).is_ok(), "{}", line);
        }
    }

    #[test]
    fn a_value_is_what_serde_json_writes(text: String, number in -(1_i64 << 53)..=(1 << 53)) {
        for value in [serde_json::json!(text), serde_json::json!(number)] {
            let line = serde_json::json!({"id": 1, "op": "append", "value": value}).to_string();
            asks(&line, append(&value.to_string(), None, None));
        }
    }
}
