//! Whatever was acknowledged is there at the end. What that means is each model's: this is their
//! table. It claims a loss only where everything that could show the contrary was read.

mod elements;
pub(crate) mod log;
mod messages;
mod sums;
mod writes;

use crate::checkers::{CheckResult, Checker, Sees};
use crate::evidence::{Evidence, Settings, finals};
use crate::history::nemesis::final_reads_at;

pub(crate) const CHECKER: Checker = Checker {
    name: "durable",
    about: "whatever was acknowledged is there at the end: appends, writes, elements, messages",
    sees: Sees::Outside,
    applies: |evidence, settings| find_of(evidence, settings).is_some(),
    run: |evidence, settings| {
        let find = find_of(evidence, settings);
        find.expect("it is run where it applies")(evidence, settings)
    },
};

type Find = fn(&Evidence, &Settings) -> CheckResult;

/// Every model but the log whose losses can be told at the end of a run.
const KEPT: &[(&str, Find)] = &[
    ("register", writes::find),
    ("kv", writes::find),
    ("counter", sums::find),
    ("set", elements::find),
    ("queue", messages::find),
];

fn find_of(evidence: &Evidence, settings: &Settings) -> Option<Find> {
    let history = &evidence.history;
    if finals::of_logs(history, settings) {
        return Some(log::find);
    }
    final_reads_at(history)?;
    history.nemesis("final-read").next()?;
    let model = settings.model_of(history)?;
    KEPT.iter().find(|(name, _)| *name == model.name).map(|(_, find)| *find)
}

/// `12 of 300 acknowledged writes are lost`; nothing where none is.
fn note(lost: u64, all: u64, what: &str) -> Vec<String> {
    let are = if lost == 1 { "is" } else { "are" };
    let told = || format!("{lost} of {all} acknowledged {what} {are} lost");
    (lost > 0).then(told).into_iter().collect()
}

#[cfg(test)]
mod tests;
