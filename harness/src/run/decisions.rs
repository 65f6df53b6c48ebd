//! The end of a run where values are decided: every key ever proposed for is proposed for once more
//! at every node, and each is asked until it answers. It never calls a key decided that was not
//! answered: what it leaves unrecorded is unknown.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use schism_verify::history::Value;
use serde_json::json;

use super::context::Context;
use super::crew::Crew;
use super::route::Route;
use super::rt::{Nanos, Rt, nanos, within};
use super::settle::{running, why};
use super::worker::{PAUSE, fill_return, invocation};
use crate::action::NodeId;
use crate::generate::ConsensusGenerator;
use crate::systems::{Client, Op, Outcome};

/// One try of a proposal.
const TRY: Duration = Duration::from_secs(1);

/// Beyond the recovery window, so that a verdict about it rests on a full wait.
const BEYOND: Duration = Duration::from_millis(500);

/// Every key anyone proposed for, and whether its decision is known.
#[derive(Default)]
pub struct Decisions {
    keys: RefCell<BTreeMap<Value, bool>>,
    /// How many of them are not.
    undecided: Cell<usize>,
}

impl Decisions {
    /// A proposal is about to be made.
    pub fn note_asked(&self, op: &Op) {
        if let Op::Propose { key, .. } = op {
            let mut keys = self.keys.borrow_mut();
            if !keys.contains_key(key) {
                keys.insert(key.clone(), false);
                self.undecided.set(self.undecided.get() + 1);
            }
        }
    }

    /// A proposal for this key was answered. Whether that proves progress: it was the first answer,
    /// or nothing is left to decide.
    pub fn note_decided(&self, key: &Value) -> bool {
        let mut keys = self.keys.borrow_mut();
        let decided = keys.get_mut(key).expect("a key was noted when it was asked for");
        let first = !std::mem::replace(decided, true);
        if first {
            self.undecided.set(self.undecided.get() - 1);
        }
        first || self.undecided.get() == 0
    }

    fn keys(&self) -> Vec<Value> {
        self.keys.borrow().keys().cloned().collect()
    }
}

/// Proposes for every key at every node, all nodes at once, each from a key of its own on so that
/// they do not race for one key all the way. Whether all answered for all.
pub async fn ask_all<R: Rt>(
    context: &Rc<Context<R>>,
    value_bytes: usize,
    recovery: Duration,
    hurry: Option<Nanos>,
) -> bool {
    let complete = Rc::new(Cell::new(true));
    let crew = Crew::default();
    let mut keys = context.decisions.keys();
    for node in NodeId::all(context.nodes) {
        let (shared, complete) = (Rc::clone(context), Rc::clone(&complete));
        let mine = keys.clone();
        keys.rotate_left(mine.len() / usize::from(context.nodes));
        crew.spawn(&context.rt, async move {
            let client = shared.system.client(shared.direct.clone());
            let process = shared.processes().reader(node);
            let generator = ConsensusGenerator::new(value_bytes, None);
            let mut asker = Asker { context: &*shared, node, client, process, generator };
            let asked = asker.ask_for(&mine, recovery + BEYOND, hurry).await;
            let (whole, length, why) = match asked {
                Ok(()) => (true, mine.len() as u64, None),
                Err((length, why)) => (false, length, Some(why)),
            };
            shared.remark(
                "final-read",
                json!({"node": node, "complete": whole, "length": length, "why": why}),
            );
            complete.set(complete.get() && whole);
        });
    }
    crew.done().await;
    complete.get()
}

/// One process that asks one node.
struct Asker<'a, R> {
    context: &'a Context<R>,
    node: NodeId,
    client: Box<dyn Client>,
    process: u64,
    generator: ConsensusGenerator,
}

impl<R: Rt> Asker<'_, R> {
    /// How many keys were answered, and why no more.
    async fn ask_for(
        &mut self,
        keys: &[Value],
        longest: Duration,
        hurry: Option<Nanos>,
    ) -> Result<(), (u64, String)> {
        if !running(self.context).contains(&self.node) {
            return Err((0, format!("{} is not running", self.node)));
        }
        for (done, key) in keys.iter().enumerate() {
            let give_up = self.context.rt.now() + nanos(longest);
            let limit = give_up.min(hurry.unwrap_or(give_up));
            self.ask(key, limit).await.map_err(|why| (done as u64, format!("{key}: {why}")))?;
        }
        Ok(())
    }

    /// Until it is answered. Every try has a value of its own.
    async fn ask(&mut self, key: &Value, limit: Nanos) -> Result<(), String> {
        loop {
            let op = self.generator.propose(self.process, key.clone());
            let mut event = invocation(self.process, &op);
            event.node = Some(self.context.name(self.node));
            let invoked = self.context.recorder.record(&mut event);
            let (node, outcome) = self.try_once(&op, limit.min(invoked + nanos(TRY))).await;
            let why = why(&outcome);
            let answered = matches!(outcome, Outcome::Ok(_));
            if matches!(outcome, Outcome::Info(_)) {
                self.process = self.context.processes().after(self.process);
            }
            fill_return(&mut event, outcome);
            event.node = Some(self.context.name(node));
            self.context.recorder.record(&mut event);
            if answered {
                return Ok(());
            }
            if self.context.rt.now() >= limit {
                return Err(why);
            }
            self.context.rt.sleep(PAUSE).await;
        }
    }

    /// Asks the node, and whom it names instead.
    async fn try_once(&mut self, op: &Op, deadline: Nanos) -> (NodeId, Outcome) {
        let route = Route::new(self.context.nodes, self.node);
        let mut node = self.node;
        for hops in 0.. {
            let answer = within(&self.context.rt, deadline, self.client.invoke(node, op)).await;
            let outcome = answer.unwrap_or_else(|| Outcome::Info("timeout".into()));
            match route.hop(op, &outcome, hops) {
                Some(next) => node = next,
                None => return (node, outcome),
            }
        }
        unreachable!("hints are followed only so often")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_decision_proves_progress_only_where_nothing_is_left_to_decide() {
        let decisions = Decisions::default();
        let key = |name: &str| Value::Str(name.into());
        let ask = |name| {
            let (key, value) = (key(name), Value::Int(1));
            decisions.note_asked(&Op::Propose { key, value });
        };
        ask("a");
        assert!(decisions.note_decided(&key("a")) && decisions.note_decided(&key("a")));
        ask("b");
        ask("b");
        assert!(!decisions.note_decided(&key("a")), "somebody waits for b");
        assert!(decisions.note_decided(&key("b")) && decisions.note_decided(&key("a")));
    }
}
