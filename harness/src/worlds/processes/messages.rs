//! What harness and guard say to each other: one JSON object a line each way.
//! It never travels further than the pipe between them.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use schism_interpose::handing::TAG_BYTES;
use serde::{Deserialize, Serialize};

use crate::action::NodeId;

/// An order to the guard. The end of its standard input is one too: end every node, then yourself.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Order {
    Spawn(Spawn),
    /// To every process below this keeper: a step that took too long.
    End {
        keeper: i32,
    },
    /// Starts a client program, which is no node.
    Program(Program),
    /// Ends every process of the client programs of this name.
    EndProgram {
        name: String,
    },
    /// To every process of these nodes, as nearly at once as can be.
    Signal {
        nodes: Vec<NodeId>,
        signal: NodeSignal,
    },
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(super) struct Spawn {
    pub(super) node: NodeId,
    pub(super) who: Who,
    pub(super) argv: Vec<String>,
    pub(super) env: BTreeMap<String, String>,
    /// Where it stands. None: where the guard does.
    pub(super) folder: Option<PathBuf>,
    /// Whom it runs as. None: whoever the guard runs as.
    pub(super) user: Option<User>,
    /// Appended to, as is `stderr`: a node may be started many times.
    pub(super) stdout: PathBuf,
    pub(super) stderr: PathBuf,
    /// Its calls are carried out by the harness, to whom they go this way. None: by the kernel.
    pub(super) interposed: Option<Handover>,
}

/// How a process that is interposed reaches the harness, and as whom.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Handover {
    /// Where the harness listens.
    pub(super) socket: String,
    /// Says who it is; see `interposed::Tag`.
    pub(super) tag: [u8; TAG_BYTES],
}

/// What of a node is spawned.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Who {
    /// One of its processes, by its place.
    Process(u8),
    /// A command in it that ends by itself, by a number of its own.
    Step(u64),
}

/// A user as the kernel knows it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct User {
    pub(super) uid: u32,
    pub(super) gid: u32,
    /// All its groups.
    pub(super) groups: Vec<u32>,
}

/// A client program: it is asked on its standard input, and answers on its standard output.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(super) struct Program {
    /// `c3`, and which of its lives it is: `c3.1`.
    pub(super) name: String,
    pub(super) argv: Vec<String>,
    /// Named pipes, of which the harness holds the other ends.
    pub(super) stdin: PathBuf,
    pub(super) stdout: PathBuf,
    /// Appended to.
    pub(super) stderr: PathBuf,
    /// As for a node.
    pub(super) interposed: Option<Handover>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum NodeSignal {
    Kill,
    Stop,
    Continue,
}

/// What is reported, by the guard and by those above and below it. Every order is answered, in
/// order; all else comes when it happens.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Report {
    /// The guard is there.
    Guard { pid: i32 },
    /// By its keeper, as is `Failed` and `Exited`.
    Spawned { node: NodeId, who: Who, pid: i32, keeper: i32 },
    /// Not spawned, and why.
    Failed { node: NodeId, error: String },
    /// The process that was spawned has been reaped: `exit 1`, `signal 9`. `left`: processes that
    /// it started and that live on.
    Exited { node: NodeId, who: Who, pid: i32, how: String, left: u64 },
    /// A client program runs. By its keeper, as are the next two.
    Began { name: String, keeper: i32 },
    /// A client program does not run, and why.
    NotBegun { name: String, error: String },
    /// The process of a client program has been reaped.
    ProgramExited { name: String, how: String },
    /// So many processes are confirmed to be gone, stopped or told to go on; these are not.
    Signalled { processes: u64, unconfirmed: Vec<i32> },
    /// A keeper has nobody left to keep.
    Kept { keeper: i32 },
    /// Whoever kept these has ended before its time, and they were killed for it.
    Orphans(Orphans),
    /// At the end: these would not die.
    Left { processes: Vec<Named> },
}

/// What became of processes whose keeper, guard or watcher is gone.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Orphans {
    /// Who is gone, and how it ended; None: who tells this does not know.
    pub(super) gone: Option<String>,
    pub(super) killed: Vec<Named>,
    /// They did not die.
    pub(super) left: Vec<Named>,
    /// Killed too, and not named here.
    pub(super) more: u64,
}

/// A process as people look for it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub(super) struct Named {
    pub(super) pid: i32,
    pub(super) name: String,
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.pid)
    }
}
