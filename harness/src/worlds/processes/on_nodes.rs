//! Overlays on nodes: their processes are killed and stopped, started and let go on.

use crate::action::{Effect, KILLED, NodeId, NodeOverlay, OverlayId, STOPPED};
use crate::clock::Local;
use crate::worlds::WorldError;

use super::Processes;
use super::cluster::Perform;

impl Perform for NodeOverlay {
    fn check(&self, world: &Processes) -> Result<(), WorldError> {
        let missing = self.nodes().iter().find(|&node| !world.launches.contains_key(node));
        missing.map_or(Ok(()), |node| Err(world.unknown(&format!("node {node}"))))
    }

    fn put_on<'a>(&'a self, world: &'a Processes) -> Local<'a, Result<Effect, WorldError>> {
        Box::pin(async move {
            let _changing = world.changing.lock().await;
            let nodes: Vec<NodeId> = self.nodes().iter().copied().collect();
            Ok(match self {
                NodeOverlay::Down { .. } => {
                    for &node in &nodes {
                        world.starting.turn(node);
                    }
                    Effect::from([(KILLED, world.nodes.kill(&nodes).await?)])
                }
                NodeOverlay::Pause { .. } => {
                    Effect::from([(STOPPED, world.nodes.stop(&nodes).await?)])
                }
                NodeOverlay::Nothing { effect, .. } => effect.clone(),
            })
        })
    }

    fn take_off<'a>(
        &'a self,
        _: OverlayId,
        world: &'a Processes,
    ) -> Local<'a, Result<Effect, WorldError>> {
        Box::pin(async move {
            let _changing = world.changing.lock().await;
            match self {
                NodeOverlay::Down { nodes } => {
                    for &node in nodes {
                        world.start_again(node).await?;
                    }
                }
                NodeOverlay::Pause { nodes } => {
                    let free = nodes.iter().copied().filter(|&node| !world.shape(node).paused);
                    let free: Vec<NodeId> = free.collect();
                    world.nodes.resume(&free).await?;
                    for node in free {
                        if world.waiting.borrow().contains(&node) {
                            world.start_again(node).await?;
                        }
                    }
                }
                NodeOverlay::Nothing { .. } => {}
            }
            Ok(Effect::default())
        })
    }
}
