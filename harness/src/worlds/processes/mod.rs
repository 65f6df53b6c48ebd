//! The real world: node processes under a guard, joined by the proxy.

pub mod guard;
mod watch;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::action::{Bite, ClientId, Effect, Link, NodeId, OverlayId, View};
use crate::proxy::{LinkCounts, RunNet};
use crate::systems::{Launch, Layout};
use crate::worlds::{Cluster, Death, Local, WorldError};

pub use watch::Stall;

/// What is to be started.
#[derive(Debug)]
pub struct ProcessesConfig {
    /// The addresses of the run (`RunNet::claim`).
    pub net: RunNet,
    /// How each node is started: n1, n2, ... without a hole. See `layouts`.
    pub launches: BTreeMap<NodeId, Launch>,
    /// How many clients will dial.
    pub clients: u16,
    /// The run directory; nodes' output goes to `nodes/nX/{stdout.log,stderr.log}` in it.
    pub directory: PathBuf,
    /// The `schism` executable, whose `guard` subcommand spawns the nodes.
    pub guard: PathBuf,
    /// Where the links' random delays are drawn from.
    pub seed: u64,
}

/// Real processes. Dropping it ends them all, as does the death of this process.
#[derive(Debug)]
pub struct Processes {}

/// Where every node's things are, for `System::launch`. Paths are absolute, inside `directory`
/// (`nodes/nX/data`, `trace/nX.jsonl`, `delivered/nX.jsonl`); their folders are made by
/// `Processes::start`.
pub fn layouts(
    net: &RunNet,
    directory: &Path,
    nodes: u8,
    seed: impl Fn(NodeId) -> u64,
) -> std::io::Result<BTreeMap<NodeId, Layout>> {
    let _ = (net, directory, nodes, &seed);
    Ok(BTreeMap::new())
}

impl Processes {
    /// Starts the proxy, the guard and every node. Returns once all have been spawned, not when
    /// they are ready: ask them for `status`, and `deaths` for those that ended instead. Must be
    /// called, and everything else awaited, on a `LocalRuntime` or `LocalSet`.
    pub async fn start(config: ProcessesConfig) -> Result<Processes, WorldError> {
        let _ = config;
        Ok(Processes {})
    }

    /// What `client` dials to reach n1, n2, ...: its own links, through the proxy.
    pub fn client_addresses(&self, client: ClientId) -> Vec<SocketAddr> {
        let _ = client;
        Vec::new()
    }

    /// Where the nodes themselves listen for clients, past every fault: for `status`, never for
    /// the workload.
    pub fn direct_addresses(&self) -> Vec<SocketAddr> {
        Vec::new()
    }

    /// What passed over every link so far.
    pub fn link_counts(&self) -> Vec<(Link, LinkCounts)> {
        Vec::new()
    }

    /// When the machine itself stood still, since last asked.
    pub fn stalls(&self) -> Vec<Stall> {
        Vec::new()
    }
}

impl Cluster for Processes {
    fn apply(&self, effect: Effect) -> Local<'_, Result<OverlayId, WorldError>> {
        let _ = effect;
        Box::pin(async { Ok(OverlayId(0)) })
    }

    fn heal(&self, id: OverlayId) -> Local<'_, Result<Bite, WorldError>> {
        let _ = id;
        Box::pin(async { Ok(Bite::default()) })
    }

    fn view(&self) -> View {
        View::default()
    }

    fn deaths(&self) -> Vec<Death> {
        Vec::new()
    }

    fn bypasses(&self) -> Local<'_, Vec<String>> {
        Box::pin(async { Vec::new() })
    }

    fn stop(&self) -> Local<'_, Result<(), WorldError>> {
        Box::pin(async { Ok(()) })
    }
}
