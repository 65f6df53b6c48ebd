//! Hunts mutants with shipped workloads, each in a few short runs until one is violated.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::mutate::Mutant;

/// Each run disturbs for so long.
const DURATION: &str = "20s";

/// What hunts the mutants of a folder of protocols, in this order.
const WORKLOADS: &[(&str, &[&str])] = &[
    (
        "raft",
        &[
            "hard/raft",
            "raft-under-fire",
            "hard/raft",
            "leader-partition",
            "raft-pauses",
            "hard/raft",
            "quiet",
        ],
    ),
    (
        "multi_paxos",
        &[
            "hard/multi-paxos",
            "multi-paxos-under-fire",
            "hard/multi-paxos",
            "multi-paxos-under-fire",
            "hard/multi-paxos",
            "multi-paxos-under-fire",
            "hard/multi-paxos",
        ],
    ),
    (
        "vsr",
        &[
            "hard/vsr",
            "vsr-under-fire",
            "hard/vsr-memory",
            "hard/vsr",
            "vsr-memory-crashes",
            "vsr-under-fire",
            "hard/vsr",
        ],
    ),
    (
        "zab",
        &[
            "hard/zab",
            "zab-under-fire",
            "hard/zab",
            "zab-under-fire",
            "hard/zab",
            "zab-under-fire",
            "hard/zab",
        ],
    ),
    (
        "sequencer",
        &[
            "hard/sequencer",
            "sequencer-under-fire",
            "hard/sequencer",
            "sequencer-under-fire",
            "hard/sequencer",
            "sequencer-under-fire",
            "hard/sequencer",
        ],
    ),
    (
        "failover",
        &[
            "hard/manual-failover",
            "manual-failover-under-fire",
            "hard/manual-failover",
            "manual-failover-async",
            "manual-failover-under-fire",
            "hard/manual-failover",
            "manual-failover-slow-human",
        ],
    ),
    (
        "paxos",
        &[
            "paxos-under-fire",
            "quiet-decisions",
            "log-from-consensus-under-fire",
            "hard/log-from-consensus",
            "paxos-under-fire",
            "log-from-consensus-under-fire",
            "paxos-under-fire",
        ],
    ),
    (
        "log_from_consensus",
        &[
            "hard/log-from-consensus",
            "log-from-consensus-under-fire",
            "hard/log-from-consensus",
            "log-from-consensus-under-fire",
            "hard/log-from-consensus",
            "log-from-consensus-under-fire",
            "hard/log-from-consensus",
        ],
    ),
    (
        "consensus_from_log",
        &[
            "hard/consensus-from-log",
            "consensus-from-log-under-fire",
            "hard/consensus-from-log",
            "consensus-from-log-under-fire",
            "hard/consensus-from-log",
            "consensus-from-log-under-fire",
            "hard/consensus-from-log",
        ],
    ),
    (
        "",
        &[
            "hard/raft",
            "hard/zab",
            "hard/vsr",
            "hard/multi-paxos",
            "hard/manual-failover",
            "hard/sequencer",
            "hard/log-from-consensus",
        ],
    ),
];

/// What became of one mutant.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Outcome {
    pub mutant: Mutant,
    /// The runs, in order: workload, seed, verdict.
    pub runs: Vec<(String, u64, String)>,
    /// What the last run found, if it found it.
    pub found: Option<String>,
}

/// Hunts one mutant.
pub fn hunt(schism: &Path, place: &Path, mutant: &Mutant) -> io::Result<Outcome> {
    let mut outcome = Outcome { mutant: mutant.clone(), runs: Vec::new(), found: None };
    for (at, workload) in workloads(&mutant.file).iter().enumerate() {
        let seed = at as u64 + 1;
        let verdict = run(schism, place, Some(mutant.number), workload, seed)?;
        outcome.runs.push(((*workload).to_owned(), seed, verdict.0));
        if let Some(found) = verdict.1 {
            outcome.found = Some(found);
            break;
        }
    }
    Ok(outcome)
}

/// Every workload that hunts.
pub fn workloads_that_hunt() -> Vec<&'static str> {
    let mut all: Vec<&str> = WORKLOADS.iter().flat_map(|row| row.1).copied().collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// A workload that hunts, on the copy with no mutant awake: its name, where that is violated.
pub fn control<'a>(schism: &Path, place: &Path, workload: &'a str) -> io::Result<Option<&'a str>> {
    let (verdict, _) = run(schism, place, None, workload, 1)?;
    Ok((verdict == "violated").then_some(workload))
}

fn workloads(file: &str) -> &'static [&'static str] {
    let is_in = |folder: &str| file.contains(&format!("/{folder}/"));
    let row = WORKLOADS.iter().find(|(folder, _)| folder.is_empty() || is_in(folder));
    row.expect("the last row is for all").1
}

/// The verdict of one run, and what it found if it is violated.
fn run(
    schism: &Path,
    place: &Path,
    mutant: Option<u32>,
    workload: &str,
    seed: u64,
) -> io::Result<(String, Option<String>)> {
    let name = mutant.map_or("control".to_owned(), |number| number.to_string());
    let folder = format!("runs/{name}-{}-{seed}", workload.replace('/', "-"));
    let out: PathBuf = place.join(folder);
    let mut command = Command::new(schism);
    command.args(["run", workload, "--seed", &seed.to_string(), "--duration", DURATION, "--json"]);
    command.arg("--quiet").arg("--out").arg(&out).stdin(Stdio::null()).stderr(Stdio::null());
    if let Some(number) = mutant {
        command.env("SCHISM_MUTANT", number.to_string());
    }
    let begun = Instant::now();
    let output = command.output()?;
    let told: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let verdict = told["verdict"].as_str().unwrap_or("none").to_owned();
    let mut kinds: Vec<String> = Vec::new();
    for check in told["checks"].as_array().into_iter().flatten() {
        for anomaly in check["anomalies"].as_array().into_iter().flatten() {
            kinds.extend(anomaly["kind"].as_str().map(str::to_owned));
        }
    }
    kinds.dedup();
    // A node that cannot even start is found by whoever starts it.
    let refused = told["exit"] == 2;
    println!(
        "{name} {workload} seed {seed}: {verdict} {kinds:?} in {:.0} s",
        begun.elapsed().as_secs_f64()
    );
    fs::remove_dir_all(&out)?;
    let found = match verdict.as_str() {
        "violated" => Some(kinds.join(", ")),
        _ if refused => Some("it never worked".to_owned()),
        _ => None,
    };
    Ok((verdict, found))
}
