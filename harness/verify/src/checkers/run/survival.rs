//! No node dies unless someone kills it.

use schism_facts::remark::Death;

use crate::checkers::{CheckResult, Checker, Sees};
use crate::evidence::{Evidence, Settings, is_run};
use crate::history::nemesis::Said;
use crate::verdict::{Anomaly, Kind};

pub(crate) const CHECKER: Checker = Checker {
    name: "survival",
    about: "no node died unless a fault killed it",
    sees: Sees::Outside,
    applies: |evidence, _| {
        is_run(&evidence.history) || evidence.history.nemesis("death").next().is_some()
    },
    run,
};

/// How a node leaves whose disk refused (docs/reference/verdict.md): not its fault, and nothing
/// learnt.
const DISK_REFUSED: &str = "exit 74";

fn run(evidence: &Evidence, settings: &Settings) -> CheckResult {
    let said = Said::of(evidence.history.events());
    if let Some(why) = said.unreadable("death") {
        return CheckResult::unknown(0, why);
    }
    let mut anomalies = Vec::new();
    let mut doubts = Vec::new();
    for (event, death) in said.deaths {
        let Death { node, how, excused, why, last_lines } = death;
        if !excused {
            let last = last_lines.last().map(|line| format!("; its last line: {line}"));
            let last = last.unwrap_or_default();
            let told = format!("{node} died ({how}) though nobody killed it{last}");
            anomalies.push(Anomaly::at(event, Kind::UnexplainedDeath, told));
        } else if how == DISK_REFUSED {
            let why = why.unwrap_or_else(|| "its disk refused".into());
            doubts.push(format!("{node} left with {how}: {why}"));
        }
    }
    CheckResult::weigh(settings.nodes.len() as u64, anomalies, doubts)
}
