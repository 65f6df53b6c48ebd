//! Nodes reach each other only through the proxy; otherwise every partition is a lie.
//! It never looks at sockets: the run did, and said what it saw.

use crate::checkers::{CheckResult, Checker, Sees};
use crate::evidence::{Evidence, Settings};
use crate::history::nemesis;
use crate::verdict::{Anomaly, Kind};

pub(crate) const CHECKER: Checker = Checker {
    name: "bypass",
    about: "no connection between nodes went past the proxy",
    sees: Sees::Outside,
    applies: |evidence, _| {
        ["bypass", "bypass-check"].iter().any(|f| evidence.history.nemesis(f).next().is_some())
    },
    run,
};

#[derive(serde::Deserialize)]
struct Seen {
    what: String,
}

#[derive(serde::Deserialize)]
struct Looked {
    checks: u64,
}

fn run(evidence: &Evidence, _: &Settings) -> CheckResult {
    let history = &evidence.history;
    let mut anomalies = Vec::new();
    for event in history.nemesis("bypass") {
        let what = nemesis::read::<Seen>(event).map(|seen| seen.what);
        let what = what.unwrap_or_else(|| "a connection".into());
        let told = format!("the nodes talked past the proxy: {what}");
        anomalies.push(Anomaly::at(event, Kind::Bypass, told));
    }
    let (looks, mut doubts) = match nemesis::all::<Looked>(history, "bypass-check") {
        Ok(looked) => (looked.iter().map(|looked| looked.checks).sum(), Vec::new()),
        Err(error) => (0, vec![error]),
    };
    if looks == 0 && doubts.is_empty() {
        doubts.push("nobody ever looked for connections past the proxy".into());
    }
    CheckResult::weigh(looks, anomalies, doubts)
}
