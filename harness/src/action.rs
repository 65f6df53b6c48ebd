//! What faults say and worlds do: nodes, flows, overlays, effects, views, bites.
//! It never decides anything and never acts.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A node: 1, 2, ...; shown and written as `n1`, `n2`, ...
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct NodeId(pub u8);

/// One of the workload's clients: 0, 1, ... Its home is node `client mod nodes + 1`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct ClientId(pub u16);

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

/// What a block does to what it meets.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Style {
    /// Bytes wait, connections stay open, new ones hang; all goes on after the heal.
    Hold,
    /// Connections are reset, new ones refused.
    Reset,
    /// Existing connections live, new ones are refused.
    Refuse,
    /// Connections are accepted and never answered; what arrives is swallowed.
    Blackhole,
}

/// A delay per segment, in order, per direction.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Delay {
    /// The fixed part, or the mean of the distribution.
    pub delay: Duration,
    /// The spread.
    pub jitter: Duration,
    /// How the spread is drawn.
    pub distribution: Distribution,
}

/// How a delay is drawn from (delay, jitter).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Distribution {
    /// Always `delay`.
    Fixed,
    /// `delay` plus or minus up to `jitter`, evenly.
    #[default]
    Uniform,
    /// Normal with mean `delay` and standard deviation `jitter`, cut off at 0.
    Normal,
    /// Exponential with mean `delay`; `jitter` is not used.
    Exponential,
    /// Pareto with minimum `delay` and shape 3, scaled by `jitter`.
    Pareto,
}

/// What is done to which frames.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Meddling {
    /// The name of a kind of frame of the system, `decides` (all that carry what would decide), or
    /// `any`.
    pub kind: String,
    /// The share of these frames that is met.
    pub probability: f64,
    /// What becomes of them.
    pub what: FrameFate,
}

/// What becomes of a frame.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FrameFate {
    /// It vanishes; those behind it go on. Outside TCP's promises.
    Drop,
    /// It comes twice. Outside TCP's promises.
    Duplicate,
    /// It lets a few of those behind it pass. Outside TCP's promises.
    Reorder,
    /// It waits, and all behind it on its flow with it.
    Hold(Until),
}

/// How long a held frame waits. At the heal every wait ends.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Until {
    /// Until the heal.
    Heal,
    /// Until its receiver has sent a frame of a greater epoch that it has itself moved to, on
    /// whichever flow: then the held one decides nothing any more.
    Moved,
    /// For a time drawn from this.
    Delay(Delay),
}

/// A kind of frame on the links between the nodes of a system. A frame is a length (u32, little
/// endian), its kind (u8), its epoch (u64, little endian) and a body.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FrameKind {
    /// Its first byte.
    pub kind: u8,
    /// What people call it: `append-entries`.
    pub name: String,
    /// What it can do to a decision.
    pub part: FramePart,
}

/// What the epoch in a frame's header counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Epochs {
    /// All of the cluster's: a node that moved beyond an epoch left it for good.
    #[default]
    OfAll,
    /// Those of one decision: headers compare only where there is one decision.
    OfEachDecision,
}

/// What a frame can do to a decision.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FramePart {
    /// It carries what would decide, in its epoch.
    Decides,
    /// It shows that its sender has moved to its epoch.
    Moves,
    /// Its epoch is only asked about: it shows nothing.
    Asks,
}

/// Something that holds until it is healed. A link's or node's state is the fold of the overlays
/// on it: a block wins, delays add, a node runs when no overlay pauses it or keeps it down.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Overlay {
    /// These flows are blocked.
    Block {
        /// Which directions.
        flows: BTreeSet<Flow>,
        /// What happens to what meets the block.
        style: Style,
    },
    /// These flows are slow.
    Delay {
        /// Which directions.
        flows: BTreeSet<Flow>,
        /// How slow.
        delay: Delay,
    },
    /// Frames on these flows, all between nodes, are meddled with.
    Frames {
        /// Which directions.
        flows: BTreeSet<Flow>,
        /// Which frames, and what becomes of them.
        meddling: Meddling,
    },
    /// These nodes are stopped (SIGSTOP) and go on at the heal.
    Pause {
        /// Which.
        nodes: BTreeSet<NodeId>,
    },
    /// These nodes are killed (SIGKILL) and started again at the heal.
    Down {
        /// Which.
        nodes: BTreeSet<NodeId>,
    },
}

/// Something that happens once and is not healed (wipe, transfer, ...).
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// The operator's hand: this node is asked to lead.
    Promote {
        /// Which.
        node: NodeId,
    },
}

/// What a fault wants done to the world.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// Put this overlay on until it is healed by its id.
    Hold(Overlay),
    /// Do this once.
    Once(Action),
}

/// Names one active overlay; never used twice in a run.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct OverlayId(pub u64);

/// What an overlay did while it lasted. A fault whose bite is empty had no effect.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Bite {
    /// Processes reaped after SIGKILL.
    pub killed: u64,
    /// Processes seen in state T in every thread.
    pub stopped: u64,
    /// Bytes held back, to go on after the heal.
    pub held_bytes: u64,
    /// Bytes swallowed.
    pub dropped_bytes: u64,
    /// Connections reset.
    pub reset_connections: u64,
    /// Connection attempts refused or left hanging.
    pub refused_connections: u64,
    /// Segments delayed.
    pub delayed_segments: u64,
    /// Frames that were made to wait; those behind them are not counted.
    pub held_frames: u64,
    /// The median of their waits, those that the heal ended included.
    pub median_hold_ms: u64,
    /// The longest of them.
    pub longest_hold_ms: u64,
    /// How many different epochs they had.
    pub held_epochs: u64,
    /// Frames dropped.
    pub dropped_frames: u64,
    /// Frames that came twice.
    pub duplicated_frames: u64,
    /// Frames that a later one went before.
    pub reordered_frames: u64,
    /// Nodes made leader by hand.
    pub promoted: u64,
    /// The epoch in which the last of them leads.
    pub epoch: u64,
}

/// One strike of one fault, all its randomness drawn.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Strike {
    /// Its position in the plan, from 0.
    pub id: u64,
    /// The fault's key in the workload.
    pub fault: String,
    /// From the start of the disturbance.
    pub at: Duration,
    /// How long it holds.
    pub lasts: Duration,
    /// It strikes before the first operation, though it lasts as if it had come at `at`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub early: bool,
    /// The fault's own choices (target, shape, style, and what it needs to resolve them without
    /// further randomness).
    pub detail: serde_json::Value,
}

/// The world as a fault sees it when it strikes.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct View {
    /// Every node, in order: `nodes[0]` is n1.
    pub nodes: Vec<NodeView>,
    /// Flows that are blocked now.
    pub blocked: BTreeSet<Flow>,
    /// Frames are dropped, or held for as long as someone likes: nobody owes progress then.
    pub withheld: bool,
    /// Nodes that were stopped, and have not said since that they are recovering no longer. Where
    /// nothing outlives a stop, they know nothing.
    pub forgot: BTreeSet<NodeId>,
    /// A node of this system that is killed forgets everything, and learns it from a majority.
    pub forgets: bool,
    /// Whom the system's own statuses name as leader of the highest epoch, if anyone.
    pub leader: Option<NodeId>,
    /// No node of this system ever leads: whoever means the leader hits a drawn node instead.
    pub leaderless: bool,
    /// The number of clients.
    pub clients: u16,
}

/// One node as seen from outside.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct NodeView {
    /// Its process exists and is not being kept down.
    pub running: bool,
    /// It is stopped.
    pub paused: bool,
}

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

impl Meddling {
    /// Whether no progress may be demanded of a system that meets this.
    pub fn withholds(&self) -> bool {
        matches!(self.what, FrameFate::Drop | FrameFate::Hold(Until::Heal | Until::Moved))
    }

    /// The kinds that it meets; None for a name that is none of theirs.
    pub fn met<'a>(&self, kinds: &'a [FrameKind]) -> Option<Vec<&'a FrameKind>> {
        let met = kinds.iter().filter(|row| match self.kind.as_str() {
            "any" => true,
            "decides" => row.part == FramePart::Decides,
            name => row.name == name,
        });
        let met: Vec<_> = met.collect();
        (!met.is_empty()).then_some(met)
    }
}

impl Bite {
    /// Whether anything at all happened.
    pub fn is_effective(&self) -> bool {
        *self != Bite::default()
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

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Endpoint::Node(node) => write!(f, "{node}"),
            Endpoint::Client(ClientId(number)) => write!(f, "client {number}"),
        }
    }
}
