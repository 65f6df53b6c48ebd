//! Large logs, slow links and distance: what a replica lacks takes longer to reach it than a
//! timeout, or than a primary lives. All the same somebody is served soon.

use schism_protocol::{ProtocolRow, Role, vsr};

use crate::world::Profile;
use crate::world::Strike::CrashLeader;
use crate::world::cluster::{Cluster, MS};
use crate::world::profile::{Fate, Filter};
use crate::world::trial::Subject;

const SEEDS: u64 = 6;

/// As from one continent to another.
const FAR: Filter = |_, _, _, _, _, _| Fate::Delay(40);

/// There and back is more than T.
const FARTHER_THAN_T: Filter = |_, _, _, _, _, _| Fate::Delay(100);

/// Nothing is lost, but everything takes its time.
fn distant(filter: Filter) -> Profile {
    Profile {
        drop: 0,
        repeat: 0,
        late: 0,
        lost_answers: 0,
        strike_ms: 0,
        filter: Some(filter),
        ..Profile::under(3, &[CrashLeader])
    }
}

/// Clients that write 16 KB each, until the log has so many entries; nobody strikes.
fn written(row: &'static ProtocolRow, seed: u64, entries: usize, alone: Option<usize>) -> Cluster {
    let profile = Profile { clients: 20, value_bytes: 16_000, ..distant(FAR) };
    let mut cluster = Cluster::start(&Subject::of(row, profile), seed, false);
    cluster.run_until(cluster.now + 1_000 * MS);
    if let Some(alone) = alone {
        let others = (0..3).filter(|other| *other != alone);
        cluster.cuts.insert(0, others.flat_map(|n| [(n, alone), (alone, n)]).collect());
    }
    waits_for(&mut cluster, |cluster| cluster.clients.served() >= entries);
    // From here on the log hardly grows.
    cluster.profile.value_bytes = 0;
    cluster
}

/// How many ms pass until that is so.
fn waits_for(cluster: &mut Cluster, done: impl Fn(&Cluster) -> bool) -> u64 {
    let since = cluster.now;
    while !done(cluster) && cluster.now < since + 60_000 * MS {
        cluster.run_until(cluster.now + 10 * MS);
        assert_eq!(cluster.violation(), None);
    }
    (cluster.now - since) / MS
}

/// The longest time without service, in ms, while leader after leader is killed.
fn longest_silence(profile: &Profile, seed: u64) -> u64 {
    let subject = Subject::of(&vsr::ROW, profile.clone());
    let mut cluster = Cluster::start(&subject, seed, false);
    let end = cluster.now + profile.disturbed_ms * MS;
    let mut longest = 0;
    while cluster.now < end {
        let served = cluster.clients.served();
        longest = longest.max(waits_for(&mut cluster, |c| c.clients.served() > served));
    }
    longest
}

fn all_within(what: &str, ms: u64, took: impl Fn(u64) -> u64) {
    let took: Vec<u64> = (0..SEEDS).map(took).collect();
    println!("{what}: {took:?} ms");
    assert!(took.iter().all(|took| *took <= ms), "{what}: {took:?} ms, not within {ms} ms");
}

#[test]
fn large_logs_are_handed_over_though_primary_after_primary_is_killed() {
    let profile = Profile {
        clients: 40,
        value_bytes: 16_000,
        link_bytes_per_ms: 20_000,
        strike_ms: 700,
        strike_lasts_ms: 600,
        disturbed_ms: 12_000,
        ..distant(FAR)
    };
    all_within("silence", 2_000, |seed| longest_silence(&profile, seed));
}

#[test]
fn views_begin_though_there_and_back_takes_longer_than_t() {
    let profile = Profile { strike_ms: 4_000, disturbed_ms: 20_000, ..distant(FARTHER_THAN_T) };
    all_within("silence", 2_500, |seed| longest_silence(&profile, seed));
}

/// 13 MB are missing, and a link carries 2 or 5 MB in a second: no time is left to send much twice.
#[test]
fn a_backup_that_lacks_a_large_log_is_fed_over_a_slow_link_while_it_is_needed() {
    for leader_dies in [false, true] {
        for (bytes_per_ms, within) in [(2_000, 13_000), (5_000, 6_000)] {
            all_within("until served", within, |seed| {
                let alone = seed as usize % 3;
                let mut cluster = written(&vsr::ROW, seed, 800, Some(alone));
                let leader = cluster.leader().expect("two of three have one");
                let dies = if leader_dies { leader } else { 3 - leader - alone };
                cluster.profile.link_bytes_per_ms = bytes_per_ms;
                cluster.cuts.clear();
                cluster.crash(dies);
                let enough = cluster.clients.served() + 50;
                waits_for(&mut cluster, |cluster| cluster.clients.served() >= enough)
            });
        }
    }
}

#[test]
fn a_replica_recovers_a_large_log_over_a_slow_link() {
    all_within("until recovered", 9_000, |seed| {
        let mut cluster = written(&vsr::MEMORY_ROW, seed, 800, None);
        let leader = cluster.leader().expect("nothing disturbs it");
        let node = (leader + 1) % 3;
        cluster.profile.link_bytes_per_ms = 2_000;
        cluster.crash(node);
        cluster.boot(node);
        waits_for(&mut cluster, |cluster| {
            cluster.statuses()[node].as_ref().is_some_and(|status| status.role == Role::Follower)
        })
    });
}

/// One backup lags by 700 ms of large values; then the other one dies. Pieces that leave together
/// may arrive in any order.
fn needs_the_one_that_lags(profile: &Profile) {
    all_within("until served", 1_000, |seed| {
        let mut cluster = Cluster::start(&Subject::of(&vsr::ROW, profile.clone()), seed, false);
        cluster.run_until(cluster.now + 1_000 * MS);
        let leader = cluster.leader().expect("nothing disturbs it");
        let (lags, dies) = ((leader + 1) % 3, (leader + 2) % 3);
        let others = [leader, dies].into_iter();
        cluster.cuts.insert(0, others.flat_map(|n| [(n, lags), (lags, n)]).collect());
        cluster.run_until(cluster.now + 700 * MS);
        cluster.cuts.clear();
        cluster.crash(dies);
        let enough = cluster.clients.served() + 20;
        waits_for(&mut cluster, |cluster| cluster.clients.served() >= enough)
    });
}

#[test]
fn what_a_backup_lacks_reaches_it_though_messages_pass_one_another() {
    let profile = Profile { clients: 20, value_bytes: 16_000, filter: None, ..distant(FAR) };
    needs_the_one_that_lags(&profile);
    // Summed up before it can be asked for.
    needs_the_one_that_lags(&profile.with("snapshot-every", "50"));
}
