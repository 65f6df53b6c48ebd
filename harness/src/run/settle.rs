//! The end of a run: waits until all nodes agree on what they have delivered, then reads every
//! node to its end. It never calls something carried out that was not: what it leaves unrecorded
//! is unknown.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use schism_verify::history::Level;
use serde_json::{Map, Value, json};

use super::context::Context;
use super::crew::Crew;
use super::rt::{Nanos, Rt, nanos, within};
use super::statuses::delivered;
use super::worker::{PAUSE, fill_return, invocation};
use crate::action::NodeId;
use crate::systems::{Answer, Op, Outcome};

/// Between two polls, and how many must agree in a row.
const POLL_EVERY: Duration = Duration::from_millis(50);
const POLLS: u32 = 3;

/// Longer than this is not converged.
const SETTLE_MAX: Duration = Duration::from_secs(30);

/// Entries a page: an answer of 1,000 short values stays far below a node's 1 MiB.
const PAGE: u64 = 1_000;

/// One page may be tried again for this long.
const RETRY: Duration = Duration::from_secs(5);

/// One try of a page.
const PAGE_TIMEOUT: Duration = Duration::from_secs(1);

/// Where no majority remembers anything nodes need not be waited for; longer than it takes to hear
/// that a node was back in time after all.
const HOPELESS: Duration = Duration::from_secs(2);

/// Waits until the statuses of all running nodes agree on `delivered` three times in a row, and
/// records whether they did; not if `hurry` cut the wait short. Whether they agreed.
pub async fn settle<R: Rt>(context: &Context<R>, hurry: Option<Nanos>) -> bool {
    let started = context.rt.now();
    let limit = started + nanos(SETTLE_MAX);
    let deadline = hurry.map_or(limit, |hurry| hurry.min(limit));
    let mut client = context.system.client(context.direct.clone());
    let mut agreed = 0;
    let mut last = Vec::new();
    let mut hope = started;
    let converged = loop {
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
        if agreed == POLLS {
            break true;
        }
        if context.memory_lost().is_none() {
            hope = context.rt.now();
        }
        let hopeless = context.rt.now() - hope >= nanos(HOPELESS);
        if context.rt.now() >= deadline || hopeless {
            break false;
        }
        context.rt.sleep(POLL_EVERY).await;
    };
    if converged || deadline == limit || context.memory_lost().is_some() {
        let lengths: Map<String, Value> =
            last.iter().map(|(node, length)| (node.to_string(), json!(length))).collect();
        let waited_ms = (context.rt.now() - started) / 1_000_000;
        context.remark(
            "settled",
            json!({"converged": converged, "waited_ms": waited_ms, "delivered": lengths}),
        );
    }
    converged
}

/// Reads every node to its end, all at once, one process each. Whether all were read.
pub async fn read_all<R: Rt>(context: &Rc<Context<R>>, hurry: Option<Nanos>) -> bool {
    let complete = Rc::new(Cell::new(true));
    let crew = Crew::default();
    for node in NodeId::all(context.nodes) {
        let (shared, complete) = (Rc::clone(context), Rc::clone(&complete));
        crew.spawn(&context.rt, async move {
            let read = read_node(&shared, node, hurry).await;
            let (whole, length, why) = match read {
                Ok(length) => (true, length, None),
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

pub(super) fn running<R: Rt>(context: &Context<R>) -> Vec<NodeId> {
    let view = context.cluster.view();
    NodeId::all(context.nodes)
        .filter(|node| view.nodes.get(usize::from(node.0) - 1).is_some_and(|n| n.running))
        .collect()
}

/// The length, or how far it came and why no further.
async fn read_node<R: Rt>(
    context: &Context<R>,
    node: NodeId,
    hurry: Option<Nanos>,
) -> Result<u64, (u64, String)> {
    if !running(context).contains(&node) {
        return Err((0, format!("{node} is not running")));
    }
    let mut client = context.system.client(context.direct.clone());
    let numbers = context.processes();
    let mut process = numbers.reader(node);
    let mut from = 0;
    let mut give_up = context.rt.now() + nanos(RETRY);
    loop {
        let op = Op::Read { from, limit: Some(PAGE), level: Level::Local };
        let mut event = invocation(process, &op);
        event.node = Some(context.name(node));
        let invoked = context.recorder.record(&mut event);
        let limit = give_up.min(hurry.unwrap_or(give_up));
        let deadline = limit.min(invoked + nanos(PAGE_TIMEOUT));
        let answer = within(&context.rt, deadline, client.invoke(node, &op)).await;
        let outcome = answer.unwrap_or_else(|| Outcome::Info("timeout".into()));
        let page = page(&outcome);
        let why = why(&outcome);
        if matches!(outcome, Outcome::Info(_)) {
            process = numbers.after(process);
        }
        fill_return(&mut event, outcome);
        context.recorder.record(&mut event);
        match page {
            Some((count, tail)) => {
                from += count;
                let at_end = tail.map_or(count < PAGE, |tail| from >= tail);
                if at_end {
                    return Ok(from);
                }
                if count > 0 {
                    give_up = context.rt.now() + nanos(RETRY);
                    continue;
                }
            }
            None if context.rt.now() >= limit => return Err((from, why)),
            None => {}
        }
        if context.rt.now() >= limit {
            return Err((from, "its pages stay empty before its tail".into()));
        }
        context.rt.sleep(PAUSE).await;
    }
}

fn page(outcome: &Outcome) -> Option<(u64, Option<u64>)> {
    match outcome {
        Outcome::Ok(Answer::Read { values, tail }) => Some((values.len() as u64, *tail)),
        _ => None,
    }
}

pub(super) fn why(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Fail(failure) => {
            let error = failure.error.as_deref().unwrap_or("refused");
            match &failure.detail {
                Some(detail) => format!("{error}: {detail}"),
                None => error.to_string(),
            }
        }
        Outcome::Info(error) => error.to_string(),
        Outcome::Ok(_) => String::new(),
    }
}
