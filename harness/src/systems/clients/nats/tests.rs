//! What is asked of NATS, and what each of its answers means. The inbox of a client is its own, so
//! the fake server's answers are written to `_INBOX` and filled in by the test's own client.

use super::*;

/// Feeds the bytes of a server to whoever reads the next message.
fn reads(bytes: &'static [u8]) -> Result<Option<(String, Reply)>, Refusal> {
    use std::io::Write;
    use tokio::runtime::{Builder, LocalOptions};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || listener.accept().unwrap().0.write_all(bytes).unwrap());
    let mut runtime = Builder::new_current_thread();
    let runtime = runtime.enable_all().build_local(LocalOptions::default()).unwrap();
    runtime.block_on(async {
        let dialled = tokio::net::TcpStream::connect(address).await.unwrap();
        next(&mut Stream::new(dialled).unwrap()).await
    })
}

fn shown(said: Result<Option<(String, Reply)>, Refusal>) -> String {
    match said {
        Ok(None) => "pong".into(),
        Ok(Some((subject, Reply::NoResponders))) => format!("{subject}: no responders"),
        Ok(Some((subject, Reply::Body(body)))) => {
            format!("{subject}: {}", String::from_utf8(body).unwrap())
        }
        Err(refusal) => {
            format!("{} {}", if refusal.certain { "fail" } else { "info" }, refusal.error)
        }
    }
}

#[test]
fn lines_of_nats_are_read() {
    let check = |bytes: &'static [u8], expected: &str| {
        assert_eq!(shown(reads(bytes)), expected, "{}", String::from_utf8_lossy(bytes));
    };
    check(b"PONG\r\n", "pong");
    check(b"MSG _INBOX.x.1 1 5\r\nhello\r\n", "_INBOX.x.1: hello");
    check(b"+OK\r\nINFO {}\r\nMSG a 1 reply 0\r\n\r\n", "a: ");
    check(b"HMSG a 1 12 17\r\nNATS/1.0\r\n\r\nhello\r\n", "a: hello");
    check(b"HMSG a 1 16 16\r\nNATS/1.0 503\r\n\r\n\r\n", "a: no responders");
    check(
        b"-ERR 'Authorization Violation'\r\n",
        "info server-error: -ERR 'Authorization Violation'",
    );
    check(b"HTTP/1.1 400\r\n", "info malformed-answer: no line of NATS: HTTP/1.1 400");
    check(b"MSG a\r\n", "info malformed-answer: no line of NATS: MSG a");
    check(b"HMSG a 1 9 5\r\nhello\r\n", "info malformed-answer: no line of NATS: HMSG a 1 9 5");
    for cut in [&b""[..], b"PO", b"MSG a 1 5\r\n", b"MSG a 1 5\r\nhel", b"MSG a 1 5\r\nhello\r"] {
        assert_eq!(shown(reads(cut)), "info connection-lost");
    }
}

/// Numbers and words are those of server/errors.json.
#[test]
fn every_error_is_classified() {
    let check = |said: &str, expected: &str| {
        let refusal = match body(Reply::Body(said.into())) {
            Ok(Ok(said)) => panic!("{said} is no error"),
            Ok(Err((_, refusal))) | Err(refusal) => refusal,
        };
        let kind = if refusal.certain { "fail" } else { "info" };
        assert_eq!(format!("{kind} {}", refusal.why()), expected, "{said}");
    };
    let error = |code: u64, words: &str| {
        format!(r#"{{"error":{{"code":400,"err_code":{code},"description":"{words}"}}}}"#)
    };
    check(&error(10_071, "wrong last sequence: 7"), "fail conflict");
    check(&error(10_164, "wrong last sequence"), "fail conflict");
    check(&error(10_054, "message size exceeds"), "fail refused: message size exceeds");
    check(&error(10_076, "JetStream not enabled"), "fail refused: JetStream not enabled");
    for (code, words) in [
        (10_008, "JetStream system temporarily unavailable"),
        (10_009, "no suitable peers for placement"),
        (10_023, "insufficient resources"),
        (10_077, "maximum messages exceeded"),
        (10_118, "stream is offline"),
        (0, "x"),
    ] {
        check(&error(code, words), &format!("info server-error: {code} {words}"));
    }
    check("<html>", "info malformed-answer: no JSON: <html>");
    let Ok(Err((_, conflict))) = body(Reply::Body(error(10_071, "sequence: 7").into())) else {
        panic!("an error")
    };
    assert_eq!(conflict.answered, [(Field::Tail, Value::Int(7))]);
    let Err(nobody) = body(Reply::NoResponders) else { panic!("nobody got it") };
    assert!(nobody.certain && &*nobody.error == "refused");
}

#[test]
fn messages_are_values_and_gravestones() {
    let check = |said: &str, expected: Option<(u64, Value)>| {
        assert_eq!(message(&serde_json::from_str(said).unwrap()).ok(), expected, "{said}");
    };
    check(r#"{"message":{"seq":5,"data":"Mw=="}}"#, Some((5, Value::Int(3))));
    check(r#"{"message":{"seq":5}}"#, Some((5, Value::Null)));
    check(r#"{"message":{"data":"Mw=="}}"#, None);
    check(r#"{"message":{"seq":5,"data":"!"}}"#, None);
    check("{}", None);
    assert_eq!(encoded("a.b *é"), "a_2eb_20_2a_c3_a9");
}

#[test]
fn a_publication_says_what_it_expects() {
    let mut nats =
        Nats { is_log: true, quorum_reads: false, replicas: 3, inbox: "_INBOX.t".into(), asked: 0 };
    let plain = nats.written("schism-log.entry", None, "17");
    assert_eq!(plain, b"PUB schism-log.entry _INBOX.t.1 2\r\n17\r\n");
    let header = "NATS/1.0\r\nNats-Expected-Last-Sequence: 4\r\n\r\n";
    let told = nats.written("schism-log.entry", Some(header), "17");
    let length = header.len();
    let expected =
        format!("HPUB schism-log.entry _INBOX.t.2 {length} {}\r\n{header}17\r\n", length + 2);
    assert_eq!(told, expected.as_bytes());
}

/// Asks for a key, with reads that a majority confirms, of a server that gives these answers one
/// after the other. What became of it, and the publications it took.
fn confirms(answers: &[&str]) -> (String, Vec<String>) {
    use std::io::{BufRead, BufReader, Read, Write};
    use tokio::runtime::{Builder, LocalOptions};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let answers: Vec<String> = answers.iter().map(|answer| (*answer).to_owned()).collect();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut published = Vec::new();
        for answer in answers {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            let words: Vec<&str> = line.split_whitespace().collect();
            let mut sent = vec![0; words.last().unwrap().parse::<usize>().unwrap() + 2];
            reader.read_exact(&mut sent).unwrap();
            if words[0] == "HPUB" {
                let sent = String::from_utf8(sent).unwrap();
                published
                    .push(sent.trim_end().split_once(": ").unwrap().1.replace("\r\n\r\n", " "));
            }
            write!(stream, "MSG {} 1 {}\r\n{answer}\r\n", words[2], answer.len()).unwrap();
        }
        published
    });
    let mut runtime = Builder::new_current_thread();
    let runtime = runtime.enable_all().build_local(LocalOptions::default()).unwrap();
    let said = runtime.block_on(async {
        let dialled = tokio::net::TcpStream::connect(address).await.unwrap();
        let mut stream = Stream::new(dialled).unwrap();
        let (is_log, quorum_reads) = (false, true);
        let inbox = "_INBOX.t".to_owned();
        let mut nats = Nats { is_log, quorum_reads, replicas: 3, inbox, asked: 0 };
        let asked = super::super::fake::event(r#"get key="k1""#);
        nats.ask(&mut stream, &asked, false).await
    });
    let said = match said {
        Ok(answered) => format!("ok {:?}", answered[0].1),
        Err(refusal) if refusal.certain => format!("fail {}", refusal.error),
        Err(refusal) => format!("info {}", refusal.error),
    };
    (said, server.join().unwrap())
}

#[test]
fn a_confirmed_read_leaves_what_was_there() {
    let held = r#"{"message":{"seq":5,"data":"Mw=="}}"#;
    let newer = r#"{"message":{"seq":6,"data":"NA=="}}"#;
    let none = r#"{"error":{"code":404,"err_code":10037,"description":"no message found"}}"#;
    let moved = r#"{"error":{"code":400,"err_code":10071,"description":"wrong last sequence: 6"}}"#;
    let stored = r#"{"stream":"schism-kv","seq":7}"#;
    let broken = r#"{"error":{"code":503,"err_code":10008,"description":"unavailable"}}"#;
    let check = |answers: &[&str], said: &str, published: &[&str]| {
        assert_eq!(
            confirms(answers),
            (said.into(), published.iter().map(|p| (*p).into()).collect())
        );
    };
    check(&[held, stored], "ok Int(3)", &["5 3"]);
    check(&[none, stored], "ok Null", &["0"]);
    // Somebody wrote in between: what is there by then is read.
    check(&[held, moved, newer, stored], "ok Int(4)", &["5 3", "6 4"]);
    // A leader that nobody follows any more answers the first question, and not the second.
    check(&[held, broken], "info server-error: 10008 unavailable", &["5 3"]);
    check(&[held, moved].repeat(8), "fail conflict", &["5 3"; 8]);
}
