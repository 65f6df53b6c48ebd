//! Whether a failover may have lost an append: in which epoch its node acknowledged it, and which
//! epochs opened later, from the traces. The epoch is the one that the node itself wrote down
//! before its answer left, as leader of that epoch; nothing else can tell a loss that was never
//! promised away from a bug.
//! It never excuses by what is missing: then nobody can say.

use std::collections::{BTreeSet, HashMap};

use foldhash::fast::FixedState;

use crate::evidence::trace::{Milestone, milestones};
use crate::evidence::{Evidence, Settings};
use crate::models::log::Acked;

/// An epoch that a node opened as its leader.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Opening {
    pub epoch: u64,
    pub node: String,
    /// The length of the log it opened with. None: its trace does not say.
    pub length: Option<u64>,
}

/// What there is to say for an append that is gone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Excuse<'a> {
    /// This later epoch opened without it.
    Opened(&'a Opening),
    /// Nothing, and why.
    None(String),
    /// The evidence is not enough to say.
    Unclear(String),
}

#[derive(Default)]
pub(super) struct Excuses {
    /// In the order of epochs.
    openings: Vec<Opening>,
    /// (when, epoch) of what a node told clients of an offset.
    told: HashMap<(String, u64), Vec<(u64, u64)>, FixedState>,
    /// Nodes that told anything.
    tellers: BTreeSet<String>,
    /// Why the traces are not all there is to know.
    trouble: Option<String>,
    /// Their clock at time 0 of the history.
    origin: Option<u64>,
}

/// The traces' clock and the history's start within this of each other: reading two clocks takes
/// less, unless the machine is very busy between the two.
const SLACK_NS: u64 = 10_000_000;

impl Excuses {
    pub fn of(evidence: &Evidence, settings: &Settings) -> Self {
        let mut excuses = Excuses { origin: evidence.clock_origin_ns, ..Excuses::default() };
        let missing = settings.nodes.iter().find(|node| !evidence.traces.contains_key(*node));
        excuses.trouble = missing.map(|node| format!("trace/{node}.jsonl is missing"));
        if let Some(why) = evidence.cut_off(settings) {
            excuses.trouble.get_or_insert_with(|| why.into());
        }
        let milestones = match milestones(evidence) {
            Ok(milestones) => milestones,
            Err(error) => {
                excuses.trouble = Some(error);
                return excuses;
            }
        };
        let mut led = BTreeSet::new();
        for (node, milestone) in milestones {
            match milestone {
                Milestone::Leads { epoch, length, .. } => {
                    led.insert((node.clone(), epoch));
                    excuses.openings.push(Opening { epoch, node, length });
                }
                // What it says of an epoch that it did not lead until then proves nothing.
                Milestone::Tells { at, epoch, offset } if led.contains(&(node.clone(), epoch)) => {
                    excuses.tellers.insert(node.clone());
                    excuses.told.entry((node, offset)).or_default().push((at, epoch));
                }
                Milestone::Tells { .. } | Milestone::Decides { .. } => {}
            }
        }
        excuses.openings.sort();
        excuses
    }

    /// Of an acknowledged append that is gone.
    pub fn excuse(&self, append: &Acked<'_>) -> Excuse<'_> {
        let Some(node) = &append.ret.node else {
            return Excuse::Unclear("nobody wrote down which node acknowledged".into());
        };
        let (epochs, meanwhile) = self.epochs(node, append);
        let Some(&last) = epochs.last() else { return self.untold(node) };
        let without = |epoch: u64| {
            let later = self.openings.iter().filter(move |opening| opening.epoch > epoch);
            later.clone().find(|o| o.length.is_some_and(|length| length <= append.offset))
        };
        let excused = epochs.iter().filter(|epoch| without(**epoch).is_some()).count();
        if excused > 0 && !meanwhile {
            let why = format!("{node} told of the same offset, but not while this was asked");
            return Excuse::Unclear(why);
        }
        if excused == epochs.len() {
            return Excuse::Opened(without(last).expect("all of them are excused"));
        }
        if excused > 0 {
            return Excuse::Unclear(format!(
                "{node} told of the same offset in epochs {} and {last} meanwhile",
                epochs[0]
            ));
        }
        if let Some(trouble) = &self.trouble {
            return Excuse::Unclear(trouble.clone());
        }
        let silent = self.openings.iter().find(|o| o.epoch > epochs[0] && o.length.is_none());
        if let Some(Opening { epoch, node, .. }) = silent {
            let why = format!("{node} does not say with what length it opened epoch {epoch}");
            return Excuse::Unclear(why);
        }
        let later = self.openings.iter().filter(|opening| opening.epoch > last);
        let shortest = later.min_by_key(|opening| opening.length);
        let instead = match shortest {
            None => "no later epoch opened".to_owned(),
            Some(Opening { epoch, node, length }) => format!(
                "every later epoch opened with it: {node} opened epoch {epoch} with length {}",
                length.unwrap_or_default()
            ),
        };
        Excuse::None(format!("that was in epoch {last}, and {instead}"))
    }

    /// In which epochs this node told of the offset while the append was under way, ascending. If
    /// it did not: in which it did at all, and false.
    fn epochs(&self, node: &str, append: &Acked<'_>) -> (Vec<u64>, bool) {
        let told = self.told.get(&(node.to_owned(), append.offset)).map_or(&[][..], Vec::as_slice);
        let times = self.origin.zip(append.invoke.time()).zip(append.ret.time());
        let meanwhile = |at: u64| {
            times.is_none_or(|((origin, asked), answered)| {
                let from = origin.saturating_add(asked).saturating_sub(SLACK_NS);
                let to = origin.saturating_add(answered).saturating_add(SLACK_NS);
                (from..=to).contains(&at)
            })
        };
        let timely = told.iter().any(|(at, _)| meanwhile(*at));
        let told = told.iter().filter(|(at, _)| meanwhile(*at) || !timely);
        let epochs: BTreeSet<u64> = told.map(|(_, epoch)| *epoch).collect();
        (epochs.into_iter().collect(), timely)
    }

    /// The node's trace has no line for this acknowledgement.
    fn untold(&self, node: &str) -> Excuse<'_> {
        if let Some(trouble) = &self.trouble {
            return Excuse::Unclear(trouble.clone());
        }
        if !self.tellers.contains(node) {
            let why = format!("trace/{node}.jsonl does not say in which epochs it acknowledged");
            return Excuse::Unclear(why);
        }
        Excuse::None(format!("trace/{node}.jsonl tells of other acknowledgements, not of this one"))
    }
}
