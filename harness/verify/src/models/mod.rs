//! The models: what operations mean. This is their table, one file each.
//! A model never judges; it turns events into typed operations or says what is missing.
//!
//! # Adding one
//!
//! Write one file with a type that implements [`spec::Spec`], add its row here, and a row to
//! `OBJECTS` of `checkers::linearizable`. The search then judges it.

pub mod consensus;
pub mod counter;
pub mod kv;
pub mod log;
pub mod multi_register;
pub mod mutex;
pub mod queue;
pub mod register;
pub mod row;
pub mod set;
pub mod spec;

pub use row::{Ending, MALFORMED, Model, NO_ANSWER, Operation, Proves, UNREADABLE};

use crate::history::{Event, History, Process, Type, Value};
use consensus::Consensus;
use counter::Counter;
use kv::Kv;
use multi_register::MultiRegister;
use mutex::Mutex;
use queue::Queue;
use register::Register;
use row::readable;
use set::Set;

#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("event {index}: {message}")]
pub struct ModelError {
    pub index: u64,
    /// What was found and what was expected.
    pub message: String,
}

/// Every model, in the order they are tried and shown.
pub const MODELS: &[Model] = &[
    Model {
        name: "log",
        aliases: &[],
        about: "a totally ordered log: append, append-if, read, tail",
        operations: log::OPERATIONS,
        fits: |history| !oks(history).any(|event| lacks_offset(event) || answers_no_list(event)),
        check: log::check,
        ending: Ending::ReadEveryNode,
        barrier: Some("append"),
    },
    Model {
        name: "register",
        aliases: &["cas-register"],
        about: "a register: write, read, cas",
        operations: register::OPERATIONS,
        fits: |_| true,
        check: |call| readable(&Register::default(), call),
        ending: Ending::None,
        barrier: None,
    },
    Model {
        name: "multi-register",
        aliases: &[],
        about: "several registers changed at once: txn of reads and writes",
        operations: multi_register::OPERATIONS,
        fits: |_| true,
        check: |call| readable(&MultiRegister::default(), call),
        ending: Ending::None,
        barrier: None,
    },
    Model {
        name: "kv",
        aliases: &[],
        about: "a key-value store: get, put, append, delete, cas",
        operations: kv::OPERATIONS,
        fits: |_| true,
        check: |call| readable(&Kv::default(), call),
        ending: Ending::None,
        barrier: None,
    },
    Model {
        name: "queue",
        aliases: &["fifo-queue"],
        about: "a first-in first-out queue: enqueue, dequeue",
        operations: queue::QUEUE_OPERATIONS,
        fits: |_| true,
        check: |call| readable(&Queue::default(), call),
        ending: Ending::None,
        barrier: None,
    },
    Model {
        name: "stack",
        aliases: &[],
        about: "a stack: push, pop",
        operations: queue::STACK_OPERATIONS,
        fits: |_| true,
        check: |call| readable(&Queue { is_stack: true, ..Queue::default() }, call),
        ending: Ending::None,
        barrier: None,
    },
    Model {
        name: "set",
        aliases: &[],
        about: "a set: add, remove, contains, read of all",
        operations: set::OPERATIONS,
        fits: |history| {
            history.events().iter().any(|event| event.element().is_some())
                || oks(history).any(answers_list)
        },
        check: |call| readable(&Set::default(), call),
        ending: Ending::None,
        barrier: None,
    },
    Model {
        name: "counter",
        aliases: &[],
        about: "a counter: add, read",
        operations: counter::OPERATIONS,
        fits: |history| {
            oks(history)
                .any(|event| &*event.f == "read" && matches!(event.value, Some(Value::Int(_))))
        },
        check: |call| readable(&Counter::default(), call),
        ending: Ending::None,
        barrier: None,
    },
    Model {
        name: "mutex",
        aliases: &[],
        about: "a lock: acquire, release",
        operations: mutex::OPERATIONS,
        fits: |_| true,
        check: |call| readable(&Mutex::default(), call),
        ending: Ending::None,
        barrier: None,
    },
    Model {
        name: "consensus",
        aliases: &[],
        about: "one value decided for each key: propose",
        operations: consensus::OPERATIONS,
        fits: |_| true,
        check: |call| readable(&Consensus, call),
        ending: Ending::AskEveryKey,
        barrier: None,
    },
];

/// The model of this name or alias.
pub fn named(name: &str) -> Option<&'static Model> {
    MODELS.iter().find(|model| model.name == name || model.aliases.contains(&name))
}

/// The first model that knows all of these operations. None: no model does, or there are none.
pub fn knowing<'a>(operations: impl IntoIterator<Item = &'a str>) -> Option<&'static Model> {
    let used: Vec<&str> = operations.into_iter().collect();
    let knows_all = |model: &&Model| used.iter().all(|f| model.operation(f).is_some());
    if used.is_empty() { None } else { MODELS.iter().find(knows_all) }
}

/// The operations of a history, each once.
fn used(history: &History) -> Vec<&str> {
    let mut used: Vec<&str> = Vec::new();
    for event in history.events() {
        if event.process() != Process::Nemesis && !used.contains(&&*event.f) {
            used.push(&event.f);
        }
    }
    used
}

/// The first model that knows all operations of the history, whatever their answers look like.
pub fn asked(history: &History) -> Option<&'static Model> {
    knowing(used(history))
}

/// The first model that knows every operation of the history and that it looks like. None: no
/// model does, or there is not enough to tell.
pub fn infer(history: &History) -> Option<&'static Model> {
    let used = used(history);
    let knows_all = |model: &&Model| used.iter().all(|f| model.operation(f).is_some());
    let fits = |model: &&Model| (model.fits)(history);
    if used.is_empty() { None } else { MODELS.iter().filter(knows_all).find(fits) }
}

fn oks(history: &History) -> impl Iterator<Item = &Event> {
    let client = |event: &&Event| event.process() != Process::Nemesis;
    history.events().iter().filter(client).filter(|event| event.kind == Type::Ok)
}

/// An append that happened must have one.
fn lacks_offset(event: &Event) -> bool {
    let says_no = event.value == Some(Value::Bool(false));
    event.f.starts_with("append") && event.offset().is_none() && !says_no
}

fn answers_list(event: &Event) -> bool {
    &*event.f == "read" && matches!(event.value, Some(Value::List(_)))
}

fn answers_no_list(event: &Event) -> bool {
    &*event.f == "read" && !matches!(event.value, Some(Value::List(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_are_told_apart_by_what_is_asked_and_answered() {
        let of = |lines: &[(&str, &str)]| {
            let event = |(at, (f, answer)): (usize, &(&str, &str))| {
                let invoke = format!(r#"{{"process":{at},"type":"invoke","f":"{f}"}}"#);
                format!("{invoke}\n{{\"process\":{at},\"type\":\"ok\",\"f\":\"{f}\"{answer}}}\n")
            };
            let text: String = lines.iter().enumerate().map(event).collect();
            let (history, _) = History::parse(text.as_bytes()).unwrap();
            infer(&history).map(|model| model.name)
        };
        assert_eq!(of(&[("append", r#","offset":0"#), ("read", r#","value":[1]"#)]), Some("log"));
        assert_eq!(of(&[("read", r#","value":1"#), ("write", "")]), Some("register"));
        assert_eq!(of(&[("append", ""), ("get", "")]), Some("kv"));
        assert_eq!(of(&[("append", "")]), Some("kv"));
        assert_eq!(of(&[("add", r#","element":1"#)]), Some("set"));
        assert_eq!(of(&[("add", ""), ("read", r#","value":[1]"#)]), Some("set"));
        assert_eq!(of(&[("add", ""), ("read", r#","value":1"#)]), Some("counter"));
        assert_eq!(of(&[("add", r#","value":1"#)]), None);
        assert_eq!(of(&[("release", "")]), Some("mutex"));
        assert_eq!(of(&[("pop", "")]), Some("stack"));
        assert_eq!(of(&[("propose", r#","value":1"#)]), Some("consensus"));
        assert_eq!(of(&[("fly", "")]), None);
        assert_eq!(of(&[]), None);
    }
}
