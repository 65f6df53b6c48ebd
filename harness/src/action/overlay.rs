//! Overlays: what holds from its strike to its heal. They are sorted by what they hit, because what
//! is hit decides who performs them and how those on one thing are folded.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Delay, Effect, Flow, Meddling, NodeId};

/// Something that holds until it is healed. What several overlays make of one thing is their fold:
/// a block wins, delays add, a node runs when no overlay pauses it or keeps it down.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Overlay {
    /// On what travels between nodes, and between nodes and clients.
    Links(LinkOverlay),
    /// On the processes of nodes.
    Nodes(NodeOverlay),
}

/// Names one active overlay; never used twice in a run.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct OverlayId(pub u64);

/// What is done to directions of links.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LinkOverlay {
    /// These flows are blocked.
    Block { flows: BTreeSet<Flow>, style: Style },
    /// These flows are slow.
    Delay { flows: BTreeSet<Flow>, delay: Delay },
    /// Frames on these flows, all between nodes, are meddled with.
    Frames { flows: BTreeSet<Flow>, meddling: Meddling },
}

/// What is done to nodes.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NodeOverlay {
    /// They are stopped (SIGSTOP) and go on at the heal.
    Pause { nodes: BTreeSet<NodeId> },
    /// They are killed (SIGKILL) and started again at the heal.
    Down { nodes: BTreeSet<NodeId> },
    /// Nothing. The strike is only told of, with this effect.
    Nothing { nodes: BTreeSet<NodeId>, effect: Effect },
}

/// What a block does to what it meets.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Style {
    /// Bytes wait, connections stay open, new ones hang; all goes on after the heal.
    Hold,
    /// Connections are reset, new ones refused.
    Reset,
    /// Existing connections live, new ones are refused.
    Refuse,
    /// Connections are accepted and never answered; what arrives is swallowed.
    Blackhole,
}

/// What the overlays on a node make of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct NodeShape {
    /// Some overlay pauses it.
    pub paused: bool,
    /// Some overlay keeps it down. Wins over `paused`.
    pub down: bool,
}

impl LinkOverlay {
    /// The directions that it hits.
    pub fn flows(&self) -> &BTreeSet<Flow> {
        let (Self::Block { flows, .. } | Self::Delay { flows, .. } | Self::Frames { flows, .. }) =
            self;
        flows
    }

    /// Whether nothing gets past it.
    pub fn blocks(&self) -> bool {
        matches!(self, Self::Block { .. })
    }

    /// Whether all gets past it, late.
    pub fn delays(&self) -> bool {
        matches!(self, Self::Delay { .. })
    }

    /// Whether frames are dropped, or held for as long as someone likes.
    pub fn withholds(&self) -> bool {
        matches!(self, Self::Frames { meddling, .. } if meddling.withholds())
    }
}

impl NodeOverlay {
    /// The nodes that it hits.
    pub fn nodes(&self) -> &BTreeSet<NodeId> {
        let (Self::Pause { nodes } | Self::Down { nodes } | Self::Nothing { nodes, .. }) = self;
        nodes
    }

    /// What it makes of each of them.
    pub fn shape(&self) -> NodeShape {
        NodeShape {
            paused: matches!(self, Self::Pause { .. }),
            down: matches!(self, Self::Down { .. }),
        }
    }
}
