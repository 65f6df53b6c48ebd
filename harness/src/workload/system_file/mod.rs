//! A system file as a value: how somebody else's system is started on each node, and what is known
//! of it. docs/reference/system-file.md defines every key.
//! It never looks at the machine: what is installed here is for `systems::file`.

pub(super) mod find;
mod holes;
mod merge;
mod node;
mod read;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use schism_facts::{Acks, Catalogue, Progress, Reads};
use serde_json::Value;

use super::ClientSpec;
use crate::action::NodeId;

pub use find::{Known, list};
pub use holes::{Hole, Part, Text};
pub(super) use read::inline;

/// A system that a file describes, with the options that were given.
#[derive(Clone, PartialEq, Debug)]
pub struct SystemFile {
    /// What it is called: key `name`, else the file's.
    pub name: String,
    /// One line for people.
    pub about: String,
    /// The command whose first line is the version; empty: there is none.
    pub version: Vec<Text>,
    /// The programs that have to be there; the only one is called "".
    pub programs: Vec<Program>,
    /// The command that would install it.
    pub install: Option<String>,
    /// The models that its clients may ask for, the usual one first.
    pub serves: Vec<String>,
    /// Every option with its value.
    pub options: BTreeMap<String, String>,
    /// How n1 is started.
    pub first: Vec<Process>,
    /// How all others are.
    pub rest: Vec<Process>,
    /// How nodes with keys of their own are.
    pub nodes: BTreeMap<NodeId, Vec<Process>>,
    /// In which order nodes are started.
    pub start: Order,
    /// What is done once when all are ready.
    pub once: Vec<Once>,
    /// Whom nodes run as, where root starts them.
    pub user: Option<String>,
    /// Where nodes' folders are; None: in the run directory.
    pub data: Option<PathBuf>,
    /// Where each node listens, by name.
    pub ports: Vec<(String, u16)>,
    /// How it is seen that a node is ready.
    pub ready: Ready,
    /// How long it may take to be.
    pub within: Duration,
    /// How nodes reach each other.
    pub network: Network,
    /// The protocol of its clients.
    pub client: ClientSpec,
    /// How it is known who leads.
    pub leader: Leader,
    /// How an operator makes a node lead.
    pub promote: Option<Promote>,
    /// When it owes progress.
    pub progress: Owes,
    /// Whether what it acknowledged may be lost in a failover.
    pub may_lose: Option<MayLose>,
    /// Which nodes answer linearizable reads.
    pub serves_reads: Reads,
    /// How long it may be silent. None: nobody knows, and silence is only told of.
    pub recovery: Option<Duration>,
    /// Faults that mean nothing here, each with the reason.
    pub refuses: BTreeMap<String, String>,
    /// How replicas are compared at the end, in the client's words.
    pub hash: Option<String>,
    /// What was read, so that it can be written again.
    pub(super) source: Value,
}

/// A program that has to be there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Program {
    /// Its name in the file; "" for the only one.
    pub name: String,
    /// Where it may be, the first that is there: names, or paths in which `*` stands for anything.
    pub candidates: Vec<String>,
}

/// One of the processes of a node.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Process {
    /// Its name in the file; "" for the only one.
    pub name: String,
    /// Program and arguments.
    pub command: Vec<Text>,
    /// The same for every start but the first, where it differs.
    pub again: Option<Vec<Text>>,
    /// Added to the environment.
    pub env: BTreeMap<String, Text>,
    /// Written before the first start.
    pub files: Vec<FileText>,
    /// Done once before the first start.
    pub setup: Vec<Step>,
    /// Done before every start.
    pub before_start: Vec<Step>,
    /// Done instead once another node leads.
    pub rejoin: Vec<Step>,
    /// The signal by which it is asked to end.
    pub stop: String,
}

/// A file of a node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FileText {
    /// Below the node's folder.
    pub path: Text,
    /// What stands in it.
    pub text: Text,
    /// Its permissions.
    pub mode: Option<u32>,
}

/// A command that ends by itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Step {
    /// Program and arguments.
    pub command: Vec<Text>,
    /// How long it may take.
    pub within: Duration,
}

/// Something that is tried until it succeeds, once.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Once {
    /// In this node.
    pub on: NodeId,
    /// The command.
    pub step: Step,
}

/// In which order nodes are started.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Order {
    /// All at once.
    #[default]
    Together,
    /// Each when the one before is ready.
    InOrder,
}

/// How it is seen that a node is ready.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Ready {
    /// It answers the client's `status`.
    #[default]
    Status,
    /// It can be connected to at this port.
    Tcp(u16),
    /// It answers this URL with a 2xx.
    Http(Text),
    /// It has written this.
    Log(Text),
    /// This succeeds in it.
    Command(Vec<Text>),
}

/// How nodes reach each other.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Network {
    /// Each is told where it reaches each other: `{peers}`.
    #[default]
    Pairs,
    /// At their own addresses, and every connection is taken to a link.
    Interposed,
    /// At their own addresses; nothing stands between.
    None,
}

/// How it is known who leads.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Leader {
    /// Clients ask each node.
    #[default]
    Client,
    /// A command prints it.
    Command {
        /// Prints a node's name or address.
        command: Vec<Text>,
        /// How often it is asked.
        every: Duration,
    },
    /// Nobody ever leads.
    None,
}

/// How an operator makes a node lead.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Promote {
    /// Whether the one who leads is killed before, and started again after.
    pub fence: bool,
    /// In the new leader.
    pub command: Vec<Text>,
    /// In each other node.
    pub others: Vec<Vec<Text>>,
    /// How long each may take.
    pub within: Duration,
}

/// When a system owes progress.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Owes {
    /// While a majority is up and connected.
    #[default]
    Majority,
    /// While whoever leads is up.
    Leader,
    /// While n1 is.
    FirstNode,
    /// While any node is.
    Any,
}

/// When what was acknowledged may be lost in a failover.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MayLose {
    /// Not where this option has this value.
    pub unless: Option<(String, String)>,
}

impl SystemFile {
    /// What is started on a node.
    pub fn on(&self, node: NodeId) -> &[Process] {
        let usual = if node == NodeId(1) { &self.first } else { &self.rest };
        self.nodes.get(&node).unwrap_or(usual)
    }

    /// Whether clients may ask for what this model says.
    pub fn serves(&self, model: &str) -> bool {
        self.serves.iter().any(|served| served == model)
    }

    /// The protocol of its clients, if nobody here speaks it.
    pub fn missing_client(&self, catalogue: &Catalogue) -> Option<&str> {
        let ClientSpec::Named { name, .. } = &self.client else { return None };
        (name != "lines" && catalogue.client(name).is_none()).then_some(name)
    }

    /// The port of this name.
    pub fn port(&self, name: &str) -> Option<u16> {
        self.ports.iter().find(|(known, _)| known == name).map(|(_, port)| *port)
    }

    /// Where clients are served: the port of that name, else the first.
    pub fn client_port(&self) -> Option<u16> {
        self.port("client").or_else(|| self.ports.first().map(|(_, port)| *port))
    }

    /// What it promises of what it acknowledged.
    pub fn acks(&self) -> Acks {
        let holds = |(option, value): &(String, String)| self.options.get(option) == Some(value);
        match &self.may_lose {
            Some(lose) if !lose.unless.as_ref().is_some_and(holds) => Acks::UntilFailover,
            _ => Acks::Stay,
        }
    }

    /// When it owes progress, in the words of the catalogue.
    pub fn owes(&self) -> Progress {
        match self.progress {
            Owes::Majority => Progress::Majority,
            Owes::Leader => Progress::Promoted { majority: false },
            Owes::FirstNode => Progress::FirstNode,
            Owes::Any => Progress::Any,
        }
    }

    /// Every text in it.
    pub fn texts(&self) -> Vec<&Text> {
        let kinds = [&self.first, &self.rest].into_iter().chain(self.nodes.values());
        let mut texts: Vec<&Text> = kinds.flatten().flat_map(Process::texts).collect();
        texts.extend(&self.version);
        texts.extend(self.once.iter().flat_map(|once| &once.step.command));
        match &self.ready {
            Ready::Http(text) | Ready::Log(text) => texts.push(text),
            Ready::Command(command) => texts.extend(command),
            Ready::Status | Ready::Tcp(_) => {}
        }
        if let Leader::Command { command, .. } = &self.leader {
            texts.extend(command);
        }
        if let Some(promote) = &self.promote {
            texts.extend(promote.command.iter().chain(promote.others.iter().flatten()));
        }
        texts
    }

    /// As it is written into a workload: all of it, with the options' values.
    pub(super) fn to_json(&self) -> Value {
        let mut source = self.source.clone();
        if let (Value::Object(map), false) = (&mut source, self.options.is_empty()) {
            let options =
                self.options.iter().map(|(key, value)| (key.clone(), value.clone().into()));
            map.insert("options".to_owned(), Value::Object(options.collect()));
        }
        source
    }
}

impl Process {
    fn texts(&self) -> Vec<&Text> {
        let files = self.files.iter().flat_map(|file| [&file.path, &file.text]);
        let steps = [&self.setup, &self.before_start, &self.rejoin].into_iter().flatten();
        let all = self.command.iter().chain(self.again.iter().flatten());
        let all = all.chain(self.env.values()).chain(files);
        all.chain(steps.flat_map(|step| &step.command)).collect()
    }
}

impl Network {
    /// As a file says it.
    pub fn word(self) -> &'static str {
        match self {
            Network::Pairs => "pairs",
            Network::Interposed => "interposed",
            Network::None => "none",
        }
    }
}
