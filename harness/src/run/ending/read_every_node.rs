//! The end of a run: waits until all nodes agree on what they have delivered, then reads every
//! node to its end. It never calls something carried out that was not: what it leaves unrecorded
//! is unknown.

use std::rc::Rc;
use std::time::Duration;

use schism_facts::remark::{Remark, Settled};
use schism_verify::history::{Type, Value};

use super::super::context::{Context, PAUSE};
use super::super::nemesis::ensure_someone_leads;
use super::super::probe::Probe;
use super::super::statuses::delivered;
use super::{each_node, running};
use crate::action::NodeId;
use crate::clock::{Nanos, nanos, within};
use crate::generate::local_read;
use crate::systems::{Completion, Refusal};

/// Between two polls, and how many must agree in a row.
const POLL_EVERY: Duration = Duration::from_millis(50);
const POLLS: u32 = 3;

/// Longer than this is not converged.
const SETTLE_MAX: Duration = Duration::from_secs(30);

/// Nobody waits longer for the barrier; nodes are compared without one then.
const BARRIER_MAX: Duration = Duration::from_secs(10);

/// Entries a page: an answer of 1,000 short values stays far below a node's 1 MiB.
const PAGE: u64 = 1_000;

/// One page may be tried again for this long.
const RETRY: Duration = Duration::from_secs(5);

/// One try of a page.
const PAGE_TIMEOUT: Duration = Duration::from_secs(1);

/// Where no majority remembers anything nodes need not be waited for; longer than it takes to hear
/// that a node was back in time after all.
const HOPELESS: Duration = Duration::from_secs(2);

/// Waits until the statuses of all running nodes agree on `delivered` three times in a row, behind
/// a barrier, and records whether they did; not if `hurry` cut the wait short. Whether they agreed.
pub async fn settle(context: &Context, probe: Option<Probe>, hurry: Option<Nanos>) -> bool {
    let started = context.clock.now();
    let limit = started + nanos(SETTLE_MAX);
    let deadline = hurry.map_or(limit, |hurry| hurry.min(limit));
    let barrier = match probe {
        Some(probe) if hurry.is_none() => barrier(context, probe).await,
        _ => None,
    };
    let mut client = context.world.direct();
    let mut agreed = 0;
    let mut last = Vec::new();
    let mut hope = context.clock.now();
    let converged = loop {
        if hurry.is_none() {
            ensure_someone_leads(context).await;
        }
        let nodes = running(context);
        match delivered(context, &mut *client, &nodes, deadline).await {
            Some(lengths) => {
                let equal = lengths.windows(2).all(|pair| pair[0].1 == pair[1].1);
                let same = agreed == 0 || lengths == last;
                agreed = if equal { 1 + if same { agreed } else { 0 } } else { 0 };
                last = lengths;
            }
            None => agreed = 0,
        }
        let reached = last.iter().all(|(_, length)| barrier.is_none_or(|place| *length >= place));
        if agreed >= POLLS && reached {
            break true;
        }
        if context.memory_lost().is_none() {
            hope = context.clock.now();
        }
        let hopeless = context.clock.now() - hope >= nanos(HOPELESS);
        if context.clock.now() >= deadline || hopeless {
            break agreed >= POLLS;
        }
        context.clock.sleep(POLL_EVERY).await;
    };
    if converged || deadline == limit || context.memory_lost().is_some() {
        let waited_ms = (context.clock.now() - started) / 1_000_000;
        let delivered = last.into_iter().collect();
        context.remark(Remark::Settled(Settled { converged, waited_ms, delivered, barrier }));
    }
    converged
}

/// An ordinary append after all others, where the model has one and progress can be demanded:
/// whatever nodes do not agree on behind it is what was never answered, and came late.
async fn barrier(context: &Context, mut probe: Probe) -> Option<u64> {
    context.model.barrier?;
    if !context.system.can_progress(&context.view()) {
        return None;
    }
    probe.barrier(context.clock.now() + nanos(BARRIER_MAX)).await
}

/// Reads every node to its end, all at once, one process each.
pub async fn read_every_node(context: &Rc<Context>, hurry: Option<Nanos>) {
    each_node(context, async move |context, node| read_node(&context, node, hurry).await).await;
}

/// The length, or how far it came and why no further.
async fn read_node(
    context: &Context,
    node: NodeId,
    hurry: Option<Nanos>,
) -> Result<u64, (u64, String)> {
    if !running(context).contains(&node) {
        return Err((0, format!("{node} is not running")));
    }
    let mut client = context.world.direct();
    let numbers = context.processes();
    let mut process = numbers.reader(node);
    let mut from = 0;
    let mut give_up = context.clock.now() + nanos(RETRY);
    loop {
        let mut asked = local_read(process, from, PAGE);
        let invoked = context.invoke(&mut asked, node);
        let limit = give_up.min(hurry.unwrap_or(give_up));
        let deadline = limit.min(invoked + nanos(PAGE_TIMEOUT));
        let answer = within(&*context.clock, deadline, client.local_read(node, &asked)).await;
        let refused = || Completion::refused(asked.clone(), Refusal::timeout());
        let completion = answer.unwrap_or_else(refused);
        let why = completion.why();
        let mut event = completion.event;
        context.complete(&mut event, node, invoked);
        match (event.kind, &event.value) {
            (Type::Ok, Some(Value::List(entries))) => {
                let count = entries.len() as u64;
                from += count;
                let at_end = event.tail().map_or(count < PAGE, |tail| from >= tail);
                if at_end {
                    return Ok(from);
                }
                if count > 0 {
                    give_up = context.clock.now() + nanos(RETRY);
                    continue;
                }
            }
            _ if context.clock.now() >= limit => return Err((from, why)),
            (Type::Info, _) => process = numbers.after(process),
            _ => {}
        }
        if context.clock.now() >= limit {
            return Err((from, "its pages stay empty before its tail".into()));
        }
        context.clock.sleep(PAUSE).await;
    }
}
