//! Drawn one-line cases for each rule and each kind: a lie it must catch, a truth it must pass.

use super::LogMonitor;
use crate::checkers::Monitor;
use crate::history::History;
use crate::notation::read;
use crate::verdict::Verdict;

pub(super) fn verdict(history: &History) -> Verdict {
    let mut monitor = Box::new(LogMonitor::new());
    for event in history.events() {
        monitor.observe(event);
    }
    monitor.finish()
}

/// `expected`: `valid`, or the kinds of the anomalies in the order they are told.
fn check(expected: &str, text: &str) {
    let found = verdict(&read(text).unwrap());
    if let Verdict::Violated(anomalies) = &found {
        for anomaly in anomalies {
            assert!(!anomaly.events.is_empty() && anomaly.events.is_sorted(), "{text}");
        }
    }
    let found = found.in_short();
    assert_eq!(found, expected, "{text}");
}

#[test]
fn appends_and_reads_in_order() {
    check("valid", "a: append 1 -> 0  b: append 2 -> 1  a: read -> [1 2]  b: tail -> 2");
    check("valid", "a: read -> []  a: read 0 -> [] of 0  a: tail -> 0");
    check("valid", "a> append 1  b: append 2 -> 0  a< 1  c: read 1 -> [1]");
    check("valid", "a: append x -> 0  a: append x -> 1  a: read -> [x x]");
}

#[test]
fn a_position_is_given_out_once() {
    check("offset-conflict", "a: append 1 -> 0  b: append 2 -> 0");
    check("offset-conflict", "a> append 1  b> append 1  a< 0  b< 0");
    check("offset-conflict", "a> append 1  c> append 2  b: read -> [2]  a< 0  c< ?");
    check("lost-append", "a: append 1 -> 0  c> append 2  b: read -> [2]");
    check("lost-append", "a: append 1 -> 0  c> append 2  b: local read -> [2]");
    check("offset-conflict", "c> append 2  b> read  a: append 1 -> 0  b< [2]");
}

#[test]
fn readers_agree_on_the_content() {
    check("non-prefix", "a> append 1  b> append 2  c: read -> [1]  d: read 0 limit 1 -> [2]");
    check("non-prefix", "a> append 1  b> append 2  c: local read -> [1]  d: local read -> [2]");
    check("valid", "a> append 1  b> append 2  c: read -> [1]  d: read 0 -> [1 2]");
}

#[test]
fn nobody_falls_behind_what_was_seen_before_it_asked() {
    check("stale-read", "a: append 1 -> 0  b: read -> []");
    check("stale-read", "a: append 1 -> 0  b: tail -> 0");
    check("stale-read", "a: append 1 -> 0  b: append 2 -> 1  b: read 1 -> []");
    check("stale-read", "a: append 1 -> 0  b: append 2 -> 1  b: read 1 limit 3 -> [] of 1");
    check("stale-read", "a> append 1  b: read 0 limit 1 -> [1]  c: tail -> 0");
    check("valid", "a> append 1  b> tail  a< 0  b< 0");
    check("valid", "a> append 1  b: tail -> 0  b: tail -> 1  a< 0");
    check("valid", "a: append 1 -> 0  b: local read -> []  b: local tail -> 0");
    check("real-time-order", "c> append 7  d> append 8  a: append 1 -> 2  b: append 2 -> 0");
    check("real-time-order", "c> append 7  d> tail  d< 1  b: append 2 -> 0");
    check("valid", "c> append 7  b> append 2  d: tail -> 1  b< 0");
}

#[test]
fn events_at_equal_times_are_concurrent() {
    check("valid", "a: append 1 -> 0  =b> tail  b< 0");
    check("stale-read", "a: append 1 -> 0  b> tail  b< 0");
    check("valid", "a> append 1  =a< 0  =b> tail  =b< 0");
    check("valid", "a: append 1 -> 1  =b> append 2  =b< 0");
}

#[test]
fn a_process_keeps_its_own_order_at_equal_times() {
    check("stale-read", "a: append 1 -> 0  =a> tail  a< 0");
    check("stale-read", "a> append 1  =a< 0  =a> tail  =a< 0");
    check("valid", "a> append 1  =a< 0  =a> tail  =a< 1");
    check("real-time-order", "c> append 7  a> append 1  =a< 1  =a> append 2  =a< 0");
    // What lies between may say nothing of the length.
    check("stale-read", "a> append 1  =a< 0  =a> local tail  =a< 0  =a> tail  =a< 0");
    check("valid", "a> append 1  =a< 0  =a> local tail  =a< 0  =a> tail  =a< 1");
    // It is an edge and no rank: each process saw the other's append missing, all at one time.
    check("valid", "a> append 1  =a< 0  =b> tail  =b< 0  =b> append 2  =b< 1");
    check("valid", "a> tail  =b> tail  =a< 0  =b< 0  =a> append 1  =b> append 2  =a< 1  =b< 0");
    // A lost append comes after what its process saw before it.
    check("valid", "a> append 1  =a< 1  =b> append 2  =b< ?");
    check("gap", "a> append 1  =a< 1  =a> append 2  =a< ?");
    check("valid", "a> append 1  =a< 0  =a> append 2  =a< ?  b: tail -> 2");
    // A lost append has no end, so nothing comes after it.
    check("valid", "a> append 1  =a< ?  =a> tail  =a< 0  b: tail -> 1");
}

#[test]
fn every_answer_of_a_read_says_what_it_says() {
    let two = "a: append 1 -> 0  a: append 2 -> 1  ";
    let after = |rest: &str| format!("{two}{rest}");
    check("valid", &after("b: read 1 -> [2]  b: read 0 limit 1 -> [1]  b: read 2 -> []"));
    check("valid", &after("b: read 7 -> []  b: read 7 -> [] of 2  b: read 0 limit 0 -> []"));
    check("valid", &after("b: read 0 limit 5 -> [1] of 2  b: read -> [] of 2"));
    check("stale-read", &after("b: read 0 limit 2 -> [1]"));
    check("stale-read", &after("b: read 0 limit 0 -> [] of 1"));
    check("stale-read", &after("b: read 0 -> [1]"));
    check("non-linearizable", &after("b: read 0 limit 1 -> [1 2]"));
    check("non-linearizable", &after("b: read 0 -> [1 2] of 1"));
    check("non-linearizable", &after("b: read 3 limit 4 -> [1] of 2"));
    check("non-linearizable", &after("b: local read 0 limit 1 -> [1 2]"));
    check("non-linearizable", &after("b: read 0 limit 0 -> [1]"));
}

#[test]
fn conditions_hold_where_they_are_said_to() {
    check("valid", "a: append-if 1 at 0 -> 0  b: append-if 2 at 1 -> 1  b: tail -> 2");
    check("non-linearizable", "a: append-if 1 at 0 -> 1");
    check("valid", "a: append 1 -> 0  b: append-if 2 at 0 -> conflict 1");
    check("valid", "a: append 1 -> 0  b: append-if 2 at 7 -> conflict");
    check("non-linearizable", "a: append 1 -> 0  b: append-if 2 at 1 -> conflict 1");
    check("stale-read", "a: append 1 -> 0  b: append-if 2 at 3 -> conflict 0");
    check("phantom", "a: append 1 -> 0  b: append-if 2 at 0 -> conflict 2");
}

#[test]
fn nothing_appears_that_nobody_asked_for() {
    check("phantom", "b: read -> [1]");
    check("phantom", "a: append 1 -> 0  b: read -> [1 9]");
    check("phantom", "a: append 1 -> 0  b: tail -> 2");
    check("future-read", "a: append 1 -> 0  b: read -> [1 9]  a: append 9 -> ?");
    check("phantom", "b: local read -> [1]");
    check("phantom", "b: local tail -> 1");
    check("valid", "b: local read -> [1]  a: append 1 -> 0");
    check("phantom", "a: append 1 -> 0  b: tail -> 999999999999999");
}

#[test]
fn what_failed_stays_away() {
    check("failed-yet-visible", "a: append 1 -> fail overloaded  b: read -> [1]");
    check("failed-yet-visible", "a> append 1  b: read -> [1]  a< fail not-leader");
    check("valid", "a: append 1 -> fail overloaded  a: append 1 -> 0  b: read -> [1]");
    check("valid", "a: append 1 -> fail overloaded  b: read -> []");
    check("failed-yet-visible", "a: append 1 -> fail x  a: append 1 -> 0  b: read -> [1 1]");
}

#[test]
fn what_was_asked_once_stands_once() {
    check("duplicate", "a: append 1 -> 0  b: read -> [1 1]");
    check("duplicate", "a> append 1  b: read -> [1 1]");
    check("valid", "a> append 1  a< ?  b: append 1 -> 1  c: read -> [1 1]");
    check("duplicate", "a> append 1  b: read -> [1 1]  c: append 1 -> ?");
    check("duplicate", "a: append 1 -> 0  b: local read -> [1 1]");
}

#[test]
fn holes_are_filled_by_lost_appends_asked_in_time() {
    check("gap", "a: append 1 -> 1");
    check("valid", "b> append 2  a: append 1 -> 1");
    check("valid", "b: append 2 -> ?  a: append 1 -> 1  c: read -> [2 1]");
    check("gap", "a: append 1 -> 1  b> append 2");
    check("gap", "a: append 1 -> ?  b: append 2 -> 1  b: append 3 -> 3  c: append 4 -> ?");
    check("valid", "a: append 1 -> ?  b: append 2 -> 1  c: append 4 -> ?  b: append 3 -> 3");
    check("valid", "a: append 1 -> ?  b: tail -> 0  b: tail -> 1  b: read -> [1]");
    check(
        "future-read",
        "a: append 7 -> ?  d: tail -> 1  b: append x -> ?  d: read 0 limit 1 -> [x]",
    );
}

#[test]
fn the_greedy_leaves_early_appends_for_early_holes() {
    // Offset 1 is known to be x and could be the first or the second x; offset 0 is unknown and
    // seen before the second x was asked for.
    check(
        "valid",
        "a: append x -> ?  c: append 7 -> ?  d: tail -> 1  b: append x -> ?  d: read 1 -> [x]",
    );
    check("valid", "a: append x -> ?  d: tail -> 1  b: append x -> ?  d: read 1 -> [x]");
    check(
        "future-read",
        "a: append x -> ?  c: append 7 -> ?  e: append 8 -> ?  d: tail -> 3  b: append x -> ?  \
            d: read 1 limit 2 -> [x x]",
    );
}

#[test]
fn lost_conditional_appends_fill_only_their_own_place() {
    check("valid", "a: append-if 1 at 0 -> ?  b: append 2 -> 1");
    check("gap", "a: append-if 1 at 5 -> ?  b: append 2 -> 1");
    check("valid", "a: append-if 1 at 0 -> ?  c: append 3 -> ?  b: append 2 -> 2");
    check("non-linearizable", "a: append-if 1 at 5 -> ?  b: read -> [1]");
    check("valid", "a: append-if 1 at 0 -> ?  c: append 1 -> ?  b: read -> [1 1]");
}

#[test]
fn each_key_is_a_log_of_its_own() {
    let text = r#"
{"process":0,"type":"invoke","f":"append","key":"x","value":1}
{"process":0,"type":"ok","f":"append","key":"x","offset":0}
{"process":0,"type":"invoke","f":"tail","key":"y"}
{"process":0,"type":"ok","f":"tail","key":"y","tail":LENGTH}"#;
    let parse = |length: &str| History::parse(text.replace("LENGTH", length).as_bytes()).unwrap().0;
    assert_eq!(verdict(&parse("0")), Verdict::Valid);
    let Verdict::Violated(found) = verdict(&parse("1")) else { panic!("y is empty") };
    assert!(found[0].explanation.starts_with("key \"y\": process 0 saw length 1"), "{found:?}");
}

#[test]
fn explanations_name_processes_and_nodes() {
    let text = "a: append 1 @n1 -> 0  b: tail @n2 -> 0";
    let Verdict::Violated(found) = verdict(&read(text).unwrap()) else { panic!("it is stale") };
    assert_eq!(
        found[0].explanation,
        "process 1 on n2 was told of length 0, though process 0 on n1 had been given offset 0 \
         before it asked"
    );
    assert_eq!(found[0].events, [0, 1, 2, 3]);
    assert_eq!(found[0].time_ns, Some(4));
}

#[test]
fn a_broken_run_is_told_ten_times_of_a_kind() {
    let text = format!("a: append 1 -> 0{}", "  b: tail -> 0".repeat(25));
    let Verdict::Violated(found) = verdict(&read(&text).unwrap()) else { panic!("it is stale") };
    assert_eq!(found.len(), 10);
    assert!(found[9].explanation.ends_with("(and 15 more like it)"));
}

#[test]
fn values_shown_before_they_were_asked_for_are_all_told_or_counted() {
    // So many are shown; of these so many are asked for later.
    for (shown, later) in [(10, 10), (11, 11), (25, 25), (25, 0), (25, 11), (11, 10), (12, 2)] {
        let values: Vec<String> = (1..=shown).map(|value| value.to_string()).collect();
        let appends = (1..=later).map(|value| format!("  a: append {value} -> {}", value - 1));
        let text = format!("b: read -> [{}]{}", values.join(" "), appends.collect::<String>());
        let Verdict::Violated(found) = verdict(&read(&text).unwrap()) else { panic!("{text}") };
        for (kind, all) in [("future-read", later), ("phantom", shown - later)] {
            let told: Vec<_> = found.iter().filter(|one| one.kind.name() == kind).collect();
            let more = told.last().map_or("", |last| &last.explanation);
            let more = if all > told.len() {
                more.ends_with(&format!("(and {} more like it)", all - told.len()))
            } else {
                !more.contains("more like it")
            };
            assert!((all.min(10)..=20).contains(&told.len()) && more, "{shown} {later}: {found:?}");
        }
    }
}

#[test]
fn lies_of_huge_offsets_cost_nothing() {
    let append = |k: u64| format!("a: append {k} -> {}\n", k * 1_000_000_007);
    let text: String = (1..2000).map(append).collect();
    assert!(matches!(verdict(&read(&text).unwrap()), Verdict::Violated(_)));
}

/// Histories that tempt a checker into a false alarm.
#[test]
fn what_looks_wrong_and_is_not() {
    // A retry within a session: shown long before its one return.
    check("valid", "a> append 1 c1/1  b: read -> [1]  b: append 2 -> 1  a< 0");
    // A lost append takes effect after everyone saw the log without it.
    check("valid", "a: append 1 -> ?  b: read -> []  b: append 2 -> 0  b: tail -> 1  b: tail -> 2");
    // Two that overlap may be ordered against their returns.
    check("valid", "a> append 1  b> append 2  b< 1  a< 0");
    check("valid", "a> append 1  b> append 2  a< 1  b< 0");
    // A reader that overlaps the append that a reader before it has seen.
    check("valid", "a> append 1  b> read  c: read -> [1]  b< []");
    // A refused append leaves its value free for another.
    check("valid", "a: append 1 -> fail overloaded  b: append 1 -> ?  c: read -> [1]");
    // A conflict that overlaps the append that caused it.
    check("valid", "a> append 1  b> append-if 2 at 0  b< conflict 1  a< 0");
    // An old node answers locally, after everything.
    check(
        "valid",
        "a: append 1 -> 0  a: append 2 -> 1  b: local read -> [1] of 1  b: local tail -> 0",
    );
    // Beyond the end there is nothing, and that says little.
    check("valid", "b> read 5  a: append 1 -> 0  a: append 2 -> 1  b< []");
    // The same value everywhere.
    check("valid", "a: append x -> 1  =b> append x  =b< 0  c: read -> [x x]");
    // A conditional append whose answer was lost, refused for all others.
    check("valid", "a: append-if 1 at 0 -> ?  b: append-if 2 at 0 -> conflict 1  c: read -> [1]");
}

/// Histories that tempt a checker into calling a lie the truth.
#[test]
fn what_looks_right_and_is_not() {
    // The reader overlaps the append, but not the reader that has seen it.
    check("stale-read", "a> append 1  c: read -> [1]  b: read -> []  a< 0");
    // A lost append seen, then unseen.
    check("stale-read", "a: append 1 -> ?  b: tail -> 1  c: tail -> 0");
    // Right length, right values, wrong places.
    check(
        "lost-append lost-append",
        "a: append 1 -> 0  b: append 2 -> 1  c: read -> [2 1]  c: read 1 -> [1]",
    );
    // The lost append explains either hole, not both.
    check("gap", "a: append 7 -> ?  b> append 8  c: append 9 -> 2  b< fail overloaded");
    // Its condition pins the lost append to a place that is taken.
    check("gap", "a: append-if 7 at 0 -> ?  b: append 1 -> 0  c: append 2 -> 2");
    // The conflict says the length was already 1, before anything could be.
    check(
        "stale-read",
        "b: append-if 2 at 5 -> conflict 0  a: append 1 -> 0  b: append-if 2 at 5 -> conflict 0",
    );
    // Nobody read it wrong in time, but no log holds both.
    check(
        "non-prefix",
        "a: append 1 -> ?  b: append 2 -> ?  c: local read -> [1]  d: local read -> [2]",
    );
    // A local read is early, not free to invent.
    check("duplicate", "a: append 1 -> 0  b: local read -> [1 1]");
    // A failed append-if is no source, whatever its error says.
    check("failed-yet-visible", "a: append-if 1 at 0 -> fail unreachable  b: local read -> [1]");
}

#[test]
fn what_has_no_key_is_one_log_beside_the_keyed_ones() {
    let lines = concat!(
        r#"{"process":1,"type":"invoke","f":"append","value":1,"key":"a"}"#,
        "\n",
        r#"{"process":1,"type":"ok","f":"append","offset":0}"#,
        "\n",
        r#"{"process":1,"type":"invoke","f":"append","value":2}"#,
        "\n",
        r#"{"process":1,"type":"ok","f":"append","offset":0}"#,
        "\n",
        r#"{"process":2,"type":"invoke","f":"read"}"#,
        "\n",
        r#"{"process":2,"type":"ok","f":"read","value":[]}"#,
    );
    let (history, _) = History::parse(lines.as_bytes()).unwrap();
    let Verdict::Violated(anomalies) = verdict(&history) else { panic!("a stale read") };
    assert_eq!(anomalies[0].kind.name(), "stale-read");
}
