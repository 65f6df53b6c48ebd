//! The invariants of a replicated log, from the traces of its nodes (docs/internals/protocols.md):
//! I1 to I9, I11 and I12, and of I10 what can be said without changes of membership; of them those
//! that the system's row does not except.
//!
//! Decided by keys (epoch, index, chain), or (slot, ballot, hash). The traces are merged by the
//! machine's one monotonic clock, which is asked for only where time is the question (I7 and I11).
//! It shares no code with the protocol.

mod log;
mod node;
#[cfg(test)]
mod row_tests;
mod rules;
mod slots;
#[cfg(test)]
mod tests;
mod world;

use std::collections::BTreeMap;

use crate::checkers::{CheckResult, Checker, Sees};
use crate::evidence::trace::{Said, What};
use crate::evidence::{Evidence, Settings};
use node::Node;
use world::World;

pub(crate) const CHECKER: Checker = Checker {
    name: "invariants",
    about: "the protocol's own invariants hold, from the traces of its nodes",
    sees: Sees::Nodes,
    applies: |evidence, settings| !evidence.traces.is_empty() || settings.writes_evidence,
    run,
};

fn run(evidence: &Evidence, settings: &Settings) -> CheckResult {
    let mut doubts = Vec::new();
    let mut traces: BTreeMap<&str, &[Said]> = BTreeMap::new();
    for (node, said) in evidence.traces.said() {
        match said {
            Ok(said) => drop(traces.insert(node, said)),
            Err(error) => doubts.push(error.clone()),
        }
    }
    for node in &settings.nodes {
        if !evidence.traces.contains_key(node) {
            doubts.push(format!("trace/{node}.jsonl is missing"));
        }
    }
    let lines = traces.values().map(|said| said.len() as u64).sum();
    let mut world = World::new(&traces, &settings.traces);
    doubts.extend(evidence.cut_off(settings).map(String::from));
    // A quorum cannot be counted without everybody's trace, each up to the same moment.
    world.counts_quorums = doubts.is_empty();
    let mut nodes: Vec<Node> = traces.keys().map(|node| Node::new((*node).into())).collect();
    for (at, said) in merged(&traces) {
        world.hear(&mut nodes, at, said);
    }
    if lines == 0 && doubts.is_empty() {
        doubts.push("the traces are empty".into());
    }
    CheckResult::weigh(lines, world.told.into_anomalies(), doubts)
}

/// Every line with its node's place, by time; each node's lines stay in their order. At equal
/// times what a judgement rests on comes before what is judged.
fn merged<'a>(traces: &BTreeMap<&str, &'a [Said]>) -> impl Iterator<Item = (usize, &'a Said)> {
    let mut rests: Vec<&'a [Said]> = traces.values().copied().collect();
    let key = |said: &Said| {
        let what = &said.what;
        (said.at, matches!(what, What::Commit { .. } | What::Read { .. } | What::Chosen(_)))
    };
    std::iter::from_fn(move || {
        let heads = rests.iter().enumerate().filter_map(|(at, rest)| Some((at, rest.first()?)));
        let (at, _) = heads.min_by_key(|(_, said)| key(said))?;
        let (first, rest) = rests[at].split_first().expect("it was a head");
        rests[at] = rest;
        Some((at, first))
    })
}
