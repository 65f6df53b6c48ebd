//! Carries out the plan: strikes when it is time, heals when it is over. It never chooses: every
//! choice was drawn before the start, or is read off the world by the fault itself.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::rc::Rc;
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;
use schism_facts::remark::{self, Heal, Remark, Start};

use super::context::{ActiveOverlay, Context};
use crate::action::{Action, EPOCH, Effect, NodeId, Operator, OverlayId, PROMOTED};
use crate::clock::{Nanos, nanos, within};
use crate::faults::{self, Aimed, Topology};
use crate::plan::{Plan, Strike};
use crate::worlds::WorldError;

/// A node answers a promotion once a majority has put it on disk; longer nobody waits at a prompt.
const PROMOTE_MAX: Duration = Duration::from_secs(10);

/// Between two tries of the operator's last word: longer than a look at the statuses takes.
const LAST_WORD_EVERY: Duration = Duration::from_millis(150);

/// The one who breaks things.
pub struct Nemesis {
    context: Rc<Context>,
    topology: Topology,
    /// What is due, by time and then in the order it was planned.
    agenda: BinaryHeap<Reverse<(Nanos, u64, Step)>>,
    strikes: Vec<Strike>,
    planned: u64,
    /// Overlays of before the disturbance, each with how long it lasts from then on.
    early: Vec<(OverlayId, Duration)>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Step {
    /// The overlay's time is over. Before a strike at the same moment.
    Heal(OverlayId),
    /// The strike at this place of the plan.
    Strike(usize),
}

impl Nemesis {
    /// Nothing is due before it begins.
    pub fn new(context: Rc<Context>, plan: &Plan) -> Self {
        let topology = Topology { nodes: context.nodes, clients: context.clients };
        Nemesis {
            context,
            topology,
            agenda: BinaryHeap::new(),
            strikes: plan.strikes.clone(),
            planned: 0,
            early: Vec::new(),
        }
    }

    /// Does what has to be there before the first operation.
    pub async fn prepare(&mut self) -> Result<(), WorldError> {
        for strike in self.strikes.clone() {
            if strike.early {
                self.strike(&strike).await?;
            }
        }
        Ok(())
    }

    /// The plan's strikes count from `start`, the beginning of the disturbance.
    pub fn begin(&mut self, start: Nanos) {
        for place in 0..self.strikes.len() {
            if !self.strikes[place].early {
                self.plan(start + nanos(self.strikes[place].at), Step::Strike(place));
            }
        }
        for (overlay, lasts) in std::mem::take(&mut self.early) {
            self.plan(start + nanos(lasts), Step::Heal(overlay));
        }
    }

    /// When there is something to do next.
    pub fn next_at(&self) -> Option<Nanos> {
        self.agenda.peek().map(|Reverse((at, _, _))| *at)
    }

    /// Does what is due.
    pub async fn act(&mut self) -> Result<(), WorldError> {
        let now = self.context.clock.now();
        if self.next_at().is_none_or(|at| at > now) {
            return Ok(());
        }
        let Reverse((_, _, step)) = self.agenda.pop().expect("something is due");
        match step {
            Step::Heal(overlay) => heal(&self.context, overlay).await,
            Step::Strike(place) => {
                let strike = self.strikes[place].clone();
                self.strike(&strike).await
            }
        }
    }

    async fn strike(&mut self, strike: &Strike) -> Result<(), WorldError> {
        let fault = faults::find(&strike.fault).expect("a plan names faults of the table");
        match fault.resolve(&strike.detail, self.topology, &self.context.view()) {
            Ok(aimed) => self.apply(strike, aimed).await,
            Err(why) => {
                let skip = remark::Strike::Skip { strike: Some(strike.id), why };
                self.context.remark(Remark::Fault(strike.fault.clone(), skip));
                Ok(())
            }
        }
    }

    async fn apply(&mut self, strike: &Strike, aimed: Aimed) -> Result<(), WorldError> {
        let Aimed { action, words } = aimed;
        let overlay = self.context.world.apply(action.clone()).await?;
        let start = remark::Strike::Start(Start {
            overlay: Some(overlay.0),
            strike: Some(strike.id),
            targets: action.targets().into_iter().collect(),
            describe: words.clone(),
            lasts_ms: Some(strike.lasts.as_secs_f64() * 1e3),
            adaptive: action.is_adaptive(),
            halts: action.halts(),
            action: serde_json::to_value(&action).expect("an action is JSON"),
        });
        let started = self.context.remark(Remark::Fault(strike.fault.clone(), start));
        if let Action::Once(Operator::Promote { node }) = action {
            let context = Rc::clone(&self.context);
            let (fault, id) = (strike.fault.clone(), strike.id);
            let promotion = async move { promote(&context, node, &fault, overlay, id).await };
            self.context.clock.spawn(Box::pin(promotion));
        } else {
            let active =
                ActiveOverlay { fault: strike.fault.clone(), strike: strike.id, describe: words };
            let before = self.context.active.borrow_mut().insert(overlay, active);
            assert!(before.is_none(), "an overlay's id is never used twice");
            if strike.early {
                self.early.push((overlay, strike.lasts));
            } else {
                self.plan(started + nanos(strike.lasts), Step::Heal(overlay));
            }
        }
        self.context.note_progress(false);
        Ok(())
    }

    fn plan(&mut self, at: Nanos, step: Step) {
        self.agenda.push(Reverse((at, self.planned, step)));
        self.planned += 1;
    }
}

/// Asks a node to lead and records its answer, while everything else goes on.
async fn promote(context: &Context, node: NodeId, fault: &str, overlay: OverlayId, strike: u64) {
    let (effect, answer) = match ask_to_lead(context, node).await {
        Ok(Some(epoch)) => {
            (Effect::from([(PROMOTED, 1), (EPOCH, epoch)]), format!("{node} leads epoch {epoch}"))
        }
        Ok(None) => (Effect::from([(PROMOTED, 1)]), format!("{node} was told to lead")),
        Err(why) => (Effect::default(), why),
    };
    let heal = Heal { answer: Some(answer), ..heal_of(overlay, strike, effect) };
    context.remark(Remark::Fault(fault.to_owned(), remark::Strike::Heal(heal)));
}

/// Makes a node lead, by commands where the system has some, and else by asking it: its epoch, if
/// it says one.
async fn ask_to_lead(context: &Context, node: NodeId) -> Result<Option<u64>, String> {
    if let Some(work) = context.world.promote(node) {
        return work.await.map(|()| None);
    }
    let mut client = context.world.direct();
    let deadline = context.clock.now() + nanos(PROMOTE_MAX);
    match within(&*context.clock, deadline, client.promote(node)).await {
        Some(Ok(epoch)) => Ok(Some(epoch)),
        Some(Err(refusal)) => Err(refusal.why()),
        None => Err("timeout".to_string()),
    }
}

/// The operator's last word: where everything is healed and nobody leads, he promotes nodes in turn
/// until one does. Whether progress may be demanded then. Where nodes elect, they are left alone.
pub async fn ensure_someone_leads(context: &Context) -> bool {
    if !context.system.waits_for_operator() {
        return context.note_progress(false);
    }
    let deadline = context.clock.now() + nanos(PROMOTE_MAX);
    for node in (0..context.nodes).cycle().map(|number| NodeId(number + 1)) {
        if context.note_progress(false) || context.clock.now() >= deadline {
            break;
        }
        // Who does not answer is not ready, unless nobody answers.
        let silent = context.view().silent;
        if silent.contains(&node) && silent.len() < usize::from(context.nodes) {
            continue;
        }
        let asked = ask_to_lead(context, node);
        if let Some(Ok(epoch)) = within(&*context.clock, deadline, asked).await {
            context.remark(Remark::Operator { node, epoch: epoch.unwrap_or(0) });
            // Whoever was told by commands must not find another told before it is seen to lead.
            while epoch.is_none() && !context.note_progress(false) && context.clock.now() < deadline
            {
                context.clock.sleep(LAST_WORD_EVERY).await;
            }
        }
        // A restarted node needs a moment, and so does the look at the statuses.
        context.clock.sleep(LAST_WORD_EVERY).await;
    }
    context.note_progress(false)
}

/// What there is to say of every heal.
fn heal_of(overlay: OverlayId, strike: u64, effect: Effect) -> Heal {
    Heal {
        overlay: Some(overlay.0),
        strike: Some(strike),
        effective: Some(effect.is_effective()),
        effect,
        ..Heal::default()
    }
}

/// Removes one overlay and records what it had done.
async fn heal(context: &Context, overlay: OverlayId) -> Result<(), WorldError> {
    let active = context.active.borrow_mut().remove(&overlay).expect("an active overlay is healed");
    // What the heal sets free may act before it is confirmed.
    let lifted = context.clock.now();
    let effect = context.world.heal(overlay).await?;
    let heal = Heal { lifted_ns: Some(lifted), ..heal_of(overlay, active.strike, effect) };
    context.remark(Remark::Fault(active.fault, remark::Strike::Heal(heal)));
    context.note_progress(false);
    Ok(())
}

/// Heals whole overlays in the order drawn from `rng` until progress may be demanded. Whether it
/// may.
pub async fn heal_enough(context: &Context, rng: &mut ChaCha8Rng) -> Result<bool, WorldError> {
    let mut left: Vec<OverlayId> = context.active.borrow().keys().copied().collect();
    while !context.note_progress(false) && !left.is_empty() {
        let drawn = (rng.next_u64() % left.len() as u64) as usize;
        heal(context, left.remove(drawn)).await?;
    }
    Ok(context.note_progress(false))
}

/// Heals everything that is left.
pub async fn heal_all(context: &Context) -> Result<(), WorldError> {
    let left: Vec<OverlayId> = context.active.borrow().keys().copied().collect();
    for overlay in left {
        heal(context, overlay).await?;
    }
    assert!(context.active.borrow().is_empty(), "nothing is left after everything was healed");
    Ok(())
}
