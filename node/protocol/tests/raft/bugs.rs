//! Every planted bug is caught, by the invariants or by a client, under a schedule that suits it;
//! and the correct protocol is clean under the same schedule.

use schism_protocol::{BUGS, Build, raft};

use crate::cluster::{Cluster, MS};
use crate::nemesis::Strike::{
    CrashAll, CrashLeader, CrashOne, Halves, Isolate, IsolateLeader, PauseLeader,
};
use crate::nemesis::{Profile, Strike};

/// Seeds tried before a bug counts as missed. The slowest needs a third of them.
const SEEDS: u64 = 300;

/// What wakes each bug, and which findings name it.
fn schedule(id: &str) -> (Profile, &'static [&'static str]) {
    let profile = |nodes, strikes: &[Strike]| Profile {
        nodes,
        clients: nodes as usize,
        strikes: strikes.to_vec(),
        ..Profile::default()
    };
    match id {
        "R02" => (profile(3, &[CrashOne]), &["acked-durability", "non-monotone"]),
        "R05" => (
            profile(5, &[IsolateLeader, CrashLeader, Halves]),
            &["leader-completeness", "state-machine-safety", "acked-durability", "divergence"],
        ),
        "R07" => {
            let options = vec![("fixed-timeout", "true"), ("pre-vote", "false")];
            let profile = Profile { options, ..profile(3, &[CrashLeader, IsolateLeader]) };
            (profile, &["election-safety", "acked-durability"])
        }
        "R08" => (
            profile(5, &[IsolateLeader, Halves, CrashLeader]),
            &["log-matching", "leader-completeness", "acked-durability"],
        ),
        "R11" => (
            profile(3, &[PauseLeader, IsolateLeader]),
            &["acked-durability", "leader-append-only", "log-matching", "state-machine-safety"],
        ),
        "R12" => (profile(5, &[Isolate, IsolateLeader, Halves]), &["commit-quorum"]),
        "R13" => (
            profile(3, &[CrashLeader, IsolateLeader]),
            &["stale-read", "lost-append", "offset-conflict", "real-time-order"],
        ),
        "R14" => (profile(5, &[PauseLeader, IsolateLeader]), &["read-index", "stale-read"]),
        "R19" => (profile(3, &[Isolate, Halves]), &["read-index", "stale-read"]),
        "R20" => {
            (Profile { lost_answers: 100, ..profile(3, &[CrashOne]) }, &["session", "duplicate"])
        }
        "R22" => (profile(3, &[IsolateLeader, PauseLeader]), &["failed-yet-visible"]),
        "R34" => (
            profile(5, &[CrashAll, IsolateLeader, CrashLeader, Halves]),
            &["log-matching", "leader-completeness"],
        ),
        other => panic!("{other} has no schedule: give it one here"),
    }
}

/// Runs disturbed, healed and quiet; says what was found, if anything.
fn finding(build: Build, profile: &Profile, seed: u64) -> Option<(&'static str, String)> {
    let mut cluster = Cluster::start(build, profile.clone(), seed, false);
    let end = cluster.now + profile.disturbed_ms * MS;
    cluster.run_until(end);
    cluster.heal();
    cluster.run_until(end + 500 * MS);
    cluster.violation().cloned()
}

#[test]
fn every_planted_bug_is_caught_and_its_control_is_clean() {
    for bug in BUGS {
        let (profile, names) = schedule(bug.id);
        let found = (0..SEEDS).find_map(|seed| Some((seed, finding(bug.build, &profile, seed)?)));
        let (seed, (name, why)) = found.unwrap_or_else(|| panic!("{} was not caught", bug.id));
        println!("{} {}: seed {seed}, {name}: {why}", bug.id, bug.name);
        assert!(names.contains(&name), "{} was caught as {name}: {why}", bug.id);
        for seed in 0..=seed {
            let control = finding(raft::ROW.build, &profile, seed);
            assert_eq!(control, None, "{}: the correct protocol, seed {seed}", bug.id);
        }
    }
}
