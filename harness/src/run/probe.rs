//! The probe: a process of its own that appends (or proposes) to each node in turn at a fixed
//! rate, past every fault, so that recovery is measured by a steady hand and not by the time-outs
//! of clients. What it does is recorded like any other operation.

use std::rc::Rc;
use std::time::Duration;

use super::context::Context;
use super::rt::{Rt, nanos, within};
use super::worker::{PAUSE, fill_return, invocation};
use crate::action::NodeId;
use crate::generate::Generator;
use crate::systems::Outcome;

/// How often: the resolution of every recovery time in the report.
const EVERY: Duration = Duration::from_millis(100);

/// Long enough for an election at the default timeouts, short enough to come round.
const TIMEOUT: Duration = Duration::from_millis(500);

/// Probes until the clients are stopped. A try that takes longer than the interval makes the next
/// one late, never concurrent: it is one process.
pub async fn probe<R: Rt>(context: Rc<Context<R>>, mut generator: Box<dyn Generator>) {
    let numbers = context.processes();
    let mut process = numbers.probe();
    let mut client = context.system.client(context.direct.clone());
    let mut next_at = context.rt.now();
    for round in 0u64.. {
        tokio::select! {
            biased;
            () = context.clients_stop.wait() => return,
            () = context.rt.sleep_until(next_at) => {}
        }
        next_at = context.rt.now().max(next_at + nanos(EVERY));
        let node = NodeId((round % u64::from(context.nodes)) as u8 + 1);
        let op = generator.probe(process);
        let mut event = invocation(process, &op);
        event.node = Some(context.name(node));
        let invoked = context.recorder.record(&mut event);
        context.decisions.note_asked(&op);
        let deadline = invoked + nanos(TIMEOUT);
        let answer = within(&context.rt, deadline, client.invoke(node, &op)).await;
        let outcome = answer.unwrap_or_else(|| Outcome::Info("timeout".into()));
        if matches!(outcome, Outcome::Info(_)) {
            process = numbers.after(process);
        }
        let went_well = matches!(outcome, Outcome::Ok(_));
        if went_well {
            context.note_ok(&op, invoked);
        }
        fill_return(&mut event, outcome);
        let returned = context.recorder.record(&mut event);
        if !went_well {
            next_at = next_at.max(returned + nanos(PAUSE));
        }
        generator.observe(&event);
    }
}
