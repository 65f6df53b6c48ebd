//! What there is to judge, what is asked of it, and reading the files that nodes write.

pub(crate) mod delivered;
mod files;
pub(crate) mod finals;
pub(crate) mod last_reads;
pub(crate) mod lines;
pub mod shapes;
pub(crate) mod trace;

use std::collections::BTreeMap;

pub use files::TraceFiles;
use schism_facts::{Acks, Reads, Traces};

use crate::history::History;
use crate::models::{self, Ending, Model};

/// Everything a run left behind that can be judged.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    pub history: History,
    /// `delivered/NODE.jsonl` by node, as bytes: what each node delivered.
    pub delivered: BTreeMap<String, Vec<u8>>,
    /// `trace/NODE.jsonl` by node, as bytes: what each node said of its protocol.
    pub traces: TraceFiles,
    /// The traces' clock at time 0 of the history, where somebody wrote it down.
    pub clock_origin_ns: Option<u64>,
    /// The files were read while the run went on, each at another moment.
    pub goes_on: bool,
}

#[derive(Clone, PartialEq, Debug)]
pub struct Settings {
    /// What clients may ask, as its row says. None: the history tells.
    pub model: Option<&'static Model>,
    /// Checks by name. Empty: all that apply.
    pub checks: Vec<String>,
    /// How long without an ok is no-progress.
    pub recovery_ns: u64,
    /// Nobody said how long the system may be silent: a longer silence is a note.
    pub silence_is_told: bool,
    /// A recovery slower than this is slow-recovery. None: never.
    pub recovery_max_ns: Option<u64>,
    /// Nothing is broken, so that nothing may time out and the leader must stay.
    pub steady: bool,
    /// Fewer ok operations than this are too few to say `valid`.
    pub min_operations: u64,
    /// What the run must have come to before `valid` may be said.
    pub reach: Reach,
    /// Kinds of fault that must have had an effect before `valid` may be said.
    pub fault_kinds: Vec<String>,
    /// The nodes of the cluster: `n1`, `n2`, ... Empty for a history without a cluster.
    pub nodes: Vec<String>,
    /// Whether clients speak our own protocol, so that an answer outside of it breaks a contract.
    pub own_protocol: bool,
    /// Whether the system writes delivered and trace files, so that their absence is a doubt.
    pub writes_evidence: bool,
    /// What the system promises of an append that it acknowledged.
    pub acks: Acks,
    /// Which nodes answer linearizable reads.
    pub reads: Reads,
    /// How the invariants read on the system's traces.
    pub traces: Traces,
    /// T: the system's shortest election timeout.
    pub timeout_ns: u64,
}

/// What a workload is there to bring about.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Reach {
    /// Names of [`shapes::SHAPES`].
    pub shapes: Vec<String>,
    /// It may be missed: somebody changed the workload for this run.
    pub is_hoped: bool,
}

impl Default for Settings {
    /// What a plain history file is judged with.
    fn default() -> Self {
        Settings {
            model: None,
            checks: Vec::new(),
            recovery_ns: 10_000_000_000, // the workload's default: 10 s
            silence_is_told: false,
            recovery_max_ns: None,
            steady: false,
            min_operations: 0,
            reach: Reach::default(),
            fault_kinds: Vec::new(),
            nodes: Vec::new(),
            own_protocol: false,
            writes_evidence: false,
            acks: Acks::default(),
            reads: Reads::default(),
            traces: Traces::default(),
            timeout_ns: 150_000_000, // the built-in protocols' default
        }
    }
}

impl Settings {
    /// The model of a history that is judged with these: the one that is set, or else the first
    /// that knows its operations.
    pub(crate) fn model_of(&self, history: &History) -> Option<&'static Model> {
        self.model.or_else(|| models::asked(history))
    }

    /// Whether a run of it ends so. Where nothing tells the model, nodes are read.
    pub(crate) fn ends(&self, history: &History, ending: Ending) -> bool {
        let row = self.model_of(history).map_or(Ending::ReadEveryNode, |model| model.ending);
        row == ending
    }
}

/// Checks that ask for more than this.
pub(crate) fn waives(acks: Acks) -> &'static [&'static str] {
    match acks {
        Acks::Stay => &[],
        Acks::UntilFailover => &["linearizable", "durable"],
    }
}

impl Evidence {
    /// Why the files of a run's nodes may say more than its history, or less: the run was cut off,
    /// or still goes on, and each file was written, and read, up to a moment of its own. What a
    /// node shows and no client asked for, and what a node lacks, proves nothing then. None: the
    /// history came to its end.
    pub(crate) fn cut_off(&self, settings: &Settings) -> Option<&'static str> {
        let of_a_run = is_run(&self.history) || !settings.nodes.is_empty();
        let ended = !self.goes_on && self.history.nemesis("end").next().is_some();
        (of_a_run && !ended).then_some(CUT_OFF)
    }
}

/// That a run's history is not whole.
pub(crate) const CUT_OFF: &str = "the history has no end: the run was cut off, or still goes on";

/// Whether a run wrote this history, and not just anyone.
pub(crate) fn is_run(history: &History) -> bool {
    history.nemesis("phase").next().is_some()
}
