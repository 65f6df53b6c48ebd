//! The proxy between all parties: one listener per link, on a thread and runtime of its own.
//! Control is a pointer swap and never waits for data, connections or nodes.

mod net;
mod shape;

use crate::action::{Bite, Link, OverlayId};

pub use net::{CLIENTS_MAX, NODES_MAX, RunNet, all_links};
pub use shape::{Arrival, FlowShape, LinkShape, Passage};

/// A running proxy. Dropping it closes every connection and listener.
#[derive(Debug)]
pub struct Proxy {}

/// What passed over a link since the start.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LinkCounts {
    /// Connections joined to the node.
    pub connections: u64,
    /// Bytes delivered from who dials to who accepts.
    pub forward_bytes: u64,
    /// Bytes delivered back.
    pub backward_bytes: u64,
}

/// Why the proxy could not start. A sentence with the next step.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct ProxyError(pub String);

impl Proxy {
    /// Listens for every link; when this returns, all of them can be dialled. `seed` is where the
    /// links' own random delays are drawn from.
    pub fn start(net: &RunNet, links: &[Link], seed: u64) -> Result<Proxy, ProxyError> {
        let _ = (net, links, seed);
        Ok(Proxy {})
    }

    /// Changes what a link does, for existing and new connections, at once.
    pub fn set(&self, link: Link, shape: LinkShape) {
        let _ = (link, shape);
    }

    /// What this overlay did to the links so far.
    pub fn bite(&self, overlay: OverlayId) -> Bite {
        let _ = overlay;
        Bite::default()
    }

    /// What passed over a link so far.
    pub fn counts(&self, link: Link) -> LinkCounts {
        let _ = link;
        LinkCounts::default()
    }
}
