//! The cluster as faults see it when they strike.

use std::collections::BTreeSet;

use super::{Flow, NodeId};

/// The world as a fault sees it when it strikes.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct View {
    /// Every node, in order: `nodes[0]` is n1.
    pub nodes: Vec<NodeView>,
    /// Flows that are blocked now.
    pub blocked: BTreeSet<Flow>,
    /// Flows that any fault is on, whether it blocks them or not.
    pub touched: BTreeSet<Flow>,
    /// Frames are dropped, or held for as long as someone likes: nobody owes progress then.
    pub withheld: bool,
    /// Nodes that were stopped, and have not said since that they are recovering no longer. Where
    /// nothing outlives a stop, they know nothing.
    pub forgot: BTreeSet<NodeId>,
    /// A node of this system that is killed forgets everything, and learns it from a majority.
    pub forgets: bool,
    /// Whom the system's own statuses name as leader of the highest epoch, if anyone.
    pub leader: Option<NodeId>,
    /// Nodes that did not answer when they were last asked how they are.
    pub silent: BTreeSet<NodeId>,
    /// No node of this system ever leads: whoever means the leader hits a drawn node instead.
    pub leaderless: bool,
}

/// One node as seen from outside.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct NodeView {
    /// Its process exists and is not being kept down.
    pub running: bool,
    /// It is stopped.
    pub paused: bool,
}
