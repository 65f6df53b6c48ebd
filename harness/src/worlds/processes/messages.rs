//! What harness and guard say to each other: one JSON object a line each way.
//! It never travels further than the pipe between them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::action::NodeId;

/// An order to the guard. The end of its standard input is one too: end every node, then yourself.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Order {
    Spawn(Spawn),
    /// To every process of these nodes, as nearly at once as can be.
    Signal {
        nodes: Vec<NodeId>,
        signal: NodeSignal,
    },
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(super) struct Spawn {
    pub(super) node: NodeId,
    pub(super) argv: Vec<String>,
    pub(super) env: BTreeMap<String, String>,
    /// Appended to, as is `stderr`: a node may be started many times.
    pub(super) stdout: PathBuf,
    pub(super) stderr: PathBuf,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum NodeSignal {
    Kill,
    Stop,
    Continue,
}

/// What the guard reports. Every order is answered, in order; exits come when they happen.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Report {
    Spawned {
        node: NodeId,
        pid: i32,
    },
    /// Not spawned, and why.
    Failed {
        node: NodeId,
        error: String,
    },
    /// So many processes got the signal.
    Signalled {
        processes: usize,
    },
    /// The process that was spawned has been reaped: `exit 1`, `signal 9`.
    Exited {
        node: NodeId,
        pid: i32,
        how: String,
    },
    /// At the end: these would not die.
    Left {
        pids: Vec<i32>,
    },
}
