//! How a run ends, once everything is healed: one file per ending that a model's row may name.

mod ask_every_key;
mod asker;
mod drain;
mod read_every_key;
mod read_every_node;

use std::rc::Rc;

use schism_facts::remark::{FinalRead, Remark};

use super::context::Context;
use super::crew::Crew;
use crate::action::NodeId;

pub use ask_every_key::ask_every_key;
pub use drain::drain;
pub use read_every_key::read_every_key;
pub use read_every_node::{read_every_node, settle};

/// Carries this out for every node, all at once, and records what became of each: how much was
/// read, or how much and why no more.
async fn each_node(
    context: &Rc<Context>,
    end: impl AsyncFn(Rc<Context>, NodeId) -> Result<u64, (u64, String)> + 'static,
) {
    let crew = Crew::default();
    let end = Rc::new(end);
    for node in NodeId::all(context.nodes) {
        let (context, end) = (Rc::clone(context), Rc::clone(&end));
        let clock = Rc::clone(&context.clock);
        crew.spawn(&*clock, async move {
            let (complete, length, why) = match end(Rc::clone(&context), node).await {
                Ok(length) => (true, length, None),
                Err((length, why)) => (false, length, Some(why)),
            };
            let length = Some(length);
            context.remark(Remark::FinalRead(FinalRead { node, complete, length, why }));
        });
    }
    crew.done().await;
}

/// The nodes whose processes exist.
fn running(context: &Context) -> Vec<NodeId> {
    let view = context.world.view();
    NodeId::all(context.nodes)
        .filter(|node| view.nodes.get(usize::from(node.0) - 1).is_some_and(|n| n.running))
        .collect()
}
