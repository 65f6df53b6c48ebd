//! Consensus and total order broadcast, each made from the other.

mod flp;
mod lone;

use schism_protocol::{ProtocolRow, consensus_from_log, log_from_consensus};

use crate::world::Profile;
use crate::world::trial::{Seen, Subject, sweep};

fn run(row: &'static ProtocolRow, name: &str, seeds: u64, served: usize, profile: Profile) -> Seen {
    sweep(name, seeds, &Subject::of(row, profile).served(served).elections(0))
}

static LOG: ProtocolRow = log_from_consensus::ROW;
static DECISIONS: ProtocolRow = consensus_from_log::ROW;

fn hostile() -> Profile {
    Profile { drop: 150, repeat: 150, late: 300, late_ms: 100, ..Profile::default() }
}

fn slow_disks() -> Profile {
    Profile { flush_us: 40_000, strike_ms: 150, ..Profile::default() }
}

#[test]
fn a_log_from_decisions_under_everything() {
    run(&LOG, "three", 300, 30, Profile::default());
    run(&LOG, "five", 100, 30, Profile { nodes: 5, clients: 5, ..Profile::default() });
}

#[test]
fn a_log_from_decisions_with_snapshots() {
    let seen = run(&LOG, "snapshots", 150, 30, Profile::default().with("snapshot-every", "7"));
    assert!(seen.restores > 0, "no node was ever so far behind");
}

#[test]
fn a_log_from_decisions_where_much_is_lost_or_late() {
    run(&LOG, "hostile", 100, 2, hostile());
    run(&LOG, "slow disks", 100, 2, slow_disks().with("snapshot-every", "11"));
}

#[test]
fn a_log_from_decisions_in_every_size_of_cluster() {
    for nodes in [1, 2, 4, 7] {
        let profile = Profile { nodes, strike_ms: 600, ..Profile::default() };
        run(&LOG, &format!("{nodes} nodes"), 15, 10, profile);
    }
}

#[test]
fn decisions_from_a_log_under_everything() {
    run(&DECISIONS, "three", 200, 30, Profile::default());
    run(&DECISIONS, "five", 50, 30, Profile { nodes: 5, clients: 5, ..Profile::default() });
}

#[test]
fn decisions_from_a_log_with_snapshots() {
    let seen = run(&DECISIONS, "snapshots", 50, 30, Profile::default().with("snapshot-every", "7"));
    assert!(seen.restores > 0, "no follower was ever so far behind");
}

#[test]
fn decisions_from_a_log_where_much_is_lost_or_late() {
    run(&DECISIONS, "hostile", 50, 2, hostile());
    run(&DECISIONS, "slow disks", 50, 2, slow_disks());
}

#[test]
fn a_log_from_decisions_that_is_summed_up_while_some_lag() {
    for every in ["20", "50"] {
        let profile = Profile::parting_logs().with("snapshot-every", every);
        let seen = run(&LOG, "parting logs", 40, 100, profile);
        assert!(seen.restores > 0, "no node was ever so far behind");
    }
}

#[test]
fn decisions_from_logs_that_part_while_others_are_summed_up() {
    for every in ["20", "50"] {
        let profile = Profile::parting_logs().with("check-quorum", "false");
        let seen = run(&DECISIONS, "parting logs", 40, 300, profile.with("snapshot-every", every));
        assert!(seen.parted > 0, "no snapshot ever came over another log");
    }
}
