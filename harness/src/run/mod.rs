//! Plan to History: the phases of a run, on one thread, over any world and any clock.
//!
//! ```text
//! readiness -> warm-up -> disturbance -> recovery -> settle -> final reads
//! ```
//!
//! It never judges: what it saw is written down, and what it did not carry out is not claimed.
//!
//! # Layout, in reading order
//!
//! * [`recorder`]: stamps and writes every event. `context`: what the tasks of a run share.
//! * `worker`, `route`, `processes`: clients. `probe`: the steady hand.
//! * `nemesis`: carries out the plan. `watch`, `statuses`: what is seen from outside.
//! * `ending`: how it ends, by model. `decisions`: what is left to decide.

mod answered;
mod context;
mod crew;
mod decisions;
mod ending;
mod nemesis;
mod phases;
mod probe;
mod processes;
mod progress;
pub mod recorder;
mod route;
mod statuses;
#[cfg(test)]
mod tests;
mod watch;
mod worker;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::rc::Rc;
use std::time::Duration;

use schism_facts::remark::Reason;

use crate::action::NodeId;
use crate::clock::{Nanos, Signal};
use crate::plan::Plan;
use crate::systems::System;
use crate::units::format_duration;
use crate::workload::Workload;
use crate::worlds::World;

pub use phases::run;
pub use progress::Progress;
use recorder::Monitor;

/// Is shown how far a run has come.
pub type Viewer = Box<dyn FnMut(&Progress)>;

/// Everything a run needs. The nodes have been started, not awaited.
pub struct Setup {
    /// What was asked for.
    pub workload: Workload,
    /// The schedule.
    pub plan: Plan,
    /// Where it happens: what can be broken, and who can be asked.
    pub world: Rc<dyn World>,
    /// What is tested.
    pub system: Rc<dyn System>,
    /// Where the history goes.
    pub history: Box<dyn Write>,
    /// Sees every event as it is recorded.
    pub monitor: Monitor,
    /// Is called once every node has answered.
    pub ready: Box<dyn FnOnce()>,
    /// Someone wants the run to end.
    pub interrupt: Rc<Signal>,
    /// A violation does not end the disturbance.
    pub keep_going: bool,
    /// Is shown how far the run has come, four times a second.
    pub progress: Option<Viewer>,
}

/// A run that was carried out.
#[derive(Clone, PartialEq, Debug)]
pub struct Finished {
    /// Why the disturbance ended.
    pub end: Reason,
    /// How long each phase took, in milliseconds.
    pub phases_ms: Vec<(String, f64)>,
    /// In an open loop: latencies of ok operations counted from when each was due, ascending. The
    /// history knows only when an operation was asked.
    pub from_due: Vec<Nanos>,
}

/// Why a run could not be carried out. The history so far is on disk, and the cluster has been
/// told to stop.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A node ended before it was ready.
    #[error("{node} ended before it was ready ({how}); its last lines:\n{}", indented(last_lines))]
    Died {
        /// Which.
        node: NodeId,
        /// How.
        how: String,
        /// The last of its stderr.
        last_lines: Vec<String>,
    },
    /// The nodes did not all answer in time.
    #[error(
        "{} did not become ready within {}{}; see nodes/*/stderr.log in the run directory, or \
        raise `ready`",
        names(silent), format_duration(*limit), quoted(nonsense)
    )]
    NotReady {
        /// Who did not.
        silent: Vec<NodeId>,
        /// The limit.
        limit: Duration,
        /// What some of them said instead.
        nonsense: BTreeMap<NodeId, String>,
    },
    /// Nothing was broken yet, and no operation succeeded.
    #[error(
        "the cluster never worked: within {} no operation of any client was ok, and nothing was \
        broken yet; clients were told {}\n{}\nsee nodes/*/stderr.log in the run directory, or \
        raise `ready`",
        format_duration(*limit), refusals.join(", "), last_words(words)
    )]
    NeverWorked {
        /// How long it was tried.
        limit: Duration,
        /// What clients were told instead, the most frequent first.
        refusals: Vec<String>,
        /// The last of each node's stderr.
        words: Vec<(NodeId, Vec<String>)>,
    },
    /// The history could not be written.
    #[error(
        "history.jsonl could not be written: {0}; free some space, or choose another place with --out; \
        what was recorded before is kept"
    )]
    History(io::Error),
    /// A node could not be prepared, or what all nodes need was not done.
    #[error("{0}")]
    Unprepared(String),
    /// The world broke before anything was asked of the system.
    #[error("{0}; run again")]
    Broken(String),
    /// It was interrupted before anything was asked of the system.
    #[error("interrupted before the system was ready")]
    Interrupted,
}

fn names(nodes: &[NodeId]) -> String {
    nodes.iter().map(NodeId::to_string).collect::<Vec<_>>().join(", ")
}

/// `; n2 said ..., which is no status`.
fn quoted(nonsense: &BTreeMap<NodeId, String>) -> String {
    let one = |(node, said): (&NodeId, &String)| format!("; {node} gave no status ({said})");
    nonsense.iter().map(one).collect()
}

fn last_words(words: &[(NodeId, Vec<String>)]) -> String {
    let one = |(node, lines): &(NodeId, Vec<String>)| {
        format!("the last lines of {node}:\n{}", indented(lines))
    };
    words.iter().map(one).collect::<Vec<_>>().join("\n")
}

fn indented(lines: &[String]) -> String {
    if lines.is_empty() {
        return "  (it wrote nothing)".to_string();
    }
    lines.iter().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}
