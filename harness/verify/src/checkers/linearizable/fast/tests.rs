//! What the certificates of the fast paths say, on the smallest lies that they catch, and truths
//! beside them. That they prove what they say is shown in `linearizable::agreement`.

use crate::checkers::linearizable::{CheckOptions, check};
use crate::history::{Event, History, Process, Type, Value};
use crate::verdict::Verdict;

fn value(text: &str) -> Value {
    Value::from_json(&serde_json::from_str(text).unwrap())
}

/// Statements stand between two spaces: `a: read -> 1` was invoked and returned at once, `a> read`
/// was invoked, `a< 1` returned. A dot answers nothing, and `!` refuses.
fn history(text: &str) -> History {
    let mut events: Vec<Event> = Vec::new();
    for statement in text.split("  ") {
        let process = Process::Client(u64::from(statement.as_bytes()[0] - b'a'));
        let (how, rest) = (&statement[1..2], statement[2..].trim());
        let (asked, answered) = match how {
            ":" => rest.split_once(" -> ").map(|(asked, answered)| (Some(asked), Some(answered))),
            ">" => Some((Some(rest), None)),
            _ => Some((None, Some(rest))),
        }
        .unwrap();
        if let Some(asked) = asked {
            let (f, argument) = asked.split_once(' ').unwrap_or((asked, ""));
            let mut event = Event::new(process, Type::Invoke, f);
            event.value = (!argument.is_empty()).then(|| value(argument));
            events.push(event);
        }
        if let Some(answered) = answered {
            let asked = events.iter().rfind(|event| event.process() == process).unwrap();
            let kind = if answered == "!" { Type::Fail } else { Type::Ok };
            let mut event = asked.clone();
            event.kind = kind;
            if kind == Type::Ok && answered != "." {
                event.value = Some(value(answered));
            }
            events.push(event);
        }
    }
    for (index, event) in events.iter_mut().enumerate() {
        event.index = index as u64;
    }
    History::from_events(events).unwrap()
}

/// The sentence, or nothing if it is valid; judged by this algorithm and no other.
fn said(model: &str, initial: &str, algorithm: &str, text: &str) -> String {
    let options = CheckOptions {
        model: Some(model.into()),
        algorithm: Some(algorithm.into()),
        initial: (!initial.is_empty()).then(|| value(initial)),
        null_says_nothing: true,
        ..CheckOptions::default()
    };
    let result = check(&history(text), &options).unwrap_or_else(|error| panic!("{text}: {error}"));
    // Of the two ways to search, whichever ends first.
    let by = result.algorithm.unwrap();
    assert!(by == algorithm || (algorithm, by) == ("search", "depth-first"), "{by}");
    match result.verdict {
        Verdict::Valid => String::new(),
        Verdict::Violated(anomalies) => anomalies[0].explanation.clone(),
        Verdict::Unknown { reason } => panic!("{text}: {reason}"),
    }
}

#[test]
fn registers() {
    let check =
        |text: &str, sentence: &str| assert_eq!(said("register", "0", "zones", text), sentence);
    check("a: write 1 -> .  b: read -> 1", "");
    check("a> write 1  b: read -> 0  b: read -> 1  c: read -> 1", "");
    check("a> cas [0,1]  b: read -> 0  b: read -> 1  c: cas [1,2] -> .  b: read -> 2", "");
    // A read that answers null says nothing of a register that starts with a value.
    check("a: write 1 -> .  b: read -> null  b: read -> 1", "");
    // Values that nobody found may be written twice, and written by lost writes.
    check("a: write 1 -> .  b: write 1 -> .  c> write 2  b: write 3 -> .  b: read -> 3", "");
    check("a: read -> 7", "p0's read -> 7, but nobody ever wrote the value that it found");
    check(
        "a> cas [7,8]  b: read -> 8",
        "p1's read -> 8 needs p0's cas [7,8] (unanswered), which needs a value that nobody ever \
         wrote",
    );
    check(
        "a: read -> 1  b: write 1 -> .",
        "p0's read -> 1 found what p1's write 1 asked for only afterwards",
    );
    check(
        "a: cas [0,1] -> .  b: read -> 0",
        "p0's cas [0,1] replaced the value that p1's read -> 0 found, and returned before p1's \
         read -> 0 was invoked; nobody wrote it again",
    );
    check(
        "a> cas [0,1]  b: read -> 1  c: read -> 0",
        "p1's read -> 1 needs what p0's cas [0,1] (unanswered) made of the value that p2's \
         read -> 0 found, and returned before p2's read -> 0 was invoked; nobody wrote it again",
    );
    check(
        "a: cas [0,1] -> .  b: cas [0,2] -> .",
        "p0's cas [0,1] and p1's cas [0,2] both replaced one value, which was written only once",
    );
    check(
        "a: cas [1,2] -> .  b: cas [2,1] -> .",
        "p0's cas [1,2] found what p1's cas [2,1] asked for only afterwards",
    );
    check(
        "a> cas [1,2]  b> cas [2,1]  a< .  b< .",
        "p1's cas [2,1] needs what p0's cas [1,2] writes, and that in turn what p1's cas [2,1] \
         writes: round in a circle, and nobody else writes either",
    );
    check(
        "a> cas [1,2]  b> cas [2,3]  c> cas [3,1]  a< .  b< .  c< .",
        "p2's cas [3,1] needs what p1's cas [2,3] writes, and that in turn what p0's cas [1,2] made of \
         what p2's cas [3,1] writes: round in a circle, and nobody else writes either; p0's cas \
         [1,2] shows that p2's cas [3,1] took effect",
    );
    check(
        "a: write 1 -> .  b: read -> 0",
        "from the start until p1's read -> 0 it held one value all the time, but p0's write 1 was \
         invoked and returned in between, and needs another value",
    );
    check(
        "a> write 1  b> write 2  c: read -> 1  d: read -> 2  c> read  d> read  d< 2  c< 1",
        "from p2's read -> 1 until p2's read -> 1 it held one value all the time, and from p3's \
         read -> 2 until p3's read -> 2 another, but these times overlap",
    );
}

#[test]
fn a_proof_names_what_joins_its_values() {
    let check =
        |text: &str, sentence: &str| assert_eq!(said("register", "0", "zones", text), sentence);
    check(
        "a: write 4 -> .  d> cas [4,2]  b: write 9 -> .  d< .  d: read -> 2",
        "from p0's write 4 until p3's read -> 2 it held one value, and then what p3's cas [4,2] \
         made of it, but p1's write 9 was invoked and returned in between, and needs another value",
    );
    check(
        "a: write 4 -> .  d> cas [4,2]  e> cas [2,3]  b: write 9 -> .  c: read -> 3",
        "from p0's write 4 until p2's read -> 3 it held one value, and then what p3's cas [4,2] \
         (unanswered) and p4's cas [2,3] (unanswered) made of it, but p1's write 9 was invoked \
         and returned in between, and needs another value",
    );
    check(
        "a> cas [0,1]  b> cas [1,2]  c: read -> 2  d: read -> 0",
        "p2's read -> 2 needs what p0's cas [0,1] (unanswered) and p1's cas [1,2] (unanswered) \
         made of the value that p3's read -> 0 found, and returned before p3's read -> 0 was \
         invoked; nobody wrote it again",
    );
    // Of a long chain the ends are named.
    let chain: String = (0..9)
        .map(|n| format!("{}> cas [{n},{}]  ", (b'a' + n) as char, n + 1))
        .collect::<Vec<_>>()
        .concat();
    let text = format!("{chain}x: read -> 9  y: read -> 0");
    let found = said("register", "0", "zones", &text);
    assert!(found.contains("p2's cas [2,3] (unanswered), p6's cas [6,7] (unanswered)"), "{found}");
    assert!(
        found.contains("p8's cas [8,9] (unanswered), of 9 in all made of the value"),
        "{found}"
    );
}

#[test]
fn the_first_bad_event_is_named_and_not_the_last() {
    let again = "  c: read -> 1  d: read -> 1".repeat(20);
    let text = format!("a: write 1 -> .  b: write 2 -> .  c: read -> 1  e: read -> 1{again}");
    assert_eq!(
        said("register", "0", "zones", &text),
        "from p0's write 1 until p2's read -> 1 it held one value all the time, but p1's write 2 \
         was invoked and returned in between, and needs another value",
    );
    let text = format!(
        "a: enqueue 1 -> .  b: enqueue 2 -> .  c: dequeue -> 2  c: dequeue -> 1{}",
        "  c: dequeue -> 1".repeat(9)
    );
    assert_eq!(
        said("queue", "", "fifo", &text),
        "p0's enqueue 1 and then p1's enqueue 2 were put in, but p2's dequeue -> 2 came though \
         nobody had taken the first"
    );
    let text = format!("a: add 2 -> .  b: read -> 7  c: read -> 5{}", "  c: read -> 5".repeat(9));
    assert_eq!(
        said("counter", "5", "matching", &text),
        "p2's read -> 5 saw less than p1's read -> 7, which had returned before p2's read -> 5 was \
         invoked"
    );
}

#[test]
fn what_only_a_failed_operation_asked_for_is_said() {
    const WHY: &str = "; that failed, so it certainly never happened, and nobody else asked for it";
    let check = |model: &str, algorithm: &str, text: &str, sentence: &str| {
        assert_eq!(said(model, "", algorithm, text), format!("{sentence}{WHY}"));
    };
    let read = "a: write 5 -> .  b: write 6 -> !  c: read -> 6";
    check("register", "zones", read, "p2's read -> 6 found what p1's write 6 (failed) asked for");
    let read = "a: write 5 -> .  b: cas [5,6] -> false  c: read -> 6";
    check("register", "zones", read, "p2's read -> 6 found what p1's cas [5,6] -> false asked for");
    check(
        "register",
        "zones",
        "b: write 6 -> !  a> cas [6,7]  c: read -> 7",
        "p2's read -> 7 needs p0's cas [6,7] (unanswered), which found what p1's write 6 (failed) \
         asked for",
    );
    let get = "a: put \"x\" -> .  b: append \"y\" -> !  c: get -> \"xy\"";
    check("kv", "zones", get, "p2's get -> \"xy\" found what p1's append \"y\" (failed) asked for");
    let taken = "a: enqueue 1 -> .  b: enqueue 2 -> !  c: dequeue -> 2";
    check("queue", "fifo", taken, "p2's dequeue -> 2 found what p1's enqueue 2 (failed) asked for");
    let all = "a: add 1 -> .  b: add 2 -> !  c: read -> [1,2]";
    check("set", "elements", all, "p2's read -> [1,2] found what p1's add 2 (failed) asked for");
    let one = "b: add 2 -> !  c: contains 2 -> true  d: remove 7 -> .";
    check(
        "set",
        "elements",
        one,
        "p2's contains 2 -> true found what p1's add 2 (failed) asked for",
    );
    let twice = "a: write 5 -> .  a: write 5 -> .  a: read -> 5  b: write 6 -> !  c: read -> 6";
    let found = said("register", "", "search", twice);
    assert!(
        found.ends_with(&format!("; it found what p1's write 6 (failed) asked for{WHY}")),
        "{found}"
    );
    // Somebody else may have written it.
    let two = said(
        "register",
        "",
        "zones",
        "b: write 6 -> !  d> write 6  c: read -> 6  a: write 5 -> .  c: read -> 6",
    );
    assert!(!two.contains("certainly"), "{two}");
}

#[test]
fn keys() {
    let check = |text: &str, sentence: &str| assert_eq!(said("kv", "", "zones", text), sentence);
    check(
        "a: append \"x;\" -> .  b> append \"y;\"  c: append \"z;\" -> .  c: get -> \"x;y;z;\"",
        "",
    );
    check("a: put \"p\" -> .  a: append \"x\" -> .  b: get -> \"px\"  a: put \"q\" -> .", "");
    check(
        "a: append \"x;\" -> .  b: append \"y;\" -> .  c: get -> \"y;x;\"",
        "p0's append \"x;\" returned before p1's append \"y;\" was invoked, but needs what only \
         p1's append \"y;\" writes; p2's get -> \"y;x;\" shows that p0's append \"x;\" took effect",
    );
    check(
        "a: get -> \"z\"  b: append \"x\" -> .",
        "p0's get -> \"z\", but nothing that was ever written makes that value",
    );
    check(
        "a> append \"x\"  b> append \"y\"  c> append \"z\"  d: get -> \"xz\"  d: get -> \"xyz\"",
        "p3's get -> \"xz\" and p3's get -> \"xyz\" show p2's append \"z\" (unanswered) after two \
         different values, but it was asked once",
    );
    check(
        "a: append \"x\" -> .  b: put \"p\" -> .  c: get -> \"x\"",
        "from the start until p2's get -> \"x\" it held one value, and then what p0's append \
         \"x\" made of it, but p1's put \"p\" was invoked and returned in between, and needs \
         another value",
    );
}

#[test]
fn sets() {
    let check =
        |text: &str, sentence: &str| assert_eq!(said("set", "[0]", "elements", text), sentence);
    check("a> add 1  b: read -> [0]  b: read -> [0,1]  c: contains 1 -> true", "");
    check("a: add 1 -> .  b: remove 1 -> .  c: contains 1 -> false  c: contains 0 -> true", "");
    check("a: read -> [0,7]", "p0's read -> [0,7], but nobody ever added what it found");
    check("a: read -> []", "p0's read -> [] missed an element that was there from the start");
    check(
        "a> add 1  b> add 2  c> read  d> read  c< [0,1]  d< [0,2]",
        "p2's read -> [0,1] and p3's read -> [0,2] each saw an element that the other missed, but \
         nothing is ever removed",
    );
    check(
        "a> add 1  b: read -> [0,1]  c: read -> [0]",
        "p2's read -> [0] missed an element that p1's read -> [0,1] saw, and p1's read -> [0,1] \
         had returned before",
    );
    check(
        "a: add 1 -> .  b: remove 0 -> .  c: contains 1 -> false",
        "p0's add 1, p2's contains 1 -> false contradict each other: their element can have \
         changed once at most, and at no moment so that all of them are right",
    );
    check(
        "a: remove 0 -> .  b: contains 0 -> true",
        "p0's remove 0, p1's contains 0 -> true contradict each other: their element can have \
         changed once at most, and at no moment so that all of them are right",
    );
}

#[test]
fn counters() {
    let check =
        |text: &str, sentence: &str| assert_eq!(said("counter", "5", "matching", text), sentence);
    check("a> add 2  b: read -> 5  b: read -> 7  c: add 2 -> .  b: read -> 9", "");
    check("a: read -> 6  b: add 2 -> .", "p0's read -> 6, but it starts at 5 and every add adds 2");
    check("a: read -> 9  b: add 2 -> .", "p0's read -> 9, but only 1 add was invoked at all");
    check(
        "a: read -> 7  b: add 2 -> .",
        "p0's read -> 7 needs 1 add since the start, but only 0 adds were invoked before it returned",
    );
    check(
        "a> add 2  b: read -> 7  c: read -> 5",
        "p2's read -> 5 saw less than p1's read -> 7, which had returned before p2's read -> 5 was \
         invoked",
    );
    check(
        "a: add 2 -> .  b: read -> 7  a: add 2 -> .  c: add 2 -> .  b: read -> 9",
        "2 adds were acknowledged between p1's read -> 7 and p1's read -> 9, p2's add 2 among \
         them, which is more than the second read shows",
    );
}

#[test]
fn mutexes() {
    let check = |text: &str, sentence: &str| assert_eq!(said("mutex", "", "turns", text), sentence);
    check("a: acquire -> .  a> release  b: acquire -> .", "");
    check("a: acquire -> .  b: acquire -> !  a: release -> .  b: acquire -> .", "");
    check(
        "a: acquire -> .  b: acquire -> .",
        "p1's acquire returned, but at no moment until then can the mutex have been free for it: \
         it was held before",
    );
    check(
        "a: release -> .",
        "p0's release returned, but at no moment until then can the mutex have been held for it: \
         it was free before",
    );
    check(
        "a> acquire  b> acquire  a< .  b< .",
        "p1's acquire returned, but at no moment until then can the mutex have been free for it: \
         it was free before, and then came p0's acquire",
    );
}

#[test]
fn what_does_not_fit_is_refused_in_words() {
    let refused = |model: &str, algorithm: &str, text: &str| {
        let (model, algorithm) = (Some(model.into()), Some(algorithm.into()));
        let options = CheckOptions { model, algorithm, ..CheckOptions::default() };
        check(&history(text), &options).unwrap_err().to_string()
    };
    let twice = "a: write 1 -> .  b: write 1 -> .  b: read -> 1";
    assert_eq!(
        refused("register", "zones", twice),
        "`zones` cannot judge this history: it takes histories in which no value that was found \
         has two writers, the initial value included, and no failed cas says anything; `search` \
         takes any"
    );
    let sum = "a: add 1 -> .  b: add 2 -> .";
    assert!(refused("counter", "matching", sum).contains("to which every add adds the same"));
    let both = "a: add 1 -> .  b: remove 1 -> .  c: read -> []";
    assert!(refused("set", "elements", both).contains("from which nothing is removed"));
    assert!(refused("mutex", "fifo", "a: acquire -> .").contains("there are turns, search"));
    assert!(refused("stack", "fifo", "a: push 1 -> .").contains("queues, not stacks"));
}
