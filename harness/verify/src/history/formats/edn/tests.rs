//! Jepsen's EDN as its tools write it, and as nobody should.

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
    assert_eq!(of("1/2"), "\"1/2\"");
    assert_eq!(of("1.50M"), "1.5");
    assert_eq!(of("2.0"), "2.0");
    assert_eq!(of("1e3"), "1e3");
    assert_eq!(of("##NaN"), "\"NaN\"");
    assert_eq!(of("123456789012345678901234567890"), "\"123456789012345678901234567890\"");
    assert_eq!(of(r#""a\n\"\u0041""#), r#""a\n\"A""#);
    assert_eq!(of(":x/y"), "\"x/y\"");
    assert_eq!(of("\\newline"), "\"newline\"");
    assert_eq!(of("#{3 1 2}"), "[1,2,3]");
    assert_eq!(of("#inst \"2020\""), "\"2020\"");
    assert_eq!(of("^{:m 1} [1 [:a (2)]]"), "[1,[\"a\",[2]]]");
    assert_eq!(of("{:b 1 :a {\"c\" nil}}"), "{\"a\":{\"c\":null},\"b\":1}");
    for wrong in ["", "[1", "}", "1x", "{:a}", "1 2", ":", "\"a", "#"] {
        assert!(value(wrong).is_err(), "{wrong}");
    }
    assert!(value(&"[".repeat(100_000)).is_err());
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
