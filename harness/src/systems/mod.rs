//! The systems under test: how a node is launched, how a client talks to it, who leads, and when
//! progress may be demanded. One file per system; this is their table.
//! A system says data, never acts on the world.

pub mod builtin;
pub mod clients;
pub mod command;
mod progress;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use schism_verify::models::Model;
use schism_verify::{Acks, Traces};

use crate::action::{Epochs, FrameKind, NodeId, View};
use crate::workload::SystemSpec;

pub use clients::{Client, Completion, Control, Dial, Leads, NodeStatus, Refusal};
pub use progress::Progress;

/// The systems and planted bugs there are, in the order they are shown. `main.rs` makes the rows
/// from the protocols' own tables, so that nothing else here names a protocol.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Catalogue {
    /// One row a system.
    pub systems: Vec<SystemRow>,
    /// One row a planted bug.
    pub bugs: Vec<BugRow>,
}

/// A system.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SystemRow {
    /// Its name in workloads.
    pub name: String,
    /// One line for people.
    pub about: String,
    /// The options it takes.
    pub options: Vec<String>,
    /// What clients may ask of it: models by name.
    pub models: &'static [&'static str],
    /// When it owes progress.
    pub progress: Progress,
    /// No node ever leads: a fault that means the leader means a node drawn from the seed.
    pub leaderless: bool,
    /// When a failover may lose what it acknowledged. None: never.
    pub may_lose: Option<OptionIs>,
    /// How the invariants read on its traces.
    pub traces: Traces,
    /// The frames on the links between its nodes.
    pub frames: Vec<FrameKind>,
    /// What the epochs in their headers count.
    pub epochs: Epochs,
}

/// An option of a system with this value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OptionIs {
    /// The option's name.
    pub option: String,
    /// The value.
    pub value: String,
    /// It has this value where nobody says otherwise.
    pub by_default: bool,
}

impl OptionIs {
    /// Whether it has, with these options given.
    pub fn holds(&self, given: &BTreeMap<String, String>) -> bool {
        given.get(&self.option).map_or(self.by_default, |value| *value == self.value)
    }
}

/// A planted bug.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BugRow {
    /// Its id: `R13`.
    pub id: String,
    /// The system it is planted in.
    pub system: String,
    /// What is wrong, in a sentence.
    pub about: String,
    /// The real bug it stands for.
    pub stands_for: String,
    /// The fault that it waits for: no fault of real processes can wake it yet.
    pub waits_for: Option<String>,
}

impl SystemRow {
    /// What it promises of an append that it acknowledged, with these options given.
    pub fn acks(&self, given: &BTreeMap<String, String>) -> Acks {
        match &self.may_lose {
            Some(when) if when.holds(given) => Acks::UntilFailover,
            _ => Acks::Stay,
        }
    }
}

/// The system of a workload, ready to be launched. `program` is this program, which built-in nodes
/// are started from. Nothing is known of a system that is in no row.
pub fn system(
    catalogue: &Catalogue,
    spec: &SystemSpec,
    bug: Option<&str>,
    program: &Path,
) -> Box<dyn System> {
    Box::new(match spec {
        SystemSpec::Named { name, options } => {
            let system = builtin::system(program, name, options, bug);
            match catalogue.systems.iter().find(|row| row.name == *name) {
                Some(row) => system.known(row).promising(row.acks(options)),
                None => system,
            }
        }
        SystemSpec::Command { command, ready, .. } => {
            command::CommandSystem::new(command.clone(), *ready)
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
    /// A folder of its own.
    pub data: PathBuf,
    /// Trace file to write, if it can.
    pub trace: PathBuf,
    /// Delivered file to write, if it can.
    pub delivered: PathBuf,
    /// A seed of its own, drawn from the run's.
    pub seed: u64,
}

/// How to start a node: data, so that nothing can leak.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Launch {
    /// Program and arguments.
    pub argv: Vec<String>,
    /// Added to the environment.
    pub env: BTreeMap<String, String>,
    /// Files to write before the first start.
    pub files: BTreeMap<PathBuf, Vec<u8>>,
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
    /// Faults it refuses, each with the reason.
    fn refuses(&self) -> &[(&'static str, &'static str)];
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
    fn frames(&self) -> Vec<FrameKind> {
        Vec::new()
    }
    /// How long a node may take to answer `status`.
    fn ready(&self) -> std::time::Duration;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_has_the_value_given_or_its_default() {
        let check = |by_default: bool, given: &[(&str, &str)], expected: bool| {
            let is = OptionIs { option: "mode".into(), value: "async".into(), by_default };
            let text = |(name, value): &(&str, &str)| ((*name).into(), (*value).into());
            assert_eq!(is.holds(&given.iter().map(text).collect()), expected, "{given:?}");
        };
        check(false, &[], false);
        check(true, &[], true);
        check(false, &[("mode", "async")], true);
        check(true, &[("mode", "sync")], false);
        check(false, &[("other", "async")], false);
    }
}
