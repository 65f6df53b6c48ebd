//! What will be done to the world and when, drawn from the seed before anything starts.
//! It never depends on what happens in the run: `plan.json` is a pure function of
//! (workload, seed).
//!
//! Times count from the start of the disturbance. A fault with `every` starts first at a time drawn
//! from [0, min(every, a third of the disturbance)], so that every kind gets its chance in a short
//! run; then each gap is drawn from [0.5, 1.5] of `every`, which keeps the mean and bounds the
//! silence. No strike starts after the disturbance; one that lasts beyond it is not cut short: it
//! is healed in recovery, so that recovery has something to recover from.
//!
//! A fault that comes `after` others is planned behind each of their strikes; whether the leader is
//! gone then is read off the world when it strikes.
//!
//! Every random stream has a name and depends on the seed and that name alone: `fault-crash-0` (the
//! first `crash` of the workload), `client-3`, `heal`. Adding a client or a fault does not shift
//! the others.

use std::collections::BTreeMap;
use std::time::Duration;

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use serde::{Deserialize, Serialize};

use crate::action::NodeId;
use crate::faults::{self, Topology};
use crate::units::format_duration;
use crate::workload::{FaultSpec, SystemSpec, When, Workload, least_duration};

/// The whole schedule of a run, as in plan.json.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Plan {
    /// The seed it was drawn from.
    pub seed: u64,
    /// Undisturbed time before the first strike may come.
    pub warm_up: Duration,
    /// How long faults strike.
    pub disturbance: Duration,
    /// Every strike, by time.
    pub strikes: Vec<Strike>,
    /// What would have come after the disturbance, by time: strikes `after` others, and the last of
    /// a `rolling` one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<LeftOut>,
    /// The seeds of the named random streams (`client-3`, `heal`, ...).
    pub streams: Vec<(String, u64)>,
}

/// One strike of one fault, all its randomness drawn.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Strike {
    /// Its position in the plan, from 0.
    pub id: u64,
    /// The fault's key in the workload.
    pub fault: String,
    /// From the start of the disturbance.
    pub at: Duration,
    /// How long it holds.
    pub lasts: Duration,
    /// It strikes before the first operation, though it lasts as if it had come at `at`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub early: bool,
    /// The fault's own choices (target, shape, style, and what it needs to resolve them without
    /// further randomness): `Spec::Choice` of the fault.
    pub detail: serde_json::Value,
}

/// A strike that does not come.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LeftOut {
    /// The fault's key in the workload.
    pub fault: String,
    /// When it would have come, from the start of the disturbance.
    pub at: Duration,
}

/// The workload as it is run with this seed: of each option that is drawn, one value, and one
/// number of nodes.
pub fn settle(workload: &Workload, seed: u64) -> Workload {
    let mut settled = Workload { seed: Some(seed), ..workload.clone() };
    let counts = std::mem::take(&mut settled.nodes_drawn);
    if !counts.is_empty() {
        let mut rng = stream(stream_seed(seed, "nodes"));
        settled.nodes = counts[rng.random_range(0..counts.len())];
    }
    let options = match &mut settled.system {
        SystemSpec::Named { options, .. } => Some(options),
        SystemSpec::File(file) => Some(&mut file.options),
        SystemSpec::Command { .. } => None,
    };
    if let Some(options) = options {
        for (name, values) in std::mem::take(&mut settled.options_drawn) {
            let mut rng = stream(stream_seed(seed, &format!("option-{name}")));
            let drawn = values[rng.random_range(0..values.len())].clone();
            options.insert(name, drawn);
        }
    }
    settled
}

/// Draws the schedule of a run.
pub fn draw(workload: &Workload, seed: u64) -> Plan {
    let warm_up = workload.warm_up();
    let disturbance = workload.disturbance();
    let topology = workload.topology();
    let mut strikes = Vec::new();
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    let mut followers = Vec::new();
    for spec in &workload.faults {
        let nth = seen.entry(&spec.kind).or_default();
        let mut rng = stream(stream_seed(seed, &format!("fault-{}-{nth}", spec.kind)));
        *nth += 1;
        match starts(&spec.when, disturbance, &mut rng) {
            Some(starts) => strikes.extend(strikes_of(spec, starts, topology, &mut rng)),
            None => followers.push((spec, rng)),
        }
    }
    let others: Vec<Duration> = strikes.iter().map(|strike| strike.at).collect();
    for (spec, mut rng) in followers {
        let When::After(delay) = spec.when else { unreachable!("only these have no times") };
        let starts = others.iter().map(|at| *at + delay).collect();
        strikes.extend(strikes_of(spec, starts, topology, &mut rng));
    }
    // Stable: strikes at one time stay in the workload's order.
    strikes.sort_by_key(|strike| strike.at);
    let late = strikes.split_off(strikes.partition_point(|strike| strike.at < disturbance));
    let left_out = late.into_iter().map(|strike| LeftOut { fault: strike.fault, at: strike.at });
    let left_out = left_out.collect();
    for (id, strike) in strikes.iter_mut().enumerate() {
        strike.id = id as u64;
    }
    let clients = (0..workload.clients).map(|client| format!("client-{client}"));
    let names = clients.chain(["probe", "heal", "nodes"].map(str::to_owned));
    let streams = names.map(|name| (name.clone(), stream_seed(seed, &name))).collect();
    Plan { seed, warm_up, disturbance, strikes, left_out, streams }
}

fn strikes_of(
    spec: &FaultSpec,
    starts: Vec<Duration>,
    topology: Topology,
    rng: &mut ChaCha8Rng,
) -> Vec<Strike> {
    let fault = faults::find(&spec.kind).expect("a workload names faults of the table");
    let mut strikes = Vec::new();
    for at in starts {
        let lasts = spec.lasts[rng.random_range(0..spec.lasts.len())];
        let pieces = fault.draw(spec, lasts, topology, rng).into_iter();
        strikes.extend(pieces.map(|piece| Strike {
            id: 0,
            fault: spec.kind.clone(),
            at: at + piece.after,
            lasts: piece.lasts,
            early: spec.when == When::Start,
            detail: piece.choice,
        }));
    }
    strikes
}

/// None: it follows the strikes of others.
fn starts(when: &When, disturbance: Duration, rng: &mut ChaCha8Rng) -> Option<Vec<Duration>> {
    let mean = match when {
        When::At(times) => return Some(times.clone()),
        When::Start => return Some(vec![Duration::ZERO]),
        When::After(_) => return None,
        When::Every(mean) => *mean,
    };
    // Milliseconds: people read these times in plan.json. Never 0, so that the loop ends.
    let mean_ms = (mean.as_millis() as u64).max(1);
    let third_ms = (disturbance.as_millis() as u64) / 3;
    let mut at = Duration::from_millis(rng.random_range(0..=mean_ms.min(third_ms)));
    let mut starts = Vec::new();
    while at < disturbance {
        starts.push(at);
        let gap_ms = rng.random_range(mean_ms / 2..=mean_ms + mean_ms / 2).max(1);
        at += Duration::from_millis(gap_ms);
    }
    Some(starts)
}

impl Plan {
    /// What comes too late to be done, in words; None if nothing does.
    pub fn left_out(&self) -> Option<String> {
        let late = self.left_out.iter();
        let late: Vec<String> =
            late.map(|left| format!("{} at {}", left.fault, format_duration(left.at))).collect();
        let end = format_duration(self.disturbance);
        (!late.is_empty())
            .then(|| format!("the disturbance ends at {end} and leaves out {}", late.join(", ")))
    }

    /// Why a run of this plan would prove nothing of some kind of fault: it never strikes.
    pub fn is_in_vain(&self) -> Option<String> {
        let strikes = |kind: &str| self.strikes.iter().any(|strike| strike.fault == kind);
        let never = self.left_out.iter().find(|left| !strikes(&left.fault))?;
        let (at, end) = (format_duration(never.at), format_duration(self.disturbance));
        // It comes after a strike of the first third, wherever in it that one is drawn.
        let enough = format_duration(least_duration(never.at * 3 / 2));
        Some(format!(
            "no `{}` would be left: the first comes at {at}, and the disturbance lasts {end}; \
             --duration {enough} is enough",
            never.fault
        ))
    }

    /// The seed that a node is started with.
    pub fn node_seed(&self, node: NodeId) -> u64 {
        use rand_chacha::rand_core::Rng as _;
        self.rng(&format!("node-{node}")).next_u64()
    }

    /// The random stream of this name, from its start: independent of every other name.
    pub fn rng(&self, name: &str) -> ChaCha8Rng {
        let listed = self.streams.iter().find(|(known, _)| known == name).map(|(_, seed)| *seed);
        stream(listed.unwrap_or_else(|| stream_seed(self.seed, name)))
    }
}

impl Workload {
    /// The cluster's shape.
    pub fn topology(&self) -> Topology {
        Topology { nodes: self.nodes, clients: self.clients }
    }
}

/// The seed of a named stream: FNV-1a-64 over the name, mixed with the run's seed.
fn stream_seed(seed: u64, name: &str) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in name.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    let mut state = seed ^ mix(&mut hash);
    mix(&mut state)
}

/// All 256 bits of the generator's key are filled here, so that the stream is the same with every
/// version of the random crates.
fn stream(seed: u64) -> ChaCha8Rng {
    let mut state = seed;
    let mut key = [0; 32];
    for part in key.chunks_exact_mut(8) {
        part.copy_from_slice(&mix(&mut state).to_le_bytes());
    }
    ChaCha8Rng::from_seed(key)
}

/// SplitMix64 (Steele, Lea, Flood 2014): the next output.
fn mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rand::Rng as _;
    use schism_facts::{Catalogue, Progress, SystemRow};

    use super::*;
    use crate::workload::{Overrides, from_text};

    fn catalogue() -> Catalogue {
        // Anything may be asked of it, promotions too.
        let progress = Progress::Promoted { majority: true };
        let system = SystemRow { progress, ..SystemRow::new("raft", "") };
        Catalogue { systems: vec![system], ..Catalogue::default() }
    }

    fn workload(text: &str) -> Workload {
        from_text("test.yaml", text, &Overrides::default(), &catalogue()).unwrap()
    }

    const STORM: &str = "
system: raft
faults:
  - crash: {target: [one, leader, rolling], every: 3s, for: [1s, 2s]}
  - partition: {shape: [halves, ring, one-way], every: 4s}
  - pause: {at: [1s, 20s]}
";

    #[test]
    fn the_same_seed_draws_the_same_plan_and_another_one_another() {
        let storm = workload(STORM);
        assert_eq!(draw(&storm, 7), draw(&storm, 7));
        assert_ne!(draw(&storm, 7).strikes, draw(&storm, 8).strikes);
        let json = serde_json::to_string(&draw(&storm, 7)).unwrap();
        assert_eq!(serde_json::from_str::<Plan>(&json).unwrap(), draw(&storm, 7));
    }

    #[test]
    fn every_kind_strikes_in_the_first_third() {
        let storm = workload(STORM);
        for seed in 0..200 {
            let plan = draw(&storm, seed);
            assert_eq!(plan.warm_up, Duration::from_secs(2));
            assert_eq!(plan.disturbance, Duration::from_secs(28));
            let early = plan.strikes.iter().filter(|strike| strike.at * 3 <= plan.disturbance);
            let kinds: BTreeSet<&str> = early.map(|strike| strike.fault.as_str()).collect();
            assert_eq!(kinds, BTreeSet::from(["crash", "partition", "pause"]), "seed {seed}");
            assert!(plan.strikes.iter().all(|strike| strike.at < plan.disturbance));
            assert!(plan.strikes.windows(2).all(|pair| pair[0].at <= pair[1].at));
            assert!(plan.strikes.iter().enumerate().all(|(i, strike)| strike.id == i as u64));
        }
    }

    #[test]
    fn given_times_are_exact_and_gaps_keep_their_mean() {
        let plan = draw(&workload(STORM), 7);
        let pauses: Vec<u128> = plan
            .strikes
            .iter()
            .filter(|strike| strike.fault == "pause")
            .map(|strike| strike.at.as_millis())
            .collect();
        assert_eq!(pauses, [1_000, 20_000]);
        let long = workload("{system: raft, duration: 1h, faults: [{partition: {every: 4s}}]}");
        let count = draw(&long, 7).strikes.len();
        assert!((850..=950).contains(&count), "3,600 s / 4 s = 900 strikes, not {count}");
    }

    #[test]
    fn an_operator_is_planned_behind_every_strike_of_others() {
        let text = "{system: raft, faults: [{promote: {after: 3s}}, \
                    {crash: {target: leader, at: [2s, 9s, 27s], for: 5s}}]}";
        let workload = workload(text);
        let planned: Vec<String> = draw(&workload, 7)
            .strikes
            .iter()
            .map(|strike| {
                let gone = strike.detail["if-leader-gone"] == true;
                format!("{} {}{}", strike.fault, strike.at.as_secs(), if gone { " if" } else { "" })
            })
            .collect();
        assert_eq!(planned, ["crash 2", "promote 5 if", "crash 9", "promote 12 if", "crash 27"]);
        let told = draw(&workload, 7).left_out();
        assert_eq!(told.unwrap(), "the disturbance ends at 28s and leaves out promote at 30s");
        assert_eq!(draw(&workload, 7).is_in_vain(), None);
        let again = from_text("w.yaml", &workload.to_yaml(), &Overrides::default(), &catalogue());
        assert_eq!(again.unwrap().faults, workload.faults);
    }

    #[test]
    fn a_plan_without_a_strike_of_some_kind_is_in_vain() {
        let after = |duration: &str| {
            let faults = "faults: [crash, {promote: {after: 8s}}]";
            workload(&format!("{{system: raft, duration: {duration}, {faults}}}"))
        };
        let mut in_vain = 0;
        for seed in 0..50 {
            let plan = draw(&after("10s"), seed);
            let promotes = plan.strikes.iter().filter(|strike| strike.fault == "promote").count();
            assert_eq!(plan.is_in_vain().is_none(), promotes > 0);
            let Some(why) = plan.is_in_vain() else { continue };
            in_vain += 1;
            assert!(why.starts_with("no `promote` would be left: the first comes at "), "{why}");
            let enough =
                why.rsplit("--duration ").next().unwrap().strip_suffix(" is enough").unwrap();
            assert_eq!(draw(&after(enough), seed).is_in_vain(), None, "seed {seed}: {enough}");
        }
        assert!(5 < in_vain && in_vain < 45, "{in_vain} of 50 in vain");
    }

    #[test]
    fn nothing_shifts_when_a_client_or_a_fault_is_added() {
        let plan = draw(&workload(STORM), 7);
        let more = draw(&workload(&format!("clients: 11{STORM}  - latency\n")), 7);
        for fault in ["crash", "partition", "pause"] {
            let of = |plan: &Plan| -> Vec<_> {
                let strikes = plan.strikes.iter().filter(|strike| strike.fault == fault);
                strikes.map(|strike| (strike.at, strike.lasts, strike.detail.clone())).collect()
            };
            assert_eq!(of(&plan), of(&more), "{fault}");
        }
        assert_eq!(plan.rng("client-3").next_u64(), more.rng("client-3").next_u64());
        assert_ne!(plan.rng("client-3").next_u64(), plan.rng("client-4").next_u64());
    }

    /// Golden values: a plan of today must be drawn again by the harness of next year.
    #[test]
    fn streams_are_the_same_for_ever() {
        let plan = draw(&workload("{system: raft}"), 7);
        assert_eq!(plan.rng("client-3").next_u64(), 10_479_318_640_186_652_583);
        let strikes = draw(&workload(STORM), 7).strikes;
        let starts: Vec<u128> =
            strikes.iter().take(6).map(|strike| strike.at.as_millis()).collect();
        assert_eq!(starts, [373, 773, 1_000, 1_173, 1_573, 1_658]);
        assert_eq!(
            strikes[0].detail.to_string(),
            r#"{"target":"n3","of":"rolling","order":["n3"]}"#
        );
    }

    #[test]
    fn the_number_of_nodes_is_drawn_from_the_seed_and_written_down() {
        use crate::workload::tests::workload;
        let asked = workload("{system: raft, nodes: 3, nodes-drawn: [3, 3, 5]}");
        assert_eq!(workload(&asked.to_yaml()), asked);
        let drawn = |seed| {
            let settled = settle(&asked, seed);
            assert_eq!(workload(&settled.to_yaml()), settled);
            settled.nodes
        };
        let all: Vec<u8> = (0..30).map(drawn).collect();
        let (fives, threes): (Vec<u8>, Vec<u8>) = all.iter().partition(|nodes| **nodes == 5);
        assert!((3..18).contains(&fives.len()) && threes.iter().all(|nodes| *nodes == 3));
        assert_eq!(all, (0..30).map(drawn).collect::<Vec<_>>());
    }

    #[test]
    fn options_are_drawn_from_the_seed_and_written_down() {
        use crate::workload::tests::workload;
        let asked = workload(
            "{system: {name: raft, heartbeat: 5ms}, options-drawn: {check-quorum: [true, false]}}",
        );
        let drawn = |seed| {
            let settled = settle(&asked, seed);
            assert!(settled.options_drawn.is_empty() && settled.seed == Some(seed));
            assert_eq!(workload(&settled.to_yaml()), settled);
            let SystemSpec::Named { options, .. } = settled.system else { panic!("it has a name") };
            assert_eq!(options["heartbeat"], "5ms");
            options["check-quorum"].clone()
        };
        let all: Vec<String> = (0..20).map(drawn).collect();
        assert!(["true", "false"].iter().all(|value| all.iter().any(|drawn| drawn == value)));
        assert_eq!(all, (0..20).map(drawn).collect::<Vec<_>>());
    }
}
