//! How a history is to be judged, and why it could not be.

use std::sync::Arc;

use crate::budget::Budget;
use crate::history::formats::Format;
use crate::history::formats::meaning::Meaning;
use crate::history::{History, Type, Value};
use crate::models::{MODELS, ModelError, Unrecognised};
use crate::progress::Progress;

/// Whether a failed cas says something.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum FailedCas {
    /// At some moment the state was not `from`.
    Constrain,
    /// It says nothing, as in Jepsen: it may have failed for another reason.
    #[default]
    Ignore,
}

#[derive(Clone, Debug)]
pub struct CheckOptions {
    /// The model's name. None: inferred from the operations.
    pub model: Option<String>,
    /// The algorithm's name. None: the fastest that fits the history.
    pub algorithm: Option<String>,
    /// What every object holds at the start. None: what the model starts with.
    pub initial: Option<Value>,
    pub failed_cas: FailedCas,
    /// A read of a register that answers null says nothing, as in Jepsen, whatever it starts with.
    pub null_says_nothing: bool,
    /// Look for the exact place and the fewest operations that prove a violation: many searches
    /// more. Without it a violation only names where the search ended.
    pub explain: bool,
    pub budget: Budget,
    pub watcher: Option<Arc<Progress>>,
}

impl Default for CheckOptions {
    fn default() -> Self {
        CheckOptions {
            model: None,
            algorithm: None,
            initial: None,
            failed_cas: FailedCas::default(),
            null_says_nothing: false,
            explain: true,
            budget: Budget::default(),
            watcher: None,
        }
    }
}

/// Why a history could not be judged at all.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckError {
    #[error("`{name}` is no model; there are {}", names())]
    NoSuchModel { name: String },
    #[error(transparent)]
    WhichModel(#[from] Unrecognised),
    #[error(transparent)]
    Operation(#[from] ModelError),
    #[error("{message}; write `schism check FILE --to jsonl` anew, or take the remark out")]
    Meaning {
        /// What was found.
        message: String,
    },
    #[error("the initial value: {message}")]
    Initial {
        /// What was found and what was expected.
        message: String,
    },
    #[error("a {model} keeps no order, so there is none to show; leave out `--to porcupine-json`")]
    NoOrder { model: &'static str },
    #[error("`{algorithm}` is no algorithm for this model; there are {known}")]
    NoSuchAlgorithm { algorithm: String, known: String },
    #[error("`{algorithm}` cannot judge this history: it takes {takes}; `search` takes any")]
    Algorithm { algorithm: &'static str, takes: &'static str },
    #[error(
        "`{algorithm}` cannot judge this history: a process asks again at the very time at which \
         it was answered, and what follows from its own order only `search` can tell"
    )]
    Touches { algorithm: &'static str },
}

fn names() -> String {
    let names: Vec<&str> = MODELS.iter().map(|model| model.name).collect();
    names.join(", ")
}

impl CheckOptions {
    /// What a file of this format means by itself.
    pub fn for_format(format: Format) -> CheckOptions {
        CheckOptions::default().with_meaning(Meaning::of_format(format))
    }

    /// What this history means, which was read from a file of this format.
    pub fn for_history(format: Format, history: &History) -> Result<CheckOptions, CheckError> {
        let meaning = Meaning::of(format, history);
        let meaning = meaning.map_err(|message| CheckError::Meaning { message })?;
        Ok(CheckOptions::default().with_meaning(meaning))
    }

    fn with_meaning(self, meaning: Meaning) -> CheckOptions {
        let Meaning { null_says_nothing, failed_cas_constrains, initial } = meaning;
        let failed_cas =
            if failed_cas_constrains { FailedCas::Constrain } else { FailedCas::Ignore };
        CheckOptions { initial, failed_cas, null_says_nothing, ..self }
    }

    /// What they take a history to mean.
    pub fn meaning(&self) -> Meaning {
        Meaning {
            null_says_nothing: self.null_says_nothing,
            failed_cas_constrains: self.failed_cas == FailedCas::Constrain,
            initial: self.initial.clone(),
        }
    }

    /// These options with what a person gave as `--initial`.
    pub fn with_initial(mut self, format: Format, text: &str) -> Result<CheckOptions, CheckError> {
        let message = |why| format!("`{text}` cannot be read: {why}");
        let value = format.value(text);
        self.initial = Some(value.map_err(|why| CheckError::Initial { message: message(why) })?);
        Ok(self)
    }

    /// What was made of failed cas, if there are any.
    pub(super) fn cas_note(&self, history: &History) -> Option<String> {
        let failed =
            |event: &&crate::history::Event| event.kind == Type::Fail && &*event.f == "cas";
        let count = history.events().iter().filter(failed).count();
        let taken = match self.failed_cas {
            FailedCas::Constrain => "to say that the state was not `from`",
            FailedCas::Ignore => "to say nothing",
        };
        (count > 0).then(|| format!("{count} failed cas were taken {taken}"))
    }
}
