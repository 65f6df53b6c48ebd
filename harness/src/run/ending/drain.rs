//! The end of a run of queues: every queue is emptied at every node, all nodes at once, until every
//! node has answered three times in a row that it is empty, and nobody took anything meanwhile. It
//! never calls a queue drained of which a node did not say so.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use schism_verify::history::{Event, Type, Value};

use super::super::context::{Context, PAUSE};
use super::asker::Asker;
use super::{each_node, running};
use crate::action::NodeId;
use crate::clock::{Nanos, nanos};

/// So many times in a row a node says that a queue is empty: a message that was given out and not
/// confirmed comes back a moment later.
const EMPTY_TIMES: u32 = 3;

/// One try of a dequeue.
const TRY: Duration = Duration::from_secs(1);

/// Beyond the recovery window, so that a verdict about it rests on a full wait.
const BEYOND: Duration = Duration::from_millis(500);

/// A queue that still gives messages after this long has no end.
const DRAIN_MAX: Duration = Duration::from_secs(60);

/// How often in a row each node has said that each queue is empty.
struct Dry {
    empty: RefCell<Vec<BTreeMap<NodeId, u32>>>,
    /// The nodes that are asked; one that does not answer leaves.
    askers: RefCell<BTreeSet<NodeId>>,
}

impl Dry {
    /// Whether this queue is empty, as all say.
    fn is(&self, queue: usize) -> bool {
        self.askers.borrow().iter().all(|node| self.is_at(queue, *node))
    }

    /// The same, as this node says.
    fn is_at(&self, queue: usize, node: NodeId) -> bool {
        let empty = self.empty.borrow();
        empty[queue].get(&node).is_some_and(|times| *times >= EMPTY_TIMES)
    }

    fn note(&self, queue: usize, node: NodeId, is_empty: bool) {
        let queue = &mut self.empty.borrow_mut()[queue];
        if is_empty {
            *queue.entry(node).or_default() += 1;
        } else {
            queue.clear();
        }
    }
}

/// Empties every queue with this operation.
pub async fn drain(
    context: &Rc<Context>,
    f: &'static str,
    recovery: Duration,
    hurry: Option<Nanos>,
) {
    let queues: Rc<Vec<Option<Value>>> = Rc::new(context.keys.borrow().iter().cloned().collect());
    let dry = Rc::new(Dry {
        empty: RefCell::new(vec![BTreeMap::new(); queues.len()]),
        askers: RefCell::new(running(context).into_iter().collect()),
    });
    each_node(context, async move |context, node| {
        if !running(&context).contains(&node) {
            return Err((0, format!("{node} is not running")));
        }
        let asker = Asker::new(&context, node);
        let mut taker = Taker { context: &context, node, asker, f, taken: 0 };
        let mut result = Ok(());
        for (place, queue) in queues.iter().enumerate() {
            result = taker.empty(&dry, place, queue.as_ref(), (recovery, hurry)).await;
            if result.is_err() {
                dry.askers.borrow_mut().remove(&node);
                break;
            }
        }
        let taken = taker.taken;
        result.map(|()| taken).map_err(|why| (taken, why))
    })
    .await;
}

/// Who takes messages from one node.
struct Taker<'a> {
    context: &'a Rc<Context>,
    node: NodeId,
    asker: Asker,
    f: &'static str,
    taken: u64,
}

impl Taker<'_> {
    /// Until the queue is empty, or why that is not known.
    async fn empty(
        &mut self,
        dry: &Dry,
        place: usize,
        queue: Option<&Value>,
        (recovery, hurry): (Duration, Option<Nanos>),
    ) -> Result<(), String> {
        let context = self.context;
        let clock = &context.clock;
        let end = clock.now() + nanos(DRAIN_MAX);
        let limit = |now: Nanos| {
            let give_up = end.min(now + nanos(recovery + BEYOND));
            give_up.min(hurry.unwrap_or(give_up))
        };
        let mut give_up = limit(clock.now());
        while !dry.is(place) {
            let mut why = "other nodes still give messages".to_owned();
            if dry.is_at(place, self.node) {
                clock.sleep(PAUSE).await;
                give_up = limit(clock.now());
            } else {
                let (answer, told) =
                    self.asker.ask(self.f, queue.cloned(), None, TRY, give_up).await;
                if let Some(is_empty) = is_empty(&answer) {
                    dry.note(place, self.node, is_empty);
                    self.taken += u64::from(!is_empty);
                    give_up = limit(clock.now());
                    why = "it still gives messages".into();
                } else {
                    why = told;
                    clock.sleep(PAUSE).await;
                }
            }
            let over = hurry.map_or(end, |hurry| hurry.min(end));
            if clock.now() >= give_up.min(over) && !dry.is(place) {
                let of = queue.map(|queue| format!("{queue}: ")).unwrap_or_default();
                return Err(format!("{of}{why}; the drain was cut short"));
            }
        }
        Ok(())
    }
}

/// Whether the answer says that nothing is in. None: it says nothing of that.
fn is_empty(answer: &Event) -> Option<bool> {
    match (answer.kind, &answer.value) {
        (Type::Ok, None | Some(Value::Null)) => Some(true),
        (Type::Ok, Some(_)) => Some(false),
        (Type::Fail, _) if answer.error() == Some("empty") => Some(true),
        _ => None,
    }
}
