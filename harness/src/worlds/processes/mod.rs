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
mod program_of_client;
mod real_time;
mod sockets;
mod starting;
mod steps;
mod sweep;
mod user;
mod version;
mod watch;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use schism_facts::FrameRow;
use tokio::sync::Mutex;

use crate::action::{ClientId, Effect, Endpoint, Link, NodeId, OverlayId};
use crate::limits::{self, Shortages, machine};
use crate::proxy::{Proxy, RunNet, all_links};
use crate::systems::{Client, Dial, Launch, Network};
use crate::worlds::dial::Addresses;
use crate::worlds::overlays::Overlays;
use crate::worlds::{World, WorldError};

pub use claim::Claimed;
use logs::Logs;
use messages::{Spawn, Who};
use nodes::Nodes;
use program::Programs;
use program_of_client::{Ends, Launcher};
use starting::Starting;
use user::Person;
use watch::Watch;

pub use files::layouts;
pub use real_time::RealTime;
pub use sweep::abandoned;
pub use version::first_line;

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
    /// How nodes reach each other. None: no link joins them.
    pub network: Network,
    /// Ports at which each node listens besides those of `net`.
    pub ports: Vec<u16>,
    /// A folder of this run alone that is removed in the end: nodes' folders that are not in the
    /// run directory.
    pub scratch: Option<PathBuf>,
}

/// Real processes. Dropping it ends them all, as does the death of this process.
pub struct Processes {
    clock: RealTime,
    client: MakeClient,
    nodes: Rc<Nodes>,
    /// Where programs are told that are to be ended.
    ends: Ends,
    /// The workload's clients, as long as nobody has asked for them: made at the start, so that
    /// their programs, where they have some, are up when they are asked.
    made: RefCell<BTreeMap<ClientId, Box<dyn Client>>>,
    /// How many clients past every fault there were.
    controls: Cell<u32>,
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
    starting: Starting,
    /// Whom each node runs as, where that is somebody else.
    people: BTreeMap<NodeId, Person>,
    scratch: Option<PathBuf>,
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
    /// Starts the proxy, the guard and every node that needs no preparation and waits for no other.
    /// Returns once they have been spawned, not when they are ready: ask them for `status`, and
    /// `deaths` for those that ended instead. Must be called, and everything else awaited, on a
    /// `LocalRuntime` or `LocalSet`.
    pub async fn start(config: ProcessesConfig) -> Result<Rc<Processes>, WorldError> {
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
            network,
            ports,
            scratch,
        } = config;
        let count = launches.len() as u8;
        limits::check(count, clients).map_err(WorldError)?;
        assert!(launches.keys().copied().eq(NodeId::all(count)), "nodes are n1 ... nN");
        for node in NodeId::all(count) {
            let own = [net.peer(node), net.client(node)];
            let more = ports.iter().map(|port| SocketAddr::new(own[0].ip(), *port));
            for address in own.into_iter().chain(more) {
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
        let people = files::people(&launches).map_err(WorldError)?;
        files::prepare(&directory, &launches, &people).map_err(failed)?;
        let mut links = all_links(count, clients);
        links.retain(|link| network == Network::Pairs || matches!(link.from, Endpoint::Client(_)));
        let nodes = Rc::new(Nodes::start(&guard, &directory)?);
        limits::raise_descriptors();
        let shortages = Shortages::default();
        let proxy = Proxy::start(&net, &links, seed, frames, &shortages)
            .map_err(|error| WorldError(error.to_string()))?;
        let logs = Logs(files::logs(&directory, count, clients));
        let watch = Watch::start(nodes.lives.clone(), nodes.alarm.clone(), logs.clone())
            .map_err(|error| WorldError(format!("the watching thread cannot start: {error}")))?;
        let starting = Starting::new(&launches);
        let at_once = !launches.values().any(Launch::is_prepared);
        let world = Rc::new(Processes {
            clock,
            client,
            ends: program_of_client::ends(&nodes),
            nodes,
            made: RefCell::default(),
            controls: Cell::new(0),
            watch,
            proxy,
            launches,
            clients,
            frames,
            directory,
            overlays: RefCell::default(),
            effects: RefCell::default(),
            waiting: RefCell::default(),
            starting,
            people,
            scratch,
            changing: Mutex::default(),
            logs,
            shortages,
            programs: RefCell::default(),
            killed_for_memory: machine::killed_for_memory(),
            net,
        });
        world.starting.me.set(Rc::downgrade(&world)).expect("it is new");
        if at_once && let Err(error) = world.start_group().await {
            // The first error is the one to tell.
            let _ = world.stop().await;
            return Err(error);
        }
        let made = (0..clients).map(ClientId).map(|id| (id, world.make_client(id)));
        *world.made.borrow_mut() = made.collect();
        Ok(world)
    }

    fn make_client(&self, client: ClientId) -> Box<dyn Client> {
        let from = Endpoint::Client(client);
        let through_links = |&to: &NodeId| self.net.link(Link { from, to });
        let nodes = self.launches.keys().map(through_links).collect();
        self.client_dialling(&format!("c{}", client.0), nodes)
    }

    /// The client of this name, which dials nodes there.
    fn client_dialling(&self, name: &str, nodes: Vec<SocketAddr>) -> Box<dyn Client> {
        let folder = files::client(&self.directory, name);
        let programs = Launcher::new(&self.nodes, &self.ends, name, folder);
        let dial = Addresses::noting(nodes, self.shortages.clone()).launching(Rc::new(programs));
        (self.client)(Rc::new(dial))
    }

    /// Starts those processes of a node that do not run.
    async fn spawn(&self, node: NodeId) -> Result<(), WorldError> {
        let again = self.starting.again(node);
        for (place, program) in (0..).zip(&self.launches[&node].processes) {
            if self.nodes.runs(node, place) {
                continue;
            }
            let argv = program.again.as_ref().filter(|_| again).unwrap_or(&program.argv);
            let name = argv.first().map_or("", String::as_str);
            if let Some(trouble) = self.programs.borrow_mut().look(name, &program.env) {
                self.shortages.add(trouble);
            }
            let stdout = files::stdout(&self.directory, node);
            let spawn = self.spawn_of(node, Who::Process(place), (argv, &program.env), &stdout);
            self.nodes.spawn(spawn).await?;
        }
        Ok(())
    }

    /// How something of a node is spawned.
    fn spawn_of(
        &self,
        node: NodeId,
        who: Who,
        (argv, env): (&[String], &BTreeMap<String, String>),
        stdout: &Path,
    ) -> Spawn {
        let person = self.people.get(&node);
        let mut all = person.map(Person::env).unwrap_or_default();
        all.extend(env.clone());
        Spawn {
            node,
            who,
            argv: argv.to_vec(),
            env: all,
            folder: self.launches[&node].folder.clone(),
            user: person.map(|person| person.user.clone()),
            stdout: stdout.to_path_buf(),
            stderr: files::stderr(&self.directory, node),
        }
    }
}

/// Whether a node could listen there.
fn is_free(address: SocketAddr) -> std::io::Result<()> {
    TcpListener::bind(address).map(drop)
}
