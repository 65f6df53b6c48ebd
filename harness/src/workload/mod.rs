//! What a person asked for: a workload file as a value, every default filled in, every unit parsed.
//! It never touches the world; a `Workload` that exists is one that can be run.
//!
//! ```text
//! schism run raft-crashes --nodes 3 --set faults.crash.every=2s --set operations.read=0
//! ```
//!
//! What the command line says is put into the file's tree before anything is checked, so that
//! defaults and checks see it. First the flags, then each `--set` from left to right; the last
//! wins.
//!
//! | written | does |
//! |---|---|
//! | `--seed N`, `--nodes N` | the same as `--set seed=N`, `--set nodes=N` |
//! | `--duration D` | as `--set duration=D`; strikes `at` later times are left out, and said so |
//! | `--system S` | replaces the system's name and drops its options |
//! | `--bug ID` | plants the bug; `--bug none` plants none, whatever the file says |
//! | `--set key=value` | sets a top-level key; the value is YAML: `5s`, `[a, b]`, `{all: [n1]}` |
//! | `--set a.b=value` | sets key `b` of map `a`, which is made if there is none |
//! | `--set system.OPTION=value` | `system: raft` becomes `{name: raft, OPTION: value}` |
//! | `--set operations.read=0` | without `operations` in the file: the default mix with this weight
//! | | `--set faults.crash.every=2s` | of every `crash` in the list; `faults.0.every` of the first
//! entry | | `--set key=` | takes the key out, so that its default holds |
//!
//! A mistake in one of them is reported with the flag as its place: `--set nodes=five: ...`.

mod argv;
mod builtin;
mod client;
mod error;
mod faults;
mod model;
mod overrides;
mod parse;
mod section;
mod system;
mod system_file;
#[cfg(test)]
pub(crate) mod tests;
mod tree;
mod when;
mod write;

use std::collections::BTreeMap;
use std::time::Duration;

use schism_facts::Catalogue;

use schism_verify::evidence::Reach;
use schism_verify::models::Model;
use schism_verify::verdict::Kind;

pub use crate::faults::{FaultSpec, When};
use crate::generate::{Keys, Sizes};
pub use error::WorkloadError;
pub use model::served;
pub use system_file::{
    FileText, Hole, Known, Leader, Network, Order, Part, Process, Program, Ready, Step, SystemFile,
    Text,
};

/// What the command line changes in a workload, as it was typed.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Overrides {
    /// `--seed`
    pub seed: Option<u64>,
    /// `--duration`
    pub duration: Option<String>,
    /// `--nodes`
    pub nodes: Option<String>,
    /// `--system`
    pub system: Option<String>,
    /// `--bug`; `none` takes the file's bug out.
    pub bug: Option<String>,
    /// Each `--set`, as `key=value`.
    pub set: Vec<String>,
}

/// A row of `schism list workloads`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listed {
    /// What to write after `schism run`.
    pub name: String,
    /// The question it asks.
    pub about: String,
}

/// A workload that was read.
#[derive(Clone, PartialEq, Debug)]
pub struct Loaded {
    /// It.
    pub workload: Workload,
    /// What the command line took from it, for whoever asked: a sentence each.
    pub remarks: Vec<String>,
}

impl Workload {
    /// Every key of a workload, in the order of the documentation.
    pub(crate) const KEYS: &[&str] = &[
        "name",
        "about",
        "system",
        "options-drawn",
        "nodes",
        "nodes-drawn",
        "clients",
        "duration",
        "rate",
        "seed",
        "model",
        "operations",
        "retry",
        "read-level",
        "timeout",
        "faults",
        "checks",
        "bug",
        "value-bytes",
        "keys",
        "recovery",
        "recovery-max",
        "steady",
        "reach",
        "min-operations",
        "expect",
    ];
}

/// Reads a workload: a path, or a name (workloads/NAME.yaml here, else the copy in the binary).
pub fn load(
    name_or_path: &str,
    overrides: &Overrides,
    catalogue: &Catalogue,
) -> Result<Loaded, WorkloadError> {
    let source = builtin::find(name_or_path)?;
    parse::parse(&source, overrides, catalogue)
}

/// Reads a workload from text; `file` is what errors call it.
pub fn from_text(
    file: &str,
    text: &str,
    overrides: &Overrides,
    catalogue: &Catalogue,
) -> Result<Workload, WorkloadError> {
    let source = builtin::Source::named(file, text.to_owned());
    parse::parse(&source, overrides, catalogue).map(|loaded| loaded.workload)
}

/// The workloads built into the binary, by name.
pub fn list() -> Vec<Listed> {
    builtin::list()
}

/// The system files that have a name: those built into the binary, and those in workloads/systems
/// here.
pub fn system_files(catalogue: &Catalogue) -> Vec<Known> {
    system_file::list(catalogue)
}

/// A workload, complete and checked. [`Workload::to_yaml`] writes it so that [`load`] reads the
/// same value back.
#[derive(Clone, PartialEq, Debug)]
pub struct Workload {
    /// Its name: key `name`, else the file's, without folder and `.yaml` (`planted/r13` for one in
    /// a subfolder).
    pub name: String,
    /// The question it asks, in a sentence.
    pub about: String,
    /// What is tested.
    pub system: SystemSpec,
    /// Options of the system of which the seed chooses one value each.
    pub options_drawn: BTreeMap<String, Vec<String>>,
    /// How many nodes.
    pub nodes: u8,
    /// Of these the seed chooses how many.
    pub nodes_drawn: Vec<u8>,
    /// How many clients.
    pub clients: u16,
    /// Warm-up and disturbance together.
    pub duration: Duration,
    /// Open loop: operations per second. None: as fast as answers come.
    pub rate: Option<f64>,
    /// The seed, if the file or the command line gives one.
    pub seed: Option<u64>,
    /// What its clients ask for.
    pub model: &'static Model,
    /// Weights of operations of the model, by name, in the file's order.
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
    /// Sizes of appended values.
    pub value_bytes: Sizes,
    /// How many objects are asked about. None: one, without a key; of decisions, a new one all the
    /// time.
    pub keys: Option<Keys>,
    /// How long without an ok is no-progress.
    pub recovery: Duration,
    /// Nobody said how long the system may be silent: a longer silence is told of, no violation.
    pub silence_is_told: bool,
    /// Slower than this is slow-recovery.
    pub recovery_max: Option<Duration>,
    /// What the run must come to.
    pub reach: Reach,
    /// Nothing may time out, and the leader must stay.
    pub steady: bool,
    /// Fewer ok operations than this: unknown.
    pub min_operations: u64,
    /// What the run should find.
    pub expect: Expect,
}

/// The system under test.
#[derive(Clone, PartialEq, Debug)]
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
        /// argv with `{id}`, `{peer}`, `{client}`, `{peers}`, `{ip}`, `{ips}`, `{data}`, `{trace}`,
        /// `{delivered}`.
        command: Vec<String>,
        /// How clients talk to it.
        client: ClientSpec,
        /// How long a node may take to answer `status`.
        ready: Duration,
        /// How nodes reach each other.
        network: Network,
    },
    /// What a system file describes, with its options.
    File(Box<SystemFile>),
}

impl SystemSpec {
    /// How its nodes reach each other.
    pub fn network(&self) -> Network {
        match self {
            SystemSpec::Named { .. } => Network::Pairs,
            SystemSpec::Command { network, .. } => *network,
            SystemSpec::File(file) => file.network,
        }
    }
}

/// How clients talk to the nodes of a system of one's own.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ClientSpec {
    /// A row of the table of client protocols, with its options.
    Named {
        /// Its name.
        name: String,
        /// Options by name, as text.
        options: BTreeMap<String, String>,
    },
    /// A program in any language, one for each client.
    Program {
        /// argv with `{nodes}`.
        command: Vec<String>,
    },
}

impl ClientSpec {
    /// The client protocol of our own.
    pub fn lines() -> ClientSpec {
        ClientSpec::Named { name: "lines".to_owned(), options: BTreeMap::new() }
    }
}

/// What a run is expected to find.
#[derive(Clone, PartialEq, Debug)]
pub enum Expect {
    /// Nothing.
    Valid,
    /// Some anomaly of one of these kinds.
    Violation(Vec<Kind>),
}

impl Workload {
    /// How long nothing is broken: a tenth of the duration, at most 2 s.
    pub fn warm_up(&self) -> Duration {
        warm_up(self.duration)
    }

    /// How long faults strike: the rest.
    pub fn disturbance(&self) -> Duration {
        disturbance(self.duration)
    }
}

fn warm_up(duration: Duration) -> Duration {
    (duration / 10).min(Duration::from_secs(2))
}

fn disturbance(duration: Duration) -> Duration {
    duration.saturating_sub(warm_up(duration))
}

/// The least whole number of seconds that a run must last for a strike to come at this time.
pub fn least_duration(at: Duration) -> Duration {
    let long_enough = |seconds: &u64| disturbance(Duration::from_secs(*seconds)) > at;
    // A warm-up is 2 s at most.
    let seconds = (at.as_secs() + 1..=at.as_secs() + 3).find(long_enough);
    Duration::from_secs(seconds.expect("the disturbance of the last of them is longer"))
}
