//! What reads still promise where an acknowledgement may be lost to a failover: they show a log
//! that only grows, in the order of real time, of nothing but what was asked for, each once and
//! where it was said to be. An acknowledged append counts as one that may yet take effect, at its
//! offset, or never.
//! It never asks what became of it: that is `failover-loss`.

use schism_facts::Acks;

use crate::checkers::linearizable::log::{self, LogMonitor};
use crate::checkers::{CheckResult, Checker, Sees};
use crate::evidence::{Evidence, Settings};
use crate::models;

pub(crate) const CHECKER: Checker = Checker {
    name: "reads",
    about: "where acknowledged appends may be lost: all reads fit one log that only grows",
    sees: Sees::Outside,
    applies: |evidence, settings| {
        settings.acks == Acks::UntilFailover && !evidence.history.operations().is_empty()
    },
    run,
};

fn run(evidence: &Evidence, settings: &Settings) -> CheckResult {
    let history = &evidence.history;
    if settings.model.or_else(|| models::infer(history)).is_none_or(|model| model.name != "log") {
        let operations = history.operations().len() as u64;
        return CheckResult::unknown(operations, "these are not the operations of a log".into());
    }
    let mut finding = log::fed(LogMonitor::promising(settings.acks), history, None);
    finding.notes.push(
        "a read may miss what was acknowledged before it: this system answers appends before \
         a majority holds them"
            .into(),
    );
    finding
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notation;

    fn check(expected: &str, text: &str) {
        let history = notation::read(text).unwrap();
        let settings = Settings { acks: Acks::UntilFailover, ..Settings::default() };
        let found = run(&Evidence { history, ..Evidence::default() }, &settings).verdict.in_short();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn an_acknowledgement_binds_no_reader() {
        // Not yet there, never there, there after all.
        check("valid", "a: append 1 -> 0  b: read -> []");
        check("valid", "a: append 1 -> 0  b: read -> []  b: read -> [1]");
        check("valid", "a: append 1 -> 0  a: append 2 -> 1  b: tail -> 0  b: tail -> 2");
        // An offset given out again, and a place taken by what came later.
        check("valid", "a: append 1 -> 0  b: append 2 -> 0  c: read -> [2]");
        check("valid", "a: append 1 -> 0  b: append 2 -> 0  c: read -> [1]");
        check("valid", "a: append 1 -> 5  b: append 2 -> 0  c: read -> [2]");
        check("valid", "a: append 1 -> 0  b: append 2 -> 0  c: local read -> [2]");
        // A refusal tells of a log that nobody need have kept.
        check("valid", "a: append 1 -> 0  b: append-if 2 at 7 -> conflict 1  c: tail -> 0");
        // A session's earlier try, once the later one is gone.
        check("valid", "a: append 1 c1/1 -> 0  b: append 2 -> 0  c: read -> [2 1]");
    }

    #[test]
    fn readers_are_bound_by_each_other_and_by_what_was_asked_for() {
        check("stale-read", "a: append 1 -> 0  b: read -> [1]  b: read -> []");
        check("stale-read", "a: append 1 -> 0  b: tail -> 1  c: tail -> 0");
        check("non-prefix", "a: append 1 -> 0  b: append 2 -> 0  c: read -> [1]  d: read -> [2]");
        check("non-prefix", "a> append 1  b: append 2 -> 0  c: local read -> [1]  d: read -> [2]");
        check("phantom", "a: append 1 -> 0  b: read -> [1 9]");
        check("phantom", "a: append 1 -> 0  b: tail -> 2");
        check("future-read", "a: append 7 -> ?  b: tail -> 1  a: append 1 -> 0  b: read -> [1]");
        check("duplicate", "a: append 1 -> 0  b: read -> [1 1]");
        check("failed-yet-visible", "a: append 1 -> fail overloaded  b: read -> [1]");
        check("failed-yet-visible", "a: append-if 1 at 5 -> conflict 2  b: read -> [1]");
        // It stands where it was said to be, or nowhere.
        check("non-linearizable", "a: append 1 -> 1  b: read -> [1]");
        check("phantom", "a: append 1 -> 1  b: read 1 -> [1]");
        check("non-linearizable", "a: append-if 1 at 0 -> 1");
        check("non-linearizable", "b: append-if 2 at 1 -> conflict 1");
    }
}
