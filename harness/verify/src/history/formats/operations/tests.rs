//! Operations of Go programs: read, refused, and judged right.

use super::*;
use crate::history::formats::{Format, parse as recognised};
use crate::{CheckOptions, check};

fn verdict(text: &str) -> &'static str {
    let (format, history, _) = recognised(text.as_bytes()).unwrap();
    let options = CheckOptions::for_format(format);
    check(&history, &options).unwrap().verdict.word()
}

fn lines(history: &History) -> Vec<String> {
    let line = |event: &Event| {
        let mut out = Vec::new();
        event.to_json_line(&mut out);
        String::from_utf8(out).unwrap().trim_end().to_owned()
    };
    history.events().iter().map(line).collect()
}

/// Client 3 puts while client 4 gets, in the wrong order of the file.
fn kv(got: &str) -> String {
    format!(
        r#"[{{"ClientId":4,"Input":{{"Op":0,"Key":"q","Value":""}},"Call":40,"Output":{{"Value":"{got}"}},"Return":60}},
            {{"ClientId":3,"Input":{{"Op":1,"Key":"q","Value":"m"}},"Call":10,"Output":{{"Value":""}},"Return":30}},
            {{"ClientId":3,"Input":{{"Op":2,"Key":"q","Value":"n"}},"Call":30,"Output":{{}},"Return":35}}]"#
    )
}

#[test]
fn operations_become_events_in_the_order_of_their_times() {
    let (format, history, notes) = recognised(kv("mn").as_bytes()).unwrap();
    assert_eq!((format, notes.len()), (Format::PorcupineOperations, 0));
    let expected = [
        r#"{"index":0,"time":10,"process":3,"type":"invoke","f":"put","key":"q","value":"m"}"#,
        // At the moment of the return: with Porcupine that is concurrent.
        r#"{"index":1,"time":30,"process":5,"type":"invoke","f":"append","key":"q","value":"n"}"#,
        r#"{"index":2,"time":30,"process":3,"type":"ok","f":"put"}"#,
        r#"{"index":3,"time":35,"process":5,"type":"ok","f":"append"}"#,
        r#"{"index":4,"time":40,"process":4,"type":"invoke","f":"get","key":"q"}"#,
        r#"{"index":5,"time":60,"process":4,"type":"ok","f":"get","value":"mn"}"#,
    ];
    assert_eq!(lines(&history), expected);
    assert_eq!((history.line_of(4), history.line_of(0)), (Some(1), Some(2)));
    let spread = kv("mn").replace("},\n", "}\n").replace(['[', ']'], "");
    assert_eq!(recognised(spread.as_bytes()).unwrap().1, history);
    let small = kv("mn").replace("ClientId", "client_id").replace("Input", "input");
    assert_eq!(recognised(small.as_bytes()).unwrap().1, history);
}

#[test]
fn clients_may_have_names_numbers_or_neither() {
    let of = |first: &str, second: &str| {
        let text = kv("mn").replace("\"ClientId\":3", first).replace("\"ClientId\":4", second);
        let (_, history, notes) = recognised(text.as_bytes()).unwrap();
        let processes: Vec<u64> = history.operations().iter().map(|op| op.process).collect();
        (processes, notes.into_iter().map(|note| note.message).collect::<Vec<_>>())
    };
    let (processes, notes) = of("\"ClientId\":\"ann\"", "\"ClientId\":7");
    assert_eq!(processes, [8, 9, 7]);
    assert!(notes[0].contains("p8 is ann"), "{notes:?}");
    let (processes, notes) = of("\"ClientId\":9223372036854775807", "\"ClientId\":-1");
    assert_eq!((processes, notes.len()), (vec![0, 1, 2], 1));
    assert_eq!(of("\"ClientId\":null", "\"ClientId\":2"), (vec![3, 4, 2], vec![]));
    let far = kv("mn").replace("\"Call\":10", "\"Call\":-9223372036854775808");
    let far = far.replace("\"Call\":40", "\"Call\":9223372036854775807");
    let far = far.replace("\"Return\":60", "\"Return\":null");
    let error = recognised(far.as_bytes()).unwrap_err().to_string();
    assert!(error.contains("later than the first one"), "{error}");
}

#[test]
fn a_key_holds_an_empty_string_at_first() {
    assert_eq!(verdict(&kv("mn")), "valid");
    assert_eq!(verdict(&kv("m")), "valid"); // put last: the two touch
    assert_eq!(verdict(&kv("n")), "violated");
    assert_eq!(verdict(&kv("")), "violated");
    let get =
        r#"[{"ClientId":0,"Input":{"Op":"get","Key":"a"},"Call":-5,"Output":"","Return":-2}]"#;
    assert_eq!(verdict(get), "valid");
    assert_eq!(verdict(&get.replace(r#""Output":"""#, r#""Output":"x""#)), "violated");
}

/// Whoever never heard of a put cannot tell that it did not happen, nor when.
#[test]
fn what_nobody_heard_of_may_happen_later_or_never() {
    for (from, to) in [
        (r#""Output":{"Value":""},"Return":30"#, r#""Output":null,"Return":30"#),
        (r#""Return":30"#, r#""Return":9223372036854775807"#),
        (r#""Return":30"#, r#""Return":null"#),
    ] {
        let text = kv("n").replace(from, to);
        assert_ne!(text, kv("n"));
        assert_eq!(verdict(&text), "valid", "{to}");
        assert_eq!(verdict(&text.replace(r#""Value":"n"}},"Return":60"#, "")), "valid");
    }
    assert_eq!(verdict(&kv("n")), "violated");
}

#[test]
fn what_is_wrong_has_its_line_and_a_part_is_never_the_whole() {
    let error = |text: &str| recognised(text.as_bytes()).unwrap_err().to_string();
    let whole = kv("mn");
    assert!(error(&whole.replace("\"Op\":1", "\"Op\":7")).starts_with("2: the input's `Op` is 7"));
    assert!(
        error(&whole.replace("\"Return\":35", "\"Return\":3")).starts_with("3: it returns at 3")
    );
    assert!(error(&whole.replace("\"Call\":10", "\"Call\":1.5")).starts_with("2: `Call` is 1.5"));
    assert!(error(&whole.replace("\"Call\":10,", "")).contains("has no `Call`"));
    assert!(error(&whole.replace("\"Key\":\"q\",", "")).contains("has no `Key`"));
    for end in 20..whole.len() - 1 {
        assert!(error(&whole[..end]).contains("get the whole file"), "cut at {end}");
    }
}

const PUT: &str = r#"{"ClientId":1,"Input":{"Type":"txn","LeaseGrant":null,"Range":null,"Txn":{"Conditions":null,"OperationsOnSuccess":[{"Type":"put-operation","Range":{"Start":"","End":"","Limit":0},"Put":{"Key":"k1","Value":{"Value":"31"},"LeaseID":0},"Delete":{"Key":""}}],"OperationsOnFailure":null}},"Call":100,"Output":{"Txn":{"Failure":false,"Results":[{"KVs":null,"Count":0,"Deleted":0}]},"Revision":8,"Error":""},"Return":200}
"#;
const GET: &str = r#"{"ClientId":2,"Input":{"Type":"range","Range":{"Start":"k1","End":"","Limit":0,"Revision":0}},"Call":300,"Output":{"Range":{"KVs":[{"Key":"k1","Value":{"Value":"31"},"ModRevision":8}],"Count":1},"Revision":8,"Error":""},"Return":400}
"#;

#[test]
fn etcds_operations_are_those_of_a_store() {
    let text = format!("{PUT}{GET}");
    let (format, history, notes) = recognised(text.as_bytes()).unwrap();
    assert_eq!((format, history.operations().len()), (Format::EtcdOperations, 2));
    assert!(notes[0].message.contains("no revisions"));
    let expected = [
        r#"{"index":0,"time":100,"process":1,"type":"invoke","f":"put","key":"k1","value":"31"}"#,
        r#"{"index":1,"time":200,"process":1,"type":"ok","f":"put"}"#,
        r#"{"index":2,"time":300,"process":2,"type":"invoke","f":"get","key":"k1"}"#,
        r#"{"index":3,"time":400,"process":2,"type":"ok","f":"get","value":"31"}"#,
    ];
    assert_eq!(lines(&history), expected);
    assert_eq!(verdict(&text), "valid");
    let stale = GET.replace(r#"[{"Key":"k1","Value":{"Value":"31"},"ModRevision":8}]"#, "[]");
    assert_eq!(verdict(&format!("{PUT}{stale}")), "violated");
    let unheard =
        PUT.replace(r#""Revision":8,"Error":"""#, r#""Error":"context deadline exceeded""#);
    assert_eq!(verdict(&format!("{unheard}{stale}")), "valid");
    assert_eq!(verdict(&format!("{unheard}{GET}")), "valid");
    let long = |text: &str| text.replace(r#"{"Value":"31"}"#, r#"{"Hash":2166136261}"#);
    assert_eq!(verdict(&long(&text)), "valid");
    assert_eq!(verdict(&format!("{PUT}{}", long(GET))), "violated");
    let deleted = PUT
        .replace("put-operation", "delete-operation")
        .replace(r#""Delete":{"Key":""}"#, r#""Delete":{"Key":"k1"}"#);
    assert_eq!(verdict(&format!("{deleted}{stale}")), "valid");
    let lease = r#"{"ClientId":3,"Input":{"Type":"leaseGrant"},"Call":1,"Output":{},"Return":2}"#;
    let (_, history, notes) = recognised(format!("{lease}\n{text}").as_bytes()).unwrap();
    assert_eq!(history.operations().len(), 2);
    assert!(notes.iter().any(|note| note.message.starts_with("1 operations change no value")));
}

#[test]
fn what_a_store_does_not_have_is_refused_and_never_taken_apart() {
    let error = |text: &str| recognised(text.as_bytes()).unwrap_err().to_string();
    let range = GET.replace(r#""End":"""#, r#""End":"k9""#);
    assert!(error(&format!("{PUT}{range}")).starts_with("2: a range over several keys"));
    let conditions = PUT.replace(r#""Conditions":null"#, r#""Conditions":[{"Key":"k1"}]"#);
    assert!(error(&conditions).contains("conditions on revisions"));
    assert!(error(&PUT.replace(r#""LeaseID":0"#, r#""LeaseID":7"#)).contains("a put with a lease"));
    assert!(
        error(&GET.replace(r#""Revision":0"#, r#""Revision":4"#)).contains("a read of the past")
    );
    assert!(error(&GET.replace("\"range\"", "\"fly\"")).contains("`Type` is \"fly\""));
}
