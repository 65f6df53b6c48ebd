//! The probe: a process of its own that appends (or proposes) to each node in turn at a fixed
//! rate, past every fault, so that recovery is measured by a steady hand and not by the time-outs
//! of clients. At the end it appends once more, as a barrier. What it does is recorded like any
//! other operation.

use std::rc::Rc;
use std::time::Duration;

use schism_verify::history::{Event, Type};

use super::context::{Context, PAUSE};
use super::processes::Processes;
use super::route::Route;
use crate::action::NodeId;
use crate::clock::{Nanos, nanos, within};
use crate::generate::Generator;
use crate::systems::{Client, Completion, Refusal};

/// How often: the resolution of every recovery time in the report.
const EVERY: Duration = Duration::from_millis(100);

/// Long enough for an election at the default timeouts, short enough to come round.
const TIMEOUT: Duration = Duration::from_millis(500);

/// One process that asks, past every fault.
pub struct Probe {
    context: Rc<Context>,
    numbers: Processes,
    process: u64,
    client: Box<dyn Client>,
    generator: Box<dyn Generator>,
}

impl Probe {
    /// It draws what it asks from this generator.
    pub fn new(context: Rc<Context>, generator: Box<dyn Generator>) -> Self {
        let numbers = context.processes();
        let (process, client) = (numbers.probe(), context.world.direct());
        Probe { context, numbers, process, client, generator }
    }

    /// Probes until the clients are stopped. A try that takes longer than the interval makes the
    /// next one late, never concurrent: it is one process.
    pub async fn work(&mut self) {
        let context = Rc::clone(&self.context);
        let mut next_at = context.clock.now();
        for round in 0u64.. {
            tokio::select! {
                biased;
                () = context.clients_stop.wait() => return,
                () = context.clock.sleep_until(next_at) => {}
            }
            next_at = context.clock.now().max(next_at + nanos(EVERY));
            let node = NodeId((round % u64::from(context.nodes)) as u8 + 1);
            let deadline = context.clock.now() + nanos(TIMEOUT);
            let event = self.ask(&mut Route::new(context.nodes, node), false, deadline).await;
            if event.kind != Type::Ok {
                next_at = next_at.max(context.clock.now() + nanos(PAUSE));
            }
        }
    }

    /// Appends until that is acknowledged, and says how long the log is with it. None: nobody
    /// acknowledged it until `limit`, or it is no place in a log.
    pub async fn barrier(&mut self, limit: Nanos) -> Option<u64> {
        let context = Rc::clone(&self.context);
        let mut route = Route::new(context.nodes, NodeId(1));
        while context.clock.now() < limit {
            let deadline = limit.min(context.clock.now() + nanos(TIMEOUT));
            let event = self.ask(&mut route, true, deadline).await;
            if event.kind == Type::Ok {
                return event.offset().map(|offset| offset + 1);
            }
            context.clock.sleep(PAUSE).await;
        }
        None
    }

    /// One operation, from its draw to its return; `leads`: hints are followed.
    async fn ask(&mut self, route: &mut Route, leads: bool, deadline: Nanos) -> Event {
        let context = Rc::clone(&self.context);
        let mut asked = self.generator.probe(self.process);
        let invoked = context.invoke(&mut asked, route.first(leads));
        let client = &mut self.client;
        let ask = async |node| {
            let answer = within(&*context.clock, deadline, client.invoke(node, &asked)).await;
            answer.unwrap_or_else(|| Completion::refused(asked.clone(), Refusal::timeout()))
        };
        let (node, completion) = route.ask(leads, ask).await;
        let mut event = completion.event;
        context.complete(&mut event, node, invoked);
        if event.kind == Type::Info {
            self.process = self.numbers.after(self.process);
        }
        self.generator.observe(&event);
        event
    }
}
