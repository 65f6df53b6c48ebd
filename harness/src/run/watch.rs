//! What goes on beside the workload: writing the history out, looking for connections past the
//! proxy, noting stalls of the machine. It never touches the cluster.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use schism_facts::remark::{self, Remark};

use super::context::Context;
use super::recorder::FLUSH_EVERY;
use crate::worlds::Stall;

/// A connection past the proxy lives long; a look a second misses none that matters.
const BYPASS_EVERY: Duration = Duration::from_secs(1);
/// A look goes through all connections of the machine. Where those are many it costs tens of
/// milliseconds: then there are fewer, so that looking takes about a thirtieth of the time.
const BYPASS_SHARE: u32 = 30;
/// However busy the machine is.
const BYPASS_EVERY_MAX: Duration = Duration::from_secs(3);

/// Stalls are told apart by their own times; this only decides when they are written down.
const STALLS_EVERY: Duration = Duration::from_millis(200);

/// Writes the history out until the run is over.
pub async fn flush(context: Rc<Context>) {
    while !context.over.is_set() {
        context.recorder.flush();
        context.clock.sleep(FLUSH_EVERY).await;
    }
}

/// Looks for connections between nodes that avoid the proxy; each is recorded once.
pub async fn bypasses(context: Rc<Context>, checks: Rc<Cell<u64>>) {
    let mut known = BTreeSet::new();
    while !context.over.is_set() {
        let began = context.clock.now();
        let found = context.world.bypasses().await;
        if context.over.is_set() {
            return;
        }
        // One look that sees nothing is no look; the judge wants one.
        if let Ok(found) = found {
            checks.set(checks.get() + 1);
            for what in found {
                if known.insert(what.clone()) {
                    context.remark(Remark::Bypass { what });
                }
            }
        }
        let took = Duration::from_nanos(context.clock.now().saturating_sub(began));
        let pause = (took * BYPASS_SHARE).clamp(BYPASS_EVERY, BYPASS_EVERY_MAX);
        context.clock.sleep(pause).await;
    }
}

/// Waits for the end of the world: what nobody can change any more is not disturbed on.
pub async fn world(context: Rc<Context>) {
    tokio::select! {
        why = context.world.broken() => {
            context.trouble(why.to_string());
            // Nobody owes anything who was ended.
            context.note_progress(false);
            context.broken.set();
        }
        () = context.over.wait() => {}
    }
}

/// Records when the machine stood still, and what of the harness's own ran out: then the run ends,
/// as nothing that is seen from then on proves anything.
pub async fn machine(context: Rc<Context>) {
    while !context.over.is_set() {
        if context.note_troubles() {
            context.broken.set();
        }
        for Stall { from, to, what } in context.world.stalls() {
            context.remark(Remark::Stall(remark::Stall { from_ns: from, to_ns: to, what }));
        }
        context.clock.sleep(STALLS_EVERY).await;
    }
}
