//! What goes over the wire, and what every answer and every broken connection means.

use std::net::{SocketAddr, TcpListener as BlockingListener};

use schism_verify::history::{Process, Type};
use schism_verify::models;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpListener;

use super::super::Leads;
use super::*;
use crate::worlds::dial::Addresses;

/// An invocation of this operation, with these fields: `append value=17`.
fn ask(text: &str) -> Event {
    let mut words = text.split(' ');
    let f = words.next().unwrap();
    let mut event = Event::new(Process::Client(1), Type::Invoke, f);
    for word in words {
        let (name, json) = word.split_once('=').unwrap();
        let value = Value::from_json(&serde_json::from_str(json).unwrap());
        match name {
            "session" => event.set_session(Some(("c3".into(), json.parse().unwrap()))),
            name => event.answer(Field::named(name).unwrap(), value).unwrap(),
        }
    }
    event
}

fn model(asked: &Event) -> &'static Model {
    models::knowing([&*asked.f]).unwrap()
}

fn client(nodes: Vec<SocketAddr>) -> LinesClient {
    LinesClient::new(models::named("log").unwrap(), Rc::new(Addresses::new(nodes)))
}

#[test]
fn requests_are_as_the_contract_shows_them() {
    let check = |text: &str, expected: &str| {
        let (asked, mut line) = (ask(text), Vec::new());
        begin(&mut line, 7, &asked.f);
        write_question(&mut line, model(&asked), &asked);
        end(&mut line);
        assert_eq!(String::from_utf8(line).unwrap(), format!("{expected}\n"));
    };
    check("append value=17", r#"{"id":7,"op":"append","value":17}"#);
    check(
        "append value=18 session=9",
        r#"{"id":7,"op":"append","value":18,"client":"c3","seq":9}"#,
    );
    check(
        r#"append-if value="a\"b" expect=44"#,
        r#"{"id":7,"op":"append-if","value":"a\"b","expect":44}"#,
    );
    check(
        "read from=40 limit=100",
        r#"{"id":7,"op":"read","from":40,"limit":100,"level":"linearizable"}"#,
    );
    check(r#"read from=0 level="local""#, r#"{"id":7,"op":"read","from":0,"level":"local"}"#);
    check("tail", r#"{"id":7,"op":"tail"}"#);
    check(r#"propose key="k1" value=5"#, r#"{"id":7,"op":"propose","key":"k1","value":5}"#);
    // Any model: its operations and fields are the protocol's.
    check(r#"put key="x" value=3"#, r#"{"id":7,"op":"put","key":"x","value":3}"#);
    check("write value=3", r#"{"id":7,"op":"write","value":3}"#);
    check("remove element=4", r#"{"id":7,"op":"remove","element":4}"#);
    check("acquire", r#"{"id":7,"op":"acquire"}"#);
}

#[test]
fn every_answer_is_classified() {
    let check = |text: &str, line: &str, expected: &str| {
        let asked = ask(text);
        let (_, said) = parse::<Body>(line.as_bytes());
        let done = Completion::new(model(&asked), &asked, said.map(|body| body.answered));
        let kind = format!("{:?}", done.event.kind).to_lowercase();
        let mut shown = vec![kind];
        let error = done.event.error().and_then(|error| error.split(':').next());
        shown.extend(error.map(str::to_owned));
        for &field in Field::ALL {
            let mut name = Vec::new();
            done.event.write_field(field, &mut name);
            let answered = done.event.has(field) && !asked.has(field);
            let value = field == Field::Value && done.event.value != asked.value;
            if answered || value {
                shown.push(String::from_utf8(name).unwrap().replace([',', '"'], ""));
            }
        }
        shown.extend(done.hint().map(|node| format!("-> {node}")));
        assert_eq!(shown.join(" "), expected, "{line}");
        assert_eq!(done.event.f, asked.f);
    };
    let a = "append value=1";
    check(a, r#"{"id":1,"ok":{"offset":42}}"#, "ok offset:42");
    check(a, r#"{"id":2,"ok":{"offset":43,"duplicate":true}}"#, "ok offset:43");
    check(a, r#"{"id":2,"ok":{"offset":43,"tail":99}}"#, "ok offset:43");
    check(a, r#"{"id":2,"ok":{"offset":43,"leader":2,"detail":{},"error":1}}"#, "ok offset:43");
    let told = r#"{"id":2,"ok":{"offset":3,"tail":"x"}}"#;
    check("append-if value=1 expect=3", told, "ok offset:3");
    let conflict = r#"{"id":3,"fail":{"error":"conflict","tail":45}}"#;
    check("append-if value=1 expect=3", conflict, "fail conflict tail:45");
    check(a, conflict, "fail conflict");
    check(a, r#"{"id":1,"fail":{"error":"not-leader","leader":"n2"}}"#, "fail not-leader -> n2");
    check(a, r#"{"id":1,"fail":{"error":"not-leader","leader":null}}"#, "fail not-leader");
    check(a, r#"{"id":1,"fail":{"error":"refused","leader":"n2"}}"#, "fail refused");
    for definite in DEFINITE {
        let line = format!(r#"{{"id":1,"fail":{{"error":"{definite}"}}}}"#);
        check(a, &line, &format!("fail {definite}"));
    }
    check(a, r#"{"id":1,"fail":{"error":"disk-on-fire"}}"#, "info disk-on-fire");
    check(a, r#"{"id":1,"fail":{"error":"timeout"}}"#, "info timeout");
    check(a, r#"{"id":1,"fail":{}}"#, "info unexplained");
    check(a, r#"{"id":1,"info":{"error":"leadership-lost"}}"#, "info leadership-lost");
    check(a, r#"{"id":1,"info":{"error":"not-leader"}}"#, "info not-leader");
    let deep = |field: &str| {
        let (open, close) = ("[".repeat(999), "]".repeat(999));
        format!(r#"{{"id":1,"ok":{{"offset":3,"{field}":{open}{close}}}}}"#)
    };
    for unreadable in [
        r#"{"id":1,"ok":{}}"#,
        r#"{"id":1,"ok":{"offset":null}}"#,
        r#"{"id":1,"ok":{"offset":-1}}"#,
        r#"{"id":1,"ok":{"offset":"7"}}"#,
        r#"{"id":1,"ok":{"offset":9007199254740993}}"#,
        r#"{"id":1,"ok":{"offset":1e400}}"#,
        r#"{"id":1,"ok":{"offset":3,"detail":"\ud800"}}"#,
        &deep("detail"),
    ] {
        check(a, unreadable, "info unreadable-answer");
    }
    check(a, &deep("more"), "ok offset:3");
    for malformed in [
        r#"{"id":1,"ok":{"offset":3,"offset":4}}"#,
        r#"{"id":1,"ok":42}"#,
        r#"{"id":"1","ok":{"offset":3}}"#,
        r#"{"id":1}"#,
        r#"{"id":1,"ok":{"offset":3}"#,
        r#"{"id":1,"ok":{"offset":3},"fail":{"error":"refused"}}"#,
        r#"[1,{"offset":3},null,null]"#,
        "hello",
        "",
    ] {
        check(a, malformed, "info malformed-answer");
    }
    check(a, r#"{"id":1,"ok":{"offset":1e2}}"#, "ok offset:100");
    check(a, r#"{"id":1,"ok":{"offset":3},"info":null}"#, "ok offset:3");
    // An ok that says no is a no, where nothing else is to be answered.
    let no = r#"{"id":1,"ok":{"value":false}}"#;
    check("acquire", no, "fail held");
    check("acquire", r#"{"id":1,"ok":{"value":true}}"#, "ok");
    check("cas value=[1,2]", no, "fail conflict");
    check("remove element=1", no, "fail absent");
    check("contains element=1", no, "ok value:false");
    check("release", r#"{"id":1,"fail":{"error":"not-held"}}"#, "fail not-held");
    check("write value=1", no, "ok");
    let read = "read from=0";
    check(read, r#"{"id":4,"ok":{"value":[3,"x"],"tail":45}}"#, "ok value:[3x] tail:45");
    check(read, r#"{"id":4,"ok":{"value":[3,"x"]}}"#, "ok value:[3x]");
    // What the judge could not read is no answer.
    check(read, r#"{"id":4,"ok":{"value":[1.5]}}"#, "info unreadable-answer");
    check(read, r#"{"id":4,"ok":{"value":7}}"#, "info unreadable-answer");
    check("tail", r#"{"id":5,"ok":{"tail":45}}"#, "ok tail:45");
    let propose = r#"propose key="k1" value=5"#;
    check(propose, r#"{"id":7,"ok":{"value":3}}"#, "ok value:3");
    check(propose, r#"{"id":7,"ok":{}}"#, "info unreadable-answer");
    check(propose, r#"{"id":7,"ok":{"value":null}}"#, "info unreadable-answer");
    check(propose, r#"{"id":7,"info":{"error":"timeout"}}"#, "info timeout");
    check("get", r#"{"id":7,"ok":{"value":null}}"#, "ok value:null");
}

#[test]
fn an_answer_out_of_contract_is_quoted_once_and_short() {
    let quoted = |line: &str| {
        let asked = ask("append value=1");
        let (_, said) = parse::<Body>(line.as_bytes());
        let done = Completion::new(model(&asked), &asked, said.map(|body| body.answered));
        done.quoting(Some(line.as_bytes())).event.error().unwrap_or_default().to_owned()
    };
    let html = "<html>502 Bad Gateway</html>";
    assert_eq!(quoted(html), format!("malformed-answer: it is no JSON: {html}"));
    let huge = r#"{"id":1,"ok":{"offset":1152921504606846976}}"#;
    assert_eq!(
        quoted(huge),
        format!("unreadable-answer: `offset` is no whole number from 0 to 2^53: {huge}")
    );
    let long = format!(r#"{{"id":1,"ok":{{"offset":"{}"}}}}"#, "x".repeat(1 << 20));
    for long in [&*long, &*long.replace(r#"{"offset":"#, "").replace("}}", "}")] {
        assert!(quoted(long).len() < 400, "{}", quoted(long));
    }
    assert_eq!(quoted(r#"{"id":1,"ok":{"offset":3}}"#), "");
    let word = format!(r#"{{"id":1,"info":{{"error":"{}"}}}}"#, "y".repeat(1 << 20));
    assert!(quoted(&word).starts_with("yyy") && quoted(&word).len() < 200, "{}", quoted(&word));
}

#[test]
fn what_is_no_operation_is_read_as_itself() {
    let (id, opened) = parse::<Opened>(br#"{"id":8,"ok":{"client":"c3"}}"#);
    assert_eq!((id, &*opened.unwrap().client), (Some(8), "c3"));
    let (_, promoted) = parse::<Promoted>(br#"{"id":1,"ok":{"epoch":4}}"#);
    assert_eq!(promoted.unwrap().epoch, 4);
    let refused = br#"{"id":1,"fail":{"error":"refused","detail":"it chooses by itself"}}"#;
    let refusal = parse::<Promoted>(refused).1.err().unwrap();
    assert_eq!(refusal.why(), "refused: it chooses by itself");
    let said = |line: &[u8]| status(&parse(line).1.unwrap());
    let leads =
        br#"{"id":6,"ok":{"role":"leader","epoch":3,"leader":"n2","delivered":45,"x":[1]}}"#;
    let (role, leader, delivered) = ("leader".into(), Some(NodeId(2)), Some(45));
    assert_eq!(said(leads), NodeStatus { role, epoch: 3, leader, delivered });
    assert_eq!(said(br#"{"ok":{}}"#), NodeStatus::default());
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
        let mut client = client(vec![node(vec![Play::Answer(3)]).await]);
        for tail in 0..3 {
            assert_eq!(client.invoke(NodeId(1), &ask("tail")).await.event.tail(), Some(tail));
        }
    });
}

#[test]
fn nobody_listening_is_a_definite_no() {
    let free = BlockingListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let asked = ask("append value=1");
    let done = block_on(async { client(vec![free]).invoke(NodeId(1), &asked).await });
    assert_eq!((done.event.kind, done.event.error()), (Type::Fail, Some("unreachable")));
}

#[test]
fn a_connection_lost_after_the_request_left_is_a_maybe() {
    block_on(async {
        let mut client = client(vec![node(vec![Play::Hang, Play::Answer(1)]).await]);
        let lost = client.invoke(NodeId(1), &ask("append value=1")).await.event;
        assert_eq!((lost.kind, lost.error()), (Type::Info, Some("connection-lost")));
        let again = client.invoke(NodeId(1), &ask("tail")).await;
        assert_eq!(again.event.tail(), Some(0), "the next request dials anew");
    });
}

#[test]
fn answers_to_other_requests_are_passed_over() {
    block_on(async {
        let mut client = client(vec![node(vec![Play::Confuse]).await]);
        assert_eq!(client.invoke(NodeId(1), &ask("tail")).await.event.tail(), Some(7));
    });
}

#[test]
fn a_request_given_up_takes_its_connection_with_it() {
    block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = client(vec![listener.local_addr().unwrap()]);
        let accepted = {
            let append = ask("append value=1");
            let asked = client.invoke(NodeId(1), &append);
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
