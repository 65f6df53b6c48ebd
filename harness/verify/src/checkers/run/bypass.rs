//! Nodes reach each other only through the proxy, and client programs reach nodes only so;
//! otherwise every partition is a lie.
//! It never looks at sockets: the run did, and said what it saw.

use crate::checkers::{CheckResult, Checker, Sees};
use crate::evidence::{Evidence, Settings};
use crate::history::nemesis::Said;
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

fn run(evidence: &Evidence, _: &Settings) -> CheckResult {
    let said = Said::of(evidence.history.events());
    let told = |what: &str| {
        let who = if what.starts_with("client ") { "a client program" } else { "the nodes" };
        format!("{who} talked past the proxy: {what}")
    };
    let anomalies =
        said.bypasses.iter().map(|(event, what)| Anomaly::at(event, Kind::Bypass, told(what)));
    let unreadable = ["bypass", "bypass-check"].into_iter().filter_map(|f| said.unreadable(f));
    let mut doubts: Vec<String> = unreadable.collect();
    if said.bypass_checks == 0 && doubts.is_empty() {
        doubts.push("nobody ever looked for connections past the proxy".into());
    }
    CheckResult::weigh(said.bypass_checks, anomalies.collect(), doubts)
}
