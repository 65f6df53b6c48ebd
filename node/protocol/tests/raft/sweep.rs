//! Thousands of seeds: nothing is ever violated, and after the heal there is progress.

use schism_protocol::raft;

use crate::cluster::{Cluster, MS};
use crate::nemesis::Profile;
use crate::observer::Observer;

/// 20 * 2T of the design: how long after the heal everyone must have been served.
const PROGRESS_WITHIN: u64 = 20 * 300 * MS;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().and_then(|text| text.parse().ok())
}

fn only_seed() -> Option<u64> {
    number("SCHISM_SEED")
}

/// What a trial saw.
#[derive(Default)]
struct Seen {
    acked: usize,
    elections: usize,
    restores: usize,
}

/// Disturbed, healed, judged.
fn trial(profile: &Profile, seed: u64) -> Seen {
    let loud = only_seed().is_some();
    let mut cluster = Cluster::start(raft::ROW.build, profile.clone(), seed, loud);
    let end = cluster.now + profile.disturbed_ms * MS;
    cluster.run_until(end);
    cluster.heal();
    let before = cluster.clients.acked.len();
    cluster.run_until(end + PROGRESS_WITHIN / 4);
    // Most runs are served long before; the rest get all the time they may take.
    if cluster.clients.acked.len() < before + 20 {
        cluster.run_until(end + PROGRESS_WITHIN);
    }
    // Quiet, until the last retries are answered and a heartbeat has told everyone.
    cluster.clients.silent = true;
    cluster.run_until(cluster.now + 1_000 * MS);
    let ended = cluster.violation();
    assert!(ended.is_none(), "seed {seed}, {profile:?}: {ended:?}");
    let acked = cluster.clients.acked.len();
    assert!(acked > before, "seed {seed}: no append was served after the heal");
    let ends: Vec<_> = cluster.statuses().into_iter().flatten().collect();
    let length = cluster.observer.canonical.len() as u64;
    for end in &ends {
        assert!(end.delivered.0 == length, "seed {seed}: not converged: {ends:?}");
    }
    let all = cluster.clients.all_acked_are_in(&cluster.observer.canonical);
    assert_eq!(all, Ok(()), "seed {seed}");
    let Observer { elections, restores, .. } = cluster.observer;
    Seen { acked, elections, restores }
}

fn sweep(name: &str, profile: &Profile, seeds: u64, acked_least: usize) -> Seen {
    let seeds = number("SCHISM_SEEDS").unwrap_or(seeds);
    let seeds = only_seed().map_or(0..seeds, |seed| seed..seed + 1);
    let count = seeds.end - seeds.start;
    let mut sum = Seen::default();
    for seed in seeds {
        let Seen { acked, elections, restores } = trial(profile, seed);
        sum.acked += acked;
        sum.elections += elections;
        sum.restores += restores;
    }
    let Seen { acked, elections, restores } = sum;
    println!(
        "{name}: {count} seeds, {acked} appends acknowledged, {elections} elections, \
         {restores} snapshots installed"
    );
    assert!(acked as u64 >= acked_least as u64 * count, "{name}: too little traffic to judge");
    assert!(elections as u64 >= count, "{name}: the faults did not bite");
    sum
}

#[test]
fn three_nodes_under_everything() {
    sweep("three", &Profile::default(), 1_000, 50);
}

#[test]
fn five_nodes_under_everything() {
    sweep("five", &Profile { nodes: 5, clients: 5, ..Profile::default() }, 500, 50);
}

#[test]
fn snapshots_every_few_entries() {
    let options = vec![("snapshot-every", "7")];
    let seen = sweep("snapshots", &Profile { options, ..Profile::default() }, 500, 50);
    assert!(seen.restores > 0, "no follower was ever so far behind");
}

#[test]
fn without_pre_votes_and_check_quorum() {
    let options = vec![("pre-vote", "false"), ("check-quorum", "false")];
    sweep("plain", &Profile { options, ..Profile::default() }, 300, 30);
}

#[test]
fn a_network_that_loses_and_reorders_most() {
    let hostile = Profile { drop: 150, repeat: 150, late: 300, late_ms: 100, ..Profile::default() };
    sweep("hostile", &hostile, 300, 5);
}

#[test]
fn disks_slower_than_the_network() {
    // Crashes then find much that was written and is not durable.
    let options = vec![("snapshot-every", "11")];
    let slow = Profile { options, flush_us: 40_000, strike_ms: 150, ..Profile::default() };
    sweep("slow disks", &slow, 300, 10);
}

#[test]
fn disks_slower_than_an_election() {
    // Votes and acknowledgements then wait on disks while terms pass.
    let stalled = Profile { flush_us: 250_000, strike_ms: 400, ..Profile::default() };
    sweep("stalled disks", &stalled, 200, 0);
}

#[test]
fn every_size_of_cluster() {
    for nodes in [1, 2, 4, 6, 7, 9] {
        let profile = Profile { nodes, strike_ms: 600, ..Profile::default() };
        sweep(&format!("{nodes} nodes"), &profile, 30, 10);
    }
}
