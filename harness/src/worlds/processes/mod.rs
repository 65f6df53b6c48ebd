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
mod interposed;
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
use schism_interpose::Party;
use tokio::sync::Mutex;

use crate::action::{ClientId, Effect, Endpoint, Link, NodeId, OverlayId};
use crate::limits::{self, Shortages, machine};
use crate::proxy::{Proxy, RunNet, all_links};
use crate::systems::{Client, Dial, Launch, Network};
use crate::worlds::dial::Addresses;
use crate::worlds::overlays::Overlays;
use crate::worlds::{World, WorldError};

pub use claim::Claimed;
use interposed::Interposed;
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
    /// How nodes reach each other.
    pub network: Network,
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
    /// Before the proxy: it uses its links.
    interposed: Option<Rc<Interposed>>,
    proxy: Proxy,
    launches: BTreeMap<NodeId, Launch>,
    network: Network,
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
            mut net,
            clock,
            client,
            launches,
            clients,
            directory,
            guard,
            seed,
            frames,
            network,
            scratch,
        } = config;
        if network == Network::Interposed {
            net.interpose();
        }
        let count = launches.len() as u8;
        limits::check(count, clients).map_err(WorldError)?;
        assert!(launches.keys().copied().eq(NodeId::all(count)), "nodes are n1 ... nN");
        for node in NodeId::all(count) {
            for address in net.own(node) {
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
        links.retain(|link| network != Network::None || matches!(link.from, Endpoint::Client(_)));
        let nodes = Rc::new(Nodes::start(&guard, &directory)?);
        limits::raise_descriptors();
        let shortages = Shortages::default();
        let proxy = Proxy::start(&net, &links, seed, frames, &shortages)
            .map_err(|error| WorldError(error.to_string()))?;
        let interposed = net.is_interposed().then(|| {
            Interposed::start(&net, count, &proxy, &directory, &shortages).map_err(|error| {
                WorldError(format!("nothing can take over the nodes' calls: {error}; run again"))
            })
        });
        let interposed = interposed.transpose()?.map(Rc::new);
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
            interposed,
            proxy,
            launches,
            network,
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
        Ok(world)
    }

    /// Makes the workload's clients before anybody asks for them.
    fn make_clients(&self) {
        let made = (0..self.clients).map(ClientId).map(|id| (id, self.make_client(id)));
        *self.made.borrow_mut() = made.collect();
    }

    fn make_client(&self, client: ClientId) -> Box<dyn Client> {
        let from = Endpoint::Client(client);
        let through_links = |&to: &NodeId| self.net.link(Link { from, to });
        let nodes = self.launches.keys().map(through_links).collect();
        let dial = Addresses::noting(nodes, self.shortages.clone());
        let programs = self.programs_of(&format!("c{}", client.0));
        (self.client)(Rc::new(match &self.interposed {
            // A driver learns of nodes at their own addresses, whatever it was told.
            Some(interposed) => {
                let programs = programs.over(interposed, client);
                dial.telling(self.addresses()).launching(Rc::new(programs))
            }
            None => dial.launching(Rc::new(programs)),
        }))
    }

    /// Who starts the programs of the client of this name.
    fn programs_of(&self, name: &str) -> Launcher {
        Launcher::new(&self.nodes, &self.ends, name, files::client(&self.directory, name))
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
            self.can_be_interposed(node, place)?;
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
            interposed: self.interposed.as_ref().map(|one| one.handover(Party::Node(node.0))),
        }
    }

    /// Whether the calls of a process that was just started can be looked at: one that could not
    /// would dial nobody.
    fn can_be_interposed(&self, node: NodeId, place: u8) -> Result<(), WorldError> {
        let pid = self.nodes.pid(node, place).filter(|_| self.interposed.is_some());
        let Some(pid) = pid else { return Ok(()) };
        schism_interpose::reachable(pid.cast_unsigned())
            .map_err(|why| WorldError(format!("{node} cannot be interposed: {why}")))
    }
}

/// Whether a node could listen there.
fn is_free(address: SocketAddr) -> std::io::Result<()> {
    TcpListener::bind(address).map(drop)
}
