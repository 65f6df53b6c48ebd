//! What the nemesis writes into a history, beside the operations of clients. One type writes and
//! reads it, so that a reader cannot be told something that the writer did not mean.
//!
//! In an event a remark is `f`, its name, and `value`, which is JSON. A strike of a fault has the
//! fault's key for its name. What a reader does not know it passes over and says so ([`Doubt`]), so
//! that histories of older and newer versions stay readable.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use crate::ids::NodeId;

/// Something the nemesis says. Times are nanoseconds on the history's clock.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "f", content = "value", rename_all = "kebab-case")]
pub enum Remark {
    /// A phase begins.
    Phase(Phase),
    /// From now on progress may be demanded of the system, or no longer.
    CanProgress(bool),
    /// From now on these nodes may be asked for what the system says they serve: they run, and no
    /// fault is on the way to their clients, or to any node that could take part in a decision.
    Serving(Vec<NodeId>),
    /// The nodes' own statuses name another leader of the highest epoch than before.
    Leader {
        /// Who leads. None: nobody.
        node: Option<NodeId>,
        /// In which epoch.
        epoch: Option<u64>,
    },
    /// Whether so many nodes have forgotten what they knew that no majority can tell them.
    MemoryLost {
        /// Why the system cannot go on, whatever is healed. None: it can, somebody was back in
        /// time.
        why: Option<String>,
    },
    /// A node died though nobody killed it.
    Death(Death),
    /// The machine itself stood still.
    Stall(Stall),
    /// A connection between nodes went past the proxy.
    Bypass {
        /// Between whom.
        what: String,
    },
    /// How often it was looked for such connections, at the end.
    BypassCheck {
        /// So often.
        checks: u64,
    },
    /// The operator made a node leader where nobody led after everything was healed.
    Operator {
        /// The node.
        node: NodeId,
        /// The epoch that it leads.
        epoch: u64,
    },
    /// What was to be healed is.
    Healed {
        /// How much that is.
        what: Healed,
    },
    /// The wait for nodes to agree on what they delivered is over.
    Settled(Settled),
    /// What became of reading one node to its end.
    FinalRead(FinalRead),
    /// Something of the harness's own went wrong: what is seen from then on proves nothing for the
    /// system, and nothing against it that this could explain.
    Trouble {
        /// What, in a sentence.
        what: String,
    },
    /// The run is over, but for stopping the cluster.
    End {
        /// What ended it.
        reason: Reason,
        /// What could not be done.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        why: Option<String>,
    },
    /// A strike of the fault with this key.
    #[serde(skip)]
    Fault(String, Strike),
}

/// Every name of a remark; a fault's key is none of them.
pub const NAMES: [&str; 15] = [
    "phase",
    "can-progress",
    "serving",
    "leader",
    "memory-lost",
    "death",
    "stall",
    "bypass",
    "bypass-check",
    "operator",
    "healed",
    "settled",
    "final-read",
    "trouble",
    "end",
];

/// The phases of a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Nothing is broken.
    WarmUp,
    /// Faults strike.
    Disturbance,
    /// Everything is being healed; progress is demanded, then convergence.
    Recovery,
    /// Every node is read to the end, or asked again for every decision.
    FinalReads,
}

impl Phase {
    /// As it is written.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Phase::WarmUp => "warm-up",
            Phase::Disturbance => "disturbance",
            Phase::Recovery => "recovery",
            Phase::FinalReads => "final-reads",
        }
    }
}

/// How much is healed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Healed {
    /// So much that progress may be demanded.
    Enough,
    /// Everything.
    All,
}

/// What ended a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// It was carried out.
    Done,
    /// A promise was broken.
    Violation,
    /// A person, or a full disk.
    Interrupted,
    /// Something could not be done.
    Trouble,
}

impl Reason {
    /// As it is written.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Reason::Done => "done",
            Reason::Violation => "violation",
            Reason::Interrupted => "interrupted",
            Reason::Trouble => "trouble",
        }
    }
}

/// A node that died though nobody killed it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Death {
    /// Which.
    pub node: NodeId,
    /// `signal 11`, `exit 74`.
    pub how: String,
    /// A fault on it may kill, or its disk refused.
    #[serde(default)]
    pub excused: bool,
    /// Why it is excused.
    pub why: Option<String>,
    /// The end of what it wrote to stderr.
    #[serde(default)]
    pub last_lines: Vec<String>,
}

/// A time in which the machine itself stood still.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Stall {
    /// From here ...
    pub from_ns: u64,
    /// ... to here.
    pub to_ns: u64,
    /// Which part of it.
    #[serde(default)]
    pub what: String,
}

/// The end of settling.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Settled {
    /// All nodes said they delivered the same number of entries.
    pub converged: bool,
    /// How long that took.
    #[serde(default)]
    pub waited_ms: u64,
    /// How many entries each node said it delivered.
    #[serde(default)]
    pub delivered: BTreeMap<NodeId, u64>,
    /// The length of the log with the last append, which was acknowledged before any node was asked
    /// and which every node was waited for to have. None: there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub barrier: Option<u64>,
}

/// What became of reading one node to its end.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FinalRead {
    /// Which node.
    pub node: NodeId,
    /// It was read to its end.
    pub complete: bool,
    /// How far it was read, in entries; of decisions, how many were answered.
    pub length: Option<u64>,
    /// Why it is not complete.
    pub why: Option<String>,
}

/// What a strike of a fault came to. Older histories lack some of it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "kebab-case")]
pub enum Strike {
    /// It holds from now on; or, done once, is under way.
    Start(Start),
    /// What held is gone; or what was done once is done.
    Heal(Heal),
    /// It did not strike.
    Skip {
        /// The plan's number of it.
        strike: Option<u64>,
        /// Why not.
        #[serde(default)]
        why: String,
    },
}

/// A fault is applied.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Start {
    /// It is healed by this number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overlay: Option<u64>,
    /// The plan's number of the strike.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strike: Option<u64>,
    /// The nodes that it hits.
    pub targets: Vec<NodeId>,
    /// In words: `isolate n2 (leader), hold`.
    pub describe: String,
    /// How long it is to hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lasts_ms: Option<f64>,
    /// It holds whatever would decide until that no longer can, as the adversary of Fischer, Lynch
    /// and Paterson (1985).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub adaptive: bool,
    /// Its targets run no code while it holds, so none of them answers.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub halts: bool,
    /// What is done to the world, in the fault's own form. It was called `effect` once.
    #[serde(alias = "effect", skip_serializing_if = "Json::is_null")]
    pub action: Json,
}

/// A fault is over.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Heal {
    /// What was applied under this number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overlay: Option<u64>,
    /// The plan's number of the strike.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strike: Option<u64>,
    /// What it was confirmed to have done. It was called `bit` once.
    #[serde(alias = "bit")]
    pub effect: Effect,
    /// Whether that is anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effective: Option<bool>,
    /// When healing began: what it sets free may act before the heal is confirmed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lifted_ns: Option<u64>,
    /// What the system said to what was done once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
}

/// What a strike was confirmed to have done: counters by their names (`killed`, `held-bytes`). One
/// that is 0 may be left out.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Effect(pub BTreeMap<String, u64>);

impl Effect {
    /// Of these counters, but for those that are 0.
    #[must_use]
    pub fn of(counters: impl IntoIterator<Item = (String, u64)>) -> Self {
        Effect(counters.into_iter().filter(|(_, count)| *count > 0).collect())
    }

    /// Whether it did anything at all.
    #[must_use]
    pub fn is_effective(&self) -> bool {
        self.0.values().any(|&count| count > 0)
    }

    /// A counter; 0 where nobody counted.
    #[must_use]
    pub fn count(&self, name: &str) -> u64 {
        self.0.get(name).copied().unwrap_or(0)
    }
}

impl<'a> FromIterator<(&'a str, u64)> for Effect {
    /// Leaves out what is 0.
    fn from_iter<I: IntoIterator<Item = (&'a str, u64)>>(counters: I) -> Effect {
        let counted = counters.into_iter().filter(|(_, count)| *count > 0);
        Effect(counted.map(|(name, count)| (name.to_owned(), count)).collect())
    }
}

impl<const N: usize> From<[(&str, u64); N]> for Effect {
    fn from(counters: [(&str, u64); N]) -> Effect {
        counters.into_iter().collect()
    }
}

impl Start {
    /// Whether it is that adversary. The first version said so in the action alone.
    #[must_use]
    pub fn is_adaptive(&self) -> bool {
        let until = self.action.pointer("/hold/frames/meddling/what/hold");
        self.adaptive || until.is_some_and(|until| until == "moved")
    }
}

impl Heal {
    /// Whether the strike had an effect, as said or as counted.
    #[must_use]
    pub fn is_effective(&self) -> bool {
        self.effective.unwrap_or_else(|| self.effect.is_effective())
    }
}

/// What of a remark was not understood.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Doubt {
    /// The remark's name.
    pub f: String,
    /// What it is about.
    pub what: Misread,
}

/// How a remark was not understood.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Misread {
    /// There is no remark of this name, so nothing is known of it.
    Unknown,
    /// It is not what a remark of this name says, for this reason. It is passed over.
    Unreadable(String),
    /// It also says this, which nobody knows what to make of. The rest counts.
    Fields(Vec<String>),
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.f;
        match &self.what {
            Misread::Unknown => write!(f, "the nemesis's `{name}` is no remark that is known here"),
            Misread::Unreadable(why) => write!(f, "the nemesis's `{name}` cannot be read: {why}"),
            Misread::Fields(fields) => write!(
                f,
                "the nemesis's `{name}` says what is not known here: {}",
                fields.join(", ")
            ),
        }
    }
}

impl std::error::Error for Doubt {}

impl Remark {
    /// The name and the value of its event.
    ///
    /// # Panics
    /// Never: every remark is JSON.
    #[must_use]
    pub fn write(&self) -> (String, Json) {
        if let Remark::Fault(fault, strike) = self {
            let value = serde_json::to_value(strike).expect("a strike is JSON");
            return (fault.clone(), value);
        }
        let mut both = serde_json::to_value(self).expect("a remark is JSON");
        let name = both["f"].as_str().expect("a remark has a name").to_owned();
        (name, both["value"].take())
    }

    /// What is understood of an event of the nemesis, and what is not. A name that is no remark's
    /// is a fault's where the value speaks of a strike.
    #[must_use]
    pub fn read(f: &str, value: &Json) -> (Option<Remark>, Option<Doubt>) {
        let doubt = |what| Some(Doubt { f: f.to_owned(), what });
        let read = if NAMES.contains(&f) {
            Remark::deserialize(json!({"f": f, "value": value}))
        } else if value.get("phase").is_some() {
            Strike::deserialize(value).map(|strike| Remark::Fault(f.to_owned(), strike))
        } else {
            return (None, doubt(Misread::Unknown));
        };
        match read {
            Err(error) => (None, doubt(Misread::Unreadable(error.to_string()))),
            Ok(remark) => {
                let unknown = left_over(value, &remark.write().1);
                let doubt = if unknown.is_empty() { None } else { doubt(Misread::Fields(unknown)) };
                (Some(remark), doubt)
            }
        }
    }
}

/// Old names of fields, which are still read.
const RENAMED: [&str; 2] = ["effect", "bit"];

/// The fields of `told` that say something and are not in what was understood of it.
fn left_over(told: &Json, understood: &Json) -> Vec<String> {
    let fields = told.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
    let unknown = fields
        .filter(|(name, _)| understood.get(name).is_none() && !RENAMED.contains(&name.as_str()));
    unknown.map(|(name, _)| name.clone()).collect()
}

#[cfg(test)]
mod tests;
