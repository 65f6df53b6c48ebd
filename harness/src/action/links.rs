//! Who is connected to whom, and in which direction bytes travel.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{ClientId, NodeId};

/// One end of a connection.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Endpoint {
    /// A server.
    Node(NodeId),
    /// A client.
    Client(ClientId),
}

/// Who dials whom. Each link has a listener of its own in the proxy, so the address is the
/// identity. A client is never dialled.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Link {
    /// Who opens connections.
    pub from: Endpoint,
    /// Who accepts them.
    pub to: NodeId,
}

/// One direction in which bytes travel, over whichever connection: on link (a, b) forwards, and on
/// link (b, a) backwards.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Flow {
    /// Who sends.
    pub from: Endpoint,
    /// Who should receive.
    pub to: Endpoint,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Endpoint::Node(node) => write!(f, "{node}"),
            Endpoint::Client(ClientId(number)) => write!(f, "client {number}"),
        }
    }
}
