//! Asks every node directly how it is, past every fault: who leads, what is delivered, who died.
//! It never takes part in the workload, and a node that hangs delays no other.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use schism_verify::models::NO_ANSWER;

use super::context::Context;
use crate::action::NodeId;
use crate::clock::{Nanos, nanos, within};
use crate::generate::local_read;
use crate::systems::{Client, Leads, NodeStatus};

/// Twenty looks a second see every leadership that lasts, and cost a node next to nothing.
const EVERY: Duration = Duration::from_millis(50);

/// While waiting for readiness: a node is ready within a few of these.
const EVERY_AT_START: Duration = Duration::from_millis(10);

/// A node that does not answer this long is not known to be anything.
const TIMEOUT: Duration = Duration::from_millis(500);

/// Whether every node has answered once.
#[derive(Default)]
pub struct Readiness {
    answered: RefCell<BTreeSet<NodeId>>,
    nonsense: RefCell<BTreeMap<NodeId, String>>,
}

impl Readiness {
    /// The nodes, of so many, that have not answered yet.
    pub fn missing(&self, nodes: u8) -> Vec<NodeId> {
        let answered = self.answered.borrow();
        NodeId::all(nodes).filter(|node| !answered.contains(node)).collect()
    }

    /// What nodes said last that was no answer at all.
    pub fn nonsense(&self) -> BTreeMap<NodeId, String> {
        self.nonsense.borrow().clone()
    }
}

/// Starts asking, each node from a task of its own, until the run is over.
pub fn watch(context: &Rc<Context>) -> Rc<Readiness> {
    let readiness = Rc::new(Readiness::default());
    for node in NodeId::all(context.nodes) {
        let (context, readiness) = (Rc::clone(context), Rc::clone(&readiness));
        let clock = Rc::clone(&context.clock);
        clock.spawn(Box::pin(async move { watch_node(&context, node, &readiness).await }));
    }
    let context = Rc::clone(context);
    let clock = Rc::clone(&context.clock);
    clock.spawn(Box::pin(async move {
        while !context.over.is_set() {
            context.note_deaths();
            context.clock.sleep(EVERY).await;
        }
    }));
    readiness
}

async fn watch_node(context: &Context, node: NodeId, readiness: &Readiness) {
    let mut client = context.world.direct();
    let by_command = context.system.leader_every();
    let mut ready = false;
    while !context.over.is_set() {
        let mut said = match by_command {
            Some(_) if ready => {
                Said { status: context.world.named_leader(node).await, ..Said::default() }
            }
            _ => ask(context, &mut *client, node, TIMEOUT).await,
        };
        if !ready && let Some(is_ready) = context.world.is_ready(node).await {
            said.answered = is_ready;
        }
        if context.over.is_set() {
            return;
        }
        if !ready && said.answered {
            ready = true;
            readiness.answered.borrow_mut().insert(node);
        }
        if let Some(nonsense) = said.nonsense.filter(|_| !ready) {
            readiness.nonsense.borrow_mut().insert(node, nonsense);
        }
        context.note_status(node, said.status);
        let every = by_command.unwrap_or(EVERY);
        context.clock.sleep(if ready { every } else { EVERY_AT_START }).await;
    }
}

#[derive(Default)]
struct Said {
    /// An answer came back, whatever it says.
    answered: bool,
    status: Option<NodeStatus>,
    /// Something came back that is no answer.
    nonsense: Option<String>,
}

async fn ask(context: &Context, client: &mut dyn Client, node: NodeId, timeout: Duration) -> Said {
    let deadline = context.clock.now() + nanos(timeout);
    match within(&*context.clock, deadline, client.status(node)).await {
        Some(Ok(status)) => Said { answered: true, status: Some(status), nonsense: None },
        Some(Err(refusal)) if refusal.is_no_word_of_the_node() => {
            Said { nonsense: Some(refusal.why()), ..Said::default() }
        }
        Some(Err(refusal)) => {
            let silent = NO_ANSWER.contains(&&*refusal.error);
            Said { answered: !silent, ..Said::default() }
        }
        None => Said::default(),
    }
}

/// Asks all these nodes once, one after the other, each no longer than until `deadline`. None as
/// soon as one does not say how much it has delivered: neither in its status, which need not say
/// anything, nor as the tail of a local read.
pub async fn delivered(
    context: &Context,
    client: &mut dyn Client,
    nodes: &[NodeId],
    deadline: Nanos,
) -> Option<Vec<(NodeId, u64)>> {
    let mut lengths = Vec::with_capacity(nodes.len());
    for &node in nodes {
        let left = Duration::from_nanos(deadline.saturating_sub(context.clock.now()));
        let status = ask(context, client, node, TIMEOUT.min(left)).await.status;
        let said = match status.and_then(|status| status.delivered) {
            Some(length) => length,
            None => local_tail(context, client, node, deadline).await?,
        };
        lengths.push((node, said));
    }
    Some(lengths)
}

async fn local_tail(
    context: &Context,
    client: &mut dyn Client,
    node: NodeId,
    deadline: Nanos,
) -> Option<u64> {
    let asked = local_read(0, 0, 0);
    let deadline = deadline.min(context.clock.now() + nanos(TIMEOUT));
    let read = within(&*context.clock, deadline, client.local_read(node, &asked)).await?;
    read.event.tail().filter(|_| read.is_ok())
}
