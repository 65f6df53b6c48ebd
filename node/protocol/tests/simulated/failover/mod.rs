//! Manual failover: its profiles with an operator, its planted bugs, its frames.

mod codec;
mod directed;

use schism_protocol::failover;

use crate::world::Strike::{
    CrashFollower, CrashLeader, CrashOne, Isolate, IsolateLeader, PauseLeader, Promote,
    PromoteWhileLeaderLives,
};
use crate::world::trial::{Schedule, Seen, Subject, every_bug_is_caught, sweep};
use crate::world::{Profile, Strike};

/// What any protocol must live with, and an operator at work.
fn with_operator(profile: Profile) -> Profile {
    let operator = [Promote, Promote, PromoteWhileLeaderLives];
    Profile { strikes: [Strike::COMMON, &operator].concat(), ..profile }
}

fn failover(name: &str, seeds: u64, served: usize, profile: Profile) -> Seen {
    sweep(name, seeds, &Subject::of(&failover::ROW, with_operator(profile)).served(served))
}

#[test]
fn three_nodes_under_everything() {
    failover("three", 1_000, 30, Profile::default());
}

#[test]
fn five_nodes_under_everything() {
    failover("five", 500, 30, Profile { nodes: 5, clients: 5, ..Profile::default() });
}

#[test]
fn snapshots_every_few_entries() {
    let seen = failover("snapshots", 500, 30, Profile::default().with("snapshot-every", "7"));
    assert!(seen.restores > 0, "no follower was ever so far behind");
}

#[test]
fn a_restarted_leader_waits_for_the_operator() {
    failover("no reopening", 300, 20, Profile::default().with("reopen", "false"));
}

#[test]
fn a_network_that_loses_and_reorders_most() {
    let hostile = Profile { drop: 150, repeat: 150, late: 300, late_ms: 100, ..Profile::default() };
    failover("hostile", 300, 5, hostile);
}

#[test]
fn disks_slower_than_the_network() {
    let slow = Profile { flush_us: 40_000, strike_ms: 150, ..Profile::default() };
    failover("slow disks", 300, 5, slow.with("snapshot-every", "11"));
}

#[test]
fn disks_slower_than_a_promotion() {
    failover(
        "stalled disks",
        200,
        0,
        Profile { flush_us: 125_000, strike_ms: 400, ..Profile::default() },
    );
}

#[test]
fn logs_that_part_while_others_are_summed_up() {
    let operator = [Promote, PromoteWhileLeaderLives, PromoteWhileLeaderLives];
    let profile = Profile::parting_logs();
    let strikes = [&profile.strikes[..], &operator].concat();
    // Few are served while the operator looks elsewhere.
    let profile = Profile { strike_ms: 200, strikes, ..profile };
    for (mode, every) in [("sync", "20"), ("sync", "50"), ("async", "20")] {
        let profile = profile.clone().with("mode", mode).with("snapshot-every", every);
        let subject = Subject::of(&failover::ROW, profile).served(100);
        let seen = sweep("parting logs", 80, &subject);
        assert!(seen.parted > 0, "no snapshot ever came over another log");
    }
}

#[test]
fn every_size_of_cluster() {
    for nodes in [1, 2, 4, 7, 9] {
        let profile = Profile { nodes, strike_ms: 600, ..Profile::default() };
        failover(&format!("{nodes} nodes"), 30, 10, profile);
    }
}

#[test]
fn asynchronous_failover_loses_nothing_but_what_it_never_promised() {
    // What was acknowledged may be gone where a later epoch opened without it; reads and all
    // invariants hold.
    let seen = failover("async", 500, 30, Profile::default().with("mode", "async"));
    assert!(seen.gone > 0, "no failover ever lost anything");
    let five = Profile { nodes: 5, clients: 5, ..Profile::default() }.with("mode", "async");
    failover("async, five", 200, 30, five.with("snapshot-every", "7"));
}

#[test]
fn asynchronous_failover_on_slow_disks() {
    let slow = Profile { flush_us: 40_000, strike_ms: 150, ..Profile::default() };
    failover("async, slow disks", 300, 5, slow.with("mode", "async"));
}

#[test]
fn every_planted_bug_is_caught_and_its_control_is_clean() {
    every_bug_is_caught(&failover::ROW, &schedules(Profile::under));
}

#[test]
fn every_planted_bug_is_caught_in_asynchronous_mode() {
    let on = |nodes, strikes: &[Strike]| Profile::under(nodes, strikes).with("mode", "async");
    every_bug_is_caught(&failover::ROW, &schedules(on));
}

#[rustfmt::skip] // a table
fn schedules(on: impl Fn(u8, &[Strike]) -> Profile) -> [Schedule; 3] {
    [
        ("M01", on(3, &[PromoteWhileLeaderLives, PauseLeader]),
            &["state-machine-safety", "acked-durability", "log-matching", "leader-append-only",
              "divergence", "offset-conflict", "read-index", "stale-read", "commit-quorum"]),
        ("M02", on(5, &[Promote, Isolate, CrashLeader, IsolateLeader]),
            &["leader-completeness", "acked-durability"]),
        ("M03", on(3, &[PromoteWhileLeaderLives, CrashOne, CrashFollower]),
            &["acked-durability", "non-monotone"]),
    ]
}
