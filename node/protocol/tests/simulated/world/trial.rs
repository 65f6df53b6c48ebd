//! What is run and what is owed: trials, sweeps over seeds, and the hunt for planted bugs. A
//! protocol's file hands in rows; no protocol is named here.

use schism_protocol::{BUGS, Build, ProtocolRow, States};

use super::clients::Clients;
use super::cluster::{Cluster, MS};
use super::observer::Observer;
use super::profile::Profile;

/// 20 * 2T (docs/internals/protocols.md, "Liveness"): how long after the heal everyone must have
/// been served.
pub const PROGRESS_WITHIN: u64 = 20 * 300 * MS;

/// Served so often after the heal, a run has shown progress.
const PROGRESS_IS: usize = 20;

/// Seeds tried before a bug counts as missed. The slowest needs a third of them.
const BUG_SEEDS: u64 = 300;

/// Findings that only a run to its quiet end can show: a bug that lists one gets such runs.
const AT_THE_END: [&str; 2] = ["progress", "convergence"];

/// A name of an invariant or of what a client saw, and the sentence to it.
pub type Finding = (&'static str, String);

/// A protocol, or a bug in it, under a profile.
#[derive(Clone)]
pub struct Subject {
    pub row: &'static ProtocolRow,
    /// The row's, or a bug's.
    pub build: Build,
    /// The row's; none for a bug, which may go its own ways.
    pub states: States,
    pub profile: Profile,
    pub expect: Expect,
}

/// What a sweep must have seen to count, on average over its seeds: more than nothing happened.
#[derive(Clone, Copy)]
pub struct Expect {
    /// Appends acknowledged or proposals answered.
    pub served: usize,
    /// Times that a node came to lead.
    pub elections: usize,
}

impl Default for Expect {
    fn default() -> Self {
        Expect { served: 50, elections: 1 }
    }
}

/// What a trial saw.
#[derive(Default)]
pub struct Seen {
    pub served: usize,
    pub elections: usize,
    pub restores: usize,
    /// Of them, over a log that parted from the snapshot and went at least as far.
    pub parted: usize,
    /// Acknowledged appends that are gone, as the row allows.
    pub gone: usize,
}

impl Subject {
    /// The correct protocol.
    pub fn of(row: &'static ProtocolRow, profile: Profile) -> Self {
        Subject { row, build: row.build, states: row.states, profile, expect: Expect::default() }
    }

    /// So many served by a run, on average.
    #[must_use]
    pub fn served(mut self, served: usize) -> Self {
        self.expect.served = served;
        self
    }

    /// So many elections in a run, on average.
    #[must_use]
    #[allow(dead_code)] // for protocols without leaders
    pub fn elections(mut self, elections: usize) -> Self {
        self.expect.elections = elections;
        self
    }
}

/// Disturbed, healed, judged: nothing is violated, and everyone is served after the heal.
pub fn trial(subject: &Subject, seed: u64, loud: bool) -> Result<Seen, Finding> {
    let (mut cluster, end) = disturbed(subject, seed, loud);
    let before = cluster.clients.served();
    cluster.run_until(end + PROGRESS_WITHIN / 4);
    // Most runs are served long before; the rest get all the time they may take.
    if cluster.clients.served() < before + PROGRESS_IS {
        cluster.run_until(end + PROGRESS_WITHIN);
    }
    // Quiet, until the last retries are answered and a heartbeat has told everyone.
    cluster.clients.silence();
    cluster.run_until(cluster.now + 1_000 * MS);
    if Clients::settled(&cluster).is_err() {
        cluster.run_until(cluster.now.max(end + PROGRESS_WITHIN) + 1_000 * MS);
    }
    if let Some(finding) = cluster.violation() {
        return Err(finding.clone());
    }
    let served = cluster.clients.served();
    if served <= before {
        return Err(("progress", "nobody was served after the heal".into()));
    }
    let gone = Clients::settled(&cluster)?;
    let Observer { elections, restores, parted, .. } = cluster.observer;
    Ok(Seen { served, elections, restores, parted, gone })
}

/// Runs until the heal, which it says the time of.
fn disturbed(subject: &Subject, seed: u64, loud: bool) -> (Cluster, u64) {
    let mut cluster = Cluster::start(subject, seed, loud);
    let end = cluster.now + subject.profile.disturbed_ms * MS;
    cluster.run_until(end);
    cluster.heal();
    (cluster, end)
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().and_then(|text| text.parse().ok())
}

/// Nothing is found in any of these seeds, and they were worth judging.
pub fn sweep(name: &str, seeds: u64, subject: &Subject) -> Seen {
    let only = number("SCHISM_SEED");
    // Half of them, so that all tests together are soon over (docs/internals/simulation.md).
    let seeds = number("SCHISM_SEEDS").unwrap_or(seeds.div_ceil(2));
    let seeds = only.map_or(0..seeds, |seed| seed..seed + 1);
    let count = (seeds.end - seeds.start) as usize;
    let protocol = subject.row.facts.name;
    let mut sum = Seen::default();
    for seed in seeds {
        let seen = trial(subject, seed, only.is_some());
        let Seen { served, elections, restores, parted, gone } =
            seen.unwrap_or_else(|(found, why)| {
                panic!("{protocol}, {name}, seed {seed}: {found}: {why}; {:?}", subject.profile)
            });
        sum.served += served;
        sum.elections += elections;
        sum.restores += restores;
        sum.parted += parted;
        sum.gone += gone;
    }
    let Seen { served, elections, restores, parted, gone } = sum;
    println!(
        "{protocol}, {name}: {count} seeds, {served} requests served, {elections} elections, \
         {restores} snapshots installed, {parted} of them over another log, {gone} acknowledged \
         appends gone as the row allows"
    );
    let Expect { served: served_least, elections: elections_least } = subject.expect;
    assert!(served >= served_least * count, "{protocol}, {name}: too little traffic to judge");
    assert!(elections >= elections_least * count, "{protocol}, {name}: the faults did not bite");
    sum
}

/// A bug's identifier, the profile that wakes it, and the findings that name it.
pub type Schedule = (&'static str, Profile, &'static [&'static str]);

/// What this seed shows: a run that is cut short soon after the heal, or all of it.
fn finding(subject: &Subject, seed: u64, whole: bool) -> Option<Finding> {
    if whole {
        return trial(subject, seed, false).err();
    }
    let (mut cluster, end) = disturbed(subject, seed, false);
    cluster.run_until(end + 500 * MS);
    cluster.violation().cloned()
}

/// Every planted bug of a protocol is caught, by the invariants or by a client, under a schedule
/// that suits it; and the correct protocol is clean under the same schedule.
pub fn every_bug_is_caught(row: &'static ProtocolRow, schedules: &[Schedule]) {
    let planted: Vec<&str> = BUGS
        .iter()
        .filter(|bug| bug.facts.system == row.facts.name)
        .map(|bug| bug.facts.id)
        .collect();
    let scheduled: Vec<&str> = schedules.iter().map(|(id, ..)| *id).collect();
    assert_eq!(scheduled, planted, "one schedule for each bug of {}, in order", row.facts.name);
    for (id, profile, names) in schedules {
        let bug = BUGS.iter().find(|bug| bug.facts.id == *id).expect("both lists are the same");
        let control = Subject::of(row, profile.clone());
        let planted = Subject { build: bug.build, states: States::NONE, ..control.clone() };
        let whole = names.iter().any(|name| AT_THE_END.contains(name));
        let found = (0..BUG_SEEDS).find_map(|seed| Some((seed, finding(&planted, seed, whole)?)));
        let (seed, (name, why)) = found.unwrap_or_else(|| panic!("{id} was not caught"));
        println!("{id} {}: seed {seed}, {name}: {why}", bug.facts.name);
        assert!(names.contains(&name), "{id} was caught as {name}: {why}");
        for seed in 0..=seed {
            let control = finding(&control, seed, whole);
            assert_eq!(control, None, "{id}: the correct protocol, seed {seed}");
        }
    }
}
