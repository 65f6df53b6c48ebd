//! One process that asks one node at the end of a run, past every fault, and is recorded like any
//! other. It retires its number when nobody knows what became of what it asked.

use std::rc::Rc;
use std::time::Duration;

use schism_verify::history::{Event, Level, Process, Type, Value};

use super::super::context::Context;
use super::super::route::Route;
use crate::action::NodeId;
use crate::clock::{Nanos, nanos, within};
use crate::systems::{Client, Completion, Refusal};

/// Asks one node.
pub struct Asker {
    context: Rc<Context>,
    node: NodeId,
    client: Box<dyn Client>,
    process: u64,
}

impl Asker {
    /// Who asks this node at the end.
    pub fn new(context: &Rc<Context>, node: NodeId) -> Self {
        let (client, process) = (context.world.direct(), context.processes().reader(node));
        Asker { context: Rc::clone(context), node, client, process }
    }

    /// Asks once, for at most so long and not beyond the limit: what was answered, and why it is no
    /// ok. A local read asks this node alone, anything else whom it names instead.
    pub async fn ask(
        &mut self,
        f: &str,
        key: Option<Value>,
        level: Option<Level>,
        one_try: Duration,
        limit: Nanos,
    ) -> (Event, String) {
        let context = Rc::clone(&self.context);
        let mut asked = Event::new(Process::Client(self.process), Type::Invoke, f);
        asked.set_key(key);
        asked.set_level(level);
        let invoked = context.invoke(&mut asked, self.node);
        let deadline = limit.min(invoked + nanos(one_try));
        let client = &mut self.client;
        let is_local = level == Some(Level::Local);
        let ask = async |node| {
            let answer = if is_local {
                client.local_read(node, &asked)
            } else {
                client.invoke(node, &asked)
            };
            let answer = within(&*context.clock, deadline, answer).await;
            answer.unwrap_or_else(|| Completion::refused(asked.clone(), Refusal::timeout()))
        };
        let (node, completion) = Route::new(context.nodes, self.node).ask(!is_local, ask).await;
        let why = completion.why();
        let mut event = completion.event;
        context.complete(&mut event, node, invoked);
        if event.kind == Type::Info {
            self.process = context.processes().after(self.process);
        }
        (event, why)
    }
}
