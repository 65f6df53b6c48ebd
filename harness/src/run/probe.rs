//! The probe: a process of its own that appends (or proposes) to each node in turn at a fixed
//! rate, past every fault, so that recovery is measured by a steady hand and not by the time-outs
//! of clients. What it does is recorded like any other operation.

use std::rc::Rc;
use std::time::Duration;

use schism_verify::history::Type;

use super::context::{Context, PAUSE};
use crate::action::NodeId;
use crate::clock::{nanos, within};
use crate::generate::Generator;
use crate::systems::{Completion, Refusal};

/// How often: the resolution of every recovery time in the report.
const EVERY: Duration = Duration::from_millis(100);

/// Long enough for an election at the default timeouts, short enough to come round.
const TIMEOUT: Duration = Duration::from_millis(500);

/// Probes until the clients are stopped. A try that takes longer than the interval makes the next
/// one late, never concurrent: it is one process.
pub async fn probe(context: Rc<Context>, mut generator: Box<dyn Generator>) {
    let numbers = context.processes();
    let mut process = numbers.probe();
    let mut client = context.world.direct();
    let mut next_at = context.clock.now();
    for round in 0u64.. {
        tokio::select! {
            biased;
            () = context.clients_stop.wait() => return,
            () = context.clock.sleep_until(next_at) => {}
        }
        next_at = context.clock.now().max(next_at + nanos(EVERY));
        let node = NodeId((round % u64::from(context.nodes)) as u8 + 1);
        let mut asked = generator.probe(process);
        let invoked = context.invoke(&mut asked, node);
        let deadline = invoked + nanos(TIMEOUT);
        let answer = within(&*context.clock, deadline, client.invoke(node, &asked)).await;
        let refused = || Completion::refused(asked.clone(), Refusal::timeout());
        let mut event = answer.unwrap_or_else(refused).event;
        let returned = context.complete(&mut event, node, invoked);
        if event.kind == Type::Info {
            process = numbers.after(process);
        }
        if event.kind != Type::Ok {
            next_at = next_at.max(returned + nanos(PAUSE));
        }
        generator.observe(&event);
    }
}
