//! Which model a history is of, by its operations and answers. It never guesses into a verdict:
//! where what is asked may mean something else, a person has to say what it means.

use std::collections::HashMap;

use foldhash::fast::FixedState;

use super::MODELS;
use super::row::{Fits, Model};
use super::spec::says_no;
use crate::history::{Event, Field, History, Operation, Type, Value};

/// Why the model is not known.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{message}")]
pub struct Unrecognised {
    /// The event that shows it, where there is one.
    pub index: Option<u64>,
    /// What was found, and what to do.
    pub message: String,
}

/// The model whose operations these are and that the history looks like.
pub fn recognise(history: &History) -> Result<&'static Model, Unrecognised> {
    let used = used(history);
    if used.is_empty() {
        return Err(unrecognised(
            None,
            "there are no operations, so nothing tells the model; name it with --model",
        ));
    }
    if let Some(event) = elle(history) {
        return Err(unrecognised(
            Some(event.index),
            "a `txn` with :append is of Elle's list-append test, for which there is no model here; \
             judge it with elle-cli. A multi-register's txn has r and w",
        ));
    }
    let fits = |model: &&Model| (model.fits)(history).is_ok();
    let mut knowing = MODELS.iter().filter(|model| model.knows_all(&used));
    knowing.clone().find(fits).ok_or_else(|| match knowing.next() {
        Some(first) => in_doubt(history, &used, std::iter::once(first).chain(knowing)),
        None => unknown(history, &used),
    })
}

/// Some model knows them all, and may be the wrong one all the same.
fn in_doubt<'a>(
    history: &History,
    used: &[&str],
    models: impl Iterator<Item = &'a Model>,
) -> Unrecognised {
    let doubt = |model: &Model| {
        let why = (model.fits)(history).err().unwrap_or_default();
        format!("{} ({}): {why}", model.name, model.about)
    };
    let doubts: Vec<String> = models.map(doubt).collect();
    unrecognised(
        None,
        &format!(
            "the operations ({}) do not tell which model this is; name it with --model. These know \
             them all: {}",
            used.join(", "),
            doubts.join("; ")
        ),
    )
}

/// No model knows them all.
fn unknown(history: &History, used: &[&str]) -> Unrecognised {
    let is_known = |f: &&&str| MODELS.iter().any(|model| model.operation(f).is_some());
    let stranger = used.iter().find(|f| !is_known(f));
    let others: Vec<&str> = used.iter().filter(is_known).copied().collect();
    let knows_one = |model: &&Model| others.iter().any(|f| model.operation(f).is_some());
    let has = |model: &Model| format!("{} with {}", model.name, model.names().join(", "));
    let mut near: Vec<&Model> = MODELS.iter().filter(|model| model.knows_all(&others)).collect();
    if others.is_empty() || near.is_empty() {
        near = MODELS.iter().filter(knows_one).collect();
    }
    let near: Vec<String> = near.into_iter().map(has).collect();
    let names: Vec<&str> = MODELS.iter().map(|model| model.name).collect();
    let names = names.join(", ");
    let near = match &near[..] {
        [] => format!("there are {names}"),
        near => format!("the others are known to {}", near.join("; ")),
    };
    let next = format!("{near}. Name one with --model, and call each operation as it does");
    let Some(stranger) = stranger else {
        let message =
            format!("no model knows all of these operations: {}; {next}", used.join(", "));
        return unrecognised(None, &message);
    };
    let event = history.events().iter().find(|event| event.is_client() && &*event.f == *stranger);
    let stranger = schism_facts::foreign::excerpt(stranger);
    let message = format!("no model knows the operation `{stranger}`; {next}");
    unrecognised(event.map(|event| event.index), &message)
}

fn unrecognised(index: Option<u64>, message: &str) -> Unrecognised {
    Unrecognised { index, message: message.into() }
}

/// The operations of a history, each once.
pub(super) fn used(history: &History) -> Vec<&str> {
    let mut used: Vec<&str> = Vec::new();
    for event in history.events() {
        if event.is_client() && !used.contains(&&*event.f) {
            used.push(&event.f);
        }
    }
    used
}

/// A transaction that puts at the end of a list.
fn elle(history: &History) -> Option<&Event> {
    let appends = |part: &Value| {
        let Value::List(part) = part else { return false };
        matches!(&part[..], [Value::Str(f), _, _] if &**f == "append")
    };
    let is_one = |event: &&Event| {
        event.is_client()
            && &*event.f == "txn"
            && matches!(&event.value, Some(Value::List(parts)) if parts.iter().any(appends))
    };
    history.events().iter().find(is_one)
}

/// Where nothing is written, an answer that nobody wrote is of a bank, a clock or a log as well.
const ONLY_READS: &str = "nothing but reads was asked, so nothing tells what was read";

fn only_reads(history: &History) -> bool {
    let is_read = |event: &Event| !event.is_client() || &*event.f == "read";
    history.events().iter().all(is_read)
}

fn oks(history: &History) -> impl Iterator<Item = &Event> {
    history.events().iter().filter(|event| event.is_client() && event.kind == Type::Ok)
}

fn is_list(event: &Event) -> bool {
    matches!(event.value, Some(Value::List(_)))
}

fn answers_list(event: &Event) -> bool {
    &*event.f == "read" && is_list(event)
}

/// An append that happened must have an offset.
fn lacks_offset(event: &Event) -> bool {
    let says_no = event.value == Some(Value::Bool(false));
    event.f.starts_with("append") && event.offset().is_none() && !says_no
}

pub(super) fn log(history: &History) -> Fits {
    let of_a_log = |event: &Event| {
        [Field::From, Field::Limit, Field::Tail].into_iter().any(|field| event.has(field))
    };
    if oks(history).any(lacks_offset) {
        return Err("an ok `append` has no `offset`");
    }
    if oks(history).any(|event| &*event.f == "read" && !is_list(event)) {
        return Err("a read answers no list");
    }
    let tells = !only_reads(history) || history.events().iter().any(of_a_log);
    tells.then_some(()).ok_or(ONLY_READS)
}

pub(super) fn register(history: &History) -> Fits {
    (!only_reads(history)).then_some(()).ok_or(ONLY_READS)
}

pub(super) fn kv(history: &History) -> Fits {
    let only_appends = used(history) == ["append"];
    (!only_appends).then_some(()).ok_or("nothing was read, and a log appends too")
}

pub(super) fn queue(_: &History) -> Fits {
    Err("a queue that keeps no order has the same operations, and would be found violated here")
}

pub(super) fn total_queue(history: &History) -> Fits {
    // No other model drains.
    let drains = used(history).contains(&"drain");
    drains.then_some(()).ok_or("a queue that keeps its order has the same operations")
}

pub(super) fn set(history: &History) -> Fits {
    if history.events().iter().any(|event| event.element().is_some()) {
        return Ok(());
    }
    if only_reads(history) {
        return Err(ONLY_READS);
    }
    let is_sure = oks(history).any(answers_list);
    is_sure.then_some(()).ok_or("nothing has an `element`, and no read answers a list")
}

pub(super) fn counter(history: &History) -> Fits {
    if only_reads(history) {
        return Err(ONLY_READS);
    }
    let is_number =
        |event: &Event| &*event.f == "read" && matches!(event.value, Some(Value::Int(_)));
    oks(history).any(is_number).then_some(()).ok_or("no read answers a whole number")
}

const TAKEN_AGAIN: &str = "one process was granted it twice and never gave it back in between, which is \
    right where a holder may take its lock again";

pub(super) fn mutex(history: &History) -> Fits {
    // For each lock when it may have been given back, by anybody: the invocation, and the latest
    // return of this one and those before.
    let mut given_back: HashMap<Option<&Value>, Vec<(usize, usize)>, FixedState> =
        HashMap::default();
    let happened = |operation: &&Operation| {
        let is_no = |ret| says_no(history.invoke(operation), ret);
        history.outcome(operation) != Type::Fail && !history.ret(operation).is_some_and(is_no)
    };
    for release in history.operations().iter().filter(happened) {
        let asked = history.invoke(release);
        if &*asked.f == "release" {
            let all = given_back.entry(asked.key()).or_default();
            let ret = match history.outcome(release) {
                Type::Ok => release.ret(),
                _ => None,
            };
            let before = all.last().map_or(0, |last| last.1);
            all.push((release.invoke(), ret.unwrap_or(usize::MAX).max(before)));
        }
    }
    let mut granted: HashMap<(Option<&Value>, u64), usize, FixedState> = HashMap::default();
    for acquire in history.operations().iter().filter(happened) {
        let asked = history.invoke(acquire);
        let Some(ret) = acquire.ret().filter(|_| history.outcome(acquire) == Type::Ok) else {
            continue;
        };
        if &*asked.f != "acquire" {
            continue;
        }
        let Some(first) = granted.insert((asked.key(), acquire.process), acquire.invoke()) else {
            continue;
        };
        let releases = given_back.get(&asked.key()).map_or(&[][..], Vec::as_slice);
        let until_then = releases.partition_point(|(invoke, _)| *invoke < ret);
        if until_then == 0 || releases[until_then - 1].1 < first {
            return Err(TAKEN_AGAIN);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each operation is asked and answered by a process of its own, one after the other.
    fn history(lines: &[(&str, &str)]) -> History {
        let event = |(at, (f, answer)): (usize, &(&str, &str))| {
            let invoke = format!(r#"{{"process":{at},"type":"invoke","f":"{f}"}}"#);
            format!("{invoke}\n{{\"process\":{at},\"type\":\"ok\",\"f\":\"{f}\"{answer}}}\n")
        };
        let text: String = lines.iter().enumerate().map(event).collect();
        History::parse(text.as_bytes()).unwrap().0
    }

    fn of(lines: &[(&str, &str)]) -> Option<&'static str> {
        recognise(&history(lines)).map(|model| model.name).ok()
    }

    fn doubt(lines: &[(&str, &str)]) -> (Option<u64>, String) {
        let Unrecognised { index, message } =
            recognise(&history(lines)).map(|m| m.name).unwrap_err();
        (index, message)
    }

    #[test]
    fn models_are_told_apart_by_what_is_asked_and_answered() {
        assert_eq!(of(&[("append", r#","offset":0"#), ("read", r#","value":[1]"#)]), Some("log"));
        assert_eq!(of(&[("read", r#","value":[1],"tail":1"#)]), Some("log"));
        assert_eq!(of(&[("read", r#","value":1"#), ("write", "")]), Some("register"));
        assert_eq!(of(&[("append", ""), ("get", "")]), Some("kv"));
        assert_eq!(of(&[("add", r#","element":1"#)]), Some("set"));
        assert_eq!(of(&[("add", ""), ("read", r#","value":[1]"#)]), Some("set"));
        assert_eq!(of(&[("add", ""), ("read", r#","value":1"#)]), Some("counter"));
        assert_eq!(of(&[("release", "")]), Some("mutex"));
        assert_eq!(of(&[("pop", "")]), Some("stack"));
        let drained = [("enqueue", r#","value":1"#), ("drain", r#","value":[1]"#)];
        assert_eq!(of(&drained), Some("total-queue"));
        assert_eq!(of(&[("propose", r#","value":1"#)]), Some("consensus"));
        assert_eq!(of(&[]), None);
    }

    #[test]
    fn what_may_be_something_else_is_asked_for() {
        for lines in [
            &[("add", r#","value":1"#)][..],
            &[("append", "")],
            &[("read", r#","value":[10,20]"#)],
            &[("read", r#","value":{"a":10,"b":20}"#)],
            &[("read", r#","value":7"#)],
        ] {
            assert!(doubt(lines).1.contains("name it with --model"), "{lines:?}");
        }
        let (_, message) = doubt(&[("enqueue", r#","value":1"#), ("dequeue", r#","value":1"#)]);
        assert!(message.contains("(enqueue, dequeue)") && message.contains("queue (a first-in"));
        let (_, message) = doubt(&[("append", r#","value":"x""#), ("read", r#","value":["x"]"#)]);
        assert!(message.contains("log (") && message.contains("no `offset`"), "{message}");
    }

    #[test]
    fn an_operation_that_no_model_knows_is_named_with_the_models_near_it() {
        let peeked = [("enqueue", r#","value":1"#), ("peek", r#","value":[1]"#)];
        let (index, message) = doubt(&peeked);
        assert_eq!(index, Some(2));
        let words = "no model knows the operation `peek`";
        assert!(message.starts_with(words) && message.contains("queue with enqueue, dequeue"));
        assert!(message.contains("--model") && !message.contains("stack"), "{message}");
        let (_, message) = doubt(&[("generate", r#","value":4"#)]);
        assert!(message.contains("`generate`") && message.contains("log, register"), "{message}");
        let (index, message) = doubt(&[("enqueue", ""), ("write", "")]);
        assert!(index.is_none() && message.contains("all of these operations: enqueue, write"));
        let (_, message) = doubt(&[("txn", r#","value":[["append","x",1],["r","x",null]]"#)]);
        assert!(message.contains("Elle's list-append"), "{message}");
    }

    #[test]
    fn a_lock_that_its_holder_may_take_again_is_no_mutex() {
        let of = |lines: &[(u64, &str, &str)]| {
            let mut record = History::builder();
            for &(process, f, kind) in lines {
                record.invoke(process, f);
                match kind {
                    "ok" => drop(record.ok(process).clone()),
                    "fail" => drop(record.fail(process).clone()),
                    _ => drop(record.info(process).clone()),
                }
            }
            recognise(&record.finish().unwrap()).map(|model| model.name).ok()
        };
        let (take, give) = ((0, "acquire", "ok"), (0, "release", "ok"));
        assert_eq!(of(&[take, take, give]), None);
        assert_eq!(of(&[take, give, take, give]), Some("mutex"));
        // Two holders at once are what a mutex is judged for.
        assert_eq!(of(&[take, (1, "acquire", "ok")]), Some("mutex"));
        assert_eq!(of(&[take, (1, "release", "info"), take]), Some("mutex"));
        assert_eq!(of(&[take, (0, "release", "fail"), take]), None);
        assert_eq!(of(&[take, (0, "acquire", "fail"), give]), Some("mutex"));
        assert_eq!(of(&[(1, "release", "ok"), take, take]), None);
    }

    /// Somebody else's release, asked for before the first or during the second, may lie between.
    #[test]
    fn what_may_have_been_given_back_in_between_is_no_doubt() {
        let lines = |order: &str| {
            let mut record = History::builder();
            for event in order.split(' ') {
                match event {
                    "take" => drop(record.invoke(0, "acquire").clone()),
                    "taken" => drop(record.ok(0).clone()),
                    "give" => drop(record.invoke(1, "release").clone()),
                    _ => drop(record.ok(1).clone()),
                }
            }
            recognise(&record.finish().unwrap()).is_ok()
        };
        assert!(lines("give take taken take taken given"));
        assert!(lines("take taken take give taken given"));
        assert!(lines("take give given taken take taken"));
        assert!(lines("take taken give take taken"));
        assert!(!lines("give given take taken take taken"));
        assert!(!lines("take taken take taken give given"));
    }
}
