//! What is asked of PostgreSQL, and what each of its answers means.

use super::super::fake::Fake;
use super::*;

/// The start has no letter.
fn whole(bytes: &[u8]) -> Option<usize> {
    let at = usize::from(bytes.first()? == &b'Q');
    let length = u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?) as usize + at;
    (bytes.len() >= length).then_some(length)
}

fn fake(model: &'static str) -> Fake {
    Fake { client: "postgres", model, options: &[], greeting: b"", whole }
}

fn message(letter: u8, body: &[u8]) -> Vec<u8> {
    [&[letter][..], &(body.len() as u32 + 4).to_be_bytes(), body].concat()
}

fn ready() -> Vec<u8> {
    message(b'Z', b"I")
}

fn greeting() -> Vec<u8> {
    [message(b'R', &[0; 4]), message(b'S', b"a\0b\0"), message(b'K', &[0; 8]), ready()].concat()
}

fn data(cells: &[Option<&str>]) -> Vec<u8> {
    let mut body = (cells.len() as u16).to_be_bytes().to_vec();
    for cell in cells {
        body.extend(cell.map_or(-1, |text| i32::try_from(text.len()).unwrap()).to_be_bytes());
        body.extend(cell.unwrap_or_default().bytes());
    }
    message(b'D', &body)
}

/// Rows, a tag, and that it is ready.
fn results(rows: &[&[Option<&str>]], tag: &str) -> Vec<u8> {
    let rows: Vec<Vec<u8>> = rows.iter().map(|row| data(row)).collect();
    [rows.concat(), message(b'C', format!("{tag}\0").as_bytes()), ready()].concat()
}

fn error(letter: u8, severity: &str, code: &str) -> Vec<u8> {
    let fields = format!("S{severity}\0V{severity}\0C{code}\0Mwords\0\0");
    message(letter, fields.as_bytes())
}

fn there() -> Vec<u8> {
    results(&[&[Some("schism"), Some("schism_log")]], "SELECT 1")
}

fn check(model: &'static str, question: &str, answer: &[u8], expected: &str) {
    let (said, _) = fake(model).ask(question, &[&greeting(), &there(), answer]);
    assert_eq!(said, expected, "{question}: {}", String::from_utf8_lossy(answer));
}

#[test]
fn right_answers_are_read() {
    let tag = |tag: &str| results(&[], tag);
    let one = |cell: &str, tag: &str| results(&[&[Some(cell)]], tag);
    check("register", "write value=3", &tag("INSERT 0 1"), "ok");
    check("register", "read", &one("3", "SELECT 1"), "ok value:3");
    check("register", "read", &tag("SELECT 0"), "ok value:null");
    check("register", "cas value=[1,2]", &tag("UPDATE 1"), "ok");
    check("register", "cas value=[1,2]", &tag("UPDATE 0"), "fail conflict");
    check("register", "cas value=[null,2]", &tag("INSERT 0 0"), "fail conflict");
    check("kv", "get", &one("\"x\"", "SELECT 1"), "ok value:x");
    check("kv", "delete", &tag("DELETE 0"), "fail absent");
    check("kv", r#"append value="x""#, &tag("INSERT 0 1"), "ok");
    check("counter", "add value=2", &tag("INSERT 0 1"), "ok");
    check("counter", "read", &tag("SELECT 0"), "ok value:0");
    check("log", "append value=2", &one("7", "INSERT 0 1"), "ok offset:7");
    check("log", "append-if value=2 expect=4", &tag("INSERT 0 0"), "fail conflict");
    check("log", "tail", &one("7", "SELECT 1"), "ok tail:7");
    let read = |first: &str| results(&[&[Some(first), Some("8")], &[Some("9"), None]], "SELECT 2");
    check("log", "read from=4 limit=1", &read("4"), "ok value:[8] tail:9");
    let hole = "info unreadable-answer: there is no entry at offset 4";
    check("log", "read from=4 limit=1", &read("5"), hole);
}

#[test]
fn a_standby_that_is_asked_for_a_read_does_not_lead() {
    let check = |question: &str, answer: &[u8], expected: &str| {
        let options = &[("target-session-attrs", "primary")];
        let fake = Fake { client: "postgres", model: "kv", options, greeting: b"", whole };
        let (said, asked) = fake.ask(question, &[&greeting(), &there(), answer]);
        assert_eq!(said, expected, "{question}: {}", String::from_utf8_lossy(answer));
        asked[2].contains("SELECT pg_is_in_recovery(); SELECT v")
    };
    let recovers = |is: &str| [data(&[Some(is)]), message(b'C', b"SELECT 1\0")].concat();
    let value = results(&[&[Some("3")]], "SELECT 1");
    assert!(check("get", &[recovers("f"), value.clone()].concat(), "ok value:3"));
    check("get", &[recovers("f"), results(&[], "SELECT 0")].concat(), "ok value:null");
    check("get", &[recovers("t"), value.clone()].concat(), "fail not-leader");
    let nothing =
        "info malformed-answer: Results { rows: [], tags: [] } to SELECT pg_is_in_recovery()";
    check("get", &ready(), nothing);
    assert!(!check("put value=3", &results(&[], "INSERT 0 1"), "ok"), "a write is refused anyway");
}

#[test]
fn statements_hold_any_value() {
    let (_, asked) =
        fake("kv").ask(r#"put key="a'b" value="c'd""#, &[&greeting(), &there(), &ready()]);
    let expected = "INSERT INTO schism VALUES ('a''b', '\"c''d\"') ON CONFLICT (k) DO UPDATE SET \
                    v = excluded.v\0";
    assert!(asked[2].ends_with(expected), "{asked:?}");
    let missing = results(&[&[None, Some("schism_log")]], "SELECT 1");
    let standby = [error(b'E', "ERROR", "25006"), ready()].concat();
    let fail = [error(b'E', "ERROR", "42P01"), ready()].concat();
    let (said, asked) = fake("kv").ask("put value=1", &[&greeting(), &missing, &standby, &fail]);
    assert_eq!((&*said, asked.len()), ("fail refused (words)", 4));
    assert!(asked[2].contains("CREATE TABLE IF NOT EXISTS schism "), "{asked:?}");
}

#[test]
fn every_error_is_classified() {
    let check = |severity: &str, code: &str, expected: &str| {
        let end = if severity == "ERROR" { ready() } else { Vec::new() };
        let answer = [error(b'E', severity, code), end].concat();
        check("register", "write value=3", &answer, expected);
    };
    check("ERROR", "25006", "fail not-leader (words)");
    for code in ["23505", "40001", "40P01", "55P03"] {
        check("ERROR", code, "fail conflict (words)");
    }
    for code in ["42501", "42P01", "42601", "22003", "22P02"] {
        check("ERROR", code, "fail refused (words)");
    }
    for code in ["57014", "53100", "58030", "08007", "40003", "XX000", "XX001", "57P01", ""] {
        check("ERROR", code, &format!("info server-error: ERROR {code}: words"));
    }
    for (severity, code) in [("FATAL", "57P01"), ("PANIC", "58030"), ("FATAL", "25006")] {
        check(severity, code, &format!("info server-error: {severity} {code}: words"));
    }
}

/// `The transaction has already committed locally, but might not have been replicated`
#[test]
fn a_commit_that_was_not_waited_for_is_in_doubt() {
    let warned = [error(b'N', "WARNING", "01000"), results(&[], "INSERT 0 1")].concat();
    check("register", "write value=3", &warned, "info server-error: words");
    let noted = [error(b'N', "NOTICE", "00000"), results(&[], "INSERT 0 1")].concat();
    check("register", "write value=3", &noted, "ok");
}

#[test]
fn who_is_not_let_in_has_not_asked() {
    let ask = |answers: &[&[u8]]| fake("register").ask("write value=3", answers).0;
    let starting = error(b'E', "FATAL", "57P03");
    assert_eq!(ask(&[&starting]), "fail server-error: FATAL 57P03: words");
    let password = message(b'R', &[0, 0, 0, 5, 1, 2, 3, 4]);
    let told = "fail refused (the client postgres knows no password; trust this user)";
    assert_eq!(ask(&[&password]), told);
    assert_eq!(ask(&[b"HTTP/1.1 400 Bad Request\r\n"]).split(':').next(), Some(CUT));
}

const CUT: &str = "fail malformed-answer";

#[test]
fn half_an_answer_is_none() {
    let answer = results(&[], "INSERT 0 1");
    fake("register").is_cut_short("write value=3", &[&greeting(), &there(), &answer]);
    check("register", "read", &results(&[], "SELECT"), STRANGE);
    check(
        "register",
        "read",
        &message(b'X', b""),
        "info malformed-answer: message `X` of PostgreSQL",
    );
}

const STRANGE: &str = r#"info malformed-answer: Results { rows: [], tags: ["SELECT"] } to read"#;

#[test]
fn a_standby_names_whom_it_follows() {
    let says = |cells: &[Option<&str>]| {
        let row = results(&[cells], "SELECT 1");
        fake("register").status(&[&greeting(), &there(), &row]).unwrap()
    };
    let primary = says(&[Some("f"), Some("3"), None]);
    assert_eq!((&*primary.role, primary.epoch, primary.leader), ("leader", 3, Some(NodeId(1))));
    let standby = says(&[Some("t"), Some("2"), Some("127.0.0.1")]);
    assert_eq!((&*standby.role, standby.epoch, standby.leader), ("follower", 2, Some(NodeId(1))));
    assert_eq!(says(&[Some("t"), None, None]).leader, None);
}
