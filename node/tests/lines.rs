//! The clients' protocol over a real socket: `cargo test -p schism-node --test lines`.

#![allow(clippy::unwrap_used)] // all of this is test code

mod support;

use std::io::Write;
use std::net::Shutdown;

use schism_node::{Config, Failure, Leave};
use support::{Node, configs, toy};

fn one() -> (tempfile::TempDir, Config, Node) {
    let home = tempfile::tempdir().unwrap();
    let config = configs(1, home.path(), &[]).remove(0);
    let node = Node::start(&config, toy::build);
    (home, config, node)
}

#[test]
fn every_operation_is_answered() {
    let (_home, _, node) = one();
    let mut client = node.connect();
    let mut check = |line: &str, answer: &str| {
        client.send(line);
        assert_eq!(client.line().as_deref(), Some(answer), "{line}");
    };
    check(r#"{"id":1,"op":"append","value":17}"#, r#"{"id":1,"ok":{"offset":0}}"#);
    check(r#"{"id":"x","op":"open"}"#, r#"{"id":"x","ok":{"client":"c3"}}"#);
    check(
        r#"{"id":2,"op":"append","value":"a","client":"c3","seq":1}"#,
        r#"{"id":2,"ok":{"offset":1,"duplicate":false}}"#,
    );
    check(
        r#"{"id":3,"op":"append-if","value":19,"expect":44}"#,
        r#"{"id":3,"fail":{"error":"conflict","tail":2}}"#,
    );
    check(r#"{"id":3,"op":"append-if","value":19,"expect":2}"#, r#"{"id":3,"ok":{"offset":2}}"#);
    check(
        r#"{"id":4,"op":"read","from":1,"limit":100,"level":"linearizable"}"#,
        r#"{"id":4,"ok":{"value":["a",19],"tail":3}}"#,
    );
    check(r#"{"id":5,"op":"tail"}"#, r#"{"id":5,"ok":{"tail":3}}"#);
    let status = client.ask(r#"{"id":6,"op":"status"}"#);
    assert_eq!(status["id"], 6);
    for (field, value) in [("role", "leader"), ("leader", "n1")] {
        assert_eq!(status["ok"][field], value);
    }
    for (field, value) in [("epoch", 1), ("delivered", 3), ("commit", 3), ("boot", 1)] {
        assert_eq!(status["ok"][field], value);
    }
}

#[test]
fn a_malformed_line_is_answered_and_the_connection_stays() {
    let (_home, _, node) = one();
    let mut client = node.connect();
    let no = client.ask("what?");
    assert_eq!(no["fail"]["error"], "malformed");
    assert!(no.get("id").is_none());
    client.stream.write_all(b"\xff\xfe\n").unwrap();
    assert!(client.line().unwrap().contains("not UTF-8"));
    assert_eq!(client.ask(r#"{"id":9,"op":"dance"}"#)["id"], 9);
    let no = client.ask(r#"{"id":10,"op":"propose","key":"k1","value":5}"#);
    assert_eq!(no["fail"]["error"], "refused");
    assert_eq!(client.ask(r#"{"id":11,"op":"tail"}"#)["ok"]["tail"], 0);
}

#[test]
fn a_line_that_is_too_long_is_refused_and_the_connection_closed() {
    let (_home, _, node) = one();
    let mut client = node.connect();
    let long = format!(r#"{{"id":1,"op":"append","value":"{}"#, "x".repeat(1 << 20));
    client.stream.write_all(long.as_bytes()).unwrap();
    let no = client.line().unwrap();
    assert!(no.starts_with(r#"{"fail":{"error":"malformed","detail":"a line has at most"#), "{no}");
    assert_eq!(client.line(), None);
    // One that just fits is taken, and read back whole.
    let mut client = node.connect();
    let value = "x".repeat((1 << 20) - 1100);
    let line = format!(r#"{{"id":1,"op":"append","value":"{value}"}}"#);
    assert_eq!(client.ask(&line)["ok"]["offset"], 0);
    client.send(r#"{"id":2,"op":"read"}"#);
    let answer = client.line().unwrap();
    assert!(answer.len() < 1 << 20);
    assert_eq!(answer, format!(r#"{{"id":2,"ok":{{"value":["{value}"],"tail":1}}}}"#));
}

#[test]
fn many_requests_in_one_write_are_all_answered() {
    let (_home, _, node) = one();
    let mut client = node.connect();
    let line = |id: u64| format!(r#"{{"id":{id},"op":"append","value":{id}}}"#) + "\n";
    let lines: String = (0..500).map(line).collect();
    client.stream.write_all(lines.as_bytes()).unwrap();
    for id in 0..500 {
        assert_eq!(client.line().unwrap(), format!(r#"{{"id":{id},"ok":{{"offset":{id}}}}}"#));
    }
}

#[test]
fn a_client_that_has_finished_sending_is_still_answered() {
    let (_home, _, node) = one();
    let mut client = node.connect();
    client.send(r#"{"id":1,"op":"append","value":1}"#);
    client.stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(client.rest(), "{\"id\":1,\"ok\":{\"offset\":0}}\n");
}

#[test]
fn who_waits_when_the_node_is_told_to_stop_hears_of_it() {
    let (_home, _, mut node) = one();
    let mut client = node.connect();
    client.send(r#"{"id":1,"op":"append","value":"hold"}"#);
    assert_eq!(client.ask(r#"{"id":2,"op":"tail"}"#)["ok"]["tail"], 0);
    node.leave(Leave::Gently).unwrap();
    assert_eq!(client.rest(), "{\"id\":1,\"info\":{\"error\":\"shutting-down\"}}\n");
}

#[test]
fn too_much_under_way_is_refused() {
    let (_home, _, node) = one();
    let mut client = node.connect();
    for id in 0..1024 {
        client.send(&format!(r#"{{"id":{id},"op":"append","value":"hold"}}"#));
    }
    let no = client.ask(r#"{"id":"more","op":"append","value":1}"#);
    assert_eq!(no["fail"]["error"], "overloaded");
    assert_eq!(no["id"], "more");
    let mut other = node.connect();
    assert_eq!(other.ask(r#"{"id":1,"op":"append","value":1}"#)["ok"]["offset"], 0);
}

#[test]
fn a_restarted_node_kept_everything_and_says_so() {
    let (home, config, mut node) = one();
    let mut client = node.connect();
    for value in 0..10 {
        let line = format!(r#"{{"id":1,"op":"append","value":{value}}}"#);
        assert_eq!(client.ask(&line)["ok"]["offset"], value);
    }
    node.leave(Leave::AtOnce).unwrap();
    let node = Node::start(&config, toy::build);
    let mut client = node.connect();
    let read = client.ask(r#"{"id":1,"op":"read"}"#);
    assert_eq!(read["ok"]["value"], serde_json::json!([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]));
    assert_eq!(client.ask(r#"{"id":1,"op":"status"}"#)["ok"]["boot"], 2);
    let delivered = std::fs::read_to_string(home.path().join("n1.delivered")).unwrap();
    let half = |boot: u64| {
        let entry = |k: u64| format!("{{\"offset\":{k},\"value\":{k},\"epoch\":1}}\n");
        format!("{{\"boot\":{boot}}}\n") + &(0..10).map(entry).collect::<String>()
    };
    assert_eq!(delivered, half(1) + &half(2));
}

#[test]
fn a_node_that_cannot_start_says_why() {
    let (_home, config, node) = one();
    node.connect();
    let fails = |config: Config| match Node::start(&config, toy::build).end() {
        Err(Failure::Start(sentence)) => sentence,
        other => panic!("it should not have started: {other:?}"),
    };
    assert!(fails(config.clone()).contains("cannot listen on"));
    let (listen, client) = (support::address(), support::address());
    let twin = Config { listen, client, ..config.clone() };
    assert!(fails(twin.clone()).contains("another node uses"));
    let options = [("speed".to_owned(), "7".to_owned())].into();
    let data = config.data.join("elsewhere");
    assert!(fails(Config { options, data, ..twin }).contains("no option \"speed\""));
}
