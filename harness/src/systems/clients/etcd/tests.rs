//! What is asked of etcd, and what each of its answers means.

use super::super::fake::{Fake, http, response};
use super::*;

fn fake(model: &'static str) -> Fake {
    Fake { client: "etcd", model, options: &[], greeting: b"", whole: http }
}

/// An answer of etcd that is right.
fn ok(rest: &str) -> Vec<u8> {
    let comma = if rest.is_empty() { "" } else { "," };
    let header = r#""header":{"cluster_id":"1","member_id":"7","revision":"3","raft_term":"2"}"#;
    response("200 OK", &format!("{{{header}{comma}{rest}}}"))
}

fn kvs(key: &str, value: &str) -> String {
    let (key, value) = (base64::encode(key.as_bytes()), base64::encode(value.as_bytes()));
    format!(r#""kvs":[{{"key":"{key}","mod_revision":"3","value":"{value}"}}],"count":"1""#)
}

/// One answer to one question.
fn check(model: &'static str, question: &str, answer: &[u8], expected: &str) {
    let (said, _) = fake(model).ask(question, &[answer]);
    let text = String::from_utf8_lossy(answer).into_owned();
    assert_eq!(said, expected, "{question}: {text}");
}

#[test]
fn right_answers_are_read() {
    let yes = ok(r#""succeeded":true,"responses":[{"response_put":{}}]"#);
    let no = ok(r#""responses":[{"response_range":{}}]"#);
    check("register", "write value=3", &ok(""), "ok");
    check("register", "read", &ok(""), "ok value:null");
    check("register", "read", &ok(&kvs("register", "3")), "ok value:3");
    check("register", "read", &ok(&kvs("register", "\"x\"")), "ok value:x");
    check("register", "cas value=[1,2]", &yes, "ok");
    check("register", "cas value=[1,2]", &ok(""), "fail conflict");
    check("kv", r#"get key="x""#, &ok(&kvs("x", "[1,2]")), "ok value:[1,2]");
    check("kv", r#"put key="x" value=3"#, &ok(""), "ok");
    check("kv", r#"delete key="x""#, &ok(r#""deleted":"1""#), "ok");
    check("kv", r#"delete key="x""#, &ok(""), "fail absent");
    check("log", "append value=3", &yes, "ok offset:0");
    check("log", "append-if value=3 expect=4", &yes, "ok offset:4");
    let tail = kvs(TAIL, "7");
    let behind = ok(&format!(r#""responses":[{{"response_range":{{{tail}}}}}]"#));
    check("log", "append-if value=3 expect=4", &behind, "fail conflict tail:7");
    check("log", "append-if value=3 expect=4", &no, "fail conflict tail:0");
    check("log", "tail", &ok(&tail), "ok tail:7");
    check("mutex", "release", &yes, "fail not-held");
}

#[test]
fn a_log_is_read_in_one_transaction() {
    let read = |first: &str, from: u64, expected: &str| {
        let (tail, entries) = (kvs(TAIL, "5"), kvs(first, "9"));
        let both = format!(r#"{{"response_range":{{{tail}}}}},{{"response_range":{{{entries}}}}}"#);
        let answer = ok(&format!(r#""succeeded":true,"responses":[{both}]"#));
        let (said, asked) = fake("log").ask(&format!("read from={from} limit=1"), &[&answer]);
        assert_eq!(said, expected);
        assert!(asked.len() == 1 && asked[0].starts_with("POST /v3/kv/txn "), "{asked:?}");
    };
    read(&entry(4), 4, "ok value:[9] tail:5");
    read(&entry(4), 3, "info unreadable-answer: there is no entry at offset 3");
}

#[test]
fn an_append_that_came_too_late_has_changed_nothing_and_is_tried_again() {
    let late = |length: u64| {
        let tail = kvs(TAIL, &length.to_string());
        ok(&format!(r#""responses":[{{"response_range":{{{tail}}}}}]"#))
    };
    let (first, second, done) = (late(3), late(5), ok(r#""succeeded":true"#));
    let (said, asked) = fake("log").ask("append value=1", &[&first, &second, &done]);
    assert_eq!((&*said, asked.len()), ("ok offset:5", 3));
    let never: Vec<Vec<u8>> = (1..=u64::from(APPENDS_MAX)).map(late).collect();
    let never: Vec<&[u8]> = never.iter().map(Vec::as_slice).collect();
    assert_eq!(fake("log").ask("append value=1", &never).0, "fail conflict");
    // A try that nobody answers may have happened.
    let lost = response("503 Unavailable", r#"{"error":"etcdserver: no leader","code":14}"#);
    let (said, asked) = fake("log").ask("append value=1", &[&first, &lost]);
    assert_eq!((&*said, asked.len()), ("info server-error: etcdserver: no leader", 2));
}

#[test]
fn a_lock_is_a_key_with_a_lease_and_is_released_by_whoever_took_it() {
    let granted = ok(r#""ID":"77","TTL":"60""#);
    let yes = ok(r#""succeeded":true"#);
    let fake = fake("mutex");
    let (said, asked) = fake.ask_all(&["acquire", "release"], &[&granted, &yes, &yes]);
    assert_eq!(said, ["ok", "ok"]);
    let token = base64::encode(b"77-1");
    assert!(asked[0].contains(r#"{"TTL":"60""#), "{asked:?}");
    assert!(asked[1].contains(&token) && asked[1].contains(r#""lease":"77""#), "{asked:?}");
    assert!(asked[2].contains(&token), "only its own lock: {asked:?}");
    let (said, _) = fake.ask("acquire", &[&granted, &ok("")]);
    assert_eq!(said, "fail held");
    let lost = response("503 Unavailable", r#"{"error":"etcdserver: no leader","code":14}"#);
    let (said, _) = fake.ask("acquire", &[&lost]);
    assert_eq!(said, "fail server-error: etcdserver: no leader", "no lease, no lock");
    let (said, _) = fake.ask("acquire", &[&granted, &lost]);
    assert_eq!(said, "info server-error: etcdserver: no leader");
}

/// The codes are those of google.golang.org/grpc/codes, the words those of etcd.
#[test]
fn every_error_is_classified() {
    let check = |status: &str, code: u64, words: &str, expected: &str| {
        let body = format!(r#"{{"error":"{words}","code":{code},"message":"{words}"}}"#);
        check("register", "write value=3", &response(status, &body), expected);
    };
    let lost = "etcdserver: request timed out, possibly due to previous leader failure";
    check("503 Service Unavailable", 14, lost, &format!("info server-error: {lost}"));
    for words in ["etcdserver: no leader", "etcdserver: server stopped", "not leader"] {
        check("503 Service Unavailable", 14, words, &format!("info server-error: {words}"));
    }
    // The put that exceeds the space is done.
    let space = "etcdserver: mvcc: database space exceeded";
    check("429 Too Many Requests", 8, space, &format!("info server-error: {space}"));
    let busy = "etcdserver: too many requests";
    check("429 Too Many Requests", 8, busy, "fail overloaded");
    for (code, words) in [
        (3, "etcdserver: request is too large"),
        (3, "etcdserver: duplicate key given in txn request"),
        (7, "etcdserver: permission denied"),
        (12, "unknown service"),
        (16, "etcdserver: invalid auth token"),
    ] {
        check("400 Bad Request", code, words, &format!("fail refused ({words})"));
    }
    for code in [1, 2, 4, 5, 6, 9, 10, 11, 13, 15, 99] {
        check("500 Internal Server Error", code, "x", "info server-error: x");
    }
}

#[test]
fn what_is_no_answer_of_etcd_is_none() {
    let check = |answer: &[u8], expected: &str| check("register", "read", answer, expected);
    check(&response("404 Not Found", "404 page not found\n"), PATH);
    let proxy = response("502 Bad Gateway", "<html>");
    check(&proxy, "info server-error: HTTP 502: <html>");
    check(&response("200 OK", "{}"), "info malformed-answer: no answer of etcd: {}");
    check(&response("200 OK", "hello"), "info malformed-answer: no answer of etcd: hello");
    check(b"SSH-2.0\r\n", "info malformed-answer: no answer of HTTP/1.1: SSH-2.0");
    let row = ok(r#""kvs":[{"key":"eA==","value":"!"}]"#);
    check(&row, "info malformed-answer: no base64: !");
    let alien = ok(&kvs("register", "{oops"));
    check(&alien, "info malformed-answer: a value that no client stored: {oops");
}

const PATH: &str = "fail refused (no such path; etcd 3.4 and later have it)";

#[test]
fn half_an_answer_is_none() {
    fake("register").is_cut_short("write value=3", &[&ok("")]);
}

#[test]
fn a_member_is_found_by_the_host_that_it_announces() {
    let status = ok(r#""version":"3.4.23","leader":"9","raftTerm":"4""#);
    let member = r#"{"ID":"9","name":"infra","clientURLs":["http://127.0.0.1:2379"]}"#;
    let list = ok(&format!(r#""members":[{{"ID":"7","name":"n3"}},{member}]"#));
    let said = fake("register").status(&[&status, &list]).unwrap();
    assert_eq!((&*said.role, said.epoch, said.leader), ("follower", 4, Some(NodeId(1))));
    let own = ok(r#""leader":"7","raftTerm":"4""#);
    let said = fake("register").status(&[&own, &list]).unwrap();
    assert_eq!((&*said.role, said.leader), ("leader", Some(NodeId(3))));
    let none = fake("register").status(&[&ok(r#""raftTerm":"4""#)]).unwrap();
    assert_eq!((&*none.role, none.leader), ("follower", None));
}

#[test]
fn weak_reads_are_asked_for_only_where_they_were_chosen() {
    let asks = |options, question: &str| {
        let fake = Fake { options, ..fake("register") };
        fake.ask(question, &[&ok("")]).1[0].contains(r#""serializable":true"#)
    };
    assert!(!asks(&[], "read") && asks(&[], r#"read level="local""#));
    assert!(asks(&[("serializable", "true")], "read"));
}
