//! What a person asked for: a workload file as a value, every default filled in, every unit parsed.
//! It never touches the world; a `Workload` that exists is one that can be run.

mod parse;

use std::collections::BTreeMap;
use std::time::Duration;

use schism_verify::verdict::Kind;
use serde::Serialize;

/// A workload, complete and checked.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Workload {
    /// Its name: the file's, without folder and `.yaml` (`planted/r13` for one in a subfolder).
    pub name: String,
    /// The question it asks, in a sentence.
    pub about: String,
    /// What is tested.
    pub system: SystemSpec,
    /// How many nodes.
    pub nodes: u8,
    /// How many clients.
    pub clients: u16,
    /// Warm-up and disturbance together.
    pub duration: Duration,
    /// Open loop: operations per second. None: as fast as answers come.
    pub rate: Option<f64>,
    /// The seed, if the file or the command line gives one.
    pub seed: Option<u64>,
    /// Weights of operations, by name, in the file's order.
    pub operations: Vec<(String, u32)>,
    /// Whether a client repeats an unanswered append with the same session and number.
    pub retry: bool,
    /// How fresh reads must be.
    pub read_level: schism_verify::history::Level,
    /// The longest an operation may take.
    pub timeout: Duration,
    /// What is broken, in the file's order.
    pub faults: Vec<FaultSpec>,
    /// Checks by name. Empty: all that apply.
    pub checks: Vec<String>,
    /// A planted bug.
    pub bug: Option<String>,
    /// Size of appended values.
    pub value_bytes: usize,
    /// How long without an ok is no-progress.
    pub recovery: Duration,
    /// Slower than this is slow-recovery.
    pub recovery_max: Option<Duration>,
    /// Fewer ok operations than this: unknown.
    pub min_operations: u64,
    /// What the run should find.
    pub expect: Expect,
}

/// The system under test.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SystemSpec {
    /// A row of the systems table, with its options.
    Named {
        /// Its name.
        name: String,
        /// Options by name, as text.
        options: BTreeMap<String, String>,
    },
    /// A command line in any language.
    Command {
        /// argv with `{id}`, `{peer}`, `{client}`, `{peers}`, `{data}`, `{trace}`, `{delivered}`.
        command: Vec<String>,
        /// The client protocol: `lines`.
        client: String,
        /// How long a node may take to answer `status`.
        ready: Duration,
    },
}

/// One fault of a workload, as its own module understands it.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct FaultSpec {
    /// Its key: `partition`, `crash`, ...
    pub kind: String,
    /// When it strikes.
    pub when: When,
    /// How long each strike lasts; one of these is drawn.
    pub lasts: Vec<Duration>,
    /// Its own keys, each a list to draw one from per strike (checked by the fault's module).
    pub keys: BTreeMap<String, Vec<serde_json::Value>>,
}

/// When a fault strikes.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum When {
    /// With this mean time between starts, drawn from the seed.
    Every(Duration),
    /// At these times from the start of the disturbance.
    At(Vec<Duration>),
}

/// What a run is expected to find.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Expect {
    /// Nothing.
    Valid,
    /// Some anomaly of one of these kinds.
    Violation(Vec<Kind>),
}
