//! A system that a stop makes forget: what is owed of it, and what is told once nobody remembers.

use std::time::Duration;

use schism_facts::remark::{Reason, Remark};

use super::fake_log::Lie;
use super::{Left, run};

/// Why the system could not go on, each time that changed.
fn lost(left: &Left) -> Vec<Option<String>> {
    left.said(|remark| if let Remark::MemoryLost { why } = remark { Some(why) } else { None })
}

fn crash(target: &str) -> String {
    format!(
        "system: fake\nnodes: 3\nclients: 4\nduration: 10s\nrecovery: 2s\nfaults:\n  - crash: \
         {{target: {target}, at: 3s, for: 1s}}\n"
    )
}

#[test]
fn while_a_majority_remembers_everything_is_owed() {
    let left = run(&crash("leader"), 1, Lie::InMemory, |_, _| {});
    assert!(left.verdict().starts_with("valid"), "{}", left.verdict());
    assert_eq!(left.can_progress(), [true]);
    assert!(lost(&left).is_empty());
}

#[test]
fn a_majority_that_forgot_owes_nothing_and_the_verdict_says_why() {
    for target in ["majority", "all"] {
        let left = run(&crash(target), 1, Lie::InMemory, |_, _| {});
        assert_eq!(left.end(), Reason::Done);
        assert_eq!(left.can_progress(), [true, false], "{target}");
        let [Some(why)] = &lost(&left)[..] else { panic!("it is said once") };
        assert!(why.contains("have forgotten everything"), "{why}");
        let verdict = left.verdict();
        assert!(!verdict.contains("violated"), "{target}: {verdict}");
        assert!(left.ended_at < Duration::from_secs(20), "nobody waits for what cannot come");
    }
    let left = run(&crash("majority"), 1, Lie::InMemory, |_, _| {});
    let told = "can never hold the same log again: nodes that were stopped have forgotten";
    assert!(left.verdict().contains(told), "{}", left.verdict());
}

#[test]
fn whoever_keeps_a_disk_owes_progress_after_the_same() {
    let left = run(&crash("all"), 1, Lie::Honest, |_, _| {});
    assert!(left.verdict().starts_with("valid"), "{}", left.verdict());
    assert_eq!(left.can_progress(), [true, false, true]);
}
