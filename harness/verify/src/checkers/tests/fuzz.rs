//! Evidence that someone tampered with: any verdict is fine, a panic is not.

use proptest::prelude::*;
use schism_facts::Acks;

use crate::evidence::{Evidence, Settings};
use crate::history::History;
use crate::judge::{doubts, judge, overall};

const HISTORY: &str = r#"{"index":0,"time":1,"process":"nemesis","type":"info","f":"phase","value":"warm-up"}
{"index":1,"time":2,"process":"nemesis","type":"info","f":"can-progress","value":true}
{"index":2,"time":3,"process":"nemesis","type":"info","f":"crash","value":{"phase":"start","overlay":1,"strike":0}}
{"index":3,"time":4,"process":"nemesis","type":"info","f":"crash","value":{"phase":"heal","overlay":1,"effective":true}}
{"index":4,"time":5,"process":1,"type":"invoke","f":"append","value":17,"client":"c1","seq":1,"node":"n1"}
{"index":5,"time":6,"process":1,"type":"ok","f":"append","offset":0,"node":"n1"}
{"index":6,"time":7,"process":2,"type":"invoke","f":"read","from":0,"limit":9}
{"index":7,"time":8,"process":2,"type":"ok","f":"read","value":[17],"tail":1}
{"index":8,"time":9,"process":"nemesis","type":"info","f":"stall","value":{"from_ns":1,"to_ns":2,"what":"n1"}}
{"index":9,"time":9,"process":"nemesis","type":"info","f":"death","value":{"node":"n1","how":"exit 74","excused":true}}
{"index":10,"time":9,"process":"nemesis","type":"info","f":"settled","value":{"converged":true,"waited_ms":0,"delivered":{"n1":1}}}
{"index":11,"time":9,"process":"nemesis","type":"info","f":"phase","value":"final-reads"}
{"index":12,"time":10,"process":3,"type":"invoke","f":"read","from":0,"level":"local","node":"n1"}
{"index":13,"time":11,"process":3,"type":"ok","f":"read","value":[17],"tail":1,"level":"local","node":"n1"}
{"index":14,"time":12,"process":"nemesis","type":"info","f":"final-read","value":{"node":"n1","complete":true,"length":1}}
{"index":15,"time":12,"process":"nemesis","type":"info","f":"bypass-check","value":{"checks":1}}
{"index":16,"time":13,"process":"nemesis","type":"info","f":"end","value":{"reason":"done"}}
"#;

const DELIVERED: &str = r#"{"boot":1}
{"offset":0,"value":17,"client":"c1","seq":1,"epoch":1}
{"boot":2}
{"restore":{"length":1,"chain":"6a72d0cc217ebd91"}}
"#;

const TRACE: &str = r#"{"boot":1}
{"e":"boot","at":1,"epoch":0,"promise":null,"first":1,"last":0,"chain":"0"}
{"e":"config","at":1,"i":0,"set":["n1"]}
{"e":"persist","at":2,"upto":0,"chain":"0","epoch":1,"promise":"n1"}
{"e":"promise","at":2,"epoch":1,"to":"n1"}
{"e":"role","at":2,"role":"leader","epoch":1,"last":0,"chain":"0","length":0}
{"e":"append","at":3,"i":1,"epoch":1,"chain":"a1"}
{"e":"append","at":3,"i":2,"epoch":1,"chain":"a2"}
{"e":"persist","at":4,"upto":1,"chain":"a1","epoch":1,"promise":"n1"}
{"e":"ack-sent","at":4,"kind":"append","i":1,"chain":"a1","epoch":1}
{"e":"ack-sent","at":4,"kind":"client","i":1,"chain":"a1","epoch":1,"offset":0}
{"e":"commit","at":5,"i":1,"chain":"a1","epoch":1,"as_leader":true}
{"e":"apply","at":5,"i":1,"chain":"a1","client":"c1","seq":1,"result":0,"fresh":true}
{"e":"read","at":6,"index":1,"request_at":6}
{"e":"snap","at":6,"i":1,"chain":"a1"}
{"e":"role","at":7,"role":"follower","epoch":2,"last":2,"chain":"a2"}
{"e":"truncate","at":7,"from":2,"epoch":2}
{"e":"restore","at":8,"i":1,"chain":"a1","epoch":2}
{"e":"recovered","at":8,"epoch":2}
{"e":"proposed","at":8,"slot":1,"ballot":257,"hash":"a1"}
{"e":"accepted","at":8,"slot":1,"ballot":257,"hash":"a1"}
{"e":"chosen","at":8,"slot":1,"ballot":257,"hash":"a1"}
{"boot":2}
{"e":"boot","at":9,"epoch":1,"promise":"n1","first":2,"last":1,"chain":"a1"}
"#;

fn judged(history: &[u8], delivered: &[u8], trace: &[u8]) -> Option<&'static str> {
    let (history, _) = History::parse(history).ok()?;
    let settings = Settings {
        nodes: vec!["n1".into()],
        recovery_max_ns: Some(2), // the one recovery takes exactly that
        fault_kinds: vec!["crash".into()],
        writes_evidence: true,
        ..Settings::default()
    };
    let evidence = Evidence {
        history,
        delivered: [("n1".to_owned(), delivered.to_vec())].into(),
        traces: [("n1".to_owned(), trace.to_vec())].into(),
        clock_origin_ns: Some(0),
        ..Evidence::default()
    };
    let early = Settings { acks: Acks::UntilFailover, ..settings.clone() };
    println!("{:?}", overall(&judge(&evidence, &early), &[]));
    let results = judge(&evidence, &settings);
    let verdict = overall(&results, &doubts(&evidence.history, &settings));
    println!("{verdict:?}"); // shown where a test fails
    Some(verdict.word())
}

#[test]
fn untouched_evidence_is_only_doubted_for_the_death() {
    let found = judged(HISTORY.as_bytes(), DELIVERED.as_bytes(), TRACE.as_bytes());
    assert_eq!(found, Some("unknown"));
    let alive = HISTORY.replace("exit 74", "signal 9");
    let found = judged(alive.as_bytes(), DELIVERED.as_bytes(), TRACE.as_bytes());
    assert_eq!(found, Some("valid"));
}

/// Bytes that make a difference in JSON, and numbers at their ends.
fn change() -> impl Strategy<Value = (prop::sample::Index, Vec<u8>)> {
    let texts = [
        "0",
        "9",
        "-",
        "\"",
        "{",
        "}",
        "[",
        "]",
        ",",
        "null",
        "18446744073709551615",
        "9007199254740992",
        "\n",
        "true",
        "\\",
    ];
    let text = prop::sample::select(texts.map(|text| text.as_bytes().to_vec()).to_vec());
    (any::<prop::sample::Index>(), text)
}

fn tamper(text: &str, changes: &[(prop::sample::Index, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    for (at, new) in changes {
        let at = at.index(bytes.len());
        bytes.splice(at..=at, new.iter().copied());
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn no_evidence_makes_a_judge_panic(
        history in prop::collection::vec(change(), 0..3),
        delivered in prop::collection::vec(change(), 0..3),
        trace in prop::collection::vec(change(), 0..3),
    ) {
        let found = judged(
            &tamper(HISTORY, &history),
            &tamper(DELIVERED, &delivered),
            &tamper(TRACE, &trace),
        );
        prop_assert!(found.is_none_or(|word| ["valid", "violated", "unknown"].contains(&word)));
    }
}
