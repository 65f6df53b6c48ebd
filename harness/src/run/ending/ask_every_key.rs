//! The end of a run where values are decided: every key ever proposed for is proposed for once more
//! at every node, and each is asked until it answers. It never calls a key decided that was not
//! answered: what it leaves unrecorded is unknown.

use std::rc::Rc;
use std::time::Duration;

use schism_verify::history::{Type, Value};

use super::super::context::{Context, PAUSE};
use super::super::route::Route;
use super::{each_node, running};
use crate::action::NodeId;
use crate::clock::{Nanos, nanos, within};
use crate::generate::{ConsensusGenerator, Sizes};
use crate::systems::{Client, Completion, Refusal};

/// One try of a proposal.
const TRY: Duration = Duration::from_secs(1);

/// Beyond the recovery window, so that a verdict about it rests on a full wait.
const BEYOND: Duration = Duration::from_millis(500);

/// Proposes for every key at every node, all nodes at once, each from a key of its own on so that
/// they do not race for one key all the way.
pub async fn ask_every_key(
    context: &Rc<Context>,
    value_bytes: Sizes,
    recovery: Duration,
    hurry: Option<Nanos>,
) {
    let keys = context.decisions.keys();
    each_node(context, async move |context, node| {
        let mut mine = keys.clone();
        let turn = mine.len() / usize::from(context.nodes) * usize::from(node.0 - 1);
        mine.rotate_left(turn);
        let client = context.world.direct();
        let process = context.processes().reader(node);
        let generator = ConsensusGenerator::new(value_bytes, None);
        let mut asker = Asker { context: &context, node, client, process, generator };
        asker.ask_for(&mine, recovery + BEYOND, hurry).await
    })
    .await;
}

/// One process that asks one node.
struct Asker<'a> {
    context: &'a Context,
    node: NodeId,
    client: Box<dyn Client>,
    process: u64,
    generator: ConsensusGenerator,
}

impl Asker<'_> {
    /// How many keys were answered, and why no more.
    async fn ask_for(
        &mut self,
        keys: &[Value],
        longest: Duration,
        hurry: Option<Nanos>,
    ) -> Result<u64, (u64, String)> {
        if !running(self.context).contains(&self.node) {
            return Err((0, format!("{} is not running", self.node)));
        }
        for (done, key) in keys.iter().enumerate() {
            let give_up = self.context.clock.now() + nanos(longest);
            let limit = give_up.min(hurry.unwrap_or(give_up));
            self.ask(key, limit).await.map_err(|why| (done as u64, format!("{key}: {why}")))?;
        }
        Ok(keys.len() as u64)
    }

    /// Until it is answered. Every try has a value of its own.
    async fn ask(&mut self, key: &Value, limit: Nanos) -> Result<(), String> {
        let context = self.context;
        loop {
            let mut asked = self.generator.propose(self.process, key.clone());
            let invoked = context.invoke(&mut asked, self.node);
            let deadline = limit.min(invoked + nanos(TRY));
            let client = &mut self.client;
            let ask = async |node| {
                let answer = within(&*context.clock, deadline, client.invoke(node, &asked)).await;
                answer.unwrap_or_else(|| Completion::refused(asked.clone(), Refusal::timeout()))
            };
            let mut route = Route::new(context.nodes, self.node);
            let (node, completion) = route.ask(true, ask).await;
            let why = completion.why();
            let mut event = completion.event;
            context.complete(&mut event, node, invoked);
            match event.kind {
                Type::Ok => return Ok(()),
                Type::Info => self.process = context.processes().after(self.process),
                Type::Invoke | Type::Fail => {}
            }
            if context.clock.now() >= limit {
                return Err(why);
            }
            context.clock.sleep(PAUSE).await;
        }
    }
}
