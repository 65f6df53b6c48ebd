//! The systems under test: how a node is launched, how a client talks to it, who leads, and when
//! progress may be demanded. A system says data, never acts on the world.

pub mod builtin;
pub mod clients;
pub mod command;
mod file;
mod launch;
pub mod progress;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use schism_facts::{Acks, Catalogue, FrameRow, Reads, Traces};
use schism_verify::models::Model;

use crate::action::{NodeId, View};
pub use crate::workload::Network;
use crate::workload::SystemSpec;

pub use clients::{Client, Completion, Control, Dial, Leads, NodeStatus, Refusal};
pub use file::FileSystem;
pub use launch::{Launch, NodeFile, Program, Promotion, Ready, Step};

/// The system of a workload, ready to be launched. `program` is this program, which built-in nodes
/// are started from. Nothing is known of a system that is in no row.
pub fn system(
    catalogue: &Catalogue,
    spec: &SystemSpec,
    bug: Option<&str>,
    program: &Path,
) -> Box<dyn System> {
    Box::new(match spec {
        SystemSpec::File(file) => return Box::new(FileSystem::new((**file).clone())),
        SystemSpec::Named { name, options } => {
            let system = builtin::system(program, name, options, bug);
            match catalogue.system(name) {
                Some(row) => system.known(row, options),
                None => system,
            }
        }
        SystemSpec::Command { command, client, ready, network } => {
            command::CommandSystem::new(command.clone(), client.clone(), *ready).over(*network)
        }
    })
}

/// Where a node's things are.
#[derive(Clone, Debug)]
pub struct Layout {
    /// Where it listens for peers.
    pub peer: SocketAddr,
    /// Where it listens for clients.
    pub client: SocketAddr,
    /// The other nodes, each through its link's proxy.
    pub peers: BTreeMap<NodeId, SocketAddr>,
    /// The own address of every node, itself included.
    pub ips: BTreeMap<NodeId, IpAddr>,
    /// A folder of its own.
    pub data: PathBuf,
    /// Trace file to write, if it can.
    pub trace: PathBuf,
    /// Delivered file to write, if it can.
    pub delivered: PathBuf,
    /// A seed of its own, drawn from the run's.
    pub seed: u64,
}

/// A system under test.
pub trait System {
    /// How node `node` is started.
    fn launch(&self, node: NodeId, layout: &Layout) -> Launch;
    /// A client that asks what this model has, over connections that it dials so.
    fn client(&self, model: &'static Model, dial: Rc<dyn Dial>) -> Box<dyn Client>;
    /// Whom these statuses name as leader of the highest epoch.
    fn leader(&self, statuses: &BTreeMap<NodeId, NodeStatus>) -> Option<NodeId>;
    /// Whether progress may be demanded of the system in this world.
    fn can_progress(&self, view: &View) -> bool;
    /// Of which nodes it may be demanded in this world that they answer.
    fn serving(&self, _: &View) -> BTreeSet<NodeId> {
        BTreeSet::new()
    }
    /// Which nodes answer linearizable reads.
    fn reads(&self) -> Reads {
        Reads::default()
    }
    /// Whether clients ask for them whom they take for the leader, not their home.
    fn reads_go_to_leader(&self) -> bool {
        false
    }
    /// Whether no node ever leads. One that merely has no leader now is something else.
    fn leaderless(&self) -> bool {
        false
    }
    /// Whether a node that is stopped forgets everything it knew.
    fn forgets(&self) -> bool {
        false
    }
    /// Why it can never make progress again, whatever is healed; None: it can.
    fn memory_lost(&self, _: &View) -> Option<String> {
        None
    }
    /// Whether nobody leads before an operator promotes a node.
    fn waits_for_operator(&self) -> bool {
        false
    }
    /// Whether its clients speak our own protocol, so that an answer outside of it breaks a
    /// contract.
    fn own_protocol(&self) -> bool {
        true
    }
    /// Whether it writes trace and delivered files.
    fn writes_evidence(&self) -> bool;
    /// What it promises of an append that it acknowledged.
    fn acks(&self) -> Acks {
        Acks::default()
    }
    /// How the invariants read on its traces.
    fn traces(&self) -> Traces {
        Traces::default()
    }
    /// The frames on the links between its nodes; none if nobody knows them.
    fn frames(&self) -> &'static [FrameRow] {
        &[]
    }
    /// How long a node may take to be ready.
    fn ready(&self) -> Duration;
    /// How often a command in each node is asked who leads. None: clients ask.
    fn leader_every(&self) -> Option<Duration> {
        None
    }
    /// Looks for what has to be installed. An error: what is missing, and how to get it.
    fn find(&self) -> Result<(), String> {
        Ok(())
    }
    /// The command whose first line is its version.
    fn version(&self) -> Option<Vec<String>> {
        None
    }
    /// How its nodes reach each other.
    fn network(&self) -> Network {
        Network::Pairs
    }
    /// The ports at which each node listens besides those that it is told.
    fn ports(&self) -> Vec<u16> {
        Vec::new()
    }
    /// The port for peers, where the system has its own.
    fn peer_port(&self) -> Option<u16> {
        None
    }
    /// The port for clients, where the system has its own.
    fn client_port(&self) -> Option<u16> {
        None
    }
    /// Where nodes' folders are. None: in the run directory.
    fn data(&self) -> Option<PathBuf> {
        None
    }
}
