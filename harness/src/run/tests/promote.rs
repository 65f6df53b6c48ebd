//! The operator's hand: promoted when the leader is gone, refused by a system that elects.

use std::time::Duration;

use super::fake_log::Lie;
use super::{End, run};

/// n1 is down from 3 s to 9 s of the disturbance; an operator notices after two.
const SLOW_HUMAN: &str = "
system: fake
nodes: 3
clients: 4
duration: 12s
faults:
  - crash: {target: leader, at: 3s, for: 6s}
  - promote: {to: next, after: 2s}
";

#[test]
fn downtime_is_the_operators_delay() {
    let left = run(SLOW_HUMAN, 1, Lie::ByHand, |_, _| {});
    assert_eq!(left.end(), End::Done);
    assert!(left.verdict().starts_with("valid"), "{}", left.verdict());
    let said = left.said("promote");
    assert!(said[0].contains("\"phase\":\"start\"") && said[0].contains("promote n2"), "{said:?}");
    assert!(said[1].contains("\"effective\":true"), "{said:?}");
    assert!(said[1].contains("\"epoch\":2") && said[1].contains("n2 leads epoch 2"), "{said:?}");
    let acknowledged = schism_verify::recovery::Acknowledged::of(&left.parsed()).returns;
    let gaps = acknowledged.windows(2).map(|pair| pair[1] - pair[0]);
    let silences: Vec<u64> = gaps.filter(|gap| *gap >= 1_000_000_000).collect();
    let [silence] = silences[..] else { panic!("one silence: {silences:?}") };
    let lasted = Duration::from_nanos(silence);
    let about = Duration::from_millis(1_950)..Duration::from_millis(2_600);
    assert!(about.contains(&lasted), "{lasted:?} without an answer");
}

#[test]
fn nothing_is_owed_while_the_leader_is_down_and_nobody_was_promoted() {
    let nobody = SLOW_HUMAN.replace("  - promote: {to: next, after: 2s}\n", "recovery: 2s\n");
    let left = run(&nobody, 1, Lie::ByHand, |_, _| {});
    assert!(left.verdict().starts_with("valid"), "{}", left.verdict());
    assert!(left.said("can-progress").contains(&"false".to_owned()), "n1 was down");
}

#[test]
fn a_leader_that_is_back_is_left_alone() {
    let left = run(&SLOW_HUMAN.replace("for: 6s", "for: 1s"), 1, Lie::ByHand, |_, _| {});
    let said = left.said("promote");
    assert!(said[0].contains("\"phase\":\"skip\""), "{said:?}");
    assert!(said[0].contains("n1 leads, and can be reached"), "{said:?}");
    assert!(left.verdict().contains("the fault `promote` never struck"), "{}", left.verdict());
}

#[test]
fn an_operator_may_promote_although_the_leader_lives() {
    let hasty =
        "system: fake\nnodes: 3\nduration: 8s\nfaults:\n  - promote: {to: n3, at: [2s, 4s]}\n";
    let left = run(hasty, 1, Lie::ByHand, |_, _| {});
    assert!(left.verdict().starts_with("valid"), "{}", left.verdict());
    let said = left.said("promote");
    assert!(
        said[1].contains("n3 leads epoch 2") && said[3].contains("n3 leads epoch 3"),
        "{said:?}"
    );
    assert!(said[0].contains("promote n3 in place of n1"), "{said:?}");
}

#[test]
fn a_refusal_is_told_in_the_systems_words_and_had_no_effect() {
    let hasty = "system: fake\nnodes: 3\nduration: 8s\nfaults:\n  - promote: {to: n3, at: 2s}\n";
    let left = run(hasty, 1, Lie::Honest, |_, _| {});
    assert!(left.said("promote")[1].contains("refused: it elects"), "{:?}", left.said("promote"));
    assert!(left.verdict().contains("struck but never had an effect"), "{}", left.verdict());
}
