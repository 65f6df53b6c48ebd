//! Thousands of seeds: nothing is ever violated, and after the heal there is progress.

use schism_protocol::zab;
use schism_protocol::zab::message::{Order, Report};

use crate::world::Profile;
use crate::world::Strike::{CrashFollower, CrashMinority};
use crate::world::cluster::{Cluster, MS};
use crate::world::profile::{Fate, Filter};
use crate::world::trial::{Seen, Subject, sweep};

fn zab(name: &str, seeds: u64, served: usize, profile: Profile) -> Seen {
    sweep(name, seeds, &Subject::of(&zab::ROW, profile).served(served))
}

#[test]
fn three_nodes_under_everything() {
    zab("three", 1_000, 50, Profile::default());
}

#[test]
fn five_nodes_under_everything() {
    zab("five", 500, 50, Profile { nodes: 5, clients: 5, ..Profile::default() });
}

#[test]
fn snapshots_every_few_entries() {
    let seen = zab("snapshots", 500, 50, Profile::default().with("snapshot-every", "7"));
    assert!(seen.restores > 0, "no follower was ever so far behind");
}

#[test]
fn a_network_that_loses_and_reorders_most() {
    let hostile = Profile { drop: 150, repeat: 150, late: 300, late_ms: 100, ..Profile::default() };
    zab("hostile", 300, 5, hostile);
}

#[test]
fn disks_slower_than_the_network() {
    // Crashes then find much that was written and is not durable.
    let slow = Profile { flush_us: 40_000, strike_ms: 150, ..Profile::default() };
    zab("slow disks", 300, 10, slow.with("snapshot-every", "11"));
}

#[test]
fn disks_slower_than_an_election() {
    // Promises and acknowledgements then wait on disks while leaders come and go.
    let stalled = Profile { flush_us: 125_000, strike_ms: 400, ..Profile::default() };
    zab("stalled disks", 200, 0, stalled);
}

#[test]
fn every_size_of_cluster() {
    for nodes in [1, 2, 4, 6, 7, 9] {
        let profile = Profile { nodes, strike_ms: 600, ..Profile::default() };
        zab(&format!("{nodes} nodes"), 30, 10, profile);
    }
}

#[test]
fn minorities_crash() {
    zab("minorities", 100, 50, Profile::under(5, &[CrashMinority, CrashFollower]));
}

#[test]
fn logs_that_part_while_others_are_summed_up() {
    for every in ["20", "50"] {
        let profile = Profile::parting_logs().with("snapshot-every", every);
        let seen = zab("parting logs", 80, 300, profile);
        assert!(seen.restores > 0, "no follower was ever so far behind");
    }
}

#[test]
fn a_leader_that_one_node_never_hears() {
    // Another one in every epoch, so that each in turn falls behind; and answers overtake.
    let filter: Filter = |cluster, _, to, kind, epoch, dice| match kind {
        Order::PROPOSE | Order::DIFF if to as u64 == epoch % cluster.nodes.len() as u64 => {
            Fate::Drop
        }
        Report::ACK if dice.below(5) == 0 => Fate::Delay(30),
        _ => Fate::Deliver,
    };
    zab("deaf", 100, 50, Profile { filter: Some(filter), ..Profile::default() });
}

#[test]
fn nothing_is_decided_while_every_deciding_frame_is_lost() {
    let filter: Filter = |_, _, _, kind, _, _| match kind {
        Order::NEW_LEADER => Fate::Drop,
        _ => Fate::Deliver,
    };
    let profile = Profile { filter: Some(filter), strike_ms: 0, ..Profile::default() };
    let mut cluster = Cluster::start(&Subject::of(&zab::ROW, profile), 7, false);
    cluster.run_until(5_000 * MS);
    assert_eq!((cluster.clients.served(), cluster.observer.elections), (0, 0));
    cluster.heal();
    cluster.run_until(6_000 * MS);
    assert_eq!(cluster.violation(), None);
    assert!(cluster.clients.served() > 20);
}
