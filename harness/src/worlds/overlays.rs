//! The fold: what the active overlays together make of each flow and node.
//! It never acts: a world compares what this says with what is.

use std::collections::{BTreeMap, BTreeSet};

use crate::action::{Endpoint, Flow, Link, NodeId, Overlay, OverlayId};
use crate::proxy::{FlowShape, LinkShape};

/// The active overlays.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Overlays {
    active: BTreeMap<OverlayId, Overlay>,
    next: u64,
}

/// What the overlays make of a node.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct NodeShape {
    /// Some overlay pauses it.
    pub paused: bool,
    /// Some overlay keeps it down. Wins over `paused`.
    pub down: bool,
}

/// An overlay that is not active: never was, or was healed before.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("overlay {} is not active: it was never put on, or has been healed before", .0.0)]
pub struct UnknownOverlay(pub OverlayId);

impl Overlays {
    /// Puts one on.
    pub fn add(&mut self, overlay: Overlay) -> OverlayId {
        let id = OverlayId(self.next);
        self.next += 1;
        let before = self.active.insert(id, overlay);
        assert!(before.is_none(), "an overlay's id is never used twice");
        id
    }

    /// Takes exactly this one off.
    pub fn remove(&mut self, id: OverlayId) -> Result<Overlay, UnknownOverlay> {
        self.active.remove(&id).ok_or(UnknownOverlay(id))
    }

    /// The active ones, by age.
    pub fn active(&self) -> impl Iterator<Item = (OverlayId, &Overlay)> {
        self.active.iter().map(|(&id, overlay)| (id, overlay))
    }

    /// What they make of one direction.
    pub fn flow(&self, flow: Flow) -> FlowShape {
        let mut shape = FlowShape::default();
        for (id, overlay) in self.active() {
            match overlay {
                Overlay::Block { flows, style } if flows.contains(&flow) => {
                    shape.blocks.push((id, *style));
                }
                Overlay::Delay { flows, delay } if flows.contains(&flow) => {
                    shape.delays.push((id, *delay));
                }
                _ => {}
            }
        }
        shape
    }

    /// What they make of a link.
    pub fn link(&self, link: Link) -> LinkShape {
        let (from, to) = (link.from, Endpoint::Node(link.to));
        LinkShape {
            forward: self.flow(Flow { from, to }),
            backward: self.flow(Flow { from: to, to: from }),
        }
    }

    /// What they make of a node.
    pub fn node(&self, node: NodeId) -> NodeShape {
        let mut shape = NodeShape::default();
        for (_, overlay) in self.active() {
            match overlay {
                Overlay::Pause { nodes } => shape.paused |= nodes.contains(&node),
                Overlay::Down { nodes } => shape.down |= nodes.contains(&node),
                Overlay::Block { .. } | Overlay::Delay { .. } => {}
            }
        }
        shape
    }

    /// Every blocked direction, whatever the style: where new connections are refused, the next
    /// broken one stays broken.
    pub fn blocked(&self) -> BTreeSet<Flow> {
        let mut blocked = BTreeSet::new();
        for (_, overlay) in self.active() {
            if let Overlay::Block { flows, .. } = overlay {
                blocked.extend(flows);
            }
        }
        blocked
    }
}

/// The links a flow runs over: forwards over one, backwards over the other. A client is never
/// dialled, so its flows have one.
pub fn links_of(flow: Flow) -> impl Iterator<Item = Link> {
    let over = |from, to| match to {
        Endpoint::Node(to) if from != Endpoint::Node(to) => Some(Link { from, to }),
        _ => None,
    };
    [over(flow.from, flow.to), over(flow.to, flow.from)].into_iter().flatten()
}
