//! Linearizability of any model by searching configurations (design: checkers, section 3).
//! It never visits two configurations of which one can do all that the other can, and it never
//! answers valid or violated unless it went to the end.

#[cfg(test)]
pub mod brute;
mod config;
mod engine;
mod plan;
mod register;
mod space;

use std::collections::HashMap;

use foldhash::fast::FixedState;

pub use engine::Ended;
pub use plan::Piece;
pub use register::RegisterSpace;
pub use space::{Numbered, Space};

use crate::budget::{Meter, Spent};
use crate::models::spec::{Spec, Timed};
use engine::Engine;
use plan::Plan;

/// What a search found, in words.
#[derive(Clone, PartialEq, Debug)]
pub struct Searched {
    /// How it ended.
    pub ended: Ended,
    /// States that were possible just before it got stuck, in words; a few of them.
    pub states: Vec<String>,
    /// The greatest number of configurations alive at once.
    pub most: usize,
}

/// So many states are named when a search is stuck.
const STATES_SHOWN: usize = 6;

/// Searches one object of any model. Operations are in the order of invocation.
pub fn search<S: Spec>(spec: &S, mut ops: Vec<Timed<S::Op>>, meter: &Meter) -> Searched {
    spec.refine(&mut ops);
    search_plainly(spec, &ops, meter)
}

/// The same without looking ahead: it gets stuck exactly where nothing explains the history so
/// far, and names every state that was possible until then.
pub fn search_plainly<S: Spec>(spec: &S, ops: &[Timed<S::Op>], meter: &Meter) -> Searched {
    let (pieces, classes) = classify(spec, ops);
    search_space(&mut Numbered::new(spec, classes), pieces, meter)
}

/// Searches one object whose operations have classes already.
pub fn search_space<S: Space>(space: &mut S, pieces: Vec<Piece>, meter: &Meter) -> Searched {
    let plan = Plan::new(pieces, |class| space.useful_until(class));
    let mut most = 1;
    let ended = sized(space, &plan, meter, &mut most);
    let states = match &ended {
        Ended::Stuck { states, .. } => {
            states.iter().take(STATES_SHOWN).map(|&state| space.show(state)).collect()
        }
        _ => Vec::new(),
    };
    Searched { ended, states, most }
}

/// Runs the engine with the smallest configurations that have room for everything.
fn sized<S: Space>(space: &mut S, plan: &Plan, meter: &Meter, most: &mut usize) -> Ended {
    let bits = plan.open_slots.max(plan.done_slots);
    match (bits, plan.lost_slots) {
        (0..=64, 0..=8) => widen::<S, 1, 8>(space, plan, meter, most),
        (0..=64, 0..=32) => widen::<S, 1, 32>(space, plan, meter, most),
        (0..=256, 0..=128) => widen::<S, 4, 128>(space, plan, meter, most),
        (0..=1024, 0..=2048) => widen::<S, 16, 2048>(space, plan, meter, most),
        // More than that at once is far beyond any search; say so before it is tried.
        _ => Ended::Spent {
            rank: plan.steps.first().map_or(0, |step| step.0),
            spent: Spent::Room { open: bits, lost: plan.lost_slots },
        },
    }
}

/// Carries few configurations along first: if one of them comes through, that is all it takes.
/// Only a search that dropped none can say that there is no way.
fn widen<S: Space, const W: usize, const I: usize>(
    space: &mut S,
    plan: &Plan,
    meter: &Meter,
    most: &mut usize,
) -> Ended {
    for beam in BEAMS {
        if let Some(ended) = Engine::<S, W, I>::new(space, plan, beam).run(meter, most) {
            return ended;
        }
        space.restart();
    }
    unreachable!("the last beam drops nothing")
}

/// Most histories never have more than the first; each step costs as much as the ones before it.
#[cfg(not(test))]
const BEAMS: [usize; 3] = [256, 4096, usize::MAX];
/// Small, so that small histories drop some.
#[cfg(test)]
const BEAMS: [usize; 3] = [1, 3, usize::MAX];

/// Gives equal operations one number.
fn classify<S: Spec>(spec: &S, ops: &[Timed<S::Op>]) -> (Vec<Piece>, Vec<S::Op>) {
    let mut numbers: HashMap<&S::Op, u32, FixedState> = HashMap::default();
    let mut classes = Vec::new();
    let mut pieces = Vec::with_capacity(ops.len());
    for timed in ops {
        let class = *numbers.entry(&timed.op).or_insert_with(|| {
            classes.push(timed.op.clone());
            classes.len() as u32 - 1
        });
        pieces.push(Piece::new(timed, class, spec.only_reads(&timed.op)));
    }
    (pieces, classes)
}
