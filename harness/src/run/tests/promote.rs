//! The operator's hand: promoted when the leader is gone, refused by a system that elects.

use std::time::Duration;

use schism_facts::remark::{Reason, Remark, Strike};

use super::fake_log::Lie;
use super::{Left, run};

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

/// What the system said to each promotion.
fn answers(left: &Left) -> Vec<String> {
    let answer = |strike| if let Strike::Heal(heal) = strike { heal.answer } else { None };
    left.strikes("promote").into_iter().filter_map(answer).collect()
}

#[test]
fn downtime_is_the_operators_delay() {
    let left = run(SLOW_HUMAN, 1, Lie::ByHand, |_, _| {});
    assert_eq!(left.end(), Reason::Done);
    assert!(left.verdict().starts_with("valid"), "{}", left.verdict());
    let said = left.strikes("promote");
    let [Strike::Start(start), Strike::Heal(heal)] = &said[..] else { panic!("{said:?}") };
    assert!(start.describe.starts_with("promote n2"), "{start:?}");
    assert!(heal.is_effective() && heal.effect.count("epoch") == 2, "{heal:?}");
    assert_eq!(heal.answer.as_deref(), Some("n2 leads epoch 2"));
    let log = schism_verify::models::named("log");
    let acknowledged = schism_verify::recovery::Acknowledged::of(&left.parsed(), log).returns;
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
    assert!(left.can_progress().contains(&false), "n1 was down");
}

/// The last status of a leader is old by the time the run is over.
#[test]
fn a_leader_that_steps_down_after_the_heal_is_replaced() {
    let quiet = "system: fake\nnodes: 3\nclients: 4\nduration: 4s\n";
    for late in [0, 3, 10, 30, 60] {
        let at = Duration::from_millis(4_000 + late);
        let left = run(quiet, 1, Lie::StepDown(at), |_, _| {});
        assert!(left.verdict().starts_with("valid"), "{late}: {}", left.verdict());
        let operator = |remark| matches!(remark, Remark::Operator { .. }).then_some(());
        assert_eq!(left.said(operator).len(), 1, "{late} ms after the heal");
    }
}

#[test]
fn a_leader_that_is_back_is_left_alone() {
    let left = run(&SLOW_HUMAN.replace("for: 6s", "for: 1s"), 1, Lie::ByHand, |_, _| {});
    let said = left.strikes("promote");
    let [Strike::Skip { why, .. }] = &said[..] else { panic!("{said:?}") };
    assert!(why.contains("n1 leads, and can be reached"), "{why}");
    assert!(left.verdict().contains("the fault `promote` never struck"), "{}", left.verdict());
}

#[test]
fn an_operator_may_promote_although_the_leader_lives() {
    let hasty =
        "system: fake\nnodes: 3\nduration: 8s\nfaults:\n  - promote: {to: n3, at: [2s, 4s]}\n";
    let left = run(hasty, 1, Lie::ByHand, |_, _| {});
    assert!(left.verdict().starts_with("valid"), "{}", left.verdict());
    let said = left.strikes("promote");
    let Strike::Start(start) = &said[0] else { panic!("{said:?}") };
    assert!(start.describe.contains("promote n3 in place of n1"), "{start:?}");
    assert_eq!(answers(&left), ["n3 leads epoch 2", "n3 leads epoch 3"]);
}

#[test]
fn a_refusal_is_told_in_the_systems_words_and_had_no_effect() {
    let hasty = "system: fake\nnodes: 3\nduration: 8s\nfaults:\n  - promote: {to: n3, at: 2s}\n";
    let left = run(hasty, 1, Lie::Honest, |_, _| {});
    let [answer] = &answers(&left)[..] else { panic!("it is told once") };
    assert!(answer.contains("refused: it elects"), "{answer}");
    assert!(left.verdict().contains("struck but never had an effect"), "{}", left.verdict());
}
