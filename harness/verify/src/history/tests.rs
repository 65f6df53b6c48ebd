//! Histories from files: what is read, what is refused and how it is said.

use proptest::prelude::*;

use super::{Event, History, Level, Process, Type, Value};

/// The message must contain every word.
fn refused(text: &[u8], words: &[&str]) {
    let error = History::parse(text).expect_err("it is no history").to_string();
    for word in words {
        assert!(error.contains(word), "`{error}` does not say `{word}`");
    }
}

const ASK: &str = "{\"process\":1,\"type\":\"invoke\",\"f\":\"tail\"}\n";
const OK: &str = "{\"process\":1,\"type\":\"ok\",\"f\":\"tail\",\"tail\":0}\n";

fn notes(text: &str) -> (usize, Vec<String>) {
    let (history, notes) = History::parse(text.as_bytes()).unwrap();
    (history.events().len(), notes.into_iter().map(|note| note.message).collect())
}

#[test]
fn a_file_cut_off_anywhere_is_still_a_history() {
    let whole = format!(
        "{ASK}{OK}{}",
        "{\"process\":\"nemesis\",\"type\":\"info\",\"f\":\"é\\u00e9\",\
        \"value\":[1,{\"a\":null}],\"time\":12,\"offset\":null}"
    );
    for end in 0..whole.len() {
        let (history, notes) = History::parse(&whole.as_bytes()[..end]).unwrap();
        let lines = whole.as_bytes()[..end].split(|byte| *byte == b'\n').count() - 1;
        let ends_well = [ASK.len() - 1, ASK.len() + OK.len() - 1].contains(&end);
        assert_eq!(history.events().len(), lines + usize::from(ends_well), "cut at {end}");
        let torn = end > 0 && whole.as_bytes()[end - 1] != b'\n' && !ends_well;
        assert_eq!(notes.len(), usize::from(torn), "cut at {end}: {notes:?}");
    }
}

#[test]
fn errors_name_the_line_and_what_was_expected() {
    refused(b"{\"process\":1}\n", &["1:1: ", "`type` is missing"]);
    refused(b"\n\n{]\n", &["3:2: ", "expected a field's name"]);
    let line = |fields: &str| format!("{ASK}{{{fields}}}\n");
    refused(line("\"process\":-1").as_bytes(), &["2:12: ", "from 0"]);
    refused(line("\"process\":true").as_bytes(), &["whole number"]);
    refused(line("\"type\":\"done\"").as_bytes(), &["expected a type"]);
    refused(line("\"time\":1,\"time\":2").as_bytes(), &["`time` comes twice"]);
    refused(line("\"offset\":9007199254740993").as_bytes(), &["to 9007199254740992"]);
    refused(line("\"time\":99999999999999999999999").as_bytes(), &["expected a time"]);
    refused(line("\"time\":-1.5").as_bytes(), &["expected a time"]);
    refused(line("\"level\":\"fresh\"").as_bytes(), &["expected a level"]);
    refused(line("\"f\":\"a\0b\"").as_bytes(), &["control character"]);
    refused(line(&format!("\"x\":{}", "[".repeat(9999))).as_bytes(), &["nest deeper"]);
    refused(b"\x01\n", &["1:", "found `\\u{1}`"]);
    refused(b"\x00\n", &["1: ", "no text"]);
    refused(b"{\"f\":\"\xff\"}\n", &["1:7: ", "UTF-8"]);
    refused(b"[1,2]\n", &["expected `{`"]);
}

#[test]
fn operations_pair_up_in_file_order() {
    refused(OK.as_bytes(), &["1: ", "no open operation"]);
    refused(format!("{ASK}{OK}{OK}").as_bytes(), &["3: ", "no open operation"]);
    refused(format!("{ASK}{ASK}").as_bytes(), &["2: ", "of line 1 is still open"]);
    refused(format!("{ASK}{}", OK.replace("tail\",", "read\",")).as_bytes(), &["line 1 invoked"]);
    assert_eq!(notes(&format!("{ASK}{OK}{ASK}")), (3, vec![]));
    let info = OK.replace("ok", "info");
    assert!(notes(&format!("{ASK}{info}{ASK}")).1[0].contains("process 1 goes on after an info"));
    let timed = |time: u64, line: &str| line.replace('{', &format!("{{\"time\":{time},"));
    refused(format!("{}{}", timed(5, ASK), timed(4, OK)).as_bytes(), &["goes back in time"]);
}

#[test]
fn order_is_by_time_with_invocations_first() {
    let text = r#"
{"time":5,"process":1,"type":"invoke","f":"tail"}
{"time":9,"process":1,"type":"ok","f":"tail"}
{"time":9,"process":1,"type":"invoke","f":"read"}
{"time":7,"process":2,"type":"invoke","f":"tail"}
{"time":9,"process":2,"type":"ok","f":"tail"}
"#;
    let (history, _) = History::parse(text.as_bytes()).unwrap();
    let order: Vec<u64> = history.events().iter().map(|event| event.index).collect();
    assert_eq!(order, [0, 3, 2, 1, 4]);
    for index in 0..5 {
        assert_eq!(history.events()[history.position(index).unwrap()].index, index);
        let op = history.operation_of(index).unwrap();
        let events = [history.invoke(op).index, history.ret(op).map_or(99, |e| e.index)];
        assert!(events.contains(&index), "{index} is in {events:?}");
    }
    assert_eq!(history.position(5), None);
    let untimed = text.replace("\"time\":5,", "");
    let (history, notes) = History::parse(untimed.as_bytes()).unwrap();
    assert!(history.events().is_sorted_by_key(|event| event.index));
    assert!(notes[0].message.contains("no time"));
}

#[test]
fn indexes_of_the_file_are_kept_if_they_count_up() {
    let numbered = |a: u64, b: u64| {
        let line = |index: u64, line: &str| line.replace('{', &format!("{{\"index\":{index},"));
        let (history, notes) =
            History::parse(format!("{}{}", line(a, ASK), line(b, OK)).as_bytes()).unwrap();
        (history.events().iter().map(|event| event.index).collect::<Vec<_>>(), notes.len())
    };
    assert_eq!(numbered(7, 9), (vec![7, 9], 0));
    assert_eq!(numbered(9, 7), (vec![0, 1], 1));
    assert_eq!(numbered(7, 7), (vec![0, 1], 1));
    let (history, _) = History::parse(format!("{ASK}{OK}").as_bytes()).unwrap();
    assert_eq!(history.events()[1].index, 1);
    let half = format!("{}{OK}", ASK.replace('{', "{\"index\":7,"));
    assert_eq!(History::parse(half.as_bytes()).unwrap().0.events()[1].index, 1);
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        any::<String>().prop_map(|text| Value::Str(text.into())),
        Just(Value::Other("{\"a\":[1,null]}".into())),
        Just(Value::Other("1.5".into())),
    ];
    leaf.prop_recursive(3, 20, 4, |inner| {
        prop::collection::vec(inner, 0..4).prop_map(|values| Value::List(values.into()))
    })
}

prop_compose! {
    fn event()(
        (index, time, process) in (0..1u64 << 53, prop::option::of(0..u64::MAX), prop::option::of(0..9u64)),
        kind in prop_oneof![Just(Type::Invoke), Just(Type::Ok), Just(Type::Fail), Just(Type::Info)],
        (f, error, node) in (any::<String>(), any::<Option<String>>(), any::<Option<String>>()),
        (key, val, element) in (prop::option::of(value()), prop::option::of(value()), prop::option::of(value())),
        numbers in prop::collection::vec(prop::option::of(0..1u64 << 53), 5),
        level in prop_oneof![Just(None), Just(Some(Level::Local)), Just(Some(Level::Linearizable))],
        session in prop::option::of((any::<String>(), 0..1u64 << 53)),
        first in 0..5usize,
    ) -> Event {
        let process = process.map_or(Process::Nemesis, Process::Client);
        let mut event = Event::new(process, kind, f);
        (event.index, event.value) = (index, val);
        event.set_time(time);
        event.set_level(level);
        event.set_key(key);
        event.set_element(element);
        type Set = fn(&mut Event, Option<u64>);
        let mut set: Vec<(Set, Option<u64>)> = vec![
            (Event::set_offset, numbers[0]),
            (Event::set_expect, numbers[1]),
            (Event::set_from, numbers[2]),
            (Event::set_limit, numbers[3]),
            (Event::set_tail, numbers[4]),
        ];
        set.rotate_left(first);
        for (set, number) in set {
            set(&mut event, number);
        }
        event.set_session(session.map(|(client, seq)| (client.into(), seq)));
        event.set_error(error.map(Into::into));
        event.node = node.map(Into::into);
        event
    }
}

#[test]
fn an_event_is_small() {
    assert_eq!(
        (size_of::<Event>(), size_of::<Value>(), size_of::<super::Operation>()),
        (88, 16, 16)
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn what_is_written_is_read_back(event in event()) {
        let mut line = Vec::new();
        event.to_json_line(&mut line);
        let tree: serde_json::Value = serde_json::from_slice(&line).expect("it is JSON");
        prop_assert!(tree.is_object());
        prop_assert_eq!(line.iter().position(|byte| *byte == b'\n'), Some(line.len() - 1));
        let text = std::str::from_utf8(&line).unwrap();
        let names = &mut super::order::Names::default();
        prop_assert_eq!(super::line::parse_line(text, names).unwrap(), event);
    }

    #[test]
    fn an_event_says_what_it_was_told(
        event in event(),
        numbers in prop::collection::vec(prop::option::of(0..9u64), 5),
    ) {
        let mut event = event;
        let rare = event.clone();
        event.set_tail(numbers[4]);
        event.set_from(numbers[2]);
        event.set_offset(numbers[0]);
        event.set_limit(numbers[3]);
        event.set_expect(numbers[1]);
        let told = [event.offset(), event.expect(), event.from(), event.limit(), event.tail()];
        prop_assert_eq!(&told[..], &numbers[..]);
        prop_assert_eq!((event.key(), event.error()), (rare.key(), rare.error()));
        prop_assert_eq!((event.level(), event.session()), (rare.level(), rare.session()));
        event.set_tail(rare.tail());
        event.set_offset(rare.offset());
        event.set_expect(rare.expect());
        event.set_limit(rare.limit());
        event.set_from(rare.from());
        prop_assert_eq!(event, rare);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = History::parse(&bytes);
    }

    #[test]
    fn no_change_of_a_history_makes_it_panic(
        events in prop::collection::vec(event(), 1..4),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut text = Vec::new();
        for event in &events {
            event.to_json_line(&mut text);
        }
        for (at, byte) in changes {
            let at = at.index(text.len());
            text[at] = byte;
        }
        if let Err(error) = History::parse(&text) {
            prop_assert!(error.line >= 1 && !error.message.is_empty());
        }
    }
}

/// One history, told by programs that call things by other names.
#[test]
fn names_of_other_programs_are_read() {
    let said = |who: &str, kind: &str, time: u64| {
        format!(
            "{{\"t_ns\":{time},{who},\"type\":\"{kind}\",\"f\":\"write\",\"key\":\"k\",\"value\":7}}\n"
        )
    };
    let of = |who: [&str; 2]| {
        let text = [
            said(who[0], "invoke", 5),
            said(who[1], "invoke", 6),
            said(who[0], "ok", 7),
            said(who[1], "ok", 8),
        ];
        let (history, notes) = History::parse(text.concat().as_bytes()).unwrap();
        let (array, _) = History::parse(format!("[{}]", text.join(",")).as_bytes()).unwrap();
        assert_eq!(history, array);
        assert_eq!(history.events()[3].time(), Some(8));
        let processes: Vec<u64> = history.operations().iter().map(|op| op.process).collect();
        (processes, notes.into_iter().map(|note| note.message).collect::<Vec<_>>())
    };
    assert_eq!(of(["\"process\":4", "\"process\":9"]), (vec![4, 9], vec![]));
    assert_eq!(of(["\"client\":4", "\"client\":9"]), (vec![4, 9], vec![]));
    assert_eq!(of(["\"client\":\"c4\"", "\"client\":\"c9\""]), (vec![4, 9], vec![]));
    assert_eq!(of(["\"process\":\"4\"", "\"process\":\"p9\""]), (vec![4, 9], vec![]));
    let (processes, notes) = of(["\"process\":\"ann\"", "\"process\":\"bob\""]);
    assert_eq!(processes, [0, 1]);
    assert!(notes[0].contains("p0 is ann, p1 is bob"), "{notes:?}");
    // Beside a process it is the session of an append.
    let (processes, _) =
        of(["\"process\":1,\"client\":\"s\",\"seq\":3", "\"process\":2,\"client\":4"]);
    assert_eq!(processes, [1, 2]);
}
