//! Which links a fault means: words, or one direction. Shared by all faults that hit links.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::fault::Topology;
use super::target::exists;
use crate::action::{ClientId, Endpoint, Flow, NodeId};

/// A value of `links`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Links {
    Word(Word),
    One(Direction),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Word {
    All,
    /// Between nodes.
    Peers,
    /// Between nodes and clients.
    Clients,
}

/// What one node says to another.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Direction {
    pub from: NodeId,
    pub to: NodeId,
}

impl Links {
    /// Whether the cluster has them.
    pub fn check(self, topology: Topology) -> Result<(), String> {
        if let Links::One(Direction { from, to }) = self {
            exists(from, topology.nodes)?;
            exists(to, topology.nodes)?;
            if from == to {
                return Err(format!("{from} has no link to itself"));
            }
        }
        if self.flows(topology).is_empty() {
            return Err("a cluster of 1 has no links between nodes".to_owned());
        }
        Ok(())
    }

    /// The flows that they name.
    pub fn flows(self, topology: Topology) -> BTreeSet<Flow> {
        let word = match self {
            Links::Word(word) => word,
            Links::One(Direction { from, to }) => {
                let flow = Flow { from: Endpoint::Node(from), to: Endpoint::Node(to) };
                return BTreeSet::from([flow]);
            }
        };
        let nodes = || NodeId::all(topology.nodes).map(Endpoint::Node);
        let mut flows = BTreeSet::new();
        for node in nodes() {
            if word != Word::Clients {
                let others = nodes().filter(|other| *other != node);
                flows.extend(others.map(|other| Flow { from: node, to: other }));
            }
            if word != Word::Peers {
                for client in (0..topology.clients).map(|c| Endpoint::Client(ClientId(c))) {
                    flows.insert(Flow { from: node, to: client });
                    flows.insert(Flow { from: client, to: node });
                }
            }
        }
        flows
    }
}
