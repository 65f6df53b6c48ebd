//! Linearizability of any model by searching configurations (docs/internals/checkers.md).
//! It never visits two configurations of which one can do all that the other can, and it never
//! answers valid or violated unless it went to the end.

#[cfg(test)]
pub mod brute;
mod config;
mod depth;
mod engine;
#[cfg(test)]
mod hard_tests;
mod line;
mod online;
mod plan;
mod purse;
mod register;
mod space;
mod waiting;

use std::collections::HashMap;

use foldhash::fast::FixedState;

pub use line::LineSpace;
pub use online::{Online, Told};
pub use plan::Piece;
pub use register::RegisterSpace;
pub use space::{Numbered, Space};

use crate::budget::{Meter, Spent};
use crate::models::spec::{Spec, Timed};
use depth::Depth;
use engine::{Engine, Mode};
use plan::{Plan, Step};
use purse::{Purse, Rival, Stop};

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ended {
    /// Some order explains every answer.
    Explained,
    /// No order explains this return.
    Stuck {
        id: u32,
        rank: u32,
        /// The states that were possible until then.
        states: Vec<u32>,
        /// An earlier return may be the first that no order explains.
        late: bool,
    },
    /// The budget is spent. Everything before this rank is explained.
    Spent { rank: u32, spent: Spent },
}

/// What a search found, in words.
#[derive(Clone, PartialEq, Debug)]
pub struct Searched {
    pub ended: Ended,
    /// States that were possible just before it got stuck, in words; a few of them.
    pub states: Vec<String>,
    pub most: usize,
    /// How many events were told to whoever watches.
    pub told: u64,
    /// Who decided it.
    pub by: Way,
}

/// How a search goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    /// The two below in turns; the first that ends decides.
    Turns,
    /// All configurations are carried along, event by event.
    Configurations,
    /// One configuration is followed at a time.
    DepthFirst,
}

impl Way {
    /// Every way, by the name that `--algorithm` takes.
    pub const ALL: [(&str, Way); 3] = [
        ("search", Way::Turns),
        ("configurations", Way::Configurations),
        ("depth-first", Way::DepthFirst),
    ];
}

/// So many states are named when a search is stuck.
const STATES_SHOWN: usize = 6;

/// Searches one object of any model. Operations are in the order of invocation.
pub fn search<S: Spec>(spec: &S, mut ops: Vec<Timed<S::Op>>, way: Way, meter: &Meter) -> Searched {
    spec.refine(&mut ops);
    let (pieces, classes) = classify(spec, &ops);
    search_space(&mut Numbered::new(spec.clone(), classes), pieces, way, meter)
}

/// The same without looking ahead: it gets stuck exactly where nothing explains the history so
/// far, and names every state that was possible until then.
pub fn search_plainly<S: Spec>(spec: &S, ops: &[Timed<S::Op>], meter: &Meter) -> Searched {
    let (pieces, classes) = classify(spec, ops);
    let mut space = Numbered::new(spec.clone(), classes);
    search_space(&mut space, pieces, Way::Configurations, meter)
}

/// Searches one object whose operations have classes already.
pub fn search_space<S: Space>(
    space: &mut S,
    pieces: Vec<Piece>,
    way: Way,
    meter: &Meter,
) -> Searched {
    let plan = Plan::new(pieces, |class| space.useful_until(class));
    let mut purse = Purse::new(meter);
    let mut far = Far { most: 1, rank: plan.steps.first().map_or(0, |step| step.0) };
    let (ended, mut states, by) = sized(space, &plan, way, &mut purse, &mut far);
    states.truncate(STATES_SHOWN);
    Searched { ended, states, most: far.most, told: purse.told(), by }
}

struct Far {
    most: usize,
    rank: u32,
}

/// What was found, with the states that were possible until then in words, and by whom.
type Outcome = (Ended, Vec<String>, Way);

/// Runs with the smallest configurations that have room for everything.
fn sized<'a, S: Space + 'a>(
    space: &mut S,
    plan: &'a Plan,
    way: Way,
    purse: &mut Purse<'a>,
    far: &mut Far,
) -> Outcome {
    let bits = plan.open_slots.max(plan.done_slots);
    match (bits, plan.lost_slots) {
        (0..=64, 0..=8) => take_turns::<S, 1, 8>(space, plan, way, purse, far),
        (0..=64, 0..=32) => take_turns::<S, 1, 32>(space, plan, way, purse, far),
        (0..=256, 0..=128) => take_turns::<S, 4, 128>(space, plan, way, purse, far),
        (0..=1024, 0..=2048) => take_turns::<S, 16, 2048>(space, plan, way, purse, far),
        // More than that at once is far beyond any search; say so before it is tried.
        _ => {
            let spent = Spent::Room { open: bits, lost: plan.lost_slots };
            (Ended::Spent { rank: far.rank, spent }, Vec::new(), Way::Turns)
        }
    }
}

/// More operations than this are not followed one way at a time beside the other search: what waits
/// at each return would take too much memory.
const DEPTH_FIRST_MAX: usize = 1 << 17;

fn take_turns<'a, S: Space + 'a, const W: usize, const I: usize>(
    space: &mut S,
    plan: &'a Plan,
    way: Way,
    purse: &mut Purse<'a>,
    far: &mut Far,
) -> Outcome {
    let small = way == Way::DepthFirst || plan.pieces.len() <= DEPTH_FIRST_MAX;
    if way != Way::Configurations && small {
        let space = space.clone();
        purse.rival(Box::new(move || {
            let depth = Depth::<S, W, I>::new(space, plan)?;
            Ok(Box::new(depth) as Box<dyn Rival + 'a>)
        }));
    }
    let mut spent = None;
    if way != Way::DepthFirst {
        match widen::<S, W, I>(space, plan, purse, far) {
            Ok(ended) => {
                let mut words = Vec::new();
                if let Ended::Stuck { states, .. } = &ended {
                    let shown = states.iter().take(STATES_SHOWN);
                    words = shown.map(|&state| space.show(state)).collect();
                }
                return (ended, words, Way::Configurations);
            }
            Err(Stop::Spent(why)) => spent = Some(why),
            Err(Stop::Decided) => {}
        }
    }
    match purse.rival_alone() {
        Ok((ended, words)) => (ended, words, Way::DepthFirst),
        Err(rivals) => {
            let spent = spent.or(rivals).expect("a search that does not end says why");
            (Ended::Spent { rank: far.rank, spent }, Vec::new(), way)
        }
    }
}

/// Carries few configurations along first: if one of them comes through, that is all it takes.
/// Only a search that dropped none can say that there is no way; that is often quick to see if
/// lost operations may help again and again.
fn widen<S: Space, const W: usize, const I: usize>(
    space: &mut S,
    plan: &Plan,
    purse: &mut Purse<'_>,
    far: &mut Far,
) -> Result<Ended, Stop> {
    for (at, &mode) in MODES.iter().enumerate() {
        if mode.endless && plan.lost_slots == 0 {
            continue; // the same as the last
        }
        if at > 0 {
            space.restart();
        }
        let engine = Engine::<W, I>::new(mode);
        if let Some(ended) = run(engine, space, plan, purse, far)? {
            return Ok(ended);
        }
    }
    unreachable!("the last mode drops nothing")
}

/// Most histories never have more than the first beam; each later one costs as much as the ones
/// before it.
#[cfg(not(test))]
const MODES: [Mode; 7] = [
    Mode { beam: 64, endless: false },
    Mode { beam: 256, endless: false },
    Mode { beam: 1024, endless: true },
    Mode { beam: 1024, endless: false },
    Mode { beam: 8192, endless: false },
    Mode { beam: 1 << 16, endless: true },
    Mode { beam: usize::MAX, endless: false },
];
/// Small, so that small histories drop some.
#[cfg(test)]
const MODES: [Mode; 4] = [
    Mode { beam: 1, endless: false },
    Mode { beam: 8, endless: true },
    Mode { beam: 3, endless: false },
    Mode { beam: usize::MAX, endless: false },
];

/// Goes through all steps. None: it proved nothing, because of its mode.
fn run<S: Space, const W: usize, const I: usize>(
    mut engine: Engine<W, I>,
    space: &mut S,
    plan: &Plan,
    purse: &mut Purse<'_>,
    far: &mut Far,
) -> Result<Option<Ended>, Stop> {
    let endless = engine.mode.endless;
    for (at, &(rank, step)) in plan.steps.iter().enumerate() {
        match engine.step(space, &plan.pieces, step, rank, purse) {
            Ok(true) => far.most = far.most.max(engine.alive()),
            Ok(false) if engine.dropped => return Ok(None),
            Ok(false) => {
                let Step::Return(at) = step else { unreachable!("only returns fail") };
                let id = plan.pieces[at as usize].id;
                let states = engine.states();
                return Ok(Some(Ended::Stuck { id, rank, states, late: endless }));
            }
            Err(stop) => {
                if !endless {
                    far.rank = far.rank.max(rank);
                }
                return Err(stop);
            }
        }
        if !endless {
            far.rank = far.rank.max(rank);
            purse.reached(at as u64 + 1);
        } else if engine.dropped {
            return Ok(None); // nothing can come of it any more
        }
    }
    Ok((!endless).then_some(Ended::Explained))
}

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
