//! What everyone in a run shares: the clock, the recorder, the world, and what is known of it.
//! It never waits for anything.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use schism_facts::remark::{self, Phase, Remark};
use schism_verify::history::{Event, Name, Type, Value, nemesis};
use schism_verify::models::{Model, Operation, Proves};

use super::answered::Answered;
use super::decisions::Decisions;
use super::processes::Processes;
use super::recorder::Recorder;
use crate::action::{NodeId, OverlayId, View};
use crate::clock::{Clock, Nanos, Signal};
use crate::systems::{NodeStatus, System};
use crate::worlds::{Death, World};

/// After fail or info a process waits, so that a refusing cluster is not asked in a busy loop.
pub const PAUSE: Duration = Duration::from_millis(20);

/// Shared by the tasks of one run.
pub struct Context {
    /// The world's.
    pub clock: Rc<dyn Clock>,
    /// The history.
    pub recorder: Recorder,
    /// What can be broken.
    pub world: Rc<dyn World>,
    /// What is tested.
    pub system: Rc<dyn System>,
    /// What clients ask for.
    pub model: &'static Model,
    /// How many nodes.
    pub nodes: u8,
    /// How many clients.
    pub clients: u16,
    /// Clients and probe finish the operation under way and stop.
    pub clients_stop: Signal,
    /// Everything else stops.
    pub over: Signal,
    /// The world cannot be changed any more.
    pub broken: Signal,
    /// What every node said of itself last; a node that does not answer is not in it.
    pub statuses: RefCell<BTreeMap<NodeId, NodeStatus>>,
    /// Overlays that hold now, each with the words for it.
    pub active: RefCell<BTreeMap<OverlayId, ActiveOverlay>>,
    /// Nodes that died by themselves.
    pub dead: RefCell<BTreeMap<NodeId, String>>,
    /// What was proposed for, and what is decided.
    pub decisions: Decisions,
    /// What was answered of each kind, and by each node.
    pub answered: Answered,
    /// Every key that was asked about; None where there is none.
    pub keys: RefCell<BTreeSet<Option<Value>>>,
    /// The phase as the history calls it.
    pub phase: Cell<&'static str>,
    leader: Cell<Option<(NodeId, u64)>>,
    /// Nodes that were stopped and have not said since that they are recovering no longer.
    forgot: RefCell<BTreeSet<NodeId>>,
    memory_lost: RefCell<Option<String>>,
    troubles: RefCell<Vec<String>>,
    can_progress: Cell<Option<bool>>,
    /// Of whom it may be demanded that they answer. None: that was not said yet.
    serving: RefCell<Option<BTreeSet<NodeId>>>,
    names: Vec<Name>,
}

/// An overlay that holds.
#[derive(Clone, PartialEq, Debug)]
pub struct ActiveOverlay {
    /// The fault's key.
    pub fault: String,
    /// The plan's strike.
    pub strike: u64,
    /// In words.
    pub describe: String,
}

impl Context {
    /// Nothing has happened yet.
    pub fn new(
        recorder: Recorder,
        world: Rc<dyn World>,
        system: Rc<dyn System>,
        model: &'static Model,
        (nodes, clients): (u8, u16),
    ) -> Self {
        let answered = Answered::new(system.reads());
        Context {
            clock: world.clock(),
            recorder,
            world,
            system,
            nodes,
            clients,
            model,
            clients_stop: Signal::default(),
            over: Signal::default(),
            broken: Signal::default(),
            statuses: RefCell::default(),
            active: RefCell::default(),
            dead: RefCell::default(),
            decisions: Decisions::default(),
            answered,
            keys: RefCell::default(),
            phase: Cell::new("starting"),
            leader: Cell::new(None),
            forgot: RefCell::default(),
            memory_lost: RefCell::default(),
            troubles: RefCell::default(),
            can_progress: Cell::new(None),
            serving: RefCell::default(),
            names: NodeId::all(nodes).map(|node| node.to_string().into()).collect(),
        }
    }

    /// A node's name, ready to be recorded.
    pub fn name(&self, node: NodeId) -> Name {
        self.names[usize::from(node.0) - 1].clone()
    }

    /// Who has which process numbers.
    pub fn processes(&self) -> Processes {
        Processes { clients: self.clients, nodes: self.nodes }
    }

    /// Records something the nemesis has to say; returns when.
    pub fn remark(&self, remark: Remark) -> Nanos {
        self.recorder.record(&mut nemesis::event(&remark))
    }

    /// What the model says of an operation.
    pub fn row(&self, asked: &Event) -> &'static Operation {
        self.model.operation(&asked.f).expect("a generator asks what its model has")
    }

    /// Whether an operation is asked of whom its client takes for the leader.
    pub fn goes_to_leader(&self, asked: &Event) -> bool {
        self.row(asked).leads || self.system.reads_go_to_leader()
    }

    /// Records an invocation, asked of `node`; returns when.
    pub fn invoke(&self, asked: &mut Event, node: NodeId) -> Nanos {
        asked.node = Some(self.name(node));
        if self.row(asked).proves == Proves::ProgressOnce {
            self.decisions.note_asked(asked);
        }
        let key = asked.key().cloned();
        if !self.keys.borrow().contains(&key) {
            self.keys.borrow_mut().insert(key);
        }
        self.recorder.record(asked)
    }

    /// Records the return of what was asked at `invoked`, as `node` gave it; returns when. The
    /// recorder has the last word on whether it is an ok.
    pub fn complete(&self, event: &mut Event, node: NodeId, invoked: Nanos) -> Nanos {
        event.node = Some(self.name(node));
        let returned = self.recorder.record(event);
        self.answered.note(self.row(event), event, node, invoked);
        let proves = event.kind == Type::Ok
            && match self.row(event).proves {
                Proves::Nothing => false,
                Proves::Progress => true,
                Proves::ProgressOnce => self.decisions.note_decided(event),
            };
        if proves {
            self.recorder.note_progress(invoked);
        }
        returned
    }

    /// Records that something of the harness's own went wrong, once.
    pub fn trouble(&self, what: String) {
        if !self.troubles.borrow().contains(&what) {
            self.remark(Remark::Trouble { what: what.clone() });
            self.troubles.borrow_mut().push(what);
        }
    }

    /// Records what went wrong in the world that is no node's doing; whether anything did. Nothing
    /// is owed from then on.
    pub fn note_troubles(&self) -> bool {
        let troubles = self.world.troubles();
        let any = !troubles.is_empty();
        for what in troubles {
            self.trouble(what);
        }
        if any {
            self.note_progress(false);
        }
        any
    }

    /// What went wrong first.
    pub fn first_trouble(&self) -> Option<String> {
        self.troubles.borrow().first().cloned()
    }

    /// Announces a phase.
    pub fn enter(&self, phase: Phase) -> Nanos {
        self.phase.set(phase.name());
        self.remark(Remark::Phase(phase))
    }

    /// The world now, as faults see it.
    pub fn view(&self) -> View {
        let mut view = self.world.view();
        view.leader = self.leader.get().map(|(node, _)| node);
        view.leaderless = self.system.leaderless();
        view.forgets = self.system.forgets();
        view.forgot.clone_from(&self.forgot.borrow());
        let statuses = self.statuses.borrow();
        view.silent = NodeId::all(self.nodes).filter(|node| !statuses.contains_key(node)).collect();
        view
    }

    /// Why the system can never make progress again, if that is so.
    pub fn memory_lost(&self) -> Option<String> {
        self.memory_lost.borrow().clone()
    }

    /// Who leads, and its epoch.
    pub fn leader(&self) -> Option<(NodeId, u64)> {
        self.leader.get()
    }

    /// Looks whether progress may be demanded; records it at each change, and once if `anyway`.
    pub fn note_progress(&self, anyway: bool) -> bool {
        let stopped = self.world.view().nodes;
        let stopped = NodeId::all(self.nodes).zip(stopped).filter(|(_, node)| !node.running);
        self.forgot.borrow_mut().extend(stopped.map(|(node, _)| node));
        let view = self.view();
        let lost = self.system.memory_lost(&view);
        if *self.memory_lost.borrow() != lost {
            self.remark(Remark::MemoryLost { why: lost.clone() });
            *self.memory_lost.borrow_mut() = lost;
        }
        let sound = self.troubles.borrow().is_empty();
        let can = sound && !view.withheld && self.system.can_progress(&view);
        if anyway || self.can_progress.get().is_some_and(|before| before != can) {
            self.can_progress.set(Some(can));
            self.remark(Remark::CanProgress(can));
        }
        let serving = if sound { self.system.serving(&view) } else { BTreeSet::new() };
        let mut said = self.serving.borrow_mut();
        if anyway || said.as_ref().is_some_and(|before| *before != serving) {
            self.remark(Remark::Serving(serving.iter().copied().collect()));
            *said = Some(serving);
        }
        can
    }

    /// Takes what a node said of itself (None: nothing), and records a new leader.
    pub fn note_status(&self, node: NodeId, status: Option<NodeStatus>) {
        if status.as_ref().is_some_and(|status| status.role != "recovering") {
            self.note_recovered(node);
        }
        let leader = {
            let mut statuses = self.statuses.borrow_mut();
            match status {
                Some(status) => statuses.insert(node, status),
                None => statuses.remove(&node),
            };
            self.system.leader(&statuses).map(|leader| {
                let epoch = statuses
                    .iter()
                    .filter(|(node, status)| **node == leader || status.leader == Some(leader))
                    .map(|(_, status)| status.epoch);
                (leader, epoch.max().unwrap_or(0))
            })
        };
        if self.leader.get() != leader {
            self.leader.set(leader);
            self.world.note_leader(leader.map(|(node, _)| node));
            let (node, epoch) = leader.unzip();
            self.remark(Remark::Leader { node, epoch });
            // Where a leader is promoted by hand, nothing is owed before someone is.
            self.note_progress(false);
        }
    }

    /// A node says that it is not recovering. One that does not run says nothing: that was before.
    fn note_recovered(&self, node: NodeId) {
        let runs = |node: NodeId| self.world.view().nodes[usize::from(node.0) - 1].running;
        if self.forgot.borrow().contains(&node) && runs(node) {
            self.forgot.borrow_mut().remove(&node);
            self.note_progress(false);
        }
    }

    /// Records nodes that died though nobody killed them.
    pub fn note_deaths(&self) {
        let deaths = self.world.deaths();
        if deaths.is_empty() {
            return;
        }
        for Death { node, how, excuse, last_lines } in deaths {
            // 74 is how a node leaves whose disk refused: nobody's promise was broken by it.
            let refused = || (how == "exit 74").then(|| "its disk refused".to_string());
            let why = excuse.or_else(refused);
            let excused = why.is_some();
            self.dead.borrow_mut().insert(node, how.clone());
            self.remark(Remark::Death(remark::Death { node, how, excused, why, last_lines }));
        }
        self.note_progress(false);
    }
}
