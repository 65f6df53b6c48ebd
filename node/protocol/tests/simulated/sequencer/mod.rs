//! The sequencer: its profiles, its planted bugs, its frames.

mod codec;
mod lone;

use schism_protocol::sequencer;

use crate::world::Profile;
use crate::world::Strike::{CrashFollower, CrashLeader, CrashOne, Halves, Isolate};
use crate::world::trial::{Seen, Subject, every_bug_is_caught, sweep};

fn sequencer(name: &str, seeds: u64, served: usize, profile: Profile) -> Seen {
    // It leads from the start of each of its incarnations.
    sweep(name, seeds, &Subject::of(&sequencer::ROW, profile).served(served).elections(1))
}

#[test]
fn three_nodes_under_everything() {
    sequencer("three", 1_000, 50, Profile::default());
}

#[test]
fn five_nodes_under_everything() {
    sequencer("five", 500, 50, Profile { nodes: 5, clients: 5, ..Profile::default() });
}

#[test]
fn snapshots_every_few_entries() {
    let seen = sequencer("snapshots", 500, 50, Profile::default().with("snapshot-every", "7"));
    assert!(seen.restores > 0, "no receiver was ever so far behind");
}

#[test]
fn a_network_that_loses_and_reorders_most() {
    let hostile = Profile { drop: 150, repeat: 150, late: 300, late_ms: 100, ..Profile::default() };
    sequencer("hostile", 300, 20, hostile);
}

#[test]
fn disks_slower_than_the_network() {
    let slow = Profile { flush_us: 40_000, strike_ms: 150, ..Profile::default() };
    sequencer("slow disks", 300, 10, slow.with("snapshot-every", "11"));
}

#[test]
fn every_size_of_cluster() {
    for nodes in [1, 2, 4, 7, 9] {
        let profile = Profile { nodes, strike_ms: 600, ..Profile::default() };
        sequencer(&format!("{nodes} nodes"), 30, 10, profile);
    }
}

#[test]
fn receivers_that_fall_behind_what_is_summed_up() {
    for every in ["20", "50"] {
        let profile = Profile::parting_logs().with("snapshot-every", every);
        let seen = sequencer("parting logs", 80, 300, profile);
        assert!(seen.restores > 0, "no receiver was ever so far behind");
    }
}

#[test]
#[rustfmt::skip] // a table
fn every_planted_bug_is_caught_and_its_control_is_clean() {
    let on = Profile::under;
    every_bug_is_caught(&sequencer::ROW, &[
        ("Q01", on(3, &[Isolate, CrashFollower]), &["log-matching", "state-machine-safety", "divergence"]),
        ("Q02", on(3, &[Isolate, Halves]), &["log-matching", "state-machine-safety", "divergence"]),
        ("Q03", on(3, &[CrashLeader, CrashOne]),
            &["acked-durability", "offset-conflict", "state-machine-safety", "log-matching"]),
    ]);
}
