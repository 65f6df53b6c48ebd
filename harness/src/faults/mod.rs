//! The faults: each chooses, none acts. One file per fault; this is their table.
//! All randomness is in [`Fault::choose`], before the start; [`Fault::resolve`] only turns words
//! such as `leader` into nodes, when the fault strikes.

mod crash;
mod frames;
mod latency;
mod partition;
mod pause;
mod promote;
mod shape;
mod target;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;

use crate::action::{Action, Endpoint, NodeId, NodeView, Operator, Overlay, Strike, View};
pub use crate::action::{Epochs, FrameKind};

/// The shape of the cluster, known before anything starts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Topology {
    /// How many nodes.
    pub nodes: u8,
    /// How many clients.
    pub clients: u16,
}

/// One fault of a workload, as its own module understands it.
#[derive(Clone, PartialEq, Debug)]
pub struct FaultSpec {
    /// Its key: `partition`, `crash`, ...
    pub kind: String,
    /// When it strikes.
    pub when: When,
    /// How long each strike lasts; one of these is drawn.
    pub lasts: Vec<Duration>,
    /// Its own keys, each a list to draw one from per strike (checked by the fault's module).
    pub keys: BTreeMap<String, Vec<serde_json::Value>>,
}

/// When a fault strikes.
#[derive(Clone, PartialEq, Debug)]
pub enum When {
    /// With this mean time between starts, drawn from the seed.
    Every(Duration),
    /// At these times from the start of the disturbance.
    At(Vec<Duration>),
    /// Once, before the first operation; how long it lasts counts from the start of the
    /// disturbance all the same.
    Start,
    /// So long after every strike of another fault, if the leader is gone then.
    After(Duration),
}

/// A kind of fault.
pub trait Fault: Sync {
    /// Its key in a workload.
    fn name(&self) -> &'static str;
    /// One line for `schism list faults`.
    fn about(&self) -> &'static str;
    /// The keys it takes besides `every`, `for`, `at` and `after`.
    fn keys(&self) -> &'static [Key];
    /// An operator's act: it happens once (so there is no `for`), and may come `after` a strike
    /// that took the leader away.
    fn by_hand(&self) -> bool {
        false
    }
    /// Checks the keys' values; the error says what is wrong and what was meant.
    fn check(&self, spec: &FaultSpec, topology: Topology) -> Result<(), KeyError>;
    /// Whether it looks at the frames between the nodes. Then `check_frames` is asked too.
    fn reads_frames(&self) -> bool {
        false
    }
    /// Checks the keys' values against the frames that the system has.
    fn check_frames(&self, spec: &FaultSpec, frames: KnownFrames<'_>) -> Result<(), KeyError> {
        let _ = (spec, frames);
        Ok(())
    }
    /// Draws the choices of one strike: all randomness is here.
    fn choose(
        &self,
        spec: &FaultSpec,
        topology: Topology,
        rng: &mut ChaCha8Rng,
    ) -> serde_json::Value;
    /// Cuts one drawn strike into those it consists of (rolling: one node after the other).
    fn pieces(&self, detail: serde_json::Value, lasts: Duration, topology: Topology) -> Vec<Piece> {
        let _ = topology;
        vec![Piece { after: Duration::ZERO, lasts, detail }]
    }
    /// When it strikes: "leader" becomes n2. No randomness. Empty: nothing to strike at.
    fn resolve(&self, strike: &Strike, topology: Topology, view: &View) -> Vec<Action>;
    /// What a resolved strike does, for people: `halves {n1,n2 | n3,n4,n5}, hold`; for one that
    /// resolved to nothing, why: `no leader`.
    fn describe(&self, strike: &Strike, effects: &[Action], view: &View) -> String;
}

/// The frames between the nodes of the system under test, as far as a fault must know them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KnownFrames<'a> {
    /// Their kinds; empty where nobody knows them.
    pub kinds: &'a [FrameKind],
    /// A node that does not hear of its leader leaves the epoch by itself. Otherwise it stays, or
    /// waits for an operator.
    pub move_on: bool,
    /// The epochs of any two of them compare: they count one thing.
    pub epochs_compare: bool,
}

/// A key of a fault.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What may be written there, for help and errors.
    pub values: &'static str,
    /// What holds when it is not given, as YAML.
    pub default: &'static str,
}

/// What is wrong with a key's value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyError {
    /// Which key.
    pub key: String,
    /// Which of its values, from 0.
    pub index: usize,
    /// What was found and what was meant.
    pub message: String,
}

/// A part of a drawn strike.
#[derive(Clone, PartialEq, Debug)]
pub struct Piece {
    /// After the strike's start.
    pub after: Duration,
    /// How long it holds.
    pub lasts: Duration,
    /// Its choices.
    pub detail: serde_json::Value,
}

/// Every fault, in the order of `schism list faults`.
pub static FAULTS: &[&dyn Fault] = &[
    &crash::Crash,
    &pause::Pause,
    &partition::Partition,
    &latency::Latency,
    &frames::Frames,
    &promote::Promote,
];

/// In the choices of a strike that comes [`When::After`] another: it does nothing to a leader that
/// is there.
pub const IF_LEADER_GONE: &str = "if-leader-gone";

/// The fault of this key.
pub fn find(name: &str) -> Option<&'static dyn Fault> {
    FAULTS.iter().copied().find(|fault| fault.name() == name)
}

/// What a strike does in this world. Empty: nothing to strike at (see [`describe`]).
pub fn resolve(strike: &Strike, topology: Topology, view: &View) -> Vec<Action> {
    let fault = find(&strike.fault).expect("a plan names faults of the table");
    fault.resolve(strike, topology, view)
}

/// What a resolved strike does, in words; for one that resolved to nothing, why.
pub fn describe(strike: &Strike, effects: &[Action], view: &View) -> String {
    let fault = find(&strike.fault).expect("a plan names faults of the table");
    fault.describe(strike, effects, view)
}

/// The nodes that these effects hit: paused, down, or cut off or slowed more than others.
pub fn targets(effects: &[Action]) -> BTreeSet<NodeId> {
    let mut targets = BTreeSet::new();
    for effect in effects {
        let overlay = match effect {
            Action::Hold(overlay) => overlay,
            Action::Once(Operator::Promote { node }) => {
                targets.insert(*node);
                continue;
            }
        };
        match overlay {
            Overlay::Pause { nodes } | Overlay::Down { nodes } => targets.extend(nodes),
            Overlay::Block { flows, .. }
            | Overlay::Delay { flows, .. }
            | Overlay::Frames { flows, .. } => {
                let mut touched: BTreeMap<NodeId, usize> = BTreeMap::new();
                for end in flows.iter().flat_map(|flow| [flow.from, flow.to]) {
                    if let Endpoint::Node(node) = end {
                        *touched.entry(node).or_default() += 1;
                    }
                }
                let most = touched.values().max().copied();
                targets.extend(touched.iter().filter(|entry| Some(*entry.1) == most).map(|e| e.0));
            }
        }
    }
    targets
}

/// Draws one of a key's values.
fn draw<'a>(spec: &'a FaultSpec, key: &str, rng: &mut ChaCha8Rng) -> &'a serde_json::Value {
    let values = &spec.keys[key];
    &values[rng.random_range(0..values.len())]
}

/// Checks every value of a key.
fn check_each(
    spec: &FaultSpec,
    key: &str,
    check: impl Fn(&serde_json::Value) -> Result<(), String>,
) -> Result<(), KeyError> {
    for (index, value) in spec.keys[key].iter().enumerate() {
        check(value).map_err(|message| KeyError { key: key.to_owned(), index, message })?;
    }
    Ok(())
}

/// `rolling`: every node in the drawn order, each for its share of the time; any other target: one
/// strike.
fn one_after_the_other(detail: serde_json::Value, lasts: Duration) -> Vec<Piece> {
    if detail["target"] != "rolling" {
        return vec![Piece { after: Duration::ZERO, lasts, detail }];
    }
    let order = target::nodes_of(&detail["order"]);
    let share = lasts / order.len() as u32;
    let piece = |(position, node): (usize, &NodeId)| Piece {
        after: share * position as u32,
        lasts: share,
        detail: serde_json::json!({"target": node, "of": "rolling", "order": [node]}),
    };
    order.iter().enumerate().map(piece).collect()
}

fn why_nobody(strike: &Strike, view: &View, able: fn(&NodeView) -> bool) -> String {
    let topology = Topology { nodes: view.nodes.len() as u8, clients: view.clients };
    match target::resolve(&strike.detail, topology, view, able) {
        Ok(_) => "nothing was done".to_owned(),
        Err(why) => why.to_owned(),
    }
}
