//! Overlays: what holds from its strike to its heal, on links or on nodes.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Delay, Flow, Meddling, NodeId};

/// Something that holds until it is healed. A link's or node's state is the fold of the overlays
/// on it: a block wins, delays add, a node runs when no overlay pauses it or keeps it down.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Overlay {
    /// These flows are blocked.
    Block {
        /// Which directions.
        flows: BTreeSet<Flow>,
        /// What happens to what meets the block.
        style: Style,
    },
    /// These flows are slow.
    Delay {
        /// Which directions.
        flows: BTreeSet<Flow>,
        /// How slow.
        delay: Delay,
    },
    /// Frames on these flows, all between nodes, are meddled with.
    Frames {
        /// Which directions.
        flows: BTreeSet<Flow>,
        /// Which frames, and what becomes of them.
        meddling: Meddling,
    },
    /// These nodes are stopped (SIGSTOP) and go on at the heal.
    Pause {
        /// Which.
        nodes: BTreeSet<NodeId>,
    },
    /// These nodes are killed (SIGKILL) and started again at the heal.
    Down {
        /// Which.
        nodes: BTreeSet<NodeId>,
    },
}

/// Names one active overlay; never used twice in a run.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct OverlayId(pub u64);

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
