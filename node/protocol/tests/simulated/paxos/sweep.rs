//! Hundreds of seeds, each with thousands of decisions: nothing is ever violated, and after the
//! heal there are decisions.

use schism_protocol::paxos::ROW;
use schism_protocol::paxos::message::Body;

use crate::world::Profile;
use crate::world::Strike::{CrashFollower, CrashMinority};
use crate::world::cluster::{Cluster, MS};
use crate::world::profile::{Fate, Filter};
use crate::world::trial::{Seen, Subject, sweep};

fn paxos(name: &str, seeds: u64, served: usize, profile: Profile) -> Seen {
    sweep(name, seeds, &Subject::of(&ROW, profile).served(served).elections(0))
}

#[test]
fn three_nodes_under_everything() {
    paxos("three", 300, 50, Profile::default());
}

#[test]
fn five_nodes_under_everything() {
    paxos("five", 100, 50, Profile { nodes: 5, clients: 5, ..Profile::default() });
}

#[test]
fn journals_summed_up_every_few_records() {
    paxos("snapshots", 100, 50, Profile::default().with("snapshot-every", "7"));
}

#[test]
fn a_network_that_loses_and_reorders_most() {
    let hostile = Profile { drop: 150, repeat: 150, late: 300, late_ms: 100, ..Profile::default() };
    paxos("hostile", 100, 5, hostile);
}

#[test]
fn disks_slower_than_the_network() {
    // Crashes then find much that was written and is not durable.
    let slow = Profile { flush_us: 40_000, strike_ms: 150, ..Profile::default() };
    paxos("slow disks", 100, 10, slow.with("snapshot-every", "11"));
}

#[test]
fn disks_slower_than_a_proposers_patience() {
    let stalled = Profile { flush_us: 125_000, strike_ms: 400, ..Profile::default() };
    paxos("stalled disks", 100, 0, stalled);
}

#[test]
fn every_size_of_cluster() {
    for nodes in [1, 2, 4, 6, 7, 9] {
        let profile = Profile { nodes, strike_ms: 600, ..Profile::default() };
        paxos(&format!("{nodes} nodes"), 10, 10, profile);
    }
}

#[test]
fn minorities_crash() {
    paxos("minorities", 30, 50, Profile::under(5, &[CrashMinority, CrashFollower]));
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
    cluster.heal();
    cluster.run_until(6_000 * MS);
    assert_eq!(cluster.violation(), None);
    assert!(cluster.clients.served() > 20);
}
