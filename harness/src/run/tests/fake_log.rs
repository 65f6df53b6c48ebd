//! A log without nodes: one list in memory behind as many names as wanted, honest or lying. It can
//! be broken like a real cluster, and answers as one would.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::rc::{Rc, Weak};
use std::time::Duration;

use schism_facts::{Progress, Reads, SystemRow};
use schism_verify::history::{Event, Field, Level, List, Name, Value};
use schism_verify::models::{self, Model};

use super::fake_store::{Store, StoreLie};
use super::virtual_time::Virtual;
use crate::action::{Action, ClientId, Effect, Endpoint, Flow, NodeId, Overlay, OverlayId, View};
use crate::clock::{Clock, Local};
use crate::systems::command::CommandSystem;
use crate::systems::{
    Client, Completion, Control, Dial, Launch, Layout, NodeStatus, Refusal, System,
};
use crate::workload::ClientSpec;
use crate::worlds::overlays::Overlays;
use crate::worlds::{Death, Stall, World, WorldError};

/// How a log lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lie {
    /// It does not.
    Honest,
    /// Acknowledges this append (counted from 1) and forgets it.
    ForgetAppend(u64),
    /// Answers no append any more after this time.
    FallSilent(Duration),
    /// Nodes say different lengths at the end, for ever.
    NeverAgree,
    /// Refuses whatever clients ask.
    RefuseAll,
    /// No lie: this append (counted from 1) is not answered, and takes effect once one node has
    /// been read to its end.
    AppendLate(u64),
    /// Shows one entry more of n2 at the end, which nobody asked for.
    ShowMore,
    /// n2 refuses every read, and answers everything else.
    RefuseReads,
    /// No lie: it refuses whatever clients ask before this time.
    WakeUp(Duration),
    /// Answers `status` with something that is no answer.
    NoStatus,
    /// No lie: statuses leave out how much was delivered.
    SayLittle,
    /// No lie: n1 leads until another is promoted by hand.
    ByHand,
    /// No lie: so does n1, but at this time it hears of a later epoch, and leads no longer.
    StepDown(Duration),
    /// No lie: whoever was stopped has forgotten everything, until a majority tells it.
    InMemory,
    /// Answers this proposal (counted from 1) with its own value, whatever was decided.
    DecideAgain(u64),
    /// Answers this proposal with a value nobody proposed.
    Invent(u64),
    /// It is no log, and lies so.
    Store(StoreLie),
}

/// The one log, and what is broken round it.
pub struct FakeLog {
    own: Weak<FakeLog>,
    pub rt: Virtual,
    pub nodes: u8,
    pub lie: Lie,
    pub entries: RefCell<Vec<Value>>,
    pub store: Store,
    late: RefCell<Option<Value>>,
    pub decided: RefCell<BTreeMap<Value, Value>>,
    proposed: Cell<u64>,
    promoted: Cell<(NodeId, u64)>,
    forgot: RefCell<BTreeSet<NodeId>>,
    pub overlays: RefCell<Overlays>,
    pub deaths: RefCell<Vec<Death>>,
    /// What is no node's doing and nobody was told of.
    pub troubles: RefCell<Vec<String>>,
    pub stopped: Cell<bool>,
    asked: Cell<u64>,
    appended: Cell<u64>,
    kept: Cell<bool>,
    judge_of_progress: CommandSystem,
}

impl FakeLog {
    pub fn new(rt: &Virtual, nodes: u8, lie: Lie) -> Rc<Self> {
        let progress = match lie {
            Lie::ByHand | Lie::StepDown(_) => Progress::Promoted { majority: false },
            Lie::InMemory => Progress::MajorityInMemory,
            _ => Progress::Majority,
        };
        Rc::new_cyclic(|own| FakeLog {
            own: own.clone(),
            rt: rt.clone(),
            nodes,
            lie,
            entries: RefCell::default(),
            store: Store::default(),
            late: RefCell::default(),
            decided: RefCell::default(),
            proposed: Cell::new(0),
            promoted: Cell::new((NodeId(1), 1)),
            forgot: RefCell::default(),
            overlays: RefCell::default(),
            deaths: RefCell::default(),
            troubles: RefCell::default(),
            stopped: Cell::new(false),
            asked: Cell::new(0),
            appended: Cell::new(0),
            kept: Cell::new(false),
            judge_of_progress: CommandSystem::new(
                vec!["fake".into()],
                ClientSpec::lines(),
                Duration::from_secs(1),
            )
            .known(
                &SystemRow { progress, reads: Reads::EveryNode, ..SystemRow::new("fake", "") },
                &BTreeMap::new(),
            ),
        })
    }

    fn shared(&self) -> Rc<FakeLog> {
        self.own.upgrade().expect("whoever asks holds it")
    }

    /// The lowest node that runs, if progress is possible at all.
    fn leader(&self) -> Option<NodeId> {
        let forgot = self.forgot.borrow();
        let view = View { forgot: forgot.clone(), ..self.view() };
        let able = |node: &NodeId| {
            let seen = &view.nodes[usize::from(node.0) - 1];
            seen.running && !seen.paused && !forgot.contains(node)
        };
        let (promoted, epoch) = self.promoted.get();
        match self.lie {
            Lie::StepDown(at) if epoch == 1 && self.rt.now() > at.as_nanos() as u64 => return None,
            Lie::ByHand | Lie::StepDown(_) => return Some(promoted).filter(able),
            _ => {}
        }
        let can = self.judge_of_progress.can_progress(&view);
        NodeId::all(self.nodes).find(able).filter(|_| can)
    }

    fn silent(&self) -> bool {
        matches!(self.lie, Lie::FallSilent(at) if self.rt.now() > at.as_nanos() as u64)
    }

    /// Whether the node knows nothing. Being asked, it was told by now, if a majority can tell it.
    fn is_recovering(&self, node: NodeId) -> bool {
        let mut forgot = self.forgot.borrow_mut();
        if usize::from(self.nodes) - forgot.len() > usize::from(self.nodes) / 2 {
            forgot.remove(&node);
        }
        forgot.contains(&node)
    }

    fn append(&self, value: &Value, expect: Option<u64>) -> Said {
        let mut entries = self.entries.borrow_mut();
        let length = entries.len() as u64;
        if expect.is_some_and(|expect| expect != length) {
            let answered = vec![number(Field::Tail, length)];
            return Err(Refusal { answered, ..Refusal::certain("conflict") });
        }
        self.appended.set(self.appended.get() + 1);
        if self.lie != Lie::ForgetAppend(self.appended.get()) {
            entries.push(value.clone());
        }
        Ok(vec![number(Field::Offset, length)])
    }

    /// Whether this append is put aside instead of being done and answered.
    fn keeps_for_later(&self, node: NodeId, asked: &Event) -> bool {
        let Lie::AppendLate(at) = self.lie else { return false };
        let due = asked.f == "append" && self.leader() == Some(node) && self.appended.get() >= at;
        let is_it = due && !self.kept.replace(true);
        if is_it {
            self.late.borrow_mut().clone_from(&asked.value);
        }
        is_it
    }

    fn decide(&self, key: &Value, value: &Value) -> Value {
        let mut decided = self.decided.borrow_mut();
        let first = decided.entry(key.clone()).or_insert_with(|| value.clone()).clone();
        self.proposed.set(self.proposed.get() + 1);
        match self.lie {
            Lie::DecideAgain(at) if at <= self.proposed.get() && first != *value => value.clone(),
            Lie::Invent(at) if at == self.proposed.get() => Value::Int(-1),
            _ => first,
        }
    }

    fn answer(&self, node: NodeId, asked: &Event) -> Said {
        let sleeps = match self.lie {
            Lie::RefuseAll => true,
            Lie::RefuseReads => {
                let local = asked.level() == Some(Level::Local);
                node == NodeId(2) && &*asked.f == "read" && !local
            }
            Lie::WakeUp(at) => self.rt.now() < at.as_nanos() as u64,
            _ => false,
        };
        if sleeps {
            return Err(Refusal::certain("overloaded"));
        }
        let value = || asked.value.clone().unwrap_or_default();
        match &*asked.f {
            "append" | "append-if" => match self.leader() {
                Some(leader) if leader == node => self.append(&value(), asked.expect()),
                leader => Err(Refusal { leader, ..Refusal::certain("not-leader") }),
            },
            "read" => {
                let entries = self.shown_by(node);
                let (length, from) = (entries.len(), asked.from().unwrap_or(0) as usize);
                let to = asked.limit().map_or(length, |limit| length.min(from + limit as usize));
                let values: List = entries.get(from..to).unwrap_or_default().into();
                let is_end = asked.limit() == Some(1_000) && from + values.len() >= length;
                if is_end {
                    self.entries.borrow_mut().extend(self.late.take());
                }
                Ok(vec![(Field::Value, Value::List(values)), number(Field::Tail, length as u64)])
            }
            "tail" => Ok(vec![number(Field::Tail, self.entries.borrow().len() as u64)]),
            "propose" => {
                let decided = self.decide(asked.key().unwrap(), &value());
                Ok(vec![(Field::Value, decided)])
            }
            _ => {
                let lie = if let Lie::Store(lie) = self.lie { Some(lie) } else { None };
                self.store.answer(node, asked, lie)
            }
        }
    }

    fn shown_by(&self, node: NodeId) -> Vec<Value> {
        let mut entries = self.entries.borrow().clone();
        if self.lie == Lie::ShowMore && node == NodeId(2) {
            entries.push(Value::Int(-1));
        }
        entries
    }

    fn promote(&self, node: NodeId) -> Result<u64, Refusal> {
        if !matches!(self.lie, Lie::ByHand | Lie::StepDown(_)) {
            let detail = Some("it elects".into());
            return Err(Refusal { detail, ..Refusal::certain("refused") });
        }
        let epoch = self.promoted.get().1 + 1;
        self.promoted.set((node, epoch));
        Ok(epoch)
    }

    fn status(&self, node: NodeId) -> NodeStatus {
        let recovers = self.is_recovering(node);
        let delivered = if recovers { 0 } else { self.entries.borrow().len() as u64 };
        let apart = if self.lie == Lie::NeverAgree { u64::from(node.0) } else { 0 };
        NodeStatus {
            role: match self.leader() {
                _ if recovers => "recovering".into(),
                Some(leader) if leader == node => "leader".into(),
                _ => "follower".into(),
            },
            epoch: self.promoted.get().1,
            leader: self.leader(),
            delivered: (self.lie != Lie::SayLittle).then_some(delivered + apart),
        }
    }
}

/// What a node answers.
type Said = Result<Vec<(Field, Value)>, Refusal>;

fn number(field: Field, number: u64) -> (Field, Value) {
    (field, Value::Int(number.cast_signed()))
}

struct FakeClient {
    log: Rc<FakeLog>,
    /// None: past every fault.
    client: Option<ClientId>,
}

impl FakeClient {
    /// Waits as long as the node takes to answer: 1 to 5 ms, never the same twice in a row, or for
    /// ever.
    async fn reach(&self, node: NodeId, needs_leader: bool) -> Result<(), Refusal> {
        let log = &self.log;
        let asked = log.asked.replace(log.asked.get() + 1);
        log.rt.sleep(Duration::from_micros(1_000 + asked * 7_919 % 4_000)).await;
        let view = log.view();
        let seen = &view.nodes[usize::from(node.0) - 1];
        if !seen.running {
            return Err(Refusal::certain("unreachable"));
        }
        let cut = self.client.is_some_and(|client| {
            view.blocked
                .contains(&Flow { from: Endpoint::Client(client), to: Endpoint::Node(node) })
        });
        let stuck = needs_leader && (log.silent() || log.leader().is_none());
        if seen.paused || cut || stuck {
            std::future::pending::<()>().await;
        }
        Ok(())
    }
}

impl Client for FakeClient {
    fn invoke<'a>(&'a mut self, node: NodeId, asked: &'a Event) -> Local<'a, Completion> {
        Box::pin(async move {
            let reached = self.reach(node, true).await;
            if reached.is_ok() && self.log.keeps_for_later(node, asked) {
                std::future::pending::<()>().await;
            }
            let said = reached.and_then(|()| self.log.answer(node, asked));
            let model = models::knowing([&*asked.f]).unwrap();
            Completion::new(model, asked, said)
        })
    }
}

impl Control for FakeClient {
    fn open(&mut self, node: NodeId) -> Local<'_, Result<Name, Refusal>> {
        Box::pin(async move { self.reach(node, true).await.map(|()| "c1".into()) })
    }

    fn status(&mut self, node: NodeId) -> Local<'_, Result<NodeStatus, Refusal>> {
        Box::pin(async move {
            self.reach(node, false).await?;
            match self.log.lie {
                Lie::NoStatus => Err(Refusal::malformed("it is no JSON: <html>")),
                _ => Ok(self.log.status(node)),
            }
        })
    }

    fn promote(&mut self, node: NodeId) -> Local<'_, Result<u64, Refusal>> {
        Box::pin(async move {
            self.reach(node, false).await?;
            self.log.promote(node)
        })
    }

    fn local_read<'a>(&'a mut self, node: NodeId, asked: &'a Event) -> Local<'a, Completion> {
        self.invoke(node, asked)
    }
}

/// The log as a system; keeps the log itself in reach of its clients.
pub struct FakeSystem(pub Rc<FakeLog>);

impl System for FakeSystem {
    fn launch(&self, _: NodeId, _: &Layout) -> Launch {
        Launch::default()
    }

    fn client(&self, _: &'static Model, _: Rc<dyn Dial>) -> Box<dyn Client> {
        unreachable!("its world makes its clients")
    }

    fn waits_for_operator(&self) -> bool {
        self.0.judge_of_progress.waits_for_operator()
    }

    fn leader(&self, statuses: &BTreeMap<NodeId, NodeStatus>) -> Option<NodeId> {
        self.0.judge_of_progress.leader(statuses)
    }

    fn can_progress(&self, view: &View) -> bool {
        self.0.judge_of_progress.can_progress(view)
    }

    fn serving(&self, view: &View) -> BTreeSet<NodeId> {
        self.0.judge_of_progress.serving(view)
    }

    fn reads(&self) -> Reads {
        self.0.judge_of_progress.reads()
    }

    fn memory_lost(&self, view: &View) -> Option<String> {
        self.0.judge_of_progress.memory_lost(view)
    }

    fn writes_evidence(&self) -> bool {
        false
    }

    fn ready(&self) -> Duration {
        Duration::from_secs(1)
    }
}

impl World for FakeLog {
    fn apply(&self, action: Action) -> Local<'_, Result<OverlayId, WorldError>> {
        let mut overlays = self.overlays.borrow_mut();
        let id = match action {
            Action::Hold(overlay) => overlays.add(overlay),
            Action::Once(_) => overlays.name(),
        };
        let down = NodeId::all(self.nodes).filter(|node| overlays.node(*node).down);
        if self.lie == Lie::InMemory {
            self.forgot.borrow_mut().extend(down);
        }
        Box::pin(async move { Ok(id) })
    }

    fn heal(&self, id: OverlayId) -> Local<'_, Result<Effect, WorldError>> {
        let healed = self.overlays.borrow_mut().remove(id);
        let effect = healed.map(|overlay| match overlay {
            Overlay::Nodes(overlay) => Effect::from([("hit", overlay.nodes().len() as u64)]),
            Overlay::Links(overlay) => Effect::from([("hit", overlay.flows().len() as u64)]),
        });
        Box::pin(async move { effect.map_err(|error| WorldError(error.to_string())) })
    }

    fn view(&self) -> View {
        self.overlays.borrow().view(self.nodes, |_| true)
    }

    fn client(&self, client: ClientId) -> Box<dyn Client> {
        Box::new(FakeClient { log: self.shared(), client: Some(client) })
    }

    fn clock(&self) -> Rc<dyn Clock> {
        Rc::new(self.rt.clone())
    }

    fn stalls(&self) -> Vec<Stall> {
        Vec::new()
    }

    fn addresses(&self) -> Vec<SocketAddr> {
        Vec::new()
    }

    fn direct(&self) -> Box<dyn Client> {
        Box::new(FakeClient { log: self.shared(), client: None })
    }

    fn deaths(&self) -> Vec<Death> {
        std::mem::take(&mut self.deaths.borrow_mut())
    }

    fn bypasses(&self) -> Local<'_, io::Result<Vec<String>>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn troubles(&self) -> Vec<String> {
        std::mem::take(&mut self.troubles.borrow_mut())
    }

    fn stop(&self) -> Local<'_, Result<(), WorldError>> {
        self.stopped.set(true);
        Box::pin(async { Ok(()) })
    }
}
