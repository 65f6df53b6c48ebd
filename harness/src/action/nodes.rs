//! Nodes and clients by number.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A node: 1, 2, ...; shown and written as `n1`, `n2`, ...
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct NodeId(pub u8);

/// One of the workload's clients: 0, 1, ... Its home is node `client mod nodes + 1`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct ClientId(pub u16);

impl NodeId {
    /// n1 ... nN.
    pub fn all(count: u8) -> impl Iterator<Item = NodeId> {
        (1..=count).map(NodeId)
    }
}

impl ClientId {
    /// The node this client asks first and reads from.
    pub fn home(self, nodes: u8) -> NodeId {
        NodeId((self.0 % u16::from(nodes)) as u8 + 1)
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "n{}", self.0)
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "n{}", self.0)
    }
}

impl From<NodeId> for String {
    fn from(node: NodeId) -> String {
        node.to_string()
    }
}

impl TryFrom<String> for NodeId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let number = text.strip_prefix('n').and_then(|digits| digits.parse().ok());
        number
            .filter(|&number| number > 0)
            .map(NodeId)
            .ok_or_else(|| format!("`{text}` is not a node; nodes are n1, n2, ..."))
    }
}
