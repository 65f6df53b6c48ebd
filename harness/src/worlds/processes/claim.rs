//! Real processes as a place for a run: addresses of its own, a clock, and this thread's executor.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::path::PathBuf;

use tokio::runtime::{Builder, LocalOptions};

use super::{Processes, ProcessesConfig, RealTime, layouts};
use crate::action::NodeId;
use crate::proxy::RunNet;
use crate::systems::{Launch, System};
use crate::worlds::{Place, Start, Story, WorldError};

/// Addresses on loopback that nobody else uses, and a clock.
pub struct Claimed {
    net: RunNet,
    /// Begins when it is first asked for.
    clock: OnceCell<RealTime>,
}

impl Claimed {
    /// Takes a range of addresses.
    pub fn new() -> Result<Self, WorldError> {
        let net = RunNet::claim().map_err(unable("no address range on loopback is free"))?;
        Ok(Claimed { net, clock: OnceCell::new() })
    }

    /// A folder of this run alone, below the one where the system's nodes have theirs.
    fn scratch(&self, system: &dyn System) -> Option<PathBuf> {
        let (process, number) = (std::process::id(), self.net.number());
        Some(system.data()?.join(format!("schism-{process}-{number}")))
    }

    fn launches(&self, start: &Start) -> std::io::Result<BTreeMap<NodeId, Launch>> {
        let seed = |node: NodeId| start.node_seeds[usize::from(node.0) - 1];
        let nodes = start.node_seeds.len() as u8;
        let data = self.scratch(&*start.system);
        let layouts = layouts(&self.net, &start.directory, nodes, data.as_deref(), seed)?;
        let launch = |(node, layout)| (node, start.system.launch(node, &layout));
        Ok(layouts.into_iter().map(launch).collect())
    }
}

impl Place for Claimed {
    fn origin_ns(&self) -> u64 {
        self.clock.get_or_init(RealTime::start).origin_ns
    }

    fn live(mut self: Box<Self>, start: Start, story: Story) -> Result<(), WorldError> {
        self.net.listens_at(start.system.peer_port(), start.system.client_port());
        self.net.serves_at(&start.system.ports());
        let scratch = self.scratch(&*start.system);
        let network = start.system.network();
        let launches = self.launches(&start).map_err(unable("the nodes' folders have no place"))?;
        let guard = std::env::current_exe().map_err(unable("this program cannot find itself"))?;
        let frames = if start.reads_frames { start.system.frames() } else { &[] };
        let (system, model) = (start.system, start.model);
        let config = ProcessesConfig {
            net: self.net,
            clock: *self.clock.get_or_init(RealTime::start),
            client: Box::new(move |dial| system.client(model, dial)),
            launches,
            clients: start.clients,
            directory: start.directory,
            guard,
            seed: start.seed,
            frames,
            network,
            scratch,
        };
        let mut runtime = Builder::new_current_thread();
        let runtime = runtime.enable_all().build_local(LocalOptions::default());
        runtime.map_err(unable("this thread cannot wait for sockets"))?.block_on(async {
            let world = Processes::start(config).await?;
            world.make_clients();
            story(world).await;
            Ok(())
        })
    }
}

fn unable(what: &str) -> impl Fn(std::io::Error) -> WorldError {
    move |error| WorldError(format!("{what}: {error}"))
}
