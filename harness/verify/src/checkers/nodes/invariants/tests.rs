//! For each invariant a trace that breaks it, and one that nearly does.
//!
//! A line is `NODE EVENT FIELD=VALUE ...`; each comes one nanosecond after the one before it.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::CHECKER;
use crate::evidence::{Evidence, Settings};
use crate::history::History;
use crate::verdict::Verdict;

/// Three nodes start, n1 wins epoch 1 with the vote of n2.
const START: &str = "
n1 boot epoch=0 first=1 last=0 chain=0
n2 boot epoch=0 first=1 last=0 chain=0
n3 boot epoch=0 first=1 last=0 chain=0
n1 config set=n1,n2,n3
n2 config set=n1,n2,n3
n3 config set=n1,n2,n3
n1 persist upto=0 chain=0 epoch=1 promise=n1
n1 promise epoch=1 to=n1
n2 persist upto=0 chain=0 epoch=1 promise=n1
n2 promise epoch=1 to=n1
n1 role role=leader epoch=1 last=0 chain=0
";

/// n1 replicates entry 1 to n2 and commits it; n2 follows.
const ENTRY: &str = "
n1 append i=1 epoch=1 chain=a1
n1 persist upto=1 chain=a1 epoch=1 promise=n1
n2 append i=1 epoch=1 chain=a1
n2 persist upto=1 chain=a1 epoch=1 promise=n1
n2 ack-sent kind=append i=1 chain=a1 epoch=1
n1 commit i=1 chain=a1 epoch=1 as_leader=true
n1 apply i=1 chain=a1 client=c1 seq=1 result=0 fresh=true
n2 commit i=1 chain=a1 epoch=1 as_leader=false
n2 apply i=1 chain=a1 client=c1 seq=1 result=0 fresh=true
";

/// The traces that these lines make, and the time after the last.
pub(super) fn traces(text: &str) -> BTreeMap<String, Vec<u8>> {
    let mut traces: BTreeMap<String, String> = BTreeMap::new();
    for (at, line) in text.lines().filter(|line| !line.is_empty()).enumerate() {
        let mut words = line.split_whitespace();
        let (node, event) = (words.next().unwrap(), words.next().unwrap());
        let trace = traces.entry(node.to_owned()).or_default();
        write!(trace, "{{\"e\":\"{event}\",\"at\":{at}").unwrap();
        for word in words {
            let (field, value) = word.split_once('=').unwrap();
            let value = match field {
                "set" => format!("{:?}", value.split(',').collect::<Vec<_>>()),
                "chain" | "to" | "promise" | "client" | "role" | "kind" | "hash" => {
                    format!("{value:?}")
                }
                _ => value.to_owned(),
            };
            write!(trace, ",\"{field}\":{value}").unwrap();
        }
        trace.push_str("}\n");
    }
    traces.into_iter().map(|(node, trace)| (node, trace.into_bytes())).collect()
}

fn verdict(text: &str) -> Verdict {
    let evidence = Evidence { traces: traces(text).into_iter().collect(), ..Evidence::default() };
    (CHECKER.run)(&evidence, &Settings::default()).verdict
}

/// `expected`: `valid`, or the kinds found, after the honest beginning.
fn check(expected: &str, rest: &str) {
    let text = format!("{START}{ENTRY}{rest}");
    let found = verdict(&text).in_short();
    assert_eq!(found, expected, "{rest}");
}

#[test]
fn an_honest_beginning_is_valid() {
    check("valid", "");
    assert_eq!(verdict("").word(), "unknown", "no trace proves nothing");
}

#[test]
fn i1_one_leader_an_epoch() {
    let promise = "n3 persist upto=0 chain=0 epoch=1 promise=n3\nn3 promise epoch=1 to=n3\n";
    check("election-safety", &format!("{promise}n3 role role=leader epoch=1 last=1 chain=a1"));
    check("valid", &format!("{promise}n3 role role=candidate epoch=1 last=0 chain=0"));
    check("valid", "n1 role role=leader epoch=1 last=1 chain=a1");
    let again = "n1 boot epoch=1 promise=n1 first=1 last=1 chain=a1\n";
    check("election-safety", &format!("{again}n1 role role=leader epoch=1 last=1 chain=a1"));
}

#[test]
fn i2_leaders_remove_nothing() {
    let two = "n1 append i=2 epoch=1 chain=a2\n";
    check("leader-append-only", &format!("{two}n1 truncate from=2 epoch=2"));
    let down = "n1 role role=follower epoch=2 last=2 chain=a2\n";
    check("valid", &format!("{two}{down}n1 truncate from=2 epoch=2"));
}

#[test]
fn i3_one_history_before_an_index_and_epoch() {
    check("log-matching", "n3 append i=1 epoch=1 chain=b1");
    check("valid", "n3 append i=1 epoch=0 chain=b1");
    check("valid", "n3 append i=1 epoch=1 chain=a1\nn3 append i=2 epoch=1 chain=a2");
    check("log-matching", "n3 append i=2 epoch=1 chain=a2");
}

#[test]
fn i4_leaders_hold_what_earlier_epochs_committed() {
    let vote = "
n3 persist upto=0 chain=0 epoch=2 promise=n3
n3 promise epoch=2 to=n3
";
    check("leader-completeness", &format!("{vote}n3 role role=leader epoch=2 last=0 chain=0"));
    let other = "n3 append i=1 epoch=0 chain=b1\n";
    let leads = "n3 role role=leader epoch=2 last=1 chain=b1";
    check("leader-completeness", &format!("{vote}{other}{leads}"));
    let entry = "n3 append i=1 epoch=1 chain=a1\n";
    let leads = "n3 role role=leader epoch=2 last=1 chain=a1";
    check("valid", &format!("{vote}{entry}{leads}"));
    let snapshot = "n3 restore i=1 chain=a1 epoch=1\n";
    check("valid", &format!("{vote}{snapshot}{leads}"));
    // Committed by the leader of epoch 3 only: the one of epoch 2 need not have had it.
    let later = "
n1 append i=2 epoch=1 chain=a2
n1 persist upto=2 chain=a2 epoch=3 promise=n1
n2 append i=2 epoch=1 chain=a2
n2 persist upto=2 chain=a2 epoch=3 promise=n1
n1 role role=leader epoch=3 last=2 chain=a2
n1 commit i=2 chain=a2 epoch=3 as_leader=true
";
    check("valid", &format!("{vote}{entry}{leads}{later}"));
}

#[test]
fn i5_one_entry_is_committed_at_an_index() {
    check("state-machine-safety", "n3 commit i=1 chain=b1 epoch=1 as_leader=false");
    let apply = "n3 apply i=1 chain=b1 client=c1 seq=1 result=0 fresh=true";
    check("state-machine-safety", apply);
    check("state-machine-safety", "n3 restore i=1 chain=b1 epoch=1");
    check("state-machine-safety", "n3 snap i=1 chain=b1");
    check("valid", "n3 restore i=1 chain=a1 epoch=1\nn3 snap i=1 chain=a1");
}

#[test]
fn i6_nothing_is_acknowledged_before_it_is_on_disk() {
    let append = "n3 append i=1 epoch=1 chain=a1\n";
    let persist = "n3 persist upto=1 chain=a1 epoch=1\n";
    let ack = "n3 ack-sent kind=append i=1 chain=a1 epoch=1";
    check("acked-durability", &format!("{append}n3 persist upto=0 chain=0 epoch=1\n{ack}"));
    check("valid", &format!("{append}{persist}{ack}"));
    check("acked-durability", &format!("{append}n3 persist upto=1 chain=a1 epoch=0\n{ack}"));
    check("acked-durability", "n3 persist upto=1 chain=a1 epoch=1");
    check("acked-durability", "n3 promise epoch=1 to=n1");
    check("valid", "n3 persist upto=0 chain=0 epoch=1 promise=n1\nn3 promise epoch=1 to=n1");
    let twice = "n2 persist upto=1 chain=a1 epoch=1 promise=n3\nn2 promise epoch=1 to=n3";
    check("acked-durability", twice);
}

#[test]
fn i6_what_was_on_disk_is_there_after_a_restart() {
    check("valid", "n2 boot epoch=1 promise=n1 first=1 last=1 chain=a1");
    check("acked-durability", "n2 boot epoch=1 promise=n1 first=1 last=0 chain=0");
    check("acked-durability", "n2 boot epoch=1 promise=n1 first=1 last=1 chain=b1");
    check("acked-durability", "n2 boot epoch=1 promise=n3 first=1 last=1 chain=a1");
    // Written but not known to be on disk: it may be there or not.
    let more = "n2 append i=2 epoch=1 chain=a2\n";
    check("valid", &format!("{more}n2 boot epoch=1 promise=n1 first=1 last=1 chain=a1"));
    check("valid", &format!("{more}n2 boot epoch=1 promise=n1 first=1 last=2 chain=a2"));
    check("acked-durability", &format!("{more}n2 boot epoch=2 first=1 last=3 chain=a3"));
}

#[test]
fn i6_removed_entries_stay_away_once_the_disk_went_on() {
    let tail = "
n2 append i=2 epoch=1 chain=a2
n2 append i=3 epoch=1 chain=a3
n2 persist upto=3 chain=a3 epoch=1 promise=n1
n2 truncate from=2 epoch=2
n2 append i=2 epoch=2 chain=b2
";
    let boot =
        |last: u64, chain: &str| format!("n2 boot epoch=2 first=1 last={last} chain={chain}");
    for (last, chain) in [(3, "a3"), (1, "a1"), (2, "b2")] {
        check("valid", &format!("{tail}{}", boot(last, chain)));
    }
    let persisted = format!("{tail}n2 persist upto=2 chain=b2 epoch=2\n");
    check("valid", &format!("{persisted}{}", boot(2, "b2")));
    check("acked-durability", &format!("{persisted}{}", boot(3, "a3")));
    check("acked-durability", &format!("{persisted}{}", boot(3, "b3")));
    check("acked-durability", &tail.replace("from=2 epoch=2", "from=2 epoch=1"));
}

#[test]
fn i7_a_quorum_has_on_disk_what_a_leader_commits() {
    let own = "
n1 append i=2 epoch=1 chain=a2
n1 persist upto=2 chain=a2 epoch=1 promise=n1
n2 append i=2 epoch=1 chain=a2
";
    let commit = "n1 commit i=2 chain=a2 epoch=1 as_leader=true\n";
    let persist = "n2 persist upto=2 chain=a2 epoch=1 promise=n1\n";
    check("commit-quorum", &format!("{own}{commit}{persist}"));
    check("valid", &format!("{own}{persist}{commit}"));
    let removed = "n2 truncate from=2 epoch=2\n";
    check("commit-quorum", &format!("{own}{persist}{removed}{commit}"));
    let restored = "n3 restore i=2 chain=a2 epoch=1\n";
    check("valid", &format!("{own}{restored}{commit}"));
    check("valid", &format!("{own}{}", commit.replace("true", "false")));
}

#[test]
fn i8_numbers_only_grow() {
    check("non-monotone", "n2 boot epoch=0 first=1 last=1 chain=a1");
    let five = "n2 role role=follower epoch=5 last=1 chain=a1\n";
    check("non-monotone", &format!("{five}n2 role role=candidate epoch=4 last=1 chain=a1"));
    check("valid", &format!("{five}n2 boot epoch=1 promise=n1 first=1 last=1 chain=a1"));
    let fifth = "n2 persist upto=1 chain=a1 epoch=5\n";
    check("non-monotone", &format!("{fifth}n2 persist upto=1 chain=a1 epoch=4"));
    let zero = "n2 commit i=0 chain=0 epoch=1 as_leader=false";
    check("non-monotone", zero);
    check("non-monotone", "n2 apply i=3 chain=a3 fresh=true");
    check("non-monotone", "n2 apply i=1 chain=a1 fresh=true");
    check("valid", "n2 restore i=7 chain=a7 epoch=1\nn2 apply i=8 chain=a8 fresh=true");
    let boot = "n2 boot epoch=1 promise=n1 first=1 last=1 chain=a1\n";
    check("valid", &format!("{boot}n2 apply i=1 chain=a1 fresh=true"));
    check("non-monotone", &format!("{boot}n2 apply i=2 chain=a2 fresh=true"));
    check("valid", &format!("n2 snap i=1 chain=a1\n{boot}n2 apply i=2 chain=a2 fresh=true"));
}

#[test]
fn i9_each_request_is_executed_once() {
    let again = "n1 apply i=2 chain=a2 client=c1 seq=1 result=1 fresh=true";
    check("session session", again);
    check("valid", &again.replace("fresh=true", "fresh=false"));
    check("valid", &again.replace("seq=1", "seq=2"));
    check("session", "n3 apply i=1 chain=a1 client=c1 seq=1 result=5 fresh=true");
    let boot = "n2 boot epoch=1 promise=n1 first=1 last=1 chain=a1\n";
    let same = "n2 apply i=1 chain=a1 client=c1 seq=1 result=0 fresh=true";
    check("valid", &format!("{boot}{same}"));
}

#[test]
fn i10_members_change_one_at_a_time() {
    check("configuration", "n1 config set=n1,n4,n5");
    check("valid", "n1 config set=n1,n2,n3,n4\nn1 config set=n1,n2,n3");
}

#[test]
fn i11_reads_are_not_behind_what_was_committed_before_they_were_asked() {
    // The last line of the beginning comes at 19; n1 committed entry 1 at 16.
    check("read-index", "n3 read index=0 request_at=17");
    check("valid", "n3 read index=0 request_at=16");
    check("valid", "n3 read index=1 request_at=17");
}

#[test]
fn without_everyones_trace_no_quorum_is_counted() {
    let mut all = traces(&format!("{START}{ENTRY}"));
    all.remove("n2");
    let evidence = Evidence { traces: all.into_iter().collect(), ..Evidence::default() };
    let nodes = vec!["n1".into(), "n2".into(), "n3".into()];
    let settings = Settings { nodes, ..Settings::default() };
    let Verdict::Unknown { reason } = (CHECKER.run)(&evidence, &settings).verdict else {
        panic!("a trace is missing")
    };
    assert!(reason.starts_with("trace/n2.jsonl is missing; "), "{reason}");
}

#[test]
fn traces_that_were_cut_off_at_different_moments_have_no_quorum_to_count() {
    let text = format!("{START}{ENTRY}");
    let (late, early) =
        (traces(&text), traces(&text.replace("n2 persist upto=1", "n2 skip upto=1")));
    let nodes = vec!["n1".into(), "n2".into(), "n3".into()];
    let settings = Settings { nodes, ..Settings::default() };
    let judged = |traces: &BTreeMap<String, Vec<u8>>, lines: &str| {
        let (history, _) = History::parse(lines.as_bytes()).unwrap();
        let evidence = Evidence {
            history,
            traces: traces.clone().into_iter().collect(),
            ..Evidence::default()
        };
        (CHECKER.run)(&evidence, &settings).verdict.in_short()
    };
    let phase = r#"{"process":"nemesis","type":"info","f":"phase","value":"warm-up"}"#;
    let end = r#"{"process":"nemesis","type":"info","f":"end","value":{"reason":"done"}}"#;
    let whole = format!("{phase}\n{end}");
    assert_eq!(judged(&late, &whole), "valid");
    assert_eq!(judged(&early, &whole), "acked-durability commit-quorum");
    for cut in [phase, ""] {
        assert!(judged(&late, cut).starts_with("unknown: the history has no end"));
        // What a node's own trace says against itself stands.
        assert_eq!(judged(&early, cut), "acked-durability");
    }
}

#[test]
fn explanations_name_nodes_and_lines() {
    let lead = "n3 role role=leader epoch=1 last=1 chain=a1";
    let text = format!("{START}{ENTRY}n3 append i=1 epoch=1 chain=a1\n{lead}");
    let Verdict::Violated(found) = verdict(&text) else { panic!("two lead") };
    assert_eq!(
        found[0].explanation,
        "n3 (incarnation 1) leads epoch 1, which n1 (incarnation 1) leads too (line 4 of \
         trace/n3.jsonl)"
    );
}
