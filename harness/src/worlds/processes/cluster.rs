//! The real world as a cluster that can be broken and healed.
//! It never says what should be: the overlays do, and this makes it so.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::rc::Rc;

use tokio::task::spawn_blocking;

use crate::action::{
    Action, Bite, ClientId, Endpoint, Link, NodeId, NodeView, Operator, Overlay, OverlayId, View,
};
use crate::clock::{Clock, Local};
use crate::systems::Client;
use crate::worlds::overlays::{NodeShape, links_of};
use crate::worlds::{Death, Stall, World, WorldError};

use super::nodes::Ended;
use super::{ProcessBite, Processes, bypass, files};

impl World for Processes {
    fn apply(&self, effect: Action) -> Local<'_, Result<OverlayId, WorldError>> {
        Box::pin(async move {
            match effect {
                Action::Hold(overlay) => self.put_on(overlay).await,
                // Clients' words, not the world's: it is only given a name.
                Action::Once(Operator::Promote { .. }) => Ok(self.overlays.borrow_mut().name()),
            }
        })
    }

    fn heal(&self, id: OverlayId) -> Local<'_, Result<Bite, WorldError>> {
        Box::pin(self.take_off(id))
    }

    fn view(&self) -> View {
        let overlays = self.overlays.borrow();
        let node = |&node: &NodeId| {
            let shape = overlays.node(node);
            NodeView {
                running: !shape.down && self.nodes.pid(node).is_some(),
                paused: shape.paused,
            }
        };
        View {
            nodes: self.launches.keys().map(node).collect(),
            blocked: overlays.blocked(),
            withheld: overlays.withhold(),
            clients: self.clients,
            // Who leads is not the world's to say.
            ..View::default()
        }
    }

    fn client(&self, client: ClientId) -> Box<dyn Client> {
        let from = Endpoint::Client(client);
        let through_links = |&to: &NodeId| self.net.link(Link { from, to });
        self.client_dialling(self.launches.keys().map(through_links).collect())
    }

    fn direct(&self) -> Box<dyn Client> {
        self.client_dialling(self.addresses())
    }

    fn addresses(&self) -> Vec<SocketAddr> {
        self.launches.keys().map(|&node| self.net.client(node)).collect()
    }

    fn clock(&self) -> Rc<dyn Clock> {
        Rc::new(self.clock)
    }

    fn stalls(&self) -> Vec<Stall> {
        let stalls = self.watch.stalls().into_iter();
        let at = |moment| self.clock.at(moment);
        stalls.map(|s| Stall { from: at(s.from), to: at(s.to), what: s.what }).collect()
    }

    fn deaths(&self) -> Vec<Death> {
        let death = |ended: Ended| Death {
            last_lines: files::last_lines(&files::stderr(&self.directory, ended.node)),
            node: ended.node,
            how: ended.how,
        };
        self.nodes.ended().into_iter().map(death).collect()
    }

    fn bypasses(&self) -> Local<'_, Vec<String>> {
        Box::pin(async {
            let guard = self.nodes.guard;
            let nodes = self.nodes.pids.lock().expect("no panic while looking").clone();
            let addresses = self.net.nodes();
            let look = move || bypass::look(guard, &nodes, |address| addresses.owner(address));
            spawn_blocking(look).await.expect("looking does not panic")
        })
    }

    fn stop(&self) -> Local<'_, Result<(), WorldError>> {
        Box::pin(self.nodes.end())
    }
}

impl Processes {
    async fn put_on(&self, overlay: Overlay) -> Result<OverlayId, WorldError> {
        self.check(&overlay)?;
        let id = self.overlays.borrow_mut().add(overlay.clone());
        self.bites.borrow_mut().insert(id, ProcessBite::default());
        match overlay {
            Overlay::Block { .. } | Overlay::Delay { .. } | Overlay::Frames { .. } => {
                self.shape_links(&overlay);
                Ok(id)
            }
            Overlay::Pause { ref nodes } | Overlay::Down { ref nodes } => {
                let down = matches!(overlay, Overlay::Down { .. });
                let done = self.break_nodes(id, nodes, down).await;
                if let Err(error) = done {
                    // Half a fault is none: what it did is undone as far as that goes.
                    let _ = self.take_off(id).await;
                    return Err(error);
                }
                Ok(id)
            }
        }
    }

    async fn break_nodes(
        &self,
        id: OverlayId,
        nodes: &BTreeSet<NodeId>,
        down: bool,
    ) -> Result<(), WorldError> {
        let _changing = self.changing.lock().await;
        let nodes: Vec<NodeId> = nodes.iter().copied().collect();
        let bite = if down {
            ProcessBite { killed: self.nodes.kill(&nodes).await?, stopped: 0 }
        } else {
            ProcessBite { killed: 0, stopped: self.nodes.stop(&nodes).await? }
        };
        self.bites.borrow_mut().insert(id, bite);
        Ok(())
    }

    async fn take_off(&self, id: OverlayId) -> Result<Bite, WorldError> {
        let overlay =
            self.overlays.borrow_mut().remove(id).map_err(|error| WorldError(error.to_string()))?;
        match &overlay {
            Overlay::Block { .. } | Overlay::Delay { .. } | Overlay::Frames { .. } => {
                self.shape_links(&overlay);
            }
            Overlay::Pause { nodes } => {
                let _changing = self.changing.lock().await;
                let free = nodes.iter().copied().filter(|&node| !self.shape(node).paused);
                self.nodes.resume(&free.collect::<Vec<_>>()).await?;
            }
            Overlay::Down { nodes } => {
                let _changing = self.changing.lock().await;
                for &node in nodes {
                    self.start_again(node).await?;
                }
            }
        }
        let done = self.bites.borrow().get(&id).copied().unwrap_or_default();
        Ok(Bite { killed: done.killed, stopped: done.stopped, ..self.proxy.bite(id) })
    }

    /// Starts a node that no overlay keeps down any more; one that is paused begins paused.
    async fn start_again(&self, node: NodeId) -> Result<(), WorldError> {
        if self.shape(node).down || self.nodes.pid(node).is_some() {
            return Ok(());
        }
        self.spawn(node).await?;
        if self.shape(node).paused {
            self.nodes.stop(&[node]).await?;
        }
        Ok(())
    }

    fn shape(&self, node: NodeId) -> NodeShape {
        self.overlays.borrow().node(node)
    }

    /// Gives every link that this overlay touches the shape it has now.
    fn shape_links(&self, overlay: &Overlay) {
        let overlays = self.overlays.borrow();
        for link in links(overlay) {
            self.proxy.set(link, overlays.link(link));
        }
    }

    /// Whether all that the overlay names exists.
    fn check(&self, overlay: &Overlay) -> Result<(), WorldError> {
        let unknown = |what: String| {
            let nodes = self.launches.len();
            let clients = self.clients;
            WorldError(format!(
                "there is no {what} in a cluster of {nodes} nodes, {clients} clients"
            ))
        };
        if let Some(link) = links(overlay).into_iter().find(|link| !self.proxy.has(*link)) {
            return Err(unknown(format!("link from {} to {}", link.from, link.to)));
        }
        match overlay {
            Overlay::Pause { nodes } | Overlay::Down { nodes } => {
                let missing = nodes.iter().find(|&node| !self.launches.contains_key(node));
                missing.map_or(Ok(()), |node| Err(unknown(format!("node {node}"))))
            }
            Overlay::Frames { meddling, .. } => match meddling.met(&self.frames) {
                Some(_) => Ok(()),
                None => Err(WorldError(format!(
                    "no frame `{}` is known on these links; only built-in systems say what their \
                     frames are",
                    meddling.kind
                ))),
            },
            Overlay::Block { .. } | Overlay::Delay { .. } => Ok(()),
        }
    }
}

fn links(overlay: &Overlay) -> BTreeSet<Link> {
    match overlay {
        Overlay::Block { flows, .. }
        | Overlay::Delay { flows, .. }
        | Overlay::Frames { flows, .. } => flows.iter().copied().flat_map(links_of).collect(),
        Overlay::Pause { .. } | Overlay::Down { .. } => BTreeSet::new(),
    }
}
