//! verdict.json: the judge's whole finding with what is needed to see it again.
//! It never judges; it is what `--json` prints and what reports are made from.

use serde::{Deserialize, Serialize};

use schism_verify::verdict::Anomaly;

/// The document of docs/reference/verdict.md. Times are in the unit their name ends with.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct VerdictFile {
    /// `valid`, `violated` or `unknown`: the worst of `checks`, after the doubts of the run.
    pub verdict: String,
    /// For unknown: why.
    pub reason: Option<String>,
    /// Every check that ran.
    pub checks: Vec<CheckFile>,
    /// `valid`, or the kinds of which one was expected, comma separated.
    pub expect: String,
    pub exit: u8,
    pub workload: String,
    pub system: String,
    /// The first line that its version command printed, where a system file has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system_version: Option<String>,
    pub bug: Option<String>,
    pub seed: u64,
    /// The command that runs the same schedule again.
    pub replay: String,
    /// Operations by outcome and their latencies.
    pub operations: OperationsFile,
    /// Why operations failed for certain, the most frequent first.
    #[serde(default)]
    pub refused: Vec<RefusalFile>,
    /// Why nobody knows what became of operations, the most frequent first.
    #[serde(default)]
    pub unanswered: Vec<RefusalFile>,
    /// Every kind of fault with how often it struck and had an effect.
    pub faults: Vec<FaultFile>,
    /// How long each phase of the run took, in milliseconds, by name.
    pub phases_ms: Vec<(String, f64)>,
}

#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct CheckFile {
    /// Its name: `linearizable`, `total-order`, ...
    pub name: String,
    pub model: Option<String>,
    /// The algorithm, for checks that have a choice.
    pub algorithm: Option<String>,
    /// `valid`, `violated` or `unknown`.
    pub verdict: String,
    /// For unknown: why.
    pub reason: Option<String>,
    pub elapsed_ms: f64,
    /// How many operations, deliveries or trace lines it looked at.
    pub operations: u64,
    /// What it found. Empty unless violated.
    pub anomalies: Vec<Anomaly>,
    /// What a reader should know: figures, what was left out, and why. Sentences.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// How many acknowledged appends are lost, whether or not the system promised to keep them.
    /// Absent: it does not look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost: Option<u64>,
}

/// Operations by outcome.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct OperationsFile {
    /// Happened.
    pub ok: u64,
    /// Certainly did not.
    pub fail: u64,
    /// Nobody knows.
    pub info: u64,
    /// Median latency of ok operations.
    pub p50_ms: f64,
    /// 99th percentile.
    pub p99_ms: f64,
    /// The slowest.
    pub max_ms: f64,
}

impl OperationsFile {
    /// Takes how long operations took from another count of the same ones.
    pub fn take_latencies(&mut self, other: &OperationsFile) {
        let OperationsFile { ok, fail, info, .. } = *self;
        *self = OperationsFile { ok, fail, info, ..other.clone() };
    }
}

/// One reason for which one node did not do one kind of operation.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct RefusalFile {
    pub operation: String,
    /// The error's word; empty where none was given.
    pub error: String,
    /// Who was asked last, where anybody wrote that down.
    pub node: Option<String>,
    pub count: u64,
    /// The first of these errors in full, where it says more than its word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<String>,
}

/// One kind of fault of the run.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct FaultFile {
    pub fault: String,
    pub strikes: u64,
    /// How often it had an effect.
    #[serde(alias = "bit")]
    pub effective: u64,
    /// What it did altogether, in words.
    pub effect: String,
}
