//! Where nodes live: a world performs actions and heals them. The real one is `processes`; beside
//! it stands a small simulated one for stories.

pub mod dial;
pub mod overlays;
#[cfg(target_os = "linux")]
pub mod processes;
pub mod simulated;

use std::collections::BTreeSet;
use std::future::ready;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use schism_verify::models::Model;

use crate::action::{Action, ClientId, Effect, NodeId, OverlayId, View};
use crate::clock::{Clock, Local, Nanos};
use crate::systems::{Client, Network, NodeStatus, System};

/// Where a run happens: a cluster that can be broken and healed, and asked.
pub trait World {
    /// The clock that everything in this world goes by; its zero is the start of the first node.
    fn clock(&self) -> Rc<dyn Clock>;
    /// Does it; returns once it is confirmed (process reaped, state T seen, links switched), never
    /// waits for readiness of a node. What is done in the clients' protocol (a promotion) is only
    /// given its name here.
    fn apply(&self, action: Action) -> Local<'_, Result<OverlayId, WorldError>>;
    /// Removes exactly this overlay and says what it did. A restarted node has been started, not
    /// awaited.
    fn heal(&self, id: OverlayId) -> Local<'_, Result<Effect, WorldError>>;
    /// The world now. `leader` is left to the caller, who asks the system.
    fn view(&self) -> View;
    /// When the machine itself stood still, since last asked.
    fn stalls(&self) -> Vec<Stall>;
    /// Where nodes can be reached from outside, past every fault: n1 first. Empty: they cannot.
    fn addresses(&self) -> Vec<SocketAddr>;
    /// Nodes that died though no overlay killed them, since last asked.
    fn deaths(&self) -> Vec<Death>;
    /// The last lines that a node wrote to its stderr; none where nobody keeps them.
    fn last_lines(&self, _: NodeId) -> Vec<String> {
        Vec::new()
    }
    /// Connections between nodes that avoid the proxy, now; each a sentence. An error: not all
    /// could be looked at.
    fn bypasses(&self) -> Local<'_, io::Result<Vec<String>>>;
    /// What went wrong here that is no node's doing, since last asked. Each a sentence.
    fn troubles(&self) -> Vec<String> {
        Vec::new()
    }
    /// The workload's client of this number: it reaches nodes through links of its own, which
    /// faults may break.
    fn client(&self, client: ClientId) -> Box<dyn Client>;
    /// One who reaches nodes past every fault: for statuses, the probe and the end of a run.
    fn direct(&self) -> Box<dyn Client>;
    /// Ends when the world cannot be changed any more, whatever is asked of it: why, and what
    /// became of its nodes, which are gone by then.
    fn broken(&self) -> Local<'_, WorldError> {
        Box::pin(std::future::pending())
    }
    /// Prepares and starts the next nodes, where that is not done at once; whoever asks has seen
    /// that those before are ready. False: all have been started.
    fn start_next(&self) -> Local<'_, Result<bool, WorldError>> {
        Box::pin(ready(Ok(false)))
    }
    /// Nodes that were not started yet.
    fn not_started(&self) -> BTreeSet<NodeId> {
        BTreeSet::new()
    }
    /// Whether the node is ready. None: a client has to ask it.
    fn is_ready(&self, _: NodeId) -> Local<'_, Option<bool>> {
        Box::pin(ready(None))
    }
    /// Does what has to be done once when all are ready.
    fn once(&self) -> Local<'_, Result<(), WorldError>> {
        Box::pin(ready(Ok(())))
    }
    /// Whom a command in the node names as leader, where there is one.
    fn named_leader(&self, _: NodeId) -> Local<'_, Option<NodeStatus>> {
        Box::pin(ready(None))
    }
    /// Makes a node lead, where that is done by commands: whoever led is killed before, if the
    /// system says so, and comes back after. None: a client has to ask the node. An error: why it
    /// does not lead.
    fn promote(&self, _: NodeId) -> Option<Local<'_, Result<(), String>>> {
        None
    }
    /// Hears who leads: a node that comes back joins it.
    fn note_leader(&self, _: Option<NodeId>) {}
    /// Ends every node and says what would not end.
    fn stop(&self) -> Local<'_, Result<(), WorldError>>;
}

/// A place for one run, taken before anything of the run is written down.
pub trait Place {
    /// The machine's monotonic clock at the zero of the run's, as nodes stamp their traces with it.
    /// The run's clock begins with the first call.
    fn origin_ns(&self) -> u64;
    /// Starts the world and lives in it until `story` ends. Must not be called from a task.
    fn live(self: Box<Self>, start: Start, story: Story) -> Result<(), WorldError>;
}

/// What happens in a world.
pub type Story = Box<dyn FnOnce(Rc<dyn World>) -> Local<'static, ()>>;

/// What is to be started, in whichever world.
pub struct Start {
    /// What is tested.
    pub system: Rc<dyn System>,
    /// What clients ask for.
    pub model: &'static Model,
    /// How many clients.
    pub clients: u16,
    /// The run directory.
    pub directory: PathBuf,
    /// Where the world's own chances are drawn from.
    pub seed: u64,
    /// The seed of each node: n1 first.
    pub node_seeds: Vec<u64>,
    /// Whether anybody will look at the frames between nodes.
    pub reads_frames: bool,
}

/// Ends what runs below `out` left that were killed with everybody who held their nodes, and says
/// so in sentences.
#[cfg(target_os = "linux")]
pub fn clean_up(out: &Path) -> Vec<String> {
    processes::abandoned(out)
}

/// Nothing was ever left here.
#[cfg(not(target_os = "linux"))]
pub fn clean_up(_: &Path) -> Vec<String> {
    Vec::new()
}

/// The first line that a command prints: a system's version. An error says why there is none.
#[cfg(target_os = "linux")]
pub fn first_line(argv: &[String]) -> Result<String, String> {
    processes::first_line(argv)
}

/// Nobody is asked here.
#[cfg(not(target_os = "linux"))]
pub fn first_line(_: &[String]) -> Result<String, String> {
    Err("systems are looked for on Linux only".into())
}

/// Why nodes cannot reach each other in this way here, if so.
pub fn refuses(network: Network) -> Option<String> {
    let why = (network == Network::Interposed).then(|| interposition().err()).flatten()?;
    Some(format!(
        "`network: interposed` cannot be had on this machine: {why}; `schism doctor` tries it again, and \
         `--set system.network=none` does without, for faults that hit nodes and clients"
    ))
}

/// Takes a place in the world of real processes.
#[cfg(target_os = "linux")]
pub fn claim() -> Result<Box<dyn Place>, WorldError> {
    Ok(Box::new(processes::Claimed::new()?))
}

/// There is none: processes are started, stopped and watched as only Linux allows.
#[cfg(not(target_os = "linux"))]
pub fn claim() -> Result<Box<dyn Place>, WorldError> {
    Err(WorldError(
        "a run starts real processes and disturbs them, which works on Linux only; `schism check` and \
         `schism report` work here, on a run that was made on Linux"
            .into(),
    ))
}

/// Whether nodes can be interposed on this machine. An error says what is missing, and how to give
/// it.
#[cfg(target_os = "linux")]
pub fn interposition() -> Result<(), String> {
    schism_interpose::capability()
}

/// They cannot.
#[cfg(not(target_os = "linux"))]
pub fn interposition() -> Result<(), String> {
    Err("interposed links need Linux".into())
}

/// A time in which the machine did not let someone run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stall {
    /// From when, on the run's clock.
    pub from: Nanos,
    /// Until when.
    pub to: Nanos,
    /// `harness`, or a node's name.
    pub what: String,
}

/// A node that ended by itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Death {
    /// Which.
    pub node: NodeId,
    /// `exit 74`, `signal 11`.
    pub how: String,
    /// Why that is not its own doing, if it is known.
    pub excuse: Option<String>,
    /// The last lines of its stderr.
    pub last_lines: Vec<String>,
}

/// Why the world could not do what was asked. A sentence with the next step.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct WorldError(pub String);

impl From<Death> for WorldError {
    /// For a node that ended before it was ready.
    fn from(death: Death) -> WorldError {
        let Death { node, how, excuse, last_lines } = death;
        let how = excuse.map_or(how.clone(), |excuse| format!("{how}: {excuse}"));
        if last_lines.is_empty() {
            return WorldError(format!(
                "{node} ended ({how}) and said nothing on stderr; start its command by hand to see"
            ));
        }
        let lines = last_lines.join("\n  ");
        WorldError(format!("{node} ended ({how}); the last lines of its stderr:\n  {lines}"))
    }
}
