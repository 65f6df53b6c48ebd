//! Thousands of seeds: nothing is ever violated, and after the heal there is progress.

use schism_protocol::multi_paxos::ROW;
use schism_protocol::multi_paxos::message::Body;

use crate::world::Profile;
use crate::world::Strike::{CrashFollower, CrashMinority};
use crate::world::cluster::{Cluster, MS};
use crate::world::profile::{Fate, Filter};
use crate::world::trial::{Seen, Subject, sweep};

fn multi_paxos(name: &str, seeds: u64, served: usize, profile: Profile) -> Seen {
    sweep(name, seeds, &Subject::of(&ROW, profile).served(served))
}

#[test]
fn three_nodes_under_everything() {
    multi_paxos("three", 1_000, 50, Profile::default());
}

#[test]
fn five_nodes_under_everything() {
    multi_paxos("five", 500, 50, Profile { nodes: 5, clients: 5, ..Profile::default() });
}

#[test]
fn snapshots_every_few_slots() {
    let seen = multi_paxos("snapshots", 500, 50, Profile::default().with("snapshot-every", "7"));
    assert!(seen.restores > 0, "no follower was ever so far behind");
}

#[test]
fn without_asking_first_and_check_quorum() {
    let plain = Profile::default().with("pre-vote", "false").with("check-quorum", "false");
    multi_paxos("plain", 300, 30, plain);
}

#[test]
fn a_network_that_loses_and_reorders_most() {
    let hostile = Profile { drop: 150, repeat: 150, late: 300, late_ms: 100, ..Profile::default() };
    multi_paxos("hostile", 300, 5, hostile);
}

#[test]
fn disks_slower_than_the_network() {
    // Crashes then find much that was written and is not durable.
    let slow = Profile { flush_us: 40_000, strike_ms: 150, ..Profile::default() };
    multi_paxos("slow disks", 300, 10, slow.with("snapshot-every", "11"));
}

#[test]
fn disks_slower_than_a_change_of_leader() {
    // Promises and acceptances then wait on disks while ballots pass.
    let stalled = Profile { flush_us: 125_000, strike_ms: 400, ..Profile::default() };
    multi_paxos("stalled disks", 200, 0, stalled);
}

#[test]
fn every_size_of_cluster() {
    for nodes in [1, 2, 4, 6, 7, 9] {
        let profile = Profile { nodes, strike_ms: 600, ..Profile::default() };
        multi_paxos(&format!("{nodes} nodes"), 30, 10, profile);
    }
}

#[test]
fn minorities_crash() {
    multi_paxos("minorities", 100, 50, Profile::under(5, &[CrashMinority, CrashFollower]));
}

#[test]
fn logs_that_part_while_others_are_summed_up() {
    for every in ["20", "50"] {
        let profile = Profile::parting_logs().with("check-quorum", "false");
        let seen = multi_paxos("parting logs", 80, 300, profile.with("snapshot-every", every));
        assert!(seen.restores > 0, "no acceptor was ever so far behind");
    }
}

#[test]
fn a_leader_that_one_node_never_hears() {
    // Another one in every ballot, so that each in turn has holes; and acceptances overtake.
    let filter: Filter = |cluster, _, to, kind, epoch, dice| match kind {
        Body::ACCEPT if to as u64 == (epoch >> 8) % cluster.nodes.len() as u64 => Fate::Drop,
        Body::ACCEPTED if dice.below(5) == 0 => Fate::Delay(30),
        _ => Fate::Deliver,
    };
    multi_paxos("deaf", 100, 50, Profile { filter: Some(filter), ..Profile::default() });
}

#[test]
fn nothing_is_decided_while_every_deciding_frame_is_lost() {
    let filter: Filter = |_, _, _, kind, _, _| match kind {
        Body::ACCEPT => Fate::Drop,
        _ => Fate::Deliver,
    };
    let profile = Profile { filter: Some(filter), strike_ms: 0, ..Profile::default() };
    let mut cluster = Cluster::start(&Subject::of(&ROW, profile), 7, false);
    cluster.run_until(5_000 * MS);
    assert_eq!(cluster.clients.served(), 0);
    assert!(cluster.observer.elections > 1, "they do begin ballots");
    cluster.heal();
    cluster.run_until(6_000 * MS);
    assert_eq!(cluster.violation(), None);
    assert!(cluster.clients.served() > 20);
}
