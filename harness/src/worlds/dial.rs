//! Connections to nodes at their addresses.

use std::io;
use std::net::SocketAddr;

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
}
