//! The words between faults and worlds: whom and what there is to hit, an [`Action`] on it, its
//! [`Effect`], and the [`View`] of it all. Nothing here decides or acts.

mod delay;
mod effect;
mod frames;
mod links;
mod nodes;
mod overlay;
mod view;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

pub use delay::*;
pub use effect::*;
pub use frames::*;
pub use links::*;
pub use nodes::*;
pub use overlay::*;
pub use view::*;

/// What an operator does once, and nobody heals.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Operator {
    /// This node is asked to lead.
    Promote {
        /// Which.
        node: NodeId,
    },
}

/// What a fault asks of the world.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Put this overlay on until it is healed by its id.
    Hold(Overlay),
    /// Do this once.
    Once(Operator),
}

impl Action {
    /// Whether it is the adaptive adversary, which holds whatever would decide until it no longer
    /// can.
    pub fn is_adaptive(&self) -> bool {
        let Action::Hold(Overlay::Links(LinkOverlay::Frames { meddling, .. })) = self else {
            return false;
        };
        meddling.what == FrameFate::Hold(Until::Moved)
    }

    /// Whether the nodes that it hits run no code while it holds.
    pub fn halts(&self) -> bool {
        let Action::Hold(Overlay::Nodes(overlay)) = self else { return false };
        overlay.shape() != NodeShape::default()
    }

    /// The nodes that it hits; of links, those that it cuts off or slows more than others.
    pub fn targets(&self) -> BTreeSet<NodeId> {
        match self {
            Action::Once(Operator::Promote { node }) => BTreeSet::from([*node]),
            Action::Hold(Overlay::Nodes(overlay)) => overlay.nodes().clone(),
            Action::Hold(Overlay::Links(overlay)) => {
                let mut touched: BTreeMap<NodeId, usize> = BTreeMap::new();
                for end in overlay.flows().iter().flat_map(|flow| [flow.from, flow.to]) {
                    if let Endpoint::Node(node) = end {
                        *touched.entry(node).or_default() += 1;
                    }
                }
                let most = touched.values().max().copied();
                touched.iter().filter(|entry| Some(*entry.1) == most).map(|e| *e.0).collect()
            }
        }
    }
}

impl From<LinkOverlay> for Action {
    fn from(overlay: LinkOverlay) -> Action {
        Action::Hold(Overlay::Links(overlay))
    }
}

impl From<NodeOverlay> for Action {
    fn from(overlay: NodeOverlay) -> Action {
        Action::Hold(Overlay::Nodes(overlay))
    }
}
