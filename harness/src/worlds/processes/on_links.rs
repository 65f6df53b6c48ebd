//! Overlays on links: the proxy is given the shape that each link has now, and counts what it does.

use std::collections::BTreeSet;
use std::future::ready;

use crate::action::{Effect, Link, LinkOverlay, OverlayId};
use crate::clock::Local;
use crate::worlds::WorldError;
use crate::worlds::overlays::links_of;

use super::Processes;
use super::cluster::Perform;

impl Perform for LinkOverlay {
    fn check(&self, world: &Processes) -> Result<(), WorldError> {
        if let Some(link) = links(self).into_iter().find(|link| !world.proxy.has(*link)) {
            return Err(world.unknown(&format!("link from {} to {}", link.from, link.to)));
        }
        match self {
            LinkOverlay::Frames { meddling, .. } if meddling.met(world.frames).is_none() => {
                Err(WorldError(format!(
                    "no frame `{}` is known on these links; only built-in systems say what their \
                     frames are",
                    meddling.kind
                )))
            }
            _ => Ok(()),
        }
    }

    fn put_on<'a>(&'a self, world: &'a Processes) -> Local<'a, Result<Effect, WorldError>> {
        world.shape_links(self);
        Box::pin(ready(Ok(Effect::default())))
    }

    fn take_off<'a>(
        &'a self,
        id: OverlayId,
        world: &'a Processes,
    ) -> Local<'a, Result<Effect, WorldError>> {
        world.shape_links(self);
        Box::pin(ready(Ok(world.proxy.effect(id))))
    }
}

impl Processes {
    /// Gives every link that this overlay touches the shape it has now.
    fn shape_links(&self, overlay: &LinkOverlay) {
        let overlays = self.overlays.borrow();
        for link in links(overlay) {
            self.proxy.set(link, overlays.link(link));
        }
    }
}

fn links(overlay: &LinkOverlay) -> BTreeSet<Link> {
    overlay.flows().iter().copied().flat_map(links_of).collect()
}
