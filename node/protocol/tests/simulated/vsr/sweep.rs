//! Thousands of seeds: nothing is ever violated, and after the heal there is progress.

use schism_protocol::vsr::message::Body;
use schism_protocol::{ProtocolRow, vsr};

use crate::world::Profile;
use crate::world::Strike::{
    CrashAll, CrashFollower, CrashLeader, CrashMinority, CrashOne, Halves, IsolateLeader, OneWay,
    PauseLeader, Ring,
};
use crate::world::profile::{Fate, Filter};
use crate::world::trial::{Seen, Subject, sweep};

fn clean(
    row: &'static ProtocolRow,
    name: &str,
    seeds: u64,
    served: usize,
    profile: Profile,
) -> Seen {
    sweep(name, seeds, &Subject::of(row, profile).served(served))
}

fn durable(name: &str, seeds: u64, served: usize, profile: Profile) -> Seen {
    clean(&vsr::ROW, name, seeds, served, profile)
}

/// Without a disk: a minority at most has no memory at any time, or nobody knows anything.
fn memory(name: &str, seeds: u64, served: usize, profile: Profile) -> Seen {
    let down_most = (profile.nodes as usize - 1) / 2;
    clean(&vsr::MEMORY_ROW, name, seeds, served, Profile { down_most, ..profile })
}

#[test]
fn three_nodes_under_everything() {
    durable("three", 1_000, 50, Profile::default());
}

#[test]
fn five_nodes_under_everything() {
    durable("five", 500, 50, Profile { nodes: 5, clients: 5, ..Profile::default() });
}

#[test]
fn snapshots_every_few_entries() {
    let seen = durable("snapshots", 500, 50, Profile::default().with("snapshot-every", "7"));
    assert!(seen.restores > 0, "no backup was ever so far behind");
}

#[test]
fn view_changes_as_published() {
    durable("no exit quorum", 300, 20, Profile::default().with("exit-quorum", "false"));
}

#[test]
fn a_network_that_loses_and_reorders_most() {
    let hostile = Profile { drop: 150, repeat: 150, late: 300, late_ms: 100, ..Profile::default() };
    durable("hostile", 300, 5, hostile.clone());
    memory("hostile", 200, 5, hostile);
}

#[test]
fn disks_slower_than_the_network() {
    // Crashes then find much that was written and is not durable.
    let slow = Profile { flush_us: 40_000, strike_ms: 150, ..Profile::default() };
    durable("slow disks", 300, 10, slow.with("snapshot-every", "11"));
}

#[test]
fn disks_slower_than_a_view_change() {
    // Views and acknowledgements then wait on disks while views pass.
    let stalled = Profile { flush_us: 125_000, strike_ms: 400, ..Profile::default() };
    durable("stalled disks", 200, 0, stalled);
}

#[test]
fn every_size_of_cluster() {
    for nodes in [1, 2, 4, 6, 7, 9] {
        let profile = Profile { nodes, strike_ms: 600, ..Profile::default() };
        durable(&format!("{nodes} nodes"), 30, 10, profile);
    }
}

#[test]
fn logs_that_part_while_others_are_summed_up() {
    for every in ["20", "50"] {
        let profile = Profile::parting_logs().with("snapshot-every", every);
        let seen = durable("parting logs", 80, 300, profile);
        assert!(seen.restores > 0, "no backup was ever so far behind");
    }
    memory("parting logs", 80, 300, Profile::parting_logs());
}

#[test]
fn in_memory_three_nodes() {
    memory("three", 700, 50, Profile::default());
}

#[test]
fn in_memory_five_nodes() {
    memory("five", 300, 50, Profile { nodes: 5, clients: 5, ..Profile::default() });
    let strikes = [CrashMinority, CrashFollower, CrashLeader, CrashOne];
    let crashes = Profile { strike_ms: 150, strike_lasts_ms: 100, ..Profile::under(5, &strikes) };
    memory("crashes", 300, 50, crashes);
}

#[test]
fn a_primary_that_one_node_never_hears() {
    // Another one in every view, so that each in turn falls behind; and acknowledgements overtake.
    let filter: Filter = |cluster, _, to, kind, view, dice| match kind {
        Body::PREPARE | Body::START_VIEW
            if to as u64 == (view + 1) % cluster.nodes.len() as u64 =>
        {
            Fate::Drop
        }
        Body::PREPARE_OK if dice.below(5) == 0 => Fate::Delay(30),
        _ => Fate::Deliver,
    };
    durable("deaf", 100, 50, Profile { filter: Some(filter), ..Profile::default() });
}

#[test]
fn in_memory_answers_that_outlive_who_asked() {
    // One backup lags in each view, and some of what is asked for comes after the next crash.
    let filter: Filter = |cluster, _, to, kind, view, dice| match kind {
        Body::NEW_STATE => Fate::Delay(dice.below(2) * dice.below(400)),
        Body::PREPARE | Body::START_VIEW
            if to as u64 == (view + 1) % cluster.nodes.len() as u64 =>
        {
            Fate::Delay(dice.below(10) * 30)
        }
        _ => Fate::Deliver,
    };
    let crashes = Profile {
        value_bytes: 1_000,
        strike_ms: 60,
        strike_lasts_ms: 60,
        repeat: 300,
        disturbed_ms: 2_000,
        filter: Some(filter),
        ..Profile::under(3, &[CrashOne])
    };
    memory("late answers", 400, 50, crashes);
}

#[test]
fn in_memory_views_that_one_node_alone_has_moved_to() {
    let filter: Filter = |_, _, _, kind, _, dice| match kind {
        Body::START_VIEW_CHANGE if dice.below(3) > 0 => Fate::Drop,
        _ => Fate::Deliver,
    };
    let strikes = [Halves, OneWay, CrashFollower, PauseLeader, CrashOne];
    let profile = Profile { strike_ms: 100, filter: Some(filter), ..Profile::under(3, &strikes) };
    memory("left alone", 400, 50, profile);
}

/// What is asked for comes late and in any order, while leaders fall and logs are summed up.
#[test]
fn hand_overs_that_are_cut_short() {
    let filter: Filter = |_, _, _, kind, _, dice| match kind {
        Body::NEW_STATE | Body::NEW_SNAPSHOT | Body::GET_STATE => Fate::Delay(dice.below(120)),
        Body::START_VIEW if dice.below(2) == 0 => Fate::Drop,
        Body::DO_VIEW_CHANGE if dice.below(4) == 0 => Fate::Delay(dice.below(300)),
        Body::PREPARE if dice.below(6) == 0 => Fate::Delay(dice.below(60)),
        _ => Fate::Deliver,
    };
    let struck = |nodes, strikes, strike_ms| Profile {
        strike_ms,
        strike_lasts_ms: 150,
        filter: Some(filter),
        ..Profile::under(nodes, strikes)
    };
    let falls = struck(3, &[CrashLeader, IsolateLeader, CrashOne, PauseLeader], 60);
    durable("cut short", 200, 50, falls.clone());
    memory("cut short", 200, 50, falls);
    let strikes = [CrashLeader, IsolateLeader, CrashMinority, PauseLeader, Halves, Ring];
    durable("cut short, five", 200, 50, struck(5, &strikes, 80).with("snapshot-every", "4"));
    let all = struck(3, &[CrashAll, CrashLeader, IsolateLeader], 120);
    let slow = Profile { flush_us: 30_000, ..all.with("snapshot-every", "6") };
    durable("cut short, slow disks", 200, 10, slow);
}
