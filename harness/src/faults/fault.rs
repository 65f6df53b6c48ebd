//! What a fault is: a row that says what it is called, what it can do and how that is told, over
//! types of its own for its keys and for what is drawn for a strike.

use std::collections::BTreeMap;
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use serde::de::DeserializeOwned;
use serde::{Deserialize as _, Serialize};
use serde_json::{Value, json};

use super::counter::Counter;
use super::keys::{self, Key, KeyError};
use schism_facts::FrameRow;

use crate::action::{Action, Effect, View};

/// A row of the table of faults.
#[derive(Clone, Copy)]
pub struct Fault {
    /// Its key in a workload.
    pub name: &'static str,
    /// One line for `schism list faults`.
    pub about: &'static str,
    /// The keys it takes besides `every`, `for`, `at` and `after`.
    pub keys: &'static [Key],
    /// What it can be confirmed to have done, in the order of telling.
    pub counters: &'static [Counter],
    /// Its class in pictures: the style sheet of the report has its colour.
    pub class: &'static str,
    /// An operator's act: it happens once and is not healed (so there is no `for`), and may come
    /// `after` a strike that took the leader away. All others hold until they are healed.
    pub by_hand: bool,
    /// It looks at the frames between the nodes, so somebody must know them.
    pub reads_frames: bool,
    /// What whoever reads the findings must know, from what it did in the whole run.
    pub caveat: fn(&Effect) -> Option<String>,
    pub(super) functions: Functions,
}

/// The functions of a [`Spec`] with its types put away, so that faults fit into one table.
#[derive(Clone, Copy)]
pub(super) struct Functions {
    check: fn(&Fault, &FaultSpec, &Subject) -> Result<(), KeyError>,
    draw: fn(&Fault, &FaultSpec, Duration, Topology, &mut ChaCha8Rng) -> Vec<Piece<Value>>,
    resolve: fn(&Value, Topology, &View) -> Result<Aimed, String>,
}

/// The keys of a fault as a type of its own, and what follows from them.
pub trait Spec: DeserializeOwned {
    /// What is drawn for one strike: `detail` in plan.json.
    type Choice: Serialize + DeserializeOwned;

    /// Checks what depends on the cluster.
    fn check(&self, of: &Subject) -> Result<(), KeyError>;

    /// Draws the choices of one strike: all randomness is here.
    fn choose(&self, when: &When, topology: Topology, rng: &mut ChaCha8Rng) -> Self::Choice;

    /// Cuts one drawn strike into those it consists of (rolling: one node after the other).
    fn pieces(choice: Self::Choice, lasts: Duration) -> Vec<Piece<Self::Choice>> {
        vec![Piece { after: Duration::ZERO, lasts, choice }]
    }

    /// Whom it hits when it strikes: `leader` becomes n2. No randomness. The error says why there
    /// is nobody to strike at: `no leader`.
    fn resolve(choice: &Self::Choice, topology: Topology, view: &View) -> Result<Aimed, String>;
}

/// What a strike asks of the world.
#[derive(Clone, PartialEq, Debug)]
pub struct Aimed {
    /// To be done.
    pub action: Action,
    /// For people: `halves {n1,n2 | n3,n4,n5}, hold`.
    pub words: String,
}

/// A part of a drawn strike.
#[derive(Clone, PartialEq, Debug)]
pub struct Piece<C> {
    /// After the strike's start.
    pub after: Duration,
    /// How long it holds.
    pub lasts: Duration,
    /// What was drawn for it.
    pub choice: C,
}

/// The shape of the cluster, known before anything starts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Topology {
    /// How many nodes.
    pub nodes: u8,
    /// How many clients.
    pub clients: u16,
}

/// What a fault may know of the system that it is to break.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Subject {
    /// The cluster.
    pub topology: Topology,
    /// The kinds of frames between its nodes; empty where nobody knows them.
    pub frames: &'static [FrameRow],
    /// A node that does not hear of its leader leaves the epoch by itself. Otherwise it stays, or
    /// waits for an operator.
    pub moves_on: bool,
    /// The epochs of any two frames compare: they count one thing.
    pub epochs_compare: bool,
    /// Nothing stands between its nodes, so nothing can be done to what they say to each other.
    pub direct: bool,
}

impl Subject {
    /// Refuses what is to be done between nodes that nothing stands between.
    pub(super) fn between_nodes(&self, instead: &str) -> Result<(), String> {
        if !self.direct {
            return Ok(());
        }
        Err(format!(
            "the system has `network: none`: nothing stands between its nodes, so nothing can be \
             broken there; {instead}"
        ))
    }
}

/// One fault of a workload.
#[derive(Clone, PartialEq, Debug)]
pub struct FaultSpec {
    /// Its key: `partition`, `crash`, ...
    pub kind: String,
    /// When it strikes.
    pub when: When,
    /// How long each strike lasts; one of these is drawn.
    pub lasts: Vec<Duration>,
    /// Its own keys as written, defaults filled in, each a list to draw one from per strike.
    pub keys: BTreeMap<String, Vec<Value>>,
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

const CHECKED: &str = "a workload's keys are checked when it is read";

impl Fault {
    /// A row over these keys, with what most faults have in common. The names are left out.
    pub(super) const fn of<S: Spec>() -> Fault {
        Fault {
            name: "",
            about: "",
            keys: &[],
            counters: &[],
            class: "f-other",
            by_hand: false,
            reads_frames: false,
            caveat: |_| None,
            functions: Functions {
                check: |fault, spec, of| keys::read::<S>(fault.keys, &spec.keys)?.check(of),
                draw: draw::<S>,
                resolve: resolve::<S>,
            },
        }
    }

    /// Checks the values of a workload's keys.
    pub fn check(&self, spec: &FaultSpec, of: &Subject) -> Result<(), KeyError> {
        (self.functions.check)(self, spec, of)
    }

    /// Draws one strike that lasts so long, in the parts that it consists of.
    pub fn draw(
        &self,
        spec: &FaultSpec,
        lasts: Duration,
        topology: Topology,
        rng: &mut ChaCha8Rng,
    ) -> Vec<Piece<Value>> {
        (self.functions.draw)(self, spec, lasts, topology, rng)
    }

    /// Whom a drawn strike hits in the world as it is now. The error says why there is nobody.
    pub fn resolve(
        &self,
        detail: &Value,
        topology: Topology,
        view: &View,
    ) -> Result<Aimed, String> {
        (self.functions.resolve)(detail, topology, view)
    }
}

fn draw<S: Spec>(
    fault: &Fault,
    spec: &FaultSpec,
    lasts: Duration,
    topology: Topology,
    rng: &mut ChaCha8Rng,
) -> Vec<Piece<Value>> {
    let keys: S = keys::read(fault.keys, &spec.keys).expect(CHECKED);
    let choice = keys.choose(&spec.when, topology, rng);
    let pieces = S::pieces(choice, lasts).into_iter();
    pieces
        .map(|Piece { after, lasts, choice }| Piece { after, lasts, choice: json!(choice) })
        .collect()
}

fn resolve<S: Spec>(detail: &Value, topology: Topology, view: &View) -> Result<Aimed, String> {
    let choice = S::Choice::deserialize(detail).expect("a plan's choices are its fault's");
    S::resolve(&choice, topology, view)
}
