//! The models: what operations mean. This is their table, one file each.
//! A model never judges; it turns events into typed operations or says what is missing.

pub mod log;

use crate::history::{History, Process};

/// One model.
pub struct Model {
    /// Its name, as in `--model`.
    pub name: &'static str,
    /// One line for `schism list models`.
    pub about: &'static str,
    /// The operations it knows.
    pub operations: &'static [&'static str],
    /// Whether every operation of the history has what the model needs.
    pub validate: fn(&History) -> Result<(), ModelError>,
}

/// An operation that its model cannot read.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("event {index}: {message}")]
pub struct ModelError {
    /// The index of the event.
    pub index: u64,
    /// What was found and what was expected.
    pub message: String,
}

/// Every model, in the order they are tried and shown.
pub const MODELS: &[Model] = &[Model {
    name: "log",
    about: "a totally ordered log: append, append-if, read, tail",
    operations: log::OPERATIONS,
    validate: log::validate,
}];

/// The first model that knows every operation of the history. None: no model does, or there are
/// no operations to tell from.
pub fn infer(history: &History) -> Option<&'static Model> {
    let mut used: Vec<&str> = Vec::new();
    for event in history.events() {
        if event.process != Process::Nemesis && !used.contains(&&*event.f) {
            used.push(&event.f);
        }
    }
    let knows_all = |model: &&Model| used.iter().all(|f| model.operations.contains(f));
    if used.is_empty() { None } else { MODELS.iter().find(knows_all) }
}
