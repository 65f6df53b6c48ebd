//! Nodes and clients by number.

pub use schism_facts::NodeId;
use serde::{Deserialize, Serialize};

/// One of the workload's clients: 0, 1, ... Its home is node `client mod nodes + 1`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct ClientId(pub u16);

impl ClientId {
    /// The node this client asks first and reads from.
    pub fn home(self, nodes: u8) -> NodeId {
        NodeId((self.0 % u16::from(nodes)) as u8 + 1)
    }
}
