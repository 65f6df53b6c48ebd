//! Evidence and settings in, findings out: runs the checks that apply and weighs them together.
//! It never judges anything itself.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::checkers::CHECKERS;
use crate::history::History;
use crate::stopwatch::timed;
use crate::verdict::Verdict;

/// Everything a run left behind that can be judged.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    /// What clients and the nemesis did.
    pub history: History,
    /// `delivered/NODE.jsonl` by node, as bytes: what each node delivered.
    pub delivered: BTreeMap<String, Vec<u8>>,
    /// `trace/NODE.jsonl` by node, as bytes: what each node said of its protocol.
    pub traces: BTreeMap<String, Vec<u8>>,
}

/// What is asked of the evidence.
#[derive(Clone, PartialEq, Debug)]
pub struct Settings {
    /// Checks by name. Empty: all that apply.
    pub checks: Vec<String>,
    /// How long without an ok is no-progress.
    pub recovery_ns: u64,
    /// A recovery slower than this is slow-recovery. None: never.
    pub recovery_max_ns: Option<u64>,
    /// Fewer ok operations than this are too few to say `valid`.
    pub min_operations: u64,
    /// Kinds of fault that must have had an effect before `valid` may be said.
    pub fault_kinds: Vec<String>,
    /// The nodes of the cluster: `n1`, `n2`, ... Empty for a history without a cluster.
    pub nodes: Vec<String>,
    /// Whether the system writes delivered and trace files, so that their absence is a doubt.
    pub writes_evidence: bool,
}

/// One check's finding.
#[derive(Clone, PartialEq, Debug)]
pub struct CheckResult {
    /// Its name: `linearizable`, `total-order`, ...
    pub name: &'static str,
    /// The model, for checks that have one.
    pub model: Option<&'static str>,
    /// The algorithm, for checks that have a choice.
    pub algorithm: Option<&'static str>,
    /// What it found.
    pub verdict: Verdict,
    /// How long it took.
    pub elapsed: Duration,
    /// How many operations, deliveries or trace lines it looked at.
    pub operations: u64,
    /// What a reader should know: what was left out, and why. Sentences.
    pub notes: Vec<String>,
}

/// Runs every check that is asked for (or, where none is named, every one that applies), in the
/// table's order. A name that is no check gives `unknown`.
pub fn judge(evidence: &Evidence, settings: &Settings) -> Vec<CheckResult> {
    let _ = (evidence, settings, CHECKERS, timed(|| ()));
    Vec::new()
}

/// Why `valid` may not be said of this run although no check objects: faults that never bit, too
/// few operations, a last phase that was not carried out. Sentences; empty for a plain history.
pub fn doubts(history: &History, settings: &Settings) -> Vec<String> {
    let _ = (history, settings);
    Vec::new()
}

/// All findings together: worst wins, and a doubt turns `valid` into `unknown`, never hides a
/// violation.
pub fn overall(results: &[CheckResult], doubts: &[String]) -> Verdict {
    let mut verdict = Verdict::Valid;
    for result in results {
        verdict = verdict.and(result.verdict.clone());
    }
    for doubt in doubts {
        verdict = verdict.and(Verdict::Unknown { reason: doubt.clone() });
    }
    if results.is_empty() {
        verdict = verdict.and(Verdict::Unknown { reason: "no check applied".into() });
    }
    verdict
}

impl Default for Settings {
    /// What a plain history file is judged with.
    fn default() -> Self {
        Settings {
            checks: Vec::new(),
            recovery_ns: 10_000_000_000, // the workload's default: 10 s
            recovery_max_ns: None,
            min_operations: 0,
            fault_kinds: Vec::new(),
            nodes: Vec::new(),
            writes_evidence: false,
        }
    }
}
