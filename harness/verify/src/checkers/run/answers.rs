//! Every answer is one that the client protocol has (docs/reference/client-protocol.md). An answer
//! outside of it says nothing of its operation, and the node that gave it broke its word.
//! It judges only clients that speak that protocol: others may misread what they were told.

use std::collections::BTreeMap;

use crate::checkers::{CheckResult, Checker, Sees};
use crate::evidence::{Evidence, Settings, is_run};
use crate::history::{Event, History, Name};
use crate::models::{MALFORMED, UNREADABLE};
use crate::verdict::{Anomaly, Kind};

pub(crate) const CHECKER: Checker = Checker {
    name: "answers",
    about: "every answer of a node is one that the client protocol has",
    sees: Sees::Outside,
    applies: |evidence, settings| settings.own_protocol && is_run(&evidence.history),
    run,
};

/// So many answers of one node that are none break its contract. One or two may be the last words
/// of a process that is going down, or of a program in between.
const MALFORMED_MAX: u64 = 2;

/// Counts the answers of each node that are none of the protocol's, while a run goes on.
#[derive(Default)]
pub struct Answers {
    nodes: BTreeMap<Name, Wrong>,
}

/// What one node answered outside of the protocol.
#[derive(Default)]
struct Wrong {
    malformed: u64,
    unreadable: u64,
    /// The first answer that settles it.
    proof: Option<Event>,
}

impl Answers {
    /// Takes one event; says so when it is the one that breaks the contract of its node.
    pub fn observe(&mut self, event: &Event) -> Option<Anomaly> {
        if !is_out_of_contract(event) {
            return None;
        }
        let node = event.node.clone().unwrap_or_else(|| "a node".into());
        let wrong = self.nodes.entry(node.clone()).or_default();
        let is_unreadable = is(event, UNREADABLE);
        *(if is_unreadable { &mut wrong.unreadable } else { &mut wrong.malformed }) += 1;
        let settles = is_unreadable || wrong.malformed > MALFORMED_MAX;
        if !settles || wrong.proof.is_some() {
            return None;
        }
        wrong.proof = Some(event.clone());
        wrong.anomaly(&node)
    }

    /// One for each node that broke its contract.
    fn into_anomalies(self) -> Vec<Anomaly> {
        self.nodes.iter().filter_map(|(node, wrong)| wrong.anomaly(node)).collect()
    }
}

impl Wrong {
    fn anomaly(&self, node: &Name) -> Option<Anomaly> {
        let proof = self.proof.as_ref()?;
        let count = self.malformed + self.unreadable;
        let (answers, are) = if count == 1 { ("answer", "is") } else { ("answers", "are") };
        let explanation = format!(
            "{count} {answers} of {node} {are} none that the client protocol has; to the {} that \
             returned at event {} it was {}",
            proof.f,
            proof.index,
            proof.error().unwrap_or_default()
        );
        Some(Anomaly::at(proof, Kind::MalformedAnswer, explanation))
    }
}

fn run(evidence: &Evidence, _: &Settings) -> CheckResult {
    let history = &evidence.history;
    let mut answers = Answers::default();
    for event in history.events() {
        answers.observe(event);
    }
    let doubts = told_of(history).into_iter().collect();
    let returned = history.operations().iter().filter(|op| op.ret().is_some()).count();
    CheckResult::weigh(returned as u64, answers.into_anomalies(), doubts)
}

/// Answers of nodes outside of the protocol, counted, and the first of them. None: there are none.
pub(crate) fn told_of(history: &History) -> Option<String> {
    let mut answers = history.events().iter().filter(|event| is_out_of_contract(event));
    let first = answers.next()?;
    let (node, error) = (first.node.as_deref().unwrap_or("a node"), first.error()?);
    Some(format!(
        "{} answers could not be read; the first was {node}'s at event {}: {error}",
        1 + answers.count(),
        first.index
    ))
}

pub(super) fn is_out_of_contract(event: &Event) -> bool {
    event.is_client() && (is(event, MALFORMED) || is(event, UNREADABLE))
}

fn is(event: &Event, error: &str) -> bool {
    event.error().is_some_and(|told| told.starts_with(error))
}
