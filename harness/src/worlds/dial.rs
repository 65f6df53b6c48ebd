//! Connections to nodes at their addresses.

use std::io;
use std::net::SocketAddr;

use tokio::net::TcpStream;

use crate::action::NodeId;
use crate::clock::Local;
use crate::systems::Dial;

/// Where n1, n2, ... are dialled.
#[derive(Clone, Debug)]
pub struct Addresses(pub Vec<SocketAddr>);

impl Dial for Addresses {
    fn dial(&self, node: NodeId) -> Local<'_, io::Result<TcpStream>> {
        let address =
            self.0.get(usize::from(node.0) - 1).expect("only nodes of the cluster are asked");
        Box::pin(TcpStream::connect(*address))
    }
}
