//! What is asked of MariaDB, and what each of its answers means.

use super::super::fake::Fake;
use super::*;

/// Protocol 10, a version, a number, half of the salt, what it can do, and the rest of that.
const GREETING: &[u8] = b"\x54\0\0\0\x0a10.11.14-MariaDB\0\x05\0\0\0abcdefgh\0\xfe\xf7\x2d\x02\0\
    \xbf\x81\x15\0\0\0\0\0\0\0\0\0\0ijklmnopqrst\0mysql_native_password\0";

fn whole(bytes: &[u8]) -> Option<usize> {
    let head = bytes.get(..4)?;
    let length = u32::from_le_bytes([head[0], head[1], head[2], 0]) as usize + 4;
    (bytes.len() >= length).then_some(length)
}

fn fake(model: &'static str, options: &'static [(&'static str, &'static str)]) -> Fake {
    Fake { client: "mysql", model, options, greeting: GREETING, whole }
}

fn packet(number: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap().to_le_bytes();
    [&length[..3], &[number], body].concat()
}

fn ok(touched: u8) -> Vec<u8> {
    packet(1, &[0, touched, 0, 2, 0, 0, 0])
}

fn end(number: u8) -> Vec<u8> {
    packet(number, &[0xfe, 0, 0, 2, 0])
}

fn cell(text: Option<&str>) -> Vec<u8> {
    match text {
        None => vec![0xfb],
        Some(text) => [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat(),
    }
}

/// So many columns, nobody looks at their names, and rows.
fn results(columns: u8, rows: &[&[Option<&str>]]) -> Vec<u8> {
    let mut all = packet(1, &[columns]);
    for column in 0..columns {
        all.extend(packet(2 + column, b"\x03def\0\0\0\x01v\0"));
    }
    all.extend(end(2 + columns));
    for row in rows {
        let cells: Vec<Vec<u8>> = row.iter().map(|text| cell(*text)).collect();
        all.extend(packet(9, &cells.concat()));
    }
    [all, end(10)].concat()
}

fn error(number: u16) -> Vec<u8> {
    packet(1, &[&[0xff][..], &number.to_le_bytes(), b"#HY000words"].concat())
}

fn there() -> Vec<u8> {
    results(1, &[&[Some("1")]])
}

fn check(model: &'static str, question: &str, answer: &[u8], expected: &str) {
    let (said, _) = fake(model, &[]).ask(question, &[&ok(0), &ok(0), &there(), answer]);
    assert_eq!(said, expected, "{question}: {}", String::from_utf8_lossy(answer));
}

#[test]
fn right_answers_are_read() {
    let one = |text: &str| results(1, &[&[Some(text)]]);
    let none = results(1, &[]);
    check("register", "write value=3", &ok(1), "ok");
    check("register", "write value=3", &ok(2), "ok");
    check("register", "read", &one("3"), "ok value:3");
    check("register", "read", &none, "ok value:null");
    check("register", "cas value=[1,2]", &ok(1), "ok");
    check("register", "cas value=[1,2]", &ok(0), "fail conflict");
    check("register", "cas value=[null,2]", &error(1062), "fail conflict (words)");
    check("kv", "get", &one("\"x\""), "ok value:x");
    check("kv", "delete", &ok(0), "fail absent");
    check("kv", r#"append value="x""#, &ok(2), "ok");
    check("counter", "add value=2", &ok(2), "ok");
    check("counter", "read", &none, "ok value:0");
}

#[test]
fn a_long_field_says_how_long_it_is() {
    let text = format!("\"{}\"", "x".repeat(300));
    let field = [&[0xfc][..], &302_u16.to_le_bytes(), text.as_bytes()].concat();
    let answer = [packet(1, &[1]), packet(2, b"v"), end(3), packet(4, &field), end(5)].concat();
    check("kv", "get", &answer, &format!("ok value:{}", "x".repeat(300)));
    assert_eq!(Reading(b"\xfd\x01\0\x01").number(), Some(65_537));
    assert_eq!(Reading(b"\xfe\x01\0\0\0\x01\0\0\0").number(), Some(0x1_0000_0001));
    assert_eq!(Reading(b"\xfc\x01").number(), None);
    assert_eq!(Reading(b"\xfb").number(), None);
}

#[test]
fn who_logs_in_and_what_is_set() {
    let answers: &[&[u8]] = &[&ok(0), &ok(0), &there(), &ok(1)];
    let options = &[("user", "schism"), ("sync-wait", "7")];
    let (_, asked) = fake("kv", options).ask(r#"put key="a'b\\c" value="d'e\\f""#, answers);
    assert!(asked[0].ends_with("\0schism\0\0mysql_native_password\0"), "{asked:?}");
    assert!(asked[0].as_bytes()[4] & 2 != 0, "an update counts what it found");
    assert!(asked[1].ends_with("STRICT_ALL_TABLES', wsrep_sync_wait = 7"), "{asked:?}");
    let put = "INSERT INTO schism.objects VALUES ('a''b\\c', '\"d''e\\\\f\"') \
               ON DUPLICATE KEY UPDATE v = VALUES(v)";
    assert!(asked[3].ends_with(put), "{}", asked[3]);
    let (_, asked) = fake("kv", &[]).ask("get key=1", answers);
    assert!(asked[0].ends_with("\0root\0\0mysql_native_password\0"), "{asked:?}");
    assert!(asked[1].ends_with("STRICT_ALL_TABLES'"), "{asked:?}");
    assert!(asked[3].ends_with("SELECT v FROM schism.objects WHERE k = '1'"), "{asked:?}");
}

#[test]
fn who_comes_first_makes_the_table() {
    let missing = results(1, &[&[Some("0")]]);
    let made: &[&[u8]] = &[&ok(0), &ok(0), &missing, &ok(1), &ok(0), &ok(1)];
    let (said, asked) = fake("kv", &[]).ask("put value=1", made);
    assert_eq!((&*said, asked.len()), ("ok", 6));
    assert!(asked[4].contains("CREATE TABLE IF NOT EXISTS schism.objects"), "{asked:?}");
    // A node that cannot make it is asked for nothing, on a connection that is not used again.
    let not_yet: &[&[u8]] =
        &[&ok(0), &ok(0), &missing, &error(1047), &ok(0), &ok(0), &there(), &ok(1)];
    let put = "put value=1";
    let (said, asked) = fake("kv", &[]).ask_all(&[put, put], not_yet);
    assert_eq!(said, ["fail refused (words)", "ok"]);
    assert!(asked[4].contains("mysql_native_password"), "{asked:?}");
}

#[test]
fn every_error_is_classified() {
    let check = |number: u16, expected: &str| {
        check("register", "write value=3", &error(number), expected);
    };
    for number in [1290, 1836] {
        check(number, "fail not-leader (words)");
    }
    for number in [1062, 1205, 1213] {
        check(number, "fail conflict (words)");
    }
    for number in [1047, 1044, 1046, 1049, 1064, 1142, 1146, 1193, 1264, 1292, 1406, 1792] {
        check(number, "fail refused (words)");
    }
    // Shutting down, disk full, unknown, an error during commit, killed, interrupted, lost.
    for number in [1053, 1021, 1105, 1114, 1180, 1181, 1317, 1927, 2013, 0, u16::MAX] {
        check(number, &format!("info server-error: {number}: words"));
    }
}

#[test]
fn an_error_among_the_rows_is_no_answer() {
    let answer = [packet(1, &[1]), packet(2, b"v"), end(3), error(1317)].concat();
    check("register", "read", &answer, "info server-error: 1317: words");
}

#[test]
fn who_is_not_let_in_has_not_asked() {
    let fake = fake("register", &[]);
    let ask = |answers: &[&[u8]]| fake.ask("write value=3", answers).0;
    assert_eq!(ask(&[&error(1045)]), "fail server-error: 1045: words");
    let other = packet(2, b"\xfeclient_ed25519\0salt");
    let told = "fail refused (the client mysql knows no password; let this user in without)";
    assert_eq!(ask(&[&other]), told);
    let native = packet(2, b"\xfemysql_native_password\0salt");
    let answers: &[&[u8]] = &[&native, &ok(0), &ok(0), &there(), &ok(1)];
    let (said, asked) = fake.ask("write value=3", answers);
    assert_eq!((&*said, asked[1].as_bytes()), ("ok", &[0, 0, 0, 3][..]));
    assert_eq!(ask(&[&ok(0), &error(1047)]), "fail refused (words)");
    let full = Fake { greeting: b"\x11\0\0\0\xff\x10\x04Too many conns", ..fake };
    assert_eq!(full.ask("read", &[b"x"]).0, "fail server-error: 1040: Too many conns");
    let web = Fake { greeting: b"\x04\0\0\0HTTP", ..full };
    assert_eq!(web.ask("read", &[b"x"]).0.split(':').next(), Some("fail malformed-answer"));
}

#[test]
fn half_an_answer_is_none() {
    let before = [ok(0), ok(0), there()];
    for (question, answer) in [("write value=3", ok(1)), ("read", results(1, &[&[Some("3")]]))] {
        let all = [&before[0][..], &before[1], &before[2], &answer];
        fake("register", &[]).is_cut_short(question, &all);
    }
    let strange = "info malformed-answer: Rows([]) to write";
    check("register", "write value=3", &results(1, &[]), strange);
    check("register", "read", &ok(0), "info malformed-answer: Touched(0) to read");
    let short = [packet(1, &[1]), packet(2, b"v"), end(3), packet(4, b"\x05ab")].concat();
    check("register", "read", &short, "info malformed-answer: no packet of MySQL: \"\\u{5}ab\"");
}

#[test]
fn a_node_is_ready_once_it_looks_into_its_table() {
    let says = |answer: &[u8]| fake("register", &[]).status(&[&ok(0), &ok(0), &there(), answer]);
    let writer = says(&results(2, &[&[Some("0"), Some("0")]])).unwrap();
    assert_eq!((&*writer.role, writer.leader), ("leader", Some(NodeId(1))));
    let replica = says(&results(2, &[&[Some("1"), Some("0")]])).unwrap();
    assert_eq!((&*replica.role, replica.leader), ("follower", None));
    let refused = says(&error(1047)).unwrap_err();
    assert_eq!(&*refused.error, "server-error: refused: words");
}
