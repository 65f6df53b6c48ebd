//! Connections to nodes at their addresses.

use std::io;
use std::net::{IpAddr, SocketAddr};

use tokio::net::TcpStream;

use crate::action::NodeId;
use crate::clock::Local;
use crate::limits::Shortages;
use crate::systems::Dial;

/// Where n1, n2, ... are dialled.
#[derive(Clone, Debug, Default)]
pub struct Addresses {
    nodes: Vec<SocketAddr>,
    /// What a dial failed for that was no node's doing.
    shortages: Shortages,
}

impl Addresses {
    /// Of a run that has nobody to tell what ran out.
    pub fn new(nodes: Vec<SocketAddr>) -> Addresses {
        Addresses { nodes, shortages: Shortages::default() }
    }

    /// Notes there what ran out.
    pub fn noting(nodes: Vec<SocketAddr>, shortages: Shortages) -> Addresses {
        Addresses { nodes, shortages }
    }
}

impl Dial for Addresses {
    fn dial(&self, node: NodeId) -> Local<'_, io::Result<TcpStream>> {
        let address =
            self.nodes.get(usize::from(node.0) - 1).expect("only nodes of the cluster are asked");
        Box::pin(async move {
            let dialled = TcpStream::connect(*address).await;
            if let Err(error) = &dialled {
                self.shortages.note(&format!("{node} could not be dialled"), error);
            }
            dialled
        })
    }

    fn nodes(&self) -> u8 {
        self.nodes.len() as u8
    }

    /// A node's own address and that of a link to it differ in the third byte alone.
    fn node_at(&self, host: IpAddr) -> Option<NodeId> {
        let known = |address: &&SocketAddr| match (address.ip(), host) {
            (IpAddr::V4(link), IpAddr::V4(own)) => {
                let ([a, b, _, node], [c, d, middle, of]) = (link.octets(), own.octets());
                (a, b, node) == (c, d, of) && (middle == 0 || link == own)
            }
            (link, own) => link == own,
        };
        let place = self.nodes.iter().position(|address| known(&address))?;
        Some(NodeId(place as u8 + 1))
    }
}
