//! What is asked of RabbitMQ, and what each of its answers means.

use super::super::fake::{Fake, Whole};
use super::*;

/// What is sent in one go: frames up to one that asks for an answer.
fn whole(bytes: &[u8]) -> Option<usize> {
    if bytes.starts_with(b"AMQP") {
        return Some(HEADER.len());
    }
    let mut at = 0;
    loop {
        let head = bytes.get(at..at + 7)?;
        let length = u32::from_be_bytes(head[3..].try_into().unwrap()) as usize + FRAME_EXTRA;
        let frame = bytes.get(at..at + length)?;
        at += length;
        let asks = match head[0] {
            METHOD => ![TUNE_OK, PUBLISH].contains(&id(&frame[7..])),
            kind => kind != CONTENT,
        };
        if asks {
            return Some(at);
        }
    }
}

fn id(payload: &[u8]) -> Id {
    let number = |at| u16::from_be_bytes(super::number(payload, at).unwrap());
    (number(0), number(2))
}

fn fake(confirms: &'static str) -> Fake {
    let options: &'static [_] =
        if confirms == "false" { &[("confirms", "false")] } else { &[("confirms", "true")] };
    Fake { client: "rabbitmq", model: "total-queue", options, greeting: b"", whole }
}

fn tune(frame_bytes: u32) -> Vec<u8> {
    let limits = [&2047_u16.to_be_bytes()[..], &frame_bytes.to_be_bytes(), &[0, 60]].concat();
    method(0, TUNE, &limits)
}

/// From the header to the confirm mode, each an answer.
fn greeting() -> Vec<Vec<u8>> {
    let start = [&[0, 9][..], &long(b""), &long(b"PLAIN AMQPLAIN"), &long(b"en_US")].concat();
    vec![
        method(0, START, &start),
        tune(131_072),
        method(0, OPEN_OK, &short("")),
        method(1, CHANNEL_OPEN_OK, &long(b"")),
        method(1, SELECT_OK, &[]),
    ]
}

fn declared() -> Vec<u8> {
    method(1, DECLARE_OK, &[&short(QUEUE)[..], &[0; 8]].concat())
}

fn ack() -> Vec<u8> {
    method(1, ACK, &[0, 0, 0, 0, 0, 0, 0, 1, 0])
}

fn nack() -> Vec<u8> {
    method(1, NACK, &[0, 0, 0, 0, 0, 0, 0, 1, 0])
}

/// A message after its method, in parts.
fn carrying(method: Vec<u8>, parts: &[&str]) -> Vec<u8> {
    let length = parts.iter().map(|part| part.len()).sum();
    let bodies = parts.iter().flat_map(|part| frame(BODY, 1, part.as_bytes()));
    [method, frame(CONTENT, 1, &properties(length)), bodies.collect()].concat()
}

fn got(parts: &[&str]) -> Vec<u8> {
    let said = [&[0, 0, 0, 0, 0, 0, 0, 1, 0][..], &short(""), &short(QUEUE), &[0; 4]].concat();
    carrying(method(1, GET_OK, &said), parts)
}

fn empty() -> Vec<u8> {
    method(1, GET_EMPTY, &short(""))
}

fn returned(code: u16) -> Vec<u8> {
    let said = [&code.to_be_bytes()[..], &short("NO_ROUTE"), &short(""), &short(QUEUE)].concat();
    carrying(method(1, RETURN, &said), &["3"])
}

fn close(id: Id, code: u16) -> Vec<u8> {
    let said = [&code.to_be_bytes()[..], &short("words"), &[0, 60, 0, 40]].concat();
    method(u16::from(id == CHANNEL_CLOSE), id, &said)
}

/// After greeting and declaration, these answers.
fn ask(question: &str, answers: &[Vec<u8>]) -> (String, Vec<String>) {
    let all = [greeting(), vec![declared()], answers.to_vec()].concat();
    fake("true").ask(question, &all.iter().map(Vec::as_slice).collect::<Vec<_>>())
}

#[track_caller]
fn check(question: &str, answer: &[u8], expected: &str) {
    assert_eq!(ask(question, &[answer.to_vec()]).0, expected, "{question}: {answer:?}");
}

const ENQUEUE: &str = "enqueue value=3";

#[test]
fn right_answers_are_read() {
    check(ENQUEUE, &ack(), "ok");
    check("dequeue", &got(&["3"]), "ok value:3");
    check("dequeue", &got(&["\"p", "1\""]), "ok value:p1");
    check("dequeue", &empty(), "fail empty");
    let heart = frame(HEARTBEAT, 0, &[]);
    check(ENQUEUE, &[heart, ack()].concat(), "ok");
    let drained = |answers: &[Vec<u8>]| ask("drain", answers).0;
    assert_eq!(drained(&[got(&["3"]), got(&["4"]), empty()]), "ok value:[3,4]");
    assert_eq!(drained(&[empty()]), "ok value:[]");
}

#[test]
fn what_is_asked_names_the_queue_and_how_it_is_kept() {
    let (_, asked) = ask(ENQUEUE, &[ack()]);
    assert_eq!(asked.len(), 7, "{asked:?}");
    let has = |at: usize, what: &str| assert!(asked[at].contains(what), "{what}: {:?}", asked[at]);
    has(0, "AMQP\0\0\u{9}\u{1}");
    has(1, "\u{5}PLAIN\0\0\0\u{c}\0guest\0guest\u{5}en_US");
    has(5, "\u{6}schism\u{2}");
    has(5, "\u{c}x-queue-typeS\0\0\0\u{6}quorum\u{1b}x-quorum-initial-group-sizeI\0\0\0\u{1}");
    // The default exchange; mandatory; kept on disk.
    has(6, "\0\0\0\u{6}schism\u{1}");
    has(6, "\u{10}\0\u{2}");
    has(6, "\u{3}\0\u{1}\0\0\0\u{1}3");
    let (_, asked) = ask("dequeue", &[empty()]);
    let no_ack = "\0<\0F\0\0\u{6}schism\u{1}";
    assert!(asked[6].contains(no_ack), "{asked:?}");
    let (_, asked) = ask(r#"dequeue key="k7""#, &[empty()]);
    let names = |at: usize| asked[at].contains("\u{9}schism-k7");
    assert!(names(5) && names(6), "{asked:?}");
}

#[test]
fn the_queue_is_declared_once_and_again_where_it_is_not() {
    let asks = [ENQUEUE, ENQUEUE, ENQUEUE, ENQUEUE];
    let unroutable = [returned(NO_ROUTE), ack()].concat();
    let later = vec![declared(), ack(), ack(), unroutable, declared(), ack()];
    let answers = [greeting(), later].concat();
    let answers: Vec<&[u8]> = answers.iter().map(Vec::as_slice).collect();
    let (said, asked) = fake("true").ask_all(&asks, &answers);
    assert_eq!(said, ["ok", "ok", "fail refused (NO_ROUTE)", "ok"]);
    let declares = asked.iter().filter(|asked| asked.contains("x-queue-type")).count();
    assert_eq!((declares, asked.len()), (2, 11));
}

/// The words of the documentation: the broker was unable to process it, and refuses responsibility.
#[test]
fn a_message_that_was_not_confirmed_is_in_doubt() {
    check(ENQUEUE, &nack(), "info server-error: basic.nack");
    let unroutable = returned(NO_ROUTE);
    check(ENQUEUE, &[unroutable.clone(), ack()].concat(), "fail refused (NO_ROUTE)");
    check(ENQUEUE, &[unroutable.clone(), nack()].concat(), "fail refused (NO_ROUTE)");
    // It was not confirmed that it came back.
    check(ENQUEUE, &unroutable, "info connection-lost");
    let other = [returned(313), ack()].concat();
    check(ENQUEUE, &other, "info server-error: returned: 313 NO_ROUTE");
}

#[test]
fn every_way_of_closing_is_classified() {
    for question in [ENQUEUE, "dequeue"] {
        for code in [311, 320, 404, 405, 406, 501, 506, 530, 540, 541] {
            for id in [CHANNEL_CLOSE, CONNECTION_CLOSE] {
                let expected = format!("info server-error: {code} words");
                check(question, &close(id, code), &expected);
            }
        }
        check(question, &close(CHANNEL_CLOSE, 403), "fail refused (words)");
        check(question, &close(CONNECTION_CLOSE, 403), "info server-error: 403 words");
    }
    let drained = ask("drain", &[got(&["3"]), close(CHANNEL_CLOSE, 403)]).0;
    assert_eq!(drained, "info refused (words)");
    let half = method(1, CHANNEL_CLOSE, &[0]);
    check(ENQUEUE, &half, "info malformed-answer: half a reason");
}

#[test]
fn a_closed_channel_is_not_used_again() {
    let first = [greeting(), vec![declared(), close(CHANNEL_CLOSE, 404)]].concat();
    let answers = [first, greeting(), vec![declared(), empty()]].concat();
    let answers: Vec<&[u8]> = answers.iter().map(Vec::as_slice).collect();
    let (said, asked) = fake("true").ask_all(&["dequeue", "dequeue"], &answers);
    assert_eq!(said, ["info server-error: 404 words", "fail empty"]);
    assert_eq!(asked.len(), 14);
}

#[test]
fn who_is_not_let_in_has_not_asked() {
    let said = |answers: &[Vec<u8>]| {
        let answers: Vec<&[u8]> = answers.iter().map(Vec::as_slice).collect();
        fake("true").ask(ENQUEUE, &answers).0
    };
    let start = greeting().remove(0);
    let refused = [start, close(CONNECTION_CLOSE, 403)];
    assert_eq!(said(&refused), "fail server-error: 403 words");
    assert_eq!(said(&[b"AMQP\x00\x01\x00\x00".to_vec()]).split(':').next(), Some(MALFORMED));
    assert_eq!(
        said(&[b"HTTP/1.1 400 Bad Request\r\n".to_vec()]).split(':').next(),
        Some(MALFORMED)
    );
    let undeclared = [greeting(), vec![close(CHANNEL_CLOSE, 406)]].concat();
    assert_eq!(said(&undeclared), "fail server-error: 406 words");
}

const MALFORMED: &str = "fail malformed-answer";

#[test]
fn without_confirms_an_enqueue_is_ok_once_it_is_sent() {
    let mut greeting = greeting();
    greeting.pop();
    let answers = [greeting, vec![declared(), Vec::new()]].concat();
    let answers: Vec<&[u8]> = answers.iter().map(Vec::as_slice).collect();
    let (said, asked) = fake("false").ask_all(&[ENQUEUE], &answers);
    assert_eq!(said, ["ok"]);
    let mandatory = "\u{6}schism\u{1}";
    assert!(asked.iter().all(|asked| !asked.contains(mandatory)), "{asked:?}");
}

#[test]
fn a_long_message_goes_in_as_many_frames_as_it_needs() {
    let mut answers = greeting();
    answers[1] = tune(4_096);
    answers.extend([declared(), ack()]);
    let answers: Vec<&[u8]> = answers.iter().map(Vec::as_slice).collect();
    let text = "x".repeat(9_000);
    let long: Whole = |bytes| {
        // Three bodies.
        let end = whole(bytes)?;
        if bytes[0] != METHOD || !bytes[..end].ends_with(b"x\xce") {
            return Some(end);
        }
        let second = end + whole(&bytes[end..])?;
        Some(second + whole(&bytes[second..])?)
    };
    let fake = Fake { whole: long, ..fake("true") };
    let (said, asked) = fake.ask(&format!("enqueue value=\"{text}\""), &answers);
    assert_eq!(said, "ok");
    let published = asked.last().unwrap();
    assert_eq!(published.matches('x').count(), 9_000);
    assert_eq!(published.matches("\u{3}\0\u{1}\0\0").count(), 3);
}

#[test]
fn half_an_answer_is_none() {
    for (question, answer) in [(ENQUEUE, ack()), ("dequeue", got(&["3"])), ("drain", empty())] {
        let answers = [greeting(), vec![declared(), answer]].concat();
        let answers: Vec<&[u8]> = answers.iter().map(Vec::as_slice).collect();
        fake("true").is_cut_short(question, &answers);
    }
    let wrong = |answer: &[u8], expected: &str| {
        check("dequeue", answer, &format!("info malformed-answer: {expected}"));
    };
    wrong(&ack(), "method (60, 80) of AMQP to basic.get");
    wrong(&frame(BODY, 1, b"3"), "a frame of kind 3, and no method");
    let bare = [got(&[]), empty()].concat();
    assert!(ask("dequeue", &[bare]).0.starts_with("info malformed-answer: a value"));
    let mut unended = empty();
    *unended.last_mut().unwrap() = 0;
    assert!(ask("dequeue", &[unended]).0.starts_with("info malformed-answer: no frame"));
    let interrupted = [&got(&["3"])[..got(&["3"]).len() - 9], &empty()].concat();
    wrong(&interrupted, "no content after its method");
    check(ENQUEUE, &empty(), "info malformed-answer: method (60, 72) of AMQP to a publication");
}

#[test]
fn a_node_that_answers_runs() {
    let answers = [greeting(), vec![method(1, QOS_OK, &[])]].concat();
    let answers: Vec<&[u8]> = answers.iter().map(Vec::as_slice).collect();
    let status = fake("true").status(&answers).unwrap();
    assert_eq!((&*status.role, status.leader, status.delivered), ("running", None, None));
    let closes = [greeting(), vec![close(CONNECTION_CLOSE, 320)]].concat();
    let closes: Vec<&[u8]> = closes.iter().map(Vec::as_slice).collect();
    assert!(fake("true").status(&closes).unwrap_err().is_no_word_of_the_node());
}
