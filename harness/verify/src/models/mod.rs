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
pub mod recognise;
pub mod register;
pub mod row;
pub mod set;
pub mod spec;
pub mod total_queue;

pub use recognise::Unrecognised;
pub use row::{
    CLIENT_DIED, Ending, MALFORMED, Model, NO_ANSWER, Operation, Proves, UNREADABLE, is_no_answer,
};

use crate::history::History;
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

/// The check that some order explains every answer.
const LINEARIZABLE: &str = "linearizable";

/// Every model, in the order they are tried and shown.
pub const MODELS: &[Model] = &[
    Model {
        name: "log",
        aliases: &[],
        about: "a totally ordered log: append, append-if, read, tail",
        operations: log::OPERATIONS,
        fits: recognise::log,
        check: log::check,
        judged_by: LINEARIZABLE,
        ending: Ending::ReadEveryNode,
        barrier: Some("append"),
    },
    Model {
        name: "register",
        aliases: &["cas-register"],
        about: "a register: write, read, cas",
        operations: register::OPERATIONS,
        fits: recognise::register,
        check: |call| readable(&Register::default(), call),
        judged_by: LINEARIZABLE,
        ending: Ending::ReadEveryKey("read"),
        barrier: None,
    },
    Model {
        name: "multi-register",
        aliases: &[],
        about: "several registers changed at once: txn of reads and writes",
        operations: multi_register::OPERATIONS,
        fits: |_| Ok(()),
        check: |call| readable(&MultiRegister::default(), call),
        judged_by: LINEARIZABLE,
        ending: Ending::None,
        barrier: None,
    },
    Model {
        name: "kv",
        aliases: &[],
        about: "a key-value store: get, put, append, delete, cas",
        operations: kv::OPERATIONS,
        fits: recognise::kv,
        check: |call| readable(&Kv::default(), call),
        judged_by: LINEARIZABLE,
        ending: Ending::ReadEveryKey("get"),
        barrier: None,
    },
    Model {
        name: "queue",
        aliases: &["fifo-queue"],
        about: "a first-in first-out queue: enqueue, dequeue",
        operations: queue::QUEUE_OPERATIONS,
        fits: recognise::queue,
        check: |call| readable(&Queue::default(), call),
        judged_by: LINEARIZABLE,
        ending: Ending::Drain("dequeue"),
        barrier: None,
    },
    Model {
        name: "stack",
        aliases: &[],
        about: "a stack: push, pop",
        operations: queue::STACK_OPERATIONS,
        fits: |_| Ok(()),
        check: |call| readable(&Queue { is_stack: true, ..Queue::default() }, call),
        judged_by: LINEARIZABLE,
        ending: Ending::None,
        barrier: None,
    },
    Model {
        name: "set",
        aliases: &[],
        about: "a set: add, remove, contains, read of all",
        operations: set::OPERATIONS,
        fits: recognise::set,
        check: |call| readable(&Set::default(), call),
        judged_by: LINEARIZABLE,
        ending: Ending::ReadEveryKey("read"),
        barrier: None,
    },
    Model {
        name: "counter",
        aliases: &[],
        about: "a counter: add, read",
        operations: counter::OPERATIONS,
        fits: recognise::counter,
        check: |call| readable(&Counter::default(), call),
        judged_by: LINEARIZABLE,
        ending: Ending::ReadEveryKey("read"),
        barrier: None,
    },
    Model {
        name: "mutex",
        aliases: &[],
        about: "a lock: acquire, release",
        operations: mutex::OPERATIONS,
        fits: recognise::mutex,
        check: |call| readable(&Mutex::default(), call),
        judged_by: LINEARIZABLE,
        ending: Ending::None,
        barrier: None,
    },
    Model {
        name: "total-queue",
        aliases: &[],
        about: "a queue that keeps no order: enqueue, dequeue, drain; nothing lost, invented, doubled",
        operations: total_queue::OPERATIONS,
        fits: recognise::total_queue,
        check: total_queue::check,
        judged_by: "total-queue",
        ending: Ending::Drain("dequeue"),
        barrier: None,
    },
    Model {
        name: "consensus",
        aliases: &[],
        about: "one value decided for each key: propose",
        operations: consensus::OPERATIONS,
        fits: |_| Ok(()),
        check: |call| readable(&Consensus, call),
        judged_by: LINEARIZABLE,
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
    if used.is_empty() { None } else { MODELS.iter().find(|model| model.knows_all(&used)) }
}

/// The first model that knows all operations of the history, whatever their answers look like.
pub fn asked(history: &History) -> Option<&'static Model> {
    knowing(recognise::used(history))
}

/// The model that [`recognise::recognise`] finds, if it does.
pub fn infer(history: &History) -> Option<&'static Model> {
    recognise::recognise(history).ok()
}
