//! How far a run has come, for whoever watches.

use std::rc::Rc;
use std::time::Duration;

use super::Viewer;
use super::context::Context;
use super::recorder::Counts;
use crate::action::NodeId;
use crate::clock::Nanos;
use schism_verify::verdict::Anomaly;

/// As often as an eye can follow.
const EVERY: Duration = Duration::from_millis(250);

/// A look at a run.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Progress {
    /// Since the first node was started.
    pub elapsed: Duration,
    /// As the history calls it; `starting` before the first.
    pub phase: &'static str,
    /// Operations by outcome.
    pub counts: Counts,
    /// Completed operations (ok or fail) per second since the last look.
    pub completed_per_s: f64,
    /// Of ok operations since the last look, ascending.
    pub latencies: Vec<Nanos>,
    /// Who leads, and its epoch.
    pub leader: Option<(NodeId, u64)>,
    /// What is broken now: `partition: halves ...`.
    pub faults: Vec<String>,
    /// What the monitor saw so far.
    pub violations: Vec<Anomaly>,
}

/// Shows the progress until the run is over.
pub async fn show(context: Rc<Context>, mut viewer: Viewer) {
    let mut before = (context.clock.now(), Counts::default());
    while !context.over.is_set() {
        let now = context.clock.now();
        let counts = context.recorder.counts();
        let completed = counts.ok + counts.fail - before.1.ok - before.1.fail;
        let seconds = (now - before.0) as f64 / 1e9;
        let mut latencies = context.recorder.take_latencies();
        latencies.sort_unstable();
        viewer(&Progress {
            elapsed: Duration::from_nanos(now),
            phase: context.phase.get(),
            counts,
            completed_per_s: if seconds > 0.0 { completed as f64 / seconds } else { 0.0 },
            latencies,
            leader: context.leader(),
            faults: faults(&context),
            violations: context.recorder.violations(),
        });
        before = (now, counts);
        context.clock.sleep(EVERY).await;
    }
}

fn faults(context: &Context) -> Vec<String> {
    let active = context.active.borrow();
    active.values().map(|overlay| format!("{}: {}", overlay.fault, overlay.describe)).collect()
}
