//! Jepsen's EDN as its tools write it, and as nobody should.

use super::reader::STRING_BYTES_MAX;
use super::*;

fn lines(text: &str) -> Vec<String> {
    let (history, _) = parse(text.as_bytes()).unwrap();
    let line = |event: &Event| {
        let mut out = Vec::new();
        event.to_json_line(&mut out);
        String::from_utf8(out).unwrap().trim_end().to_owned()
    };
    history.events().iter().map(line).collect()
}

fn error(text: &str) -> String {
    parse(text.as_bytes()).unwrap_err().to_string()
}

#[test]
fn a_map_a_line_a_vector_and_records_are_the_same() {
    let maps = "{:process 0, :type :invoke, :f :write, :value 3, :time 17}
        {:process :nemesis :type :info :f :start :value {:a #{1}}}
        {:process 0 :type :ok :f :write :value 3 :time 4}";
    let expected = [
        r#"{"index":0,"process":0,"type":"invoke","f":"write","value":3}"#,
        r#"{"index":1,"process":"nemesis","type":"info","f":"start","value":{"a":[1]}}"#,
        r#"{"index":2,"process":0,"type":"ok","f":"write","value":3}"#,
    ];
    assert_eq!(lines(maps), expected);
    assert_eq!(lines(&format!("; a comment\n[{maps}]")), expected);
    assert_eq!(lines(&format!("({maps}\n)")), expected);
    let records = maps.replace("{:process", "#jepsen.history.Op{:process");
    assert_eq!(lines(&records), expected);
    assert_eq!(lines(&format!("#_{{:junk 1}} {maps} #_ignored")), expected);
}

#[test]
fn values_of_every_kind_are_read() {
    let of = |text: &str| value(text).unwrap().to_string();
    assert_eq!(of("nil"), "null");
    assert_eq!(of("-12"), "-12");
    assert_eq!(of("12N"), "12");
    assert_eq!(of("12345678901234567890N"), "12345678901234567890");
    assert_eq!(of("-3/6"), "-0.5");
    assert_eq!(of("4/6"), "\"2/3\"");
    assert_eq!(of("0x1f"), "31");
    assert_eq!(of("-017"), "-15");
    assert_eq!(of("36rZ"), "35");
    assert_eq!(of("1.50M"), "1.5");
    assert_eq!(of("[2.0 2 2M 20e-1 4/2 2N]"), "[2,2,2,2,2,2]");
    assert_eq!(of("1e3"), "1000");
    assert_eq!(of("##NaN"), "\"NaN\"");
    assert_eq!(of("123456789012345678901234567890"), "123456789012345678901234567890");
    assert_eq!(of(r#""a\n\"\u0041""#), r#""a\n\"A""#);
    assert_eq!(of(":x/y"), "\"x/y\"");
    assert_eq!(of("\\newline"), "\"newline\"");
    assert_eq!(of("#{3 1 2}"), "[1,2,3]");
    assert_eq!(of("#inst \"2020\""), "\"2020\"");
    assert_eq!(of("^{:m 1} [1 [:a (2)]]"), "[1,[\"a\",[2]]]");
    assert_eq!(of("{:b 1 :a {\"c\" nil}}"), "{\"a\":{\"c\":null},\"b\":1}");
    for wrong in ["", "[1", "}", "1x", "{:a}", "1 2", ":", "\"a", "#", "#<a", "1/0", "1/"] {
        assert!(value(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn what_clojure_prints_is_read() {
    let of = |text: &str| value(text).unwrap().to_string();
    assert_eq!(
        of(r#"[:timeout #object[java.net.SocketTimeoutException 0x1f "Read timed out"]]"#),
        r#"["timeout","Read timed out"]"#
    );
    assert_eq!(of(r#"#object["[B" 0x6d "[B@6d"]"#), r#""[B@6d""#);
    assert_eq!(of("[#<E java.io.E: a -> b> 1]"), r#"["E java.io.E: a -> b",1]"#);
    assert_eq!(of("#atom[{:status :ready, :val 1} 0x3]"), r#"[{"status":"ready","val":1},3]"#);
    assert_eq!(of("#:a{:b 1}"), r#"{"b":1}"#);
    assert_eq!(of("#{{:b 1} {:a 1}}"), r#"[{"a":1},{"b":1}]"#);
    assert_eq!(of(r#"[#"a|b" #'clojure.core/map '(1 @2)]"#), r#"["a|b","clojure.core/map",[1,2]]"#);
    assert_eq!(of("[#^{:x 1} 3 #=(+ 1 2)]"), r#"[3,["+",1,2]]"#);
    assert_eq!(of("[\\a \\u0041 \\( \\space]"), r#"["a","A","(","space"]"#);
    assert_eq!(
        of(r#"#error {:via [{:at [a$b x "c.clj" 12]}]}"#),
        r#"{"via":[{"at":["a$b","x","c.clj",12]}]}"#
    );
    assert_eq!(of("#!/usr/bin/env x\n 1"), "1");
    assert_eq!(of("#_ #_ 1 2 3"), "3");
}

#[test]
fn no_nesting_exhausts_the_stack() {
    for deep in ["[", "#_", "#_ ", "^", "'", "#a ", "#'", "#=", "#^", "{:a ", "#{", "(", "#_[", "@"]
    {
        let text = deep.repeat(100_000);
        assert!(value(&text).is_err(), "{deep}");
        assert!(parse(text.as_bytes()).is_err(), "{deep}");
    }
}

#[test]
fn pairs_are_keys_only_if_nothing_else_makes_sense() {
    let key = |text: &str| {
        let (history, _) = parse(text.as_bytes()).unwrap();
        history.events()[0].key().map(ToString::to_string)
    };
    let op = |f: &str, asked: &str, answered: &str| {
        format!(
            "{{:process 0 :type :invoke :f {f} :value {asked}}}
             {{:process 0 :type :ok :f {f} :value {answered}}}"
        )
    };
    assert_eq!(key(&op(":read", "[7 nil]", "[7 3]")), Some("7".into()));
    assert_eq!(key(&op(":cas", "[7 [1 2]]", "[7 [1 2]]")), Some("7".into()));
    assert_eq!(key(&op(":cas", "[1 2]", "[1 2]")), None);
    assert_eq!(key(&op(":read", "nil", "[1 2]")), None);
    assert_eq!(key(&op(":txn", "[[:r 1 nil] [:r 2 nil]]", "[[:r 1 2] [:r 2 2]]")), None);
    assert_eq!(key(&op(":txn", "[7 [[:r 1 nil]]]", "[7 [[:r 1 2]]]")), Some("7".into()));
    let tagged = "#jepsen.independent.Tuple[7 [1 2]]";
    assert_eq!(key(&op(":cas", tagged, tagged)), Some("7".into()));
    let both = [op(":cas", "[1 2]", "[1 2]"), op(":read", "nil", "2")].concat();
    assert_eq!(key(&both), None);
}

#[test]
fn errors_name_the_line_and_what_was_expected() {
    let first = "{:process 0 :type :invoke :f :read}\n";
    assert_eq!(
        error(&format!("{first}{{:process 0 :type :what :f :read}}")),
        "2: `:type` is \"what\"; expected :invoke, :ok, :fail or :info"
    );
    assert_eq!(
        error(&format!("{first}\n{{:type :ok :f :read}}")),
        "3: the field `:process` is missing"
    );
    assert_eq!(
        error(&format!("{first}17")),
        "2: found a value, expected a map with :process, :type and :f"
    );
    assert_eq!(error(&format!("{first}}}")), "2:1: found `}`, expected a value");
    let twice = format!("{first}{first}");
    assert!(error(&twice).starts_with("2: process 0 invokes `read` while"));
}

#[test]
fn a_file_that_ends_early_is_noted() {
    let whole =
        "[{:process 0 :type :invoke :f :read}\n {:process 0 :type :ok :f :read :value \"äb\"}]";
    let first = whole.find('}').unwrap() + 1;
    for end in 1..whole.len() {
        let (history, notes) = parse(&whole.as_bytes()[..end]).unwrap();
        assert_eq!(
            history.events().len(),
            usize::from(end >= first) + usize::from(end > whole.len() - 2)
        );
        assert_eq!(notes.len(), 1, "cut at {end}");
    }
    assert_eq!(parse(whole.as_bytes()).unwrap().1, []);
}

#[test]
fn times_order_events_where_they_can() {
    let event = |time: &str, process: u64, kind: &str| {
        format!("{{{time} :type :{kind}, :process {process}, :f :write, :value {process}}}\n")
    };
    let read = |events: &[String]| {
        let (history, notes) = parse(events.concat().as_bytes()).unwrap();
        let order: Vec<u64> = history.events().iter().map(|event| event.index).collect();
        let notes: Vec<String> = notes.into_iter().map(|note| note.message).collect();
        (order, notes.concat())
    };
    let four = |times: [&str; 4]| {
        let [a, b, c, d] = times;
        read(&[event(a, 0, "invoke"), event(b, 0, "ok"), event(c, 1, "invoke"), event(d, 1, "ok")])
    };
    let in_file = vec![0, 1, 2, 3];
    assert_eq!(
        four([":time 1", ":time 5", ":time 3", ":time 9"]),
        (vec![0, 2, 1, 3], String::new())
    );
    assert_eq!(four([""; 4]), (in_file.clone(), String::new()));
    let why = "so no times are used: the file's order is taken as the order";
    for (times, what) in [
        ([":time 1", ":time 5", "", ":time 9"], "this event has no time"),
        ([":time 7", ":time 5", ":time 3", ":time 9"], "process 0 goes back in time, from 7 to 5"),
        ([":time 1", ":time 5", ":time -3", ":time 9"], "this event has no time"),
        ([":time 1", ":time 5", ":time :x", ":time 9"], "this event has no time"),
    ] {
        let (order, note) = four(times);
        assert_eq!(order, in_file);
        assert!(note.contains(what) && note.contains(why), "{note}");
    }
}

#[test]
fn a_string_ends_at_its_quote_and_somewhere() {
    let of = |text: &str| value(text).map(|value| value.to_string()).map_err(|e| e.to_string());
    assert_eq!(of(r#""a\\""#).unwrap(), r#""a\\""#);
    assert_eq!(of(r#""\"\\\"é""#).unwrap(), r#""\"\\\"é""#);
    // Too few digits take nothing of what comes after.
    assert_eq!(of(r#"["\u4" "x"]"#).unwrap(), "[\"\u{4}\",\"x\"]".replace('\u{4}', "\\u0004"));
    for cut in [r#"""#, r#""a\"#, r#""a\""#] {
        assert!(of(cut).unwrap_err().contains("the file ends here"), "{cut}");
    }
    let endless = format!("{{:process 0\n :type \"{}", "x".repeat(STRING_BYTES_MAX + 9));
    let said = error(&endless);
    assert!(said.starts_with("2:8: ") && said.ends_with("a string of at most 64 MiB"), "{said}");
}

#[test]
fn processes_may_have_names() {
    let event = |process: &str, kind: &str| {
        format!("{{:process {process} :type :{kind} :f :write :value 1}}\n")
    };
    let read = |processes: &[&str]| {
        let both = |name: &&str| [event(name, "invoke"), event(name, "ok")].concat();
        let text: String = processes.iter().map(both).collect();
        let text = text + &event(":nemesis", "info") + &event("\"nemesis-2\"", "info");
        let (history, notes) = parse(text.as_bytes()).unwrap();
        let numbers: Vec<u64> = history.operations().iter().map(|op| op.process).collect();
        assert_eq!(history.events().iter().filter(|event| !event.is_client()).count(), 2);
        (numbers, notes.into_iter().map(|note| note.message).collect::<String>())
    };
    assert_eq!(read(&["\"p0\"", "\"p7\"", "\"p0\""]), (vec![0, 7, 0], String::new()));
    assert_eq!(read(&[":c1", "c2"]), (vec![1, 2], String::new()));
    let told = "processes have names here, and numbers in what follows: ";
    let (numbers, note) = read(&["\"a\"", "3", "\"b\"", "\"a\""]);
    assert_eq!((numbers, note), (vec![4, 3, 5, 4], format!("{told}p4 is a, p5 is b")));
    let (numbers, note) = read(&["\"p3\"", "3", "\"q3\""]);
    assert_eq!((numbers, note), (vec![4, 3, 5], format!("{told}p4 is p3, p5 is q3")));
}
