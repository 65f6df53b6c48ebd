//! The real world: node processes under a guard, joined by the proxy.
//! It never waits for a node to be ready, and never asks one anything.

mod alarm;
mod aside;
mod bypass;
mod claim;
mod cluster;
mod files;
pub mod guard;
mod held;
mod logs;
mod messages;
mod nodes;
mod on_links;
mod on_nodes;
mod procfs;
mod program;
mod real_time;
mod sockets;
mod sweep;
mod watch;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::rc::Rc;

use schism_facts::FrameRow;
use tokio::sync::Mutex;

use crate::action::{Effect, NodeId, OverlayId};
use crate::limits::{self, Shortages, machine};
use crate::proxy::{Proxy, RunNet, all_links};
use crate::systems::{Client, Dial, Launch};
use crate::worlds::dial::Addresses;
use crate::worlds::overlays::Overlays;
use crate::worlds::{World, WorldError};

pub use claim::Claimed;
use logs::Logs;
use messages::Spawn;
use nodes::Nodes;
use program::Programs;
use watch::Watch;

pub use files::layouts;
pub use real_time::RealTime;
pub use sweep::abandoned;

/// Makes a client that dials so.
pub type MakeClient = Box<dyn Fn(Rc<dyn Dial>) -> Box<dyn Client>>;

/// What is to be started.
pub struct ProcessesConfig {
    /// The addresses of the run (`RunNet::claim`).
    pub net: RunNet,
    /// The clock of the run.
    pub clock: RealTime,
    /// How a client of the system is made, over connections to its nodes.
    pub client: MakeClient,
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
    /// The frames on the links between nodes, if anybody will look at them. None: nobody may, and
    /// bytes are only bytes.
    pub frames: &'static [FrameRow],
}

/// Real processes. Dropping it ends them all, as does the death of this process.
pub struct Processes {
    clock: RealTime,
    client: MakeClient,
    nodes: Nodes,
    watch: Watch,
    proxy: Proxy,
    launches: BTreeMap<NodeId, Launch>,
    clients: u16,
    frames: &'static [FrameRow],
    directory: PathBuf,
    overlays: RefCell<Overlays>,
    /// What active overlays did when they were put on.
    effects: RefCell<BTreeMap<OverlayId, Effect>>,
    /// Nodes to be started once no overlay pauses them any more: what is stopped before its first
    /// step and what is not there are the same to everybody.
    waiting: RefCell<BTreeSet<NodeId>>,
    /// Held while processes are being changed, so that changes happen one after the other. Links
    /// change at once, whatever the processes do.
    changing: Mutex<()>,
    logs: Logs,
    /// What of ours ran out, and what else is no node's doing.
    shortages: Shortages,
    programs: RefCell<Programs>,
    /// `machine::killed_for_memory` at the start.
    killed_for_memory: u64,
    /// Last, so that nobody claims the addresses before they are free.
    net: RunNet,
}

impl Processes {
    /// Starts the proxy, the guard and every node. Returns once all have been spawned, not when
    /// they are ready: ask them for `status`, and `deaths` for those that ended instead. Must be
    /// called, and everything else awaited, on a `LocalRuntime` or `LocalSet`.
    pub async fn start(config: ProcessesConfig) -> Result<Processes, WorldError> {
        let ProcessesConfig {
            net,
            clock,
            client,
            launches,
            clients,
            directory,
            guard,
            seed,
            frames,
        } = config;
        let count = launches.len() as u8;
        limits::check(count, clients).map_err(WorldError)?;
        assert!(launches.keys().copied().eq(NodeId::all(count)), "nodes are n1 ... nN");
        for node in NodeId::all(count) {
            for address in [net.peer(node), net.client(node)] {
                is_free(address).map_err(|error| {
                    WorldError(format!(
                        "{node} could not listen on {address}: {error}; end the program that \
                         holds the port (`ss -ltnp` names it)"
                    ))
                })?;
            }
        }
        let failed = |error: std::io::Error| {
            let place = directory.display();
            WorldError(format!("the nodes' files cannot be written below {place}: {error}"))
        };
        let directory = std::path::absolute(&directory).map_err(failed)?;
        files::prepare(&directory, &launches).map_err(failed)?;
        let links = all_links(count, clients);
        let nodes = Nodes::start(&guard, &directory)?;
        limits::raise_descriptors();
        let shortages = Shortages::default();
        let proxy = Proxy::start(&net, &links, seed, frames, &shortages)
            .map_err(|error| WorldError(error.to_string()))?;
        let logs = Logs(files::logs(&directory, count));
        let watch = Watch::start(nodes.lives.clone(), nodes.alarm.clone(), logs.clone())
            .map_err(|error| WorldError(format!("the watching thread cannot start: {error}")))?;
        let world = Processes {
            clock,
            client,
            nodes,
            watch,
            proxy,
            launches,
            clients,
            frames,
            directory,
            overlays: RefCell::default(),
            effects: RefCell::default(),
            waiting: RefCell::default(),
            changing: Mutex::default(),
            logs,
            shortages,
            programs: RefCell::default(),
            killed_for_memory: machine::killed_for_memory(),
            net,
        };
        for node in NodeId::all(count) {
            if let Err(error) = world.spawn(node).await {
                // The first error is the one to tell.
                let _ = world.stop().await;
                return Err(error);
            }
        }
        Ok(world)
    }

    fn client_dialling(&self, nodes: Vec<SocketAddr>) -> Box<dyn Client> {
        (self.client)(Rc::new(Addresses::noting(nodes, self.shortages.clone())))
    }

    async fn spawn(&self, node: NodeId) -> Result<(), WorldError> {
        let launch = &self.launches[&node];
        let program = launch.argv.first().map_or("", String::as_str);
        if let Some(trouble) = self.programs.borrow_mut().look(program, &launch.env) {
            self.shortages.add(trouble);
        }
        let spawn = Spawn {
            node,
            argv: launch.argv.clone(),
            env: launch.env.clone(),
            stdout: files::stdout(&self.directory, node),
            stderr: files::stderr(&self.directory, node),
        };
        self.nodes.spawn(spawn).await
    }
}

/// Whether a node could listen there.
fn is_free(address: SocketAddr) -> std::io::Result<()> {
    TcpListener::bind(address).map(drop)
}
