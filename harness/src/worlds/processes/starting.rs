//! Nodes that are prepared before they are started, or wait for others; and those that come back
//! after a fault.
//! It never waits for a node to be ready: whoever asks for the next ones has seen that it is.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::{Rc, Weak};
use std::time::{Duration, Instant};

use tokio::task::spawn_local;
use tokio::time::sleep;

use super::Processes;
use crate::action::{NodeId, NodeShape};
use crate::systems::{Launch, Promotion};
use crate::worlds::WorldError;

/// Between two tries of what lets a node come back: whom it joins may be about to come back too.
const AGAIN: Duration = Duration::from_millis(500);

/// Who was started, and who is about to be.
#[derive(Debug, Default)]
pub(super) struct Starting {
    /// Those that were not started yet, those in one group at once.
    next: RefCell<VecDeque<Vec<NodeId>>>,
    /// Those that were.
    started: RefCell<BTreeSet<NodeId>>,
    /// How often each was told to come back, or killed: what was begun before is no longer wanted.
    turns: RefCell<BTreeMap<NodeId, u64>>,
    /// Who led last.
    leader: Cell<Option<NodeId>>,
    steps: Cell<u64>,
    /// The world itself, for what goes on beside an order.
    pub(super) me: OnceCell<Weak<Processes>>,
}

impl Starting {
    /// None is started yet.
    pub(super) fn new(launches: &BTreeMap<NodeId, Launch>) -> Self {
        let mut groups: VecDeque<Vec<NodeId>> = VecDeque::new();
        for (&node, launch) in launches {
            match groups.back_mut() {
                Some(group) if !launch.waits => group.push(node),
                _ => groups.push_back(vec![node]),
            }
        }
        Starting { next: RefCell::new(groups), ..Starting::default() }
    }

    /// A number that no step had.
    pub(super) fn number(&self) -> u64 {
        self.steps.set(self.steps.get() + 1);
        self.steps.get()
    }

    /// Who was not started yet.
    pub(super) fn waiting(&self) -> BTreeSet<NodeId> {
        self.next.borrow().iter().flatten().copied().collect()
    }

    /// Whether it was started before this.
    pub(super) fn again(&self, node: NodeId) -> bool {
        !self.started.borrow_mut().insert(node)
    }

    pub(super) fn led_by(&self, leader: Option<NodeId>) {
        // Who led last is whom others follow, until somebody else does.
        self.leader.set(leader.or(self.leader.get()));
    }

    /// Whatever was begun with this node is no longer wanted.
    pub(super) fn turn(&self, node: NodeId) -> u64 {
        let mut turns = self.turns.borrow_mut();
        let turn = turns.entry(node).or_default();
        *turn += 1;
        *turn
    }

    fn is_turn(&self, node: NodeId, turn: u64) -> bool {
        self.turns.borrow().get(&node) == Some(&turn)
    }
}

impl Processes {
    /// Prepares and starts the next nodes; false: all have been started.
    pub(super) async fn start_group(&self) -> Result<bool, WorldError> {
        let Some(group) = self.starting.next.borrow_mut().pop_front() else { return Ok(false) };
        for &node in &group {
            for step in self.launches[&node].processes.iter().flat_map(|one| &one.setup) {
                self.must(node, step).await?;
            }
        }
        for &node in &group {
            for step in self.launches[&node].processes.iter().flat_map(|one| &one.before_start) {
                self.must(node, step).await?;
            }
            let _changing = self.changing.lock().await;
            self.spawn(node).await?;
        }
        Ok(true)
    }

    /// Starts a node that no overlay keeps down any more; one that is paused waits for the end of
    /// that. `changing` is held. What has to be done before is done beside.
    pub(super) async fn start_again(&self, node: NodeId) -> Result<(), WorldError> {
        let shape = self.shape(node);
        if shape.down || self.is_up(node) {
            return Ok(());
        }
        if shape.paused {
            self.waiting.borrow_mut().insert(node);
            return Ok(());
        }
        self.waiting.borrow_mut().remove(&node);
        let turn = self.starting.turn(node);
        if self.launches[&node].before_again(node, self.starting.leader.get()).is_empty() {
            return self.spawn(node).await;
        }
        let me = self.starting.me.get().and_then(Weak::upgrade);
        let me = me.expect("a world that was started knows itself");
        spawn_local(me.come_back(node, turn));
        Ok(())
    }

    async fn come_back(self: Rc<Self>, node: NodeId, turn: u64) {
        let _changing = loop {
            let leader = self.starting.leader.get();
            let Some(is_done) = self.prepare(node, turn, leader).await else { return };
            let changing = self.changing.lock().await;
            // Who rejoined one that leads no longer rejoins its successor.
            if is_done && self.starting.leader.get() == leader {
                break changing;
            }
        };
        if !self.starting.is_turn(node, turn) {
            return;
        }
        if self.shape(node).paused {
            self.waiting.borrow_mut().insert(node);
            return;
        }
        if let Err(error) = self.spawn(node).await
            && self.nodes.alarm.why().is_none()
        {
            self.shortages.add(error.to_string());
        }
    }

    /// Does what has to be done before a node comes back to those whom this one leads. False:
    /// another one leads by now. None: the node is not to be started any more.
    async fn prepare(&self, node: NodeId, turn: u64, leader: Option<NodeId>) -> Option<bool> {
        for step in &self.launches[&node].before_again(node, leader) {
            let began = Instant::now();
            loop {
                if !self.starting.is_turn(node, turn) {
                    return None;
                }
                // The world is being ended, and says why itself.
                let failed = self.step(node, step).await.ok()?;
                let Some(how) = failed else { break };
                if self.starting.leader.get() != leader {
                    return Some(false);
                }
                if self.starting.is_turn(node, turn) && began.elapsed() > step.within {
                    self.shortages.add(self.told(node, step, &how).to_string());
                    return None;
                }
                sleep(AGAIN).await;
            }
        }
        Some(true)
    }

    /// What an operator does: nobody else may lead, the node is told to, and the others to follow.
    pub(super) async fn promote_by_hand(
        &self,
        node: NodeId,
        promotion: &Promotion,
    ) -> Result<(), WorldError> {
        let before = self.starting.leader.get().filter(|before| *before != node);
        let fenced = before.filter(|before| promotion.fence && self.is_up(*before));
        if let Some(before) = fenced {
            let _changing = self.changing.lock().await;
            self.starting.turn(before);
            self.nodes.kill(&[before]).await?;
        }
        let led = self.must(node, &promotion.command).await;
        if led.is_ok() {
            self.starting.led_by(Some(node));
            for (&other, launch) in &self.launches {
                let steps = launch.promotion.iter().filter_map(|own| own.others.get(&node));
                for step in steps.flatten().filter(|_| other != node && self.is_up(other)) {
                    // One that cannot be told follows nobody; its steps.log says why.
                    let _ = self.step(other, step).await?;
                }
            }
        }
        if let Some(before) = fenced {
            let _changing = self.changing.lock().await;
            self.start_again(before).await?;
        }
        led
    }

    pub(super) fn shape(&self, node: NodeId) -> NodeShape {
        self.overlays.borrow().node(node)
    }

    /// Whether all processes of a node run.
    pub(super) fn is_up(&self, node: NodeId) -> bool {
        let count = self.launches[&node].processes.len() as u8;
        (0..count).all(|place| self.nodes.runs(node, place))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_that_wait_are_groups_of_their_own() {
        let launch = |waits| Launch { waits, ..Launch::default() };
        let groups = |waits: [bool; 3]| {
            let launches = NodeId::all(3).zip(waits.map(launch)).collect();
            let starting = Starting::new(&launches);
            let groups: Vec<Vec<u8>> = starting
                .next
                .borrow()
                .iter()
                .map(|group| group.iter().map(|node| node.0).collect())
                .collect();
            groups
        };
        assert_eq!(groups([false, false, false]), [vec![1, 2, 3]]);
        assert_eq!(groups([false, true, true]), [[1], [2], [3]]);
    }

    #[test]
    fn whoever_led_last_leads_until_another_does() {
        let starting = Starting::default();
        starting.led_by(Some(NodeId(2)));
        starting.led_by(None);
        assert_eq!(starting.leader.get(), Some(NodeId(2)));
        assert!(!starting.again(NodeId(1)) && starting.again(NodeId(1)));
        let turn = starting.turn(NodeId(1));
        assert!(starting.is_turn(NodeId(1), turn));
        starting.turn(NodeId(1));
        assert!(!starting.is_turn(NodeId(1), turn));
    }
}
