//! Runs of a system that decides single values: honest, and lying.

use std::collections::BTreeMap;
use std::time::Duration;

use schism_facts::remark::Reason;
use schism_verify::history::Type;

use super::fake_log::Lie;
use super::{FAULTS, Left, PHASES, run};

fn decisions(seed: u64, lie: Lie) -> Left {
    let text = FAULTS.replace("system: fake", "system: decides").replace("30s", "20s");
    run(&text, seed, lie, |_, _| {})
}

#[test]
fn honest_decisions_under_fire_are_valid() {
    for seed in 1..=3 {
        let left = decisions(seed, Lie::Honest);
        assert_eq!(left.end(), Reason::Done);
        assert!(left.verdict().starts_with("valid"), "seed {seed}: {}", left.verdict());
        let checks = left.verdict();
        for name in ["linearizable", "termination", "progress"] {
            assert!(checks.contains(&format!("\"{name}\", \"valid\"")), "{name}: {checks}");
        }
        for name in ["durable", "convergence", "total-order"] {
            assert!(!checks.contains(name), "{name} says nothing of decisions: {checks}");
        }
        assert_eq!(left.phases(), PHASES);
        assert!(left.settled().is_empty(), "there is no log to settle");
    }
}

#[test]
fn clients_race_for_keys_and_every_node_is_asked_for_all_again() {
    let left = decisions(1, Lie::Honest);
    let history = left.parsed();
    let start = history.nemesis("phase").last().unwrap().index;
    let (mut before, mut after) = (BTreeMap::new(), BTreeMap::new());
    for operation in history.operations() {
        let invoke = history.invoke(operation);
        let key = invoke.key().unwrap().clone();
        if invoke.index < start {
            before
                .entry(key)
                .or_insert_with(std::collections::BTreeSet::new)
                .insert(invoke.process());
        } else if history.outcome(operation) == Type::Ok {
            *after.entry(key).or_insert(0) += 1;
        }
    }
    assert!(before.len() > 400, "{} keys", before.len());
    let raced = before.values().filter(|processes| processes.len() > 2).count();
    assert!(raced * 2 > before.len(), "most keys have several proposers: {raced}");
    assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>());
    assert!(after.values().all(|answers| *answers == 5), "each node answered for each key");
}

#[test]
fn a_second_decision_ends_the_disturbance() {
    let left = decisions(1, Lie::DecideAgain(500));
    assert_eq!(left.end(), Reason::Violation);
    assert!(left.verdict().contains("\"linearizable\", \"violated\""), "{}", left.verdict());
}

#[test]
fn a_decision_nobody_asked_for_ends_the_disturbance() {
    let left = decisions(2, Lie::Invent(300));
    assert_eq!(left.end(), Reason::Violation);
    assert!(left.verdict().contains("\"linearizable\", \"violated\""), "{}", left.verdict());
}

#[test]
fn who_falls_silent_does_not_terminate() {
    let silent = Lie::FallSilent(Duration::from_secs(4));
    let left = run("system: decides\nduration: 6s\n", 1, silent, |_, _| {});
    assert_eq!(left.end(), Reason::Done);
    assert!(left.verdict().contains("\"termination\", \"violated\""), "{}", left.verdict());
    assert!(left.verdict().contains("\"progress\", \"violated\""), "{}", left.verdict());
    let ends = left.final_reads();
    assert!(ends.iter().all(|end| !end.complete), "{ends:?}");
}
