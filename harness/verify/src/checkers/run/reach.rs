//! A run came to what its workload is there to bring about (`reach`), and what it came to is told.
//! It never finds anything wrong with the system: a run that did not get there proves too little.

use crate::checkers::{CheckResult, Checker, Sees};
use crate::evidence::shapes::{self, Shape};
use crate::evidence::{Evidence, Settings};

pub(crate) const CHECKER: Checker = Checker {
    name: "reach",
    about: "the run came to what its workload is there to bring about",
    sees: Sees::Nodes,
    applies: |evidence, settings| !evidence.traces.is_empty() || !settings.reach.shapes.is_empty(),
    run,
};

fn run(evidence: &Evidence, settings: &Settings) -> CheckResult {
    let counted = match shapes::count(evidence) {
        Ok(counted) => counted,
        Err(error) => return CheckResult::unknown(0, error),
    };
    let count_of =
        |name: &str| counted.iter().find(|(shape, _)| shape.name == name).map(|(_, count)| *count);
    let missed =
        settings.reach.shapes.iter().filter(|name| matches!(count_of(name), None | Some(0)));
    let missed: Vec<&str> = missed.map(String::as_str).collect();
    let total = counted.iter().map(|(_, count)| count).sum();
    let words = shapes::in_words(&counted);
    let mut notes: Vec<String> = if words.is_empty() { Vec::new() } else { vec![words] };
    if missed.is_empty() {
        return CheckResult { notes, ..CheckResult::new(total) };
    }
    if settings.reach.is_hoped {
        notes.push(format!(
            "the command line changed this run, which did not come to what its workload is there \
             for: {}",
            missed.join(", ")
        ));
        return CheckResult { notes, ..CheckResult::new(total) };
    }
    let why = missed.iter().map(|name| match (shapes::named(name), count_of(name)) {
        (Some(shape), Some(_)) => advised(shape),
        (Some(shape), None) => {
            format!("whether there was any {}, only traces tell", shape.words[0])
        }
        (None, _) => format!("`{name}` is nothing that a run can come to"),
    });
    let why = why.collect::<Vec<_>>().join("; ");
    CheckResult { notes, ..CheckResult::unknown(total, why) }
}

fn advised(shape: &Shape) -> String {
    format!("the run came to no {}; to change that: {}", shape.words[0], shape.advice)
}

#[cfg(test)]
mod tests {
    use super::CHECKER;
    use crate::evidence::{Evidence, Reach, Settings};

    #[test]
    fn what_was_not_reached_is_unknown_unless_it_was_only_hoped_for() {
        let snap = br#"{"e":"snap","at":1,"i":1,"chain":"a"}"#;
        let evidence = |traces: &[&str]| {
            let traces = traces.iter().map(|node| ((*node).to_owned(), snap.to_vec())).collect();
            Evidence { traces, ..Evidence::default() }
        };
        let check =
            |traces: &[&str], wanted: &[&str], is_hoped: bool, expected: &str, note: &str| {
                let shapes = wanted.iter().map(|name| (*name).to_owned()).collect();
                let settings =
                    Settings { reach: Reach { shapes, is_hoped }, ..Settings::default() };
                let evidence = evidence(traces);
                assert!((CHECKER.applies)(&evidence, &settings));
                let result = (CHECKER.run)(&evidence, &settings);
                let found = result.verdict.in_short();
                assert!(found == expected || found.contains(expected), "{found}, not {expected}");
                assert!(result.notes.join("; ").contains(note), "{:?}, not {note}", result.notes);
            };
        check(&["n1", "n2"], &[], false, "valid", "2 snapshots taken");
        check(&["n1"], &["snapshot-taken"], false, "valid", "1 snapshot taken");
        let both = ["snapshot-taken", "election"];
        let told = "the run came to no election; to change that: kill the leader";
        check(&["n1"], &both, false, told, "1 snapshot taken");
        check(&["n1"], &both, true, "valid", "what its workload is there for: election");
        check(&[], &both, false, "only traces tell", "");
        check(&[], &["unanswered"], false, "came to no operation unanswered", "");
        assert!(!(CHECKER.applies)(&evidence(&[]), &Settings::default()));
    }
}
