//! The real world as a cluster that can be broken and healed.
//! It never says what should be: the overlays do, and this makes it so.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;

use crate::action::{Action, ClientId, Effect, NodeId, Operator, Overlay, OverlayId, View};
use crate::clock::{Clock, Local};
use crate::limits::machine;
use crate::systems::{Client, Network, NodeStatus};
use crate::worlds::dial::Addresses;
use crate::worlds::{Death, Stall, World, WorldError};

use super::aside::aside;
use super::nodes::{Ended, KILLED};
use super::{Processes, bypass, files};

/// How overlays on one kind of thing are performed here; a file for each. The fold has the overlay
/// already when it is put on, and no longer when it is taken off.
pub(super) trait Perform {
    /// Whether all that it names exists.
    fn check(&self, world: &Processes) -> Result<(), WorldError>;

    /// Makes it so. What is known already of its effect.
    fn put_on<'a>(&'a self, world: &'a Processes) -> Local<'a, Result<Effect, WorldError>>;

    /// Makes it as it is without it. What was not known before of its effect.
    fn take_off<'a>(
        &'a self,
        id: OverlayId,
        world: &'a Processes,
    ) -> Local<'a, Result<Effect, WorldError>>;
}

/// Who performs an overlay.
fn performer(overlay: &Overlay) -> &dyn Perform {
    match overlay {
        Overlay::Links(overlay) => overlay,
        Overlay::Nodes(overlay) => overlay,
    }
}

impl World for Processes {
    fn apply(&self, action: Action) -> Local<'_, Result<OverlayId, WorldError>> {
        Box::pin(async move {
            match action {
                Action::Hold(overlay) => self.put_on(overlay).await,
                // Clients' words, not the world's: it is only given a name.
                Action::Once(Operator::Promote { .. }) => Ok(self.overlays.borrow_mut().name()),
            }
        })
    }

    fn heal(&self, id: OverlayId) -> Local<'_, Result<Effect, WorldError>> {
        Box::pin(self.take_off(id))
    }

    fn view(&self) -> View {
        // Once nobody holds the nodes, they are being ended.
        let held = self.nodes.alarm.why().is_none();
        let lives = |node| held && self.is_up(node);
        self.overlays.borrow().view(self.launches.len() as u8, lives)
    }

    fn client(&self, client: ClientId) -> Box<dyn Client> {
        let made = self.made.borrow_mut().remove(&client);
        made.unwrap_or_else(|| self.make_client(client))
    }

    fn direct(&self) -> Box<dyn Client> {
        self.controls.set(self.controls.get() + 1);
        let programs = self.programs_of(&format!("control{}", self.controls.get()));
        let dial = Addresses::noting(self.addresses(), self.shortages.clone());
        (self.client)(Rc::new(dial.launching(Rc::new(programs))))
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
            last_lines: self.last_lines(ended.node),
            excuse: self.excuse(&ended),
            node: ended.node,
            how: self.which(&ended),
        };
        self.nodes.ended().into_iter().map(death).collect()
    }

    fn last_lines(&self, node: NodeId) -> Vec<String> {
        files::last_lines(&files::stderr(&self.directory, node))
    }

    fn bypasses(&self) -> Local<'_, io::Result<Vec<String>>> {
        Box::pin(async {
            let (mut keepers, programs) = {
                let lives = self.nodes.lives.lock().expect("no panic while looking");
                (lives.keepers.clone(), lives.programs.clone())
            };
            if self.network == Network::None {
                // Nothing is between nodes that could be passed.
                keepers.clear();
            }
            let addresses = self.net.nodes();
            let interposed = self.interposed.is_some();
            let owner = move |address| addresses.owner(address);
            let look = move || bypass::look(&keepers, &programs, owner, interposed);
            let found = aside(look).await;
            if let Err(error) = &found {
                self.shortages.note("connections past the proxy could not be looked for", error);
            }
            found
        })
    }

    fn troubles(&self) -> Vec<String> {
        self.shortages.take()
    }

    fn broken(&self) -> Local<'_, WorldError> {
        Box::pin(self.nodes.broken())
    }

    fn stop(&self) -> Local<'_, Result<(), WorldError>> {
        Box::pin(async {
            let ended = self.nodes.end().await;
            self.logs.cut();
            if let Some(scratch) = self.scratch.as_ref().filter(|_| ended.is_ok()) {
                // Nobody lives there any more; what cannot be removed is the user's to see.
                let _ = fs::remove_dir_all(scratch);
            }
            ended
        })
    }

    fn start_next(&self) -> Local<'_, Result<bool, WorldError>> {
        Box::pin(self.start_group())
    }

    fn not_started(&self) -> BTreeSet<NodeId> {
        self.starting.waiting()
    }

    fn is_ready(&self, node: NodeId) -> Local<'_, Option<bool>> {
        Box::pin(self.looks_ready(node))
    }

    fn once(&self) -> Local<'_, Result<(), WorldError>> {
        Box::pin(async {
            for (node, launch) in &self.launches {
                for step in &launch.once {
                    self.until_done(*node, step).await?;
                }
            }
            Ok(())
        })
    }

    fn named_leader(&self, node: NodeId) -> Local<'_, Option<NodeStatus>> {
        Box::pin(self.asked_leader(node))
    }

    fn promote(&self, node: NodeId) -> Option<Local<'_, Result<(), String>>> {
        let promotion = self.launches.get(&node)?.promotion.as_ref()?;
        Some(Box::pin(async move {
            self.promote_by_hand(node, promotion).await.map_err(|error| error.to_string())
        }))
    }

    fn note_leader(&self, leader: Option<NodeId>) {
        self.starting.led_by(leader);
    }
}

impl Processes {
    /// Whether it was the kernel that killed a node, because memory ran out.
    fn excuse(&self, ended: &Ended) -> Option<String> {
        if ended.how != KILLED || machine::killed_for_memory() == self.killed_for_memory {
            return None;
        }
        let why = "the kernel killed a process as memory ran out".to_owned();
        self.shortages.add(format!(
            "{} died of signal 9 when {why} (`oom_kill` in /proc/vmstat or memory.events); end other \
             programs, or raise the limit",
            ended.node
        ));
        Some(why)
    }

    /// How it ended, and which of several processes of the node it was.
    fn which(&self, ended: &Ended) -> String {
        let processes = &self.launches[&ended.node].processes;
        match processes.get(usize::from(ended.process)) {
            Some(one) if !one.name.is_empty() => format!("`{}`: {}", one.name, ended.how),
            _ => ended.how.clone(),
        }
    }

    async fn put_on(&self, overlay: Overlay) -> Result<OverlayId, WorldError> {
        let performer = performer(&overlay);
        performer.check(self)?;
        let id = self.overlays.borrow_mut().add(overlay.clone());
        match performer.put_on(self).await {
            Ok(effect) => drop(self.effects.borrow_mut().insert(id, effect)),
            Err(error) => {
                // Half a fault is none: what it did is undone as far as that goes.
                let _ = self.take_off(id).await;
                return Err(error);
            }
        }
        Ok(id)
    }

    async fn take_off(&self, id: OverlayId) -> Result<Effect, WorldError> {
        let overlay =
            self.overlays.borrow_mut().remove(id).map_err(|error| WorldError(error.to_string()))?;
        let done = performer(&overlay).take_off(id, self).await?;
        let mut effect = self.effects.borrow_mut().remove(&id).unwrap_or_default();
        effect.0.extend(done.0);
        Ok(effect)
    }

    /// An overlay names something that is not there.
    pub(super) fn unknown(&self, what: &str) -> WorldError {
        let (nodes, clients) = (self.launches.len(), self.clients);
        WorldError(format!("there is no {what} in a cluster of {nodes} nodes, {clients} clients"))
    }
}
