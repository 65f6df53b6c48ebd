//! Thousands of seeds: nothing is ever violated, and after the heal there is progress.

use schism_protocol::raft;

use crate::world::Profile;
use crate::world::Strike::{CrashFollower, CrashMinority};
use crate::world::trial::{Seen, Subject, sweep};

fn raft(name: &str, seeds: u64, served: usize, profile: Profile) -> Seen {
    sweep(name, seeds, &Subject::of(&raft::ROW, profile).served(served))
}

#[test]
fn three_nodes_under_everything() {
    raft("three", 1_000, 50, Profile::default());
}

#[test]
fn five_nodes_under_everything() {
    raft("five", 500, 50, Profile { nodes: 5, clients: 5, ..Profile::default() });
}

#[test]
fn snapshots_every_few_entries() {
    let seen = raft("snapshots", 500, 50, Profile::default().with("snapshot-every", "7"));
    assert!(seen.restores > 0, "no follower was ever so far behind");
}

#[test]
fn without_pre_votes_and_check_quorum() {
    let plain = Profile::default().with("pre-vote", "false").with("check-quorum", "false");
    raft("plain", 300, 30, plain);
}

#[test]
fn a_network_that_loses_and_reorders_most() {
    let hostile = Profile { drop: 150, repeat: 150, late: 300, late_ms: 100, ..Profile::default() };
    raft("hostile", 300, 5, hostile);
}

#[test]
fn disks_slower_than_the_network() {
    // Crashes then find much that was written and is not durable.
    let slow = Profile { flush_us: 40_000, strike_ms: 150, ..Profile::default() };
    raft("slow disks", 300, 10, slow.with("snapshot-every", "11"));
}

#[test]
fn disks_slower_than_an_election() {
    // Votes and acknowledgements then wait on disks while terms pass.
    raft(
        "stalled disks",
        200,
        0,
        Profile { flush_us: 250_000, strike_ms: 400, ..Profile::default() },
    );
}

#[test]
fn every_size_of_cluster() {
    for nodes in [1, 2, 4, 6, 7, 9] {
        let profile = Profile { nodes, strike_ms: 600, ..Profile::default() };
        raft(&format!("{nodes} nodes"), 30, 10, profile);
    }
}

#[test]
fn minorities_crash() {
    raft("minorities", 100, 50, Profile::under(5, &[CrashMinority, CrashFollower]));
}
