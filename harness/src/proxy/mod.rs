//! The proxy between all parties: one or more listeners per link, on a thread and runtime of its
//! own. Control is a pointer swap and never waits for data, connections or nodes.
//!
//! * `control`: links as whoever controls them sees them. `interposed`: and as they are dialled by
//!   nodes that know nothing of them.
//! * `net`: who listens where, and the listening sockets.
//! * `link`: what a link does, its connections, and the bytes through each of them.
//! * `frames`: frames in those bytes, and what overlays do to them.

mod control;
mod delay;
mod frames;
mod interposed;
mod link;
mod net;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use schism_facts::FrameRow;
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::sync::oneshot;
use tokio::task::spawn_local;

use control::{Control, Shared};
use frames::reading::Readings;
use link::{Carrier, Interposed};
use net::gate::Listening;

use crate::action::{Effect, Link, OverlayId};
use crate::limits::Shortages;

pub use interposed::{Noted, Ports};
pub use link::shape::{Arrival, FlowShape, LinkShape, Passage};
pub use net::{CLIENTS_MAX, Door, NODES_MAX, NodeAddresses, RunNet, all_links};

/// A running proxy. Dropping it closes every connection and listener.
#[derive(Debug)]
pub struct Proxy {
    shared: Arc<Shared>,
    /// Dropped, it ends the thread.
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// A listener that is to be served.
#[derive(Debug)]
struct Opening {
    link: Link,
    upstream: SocketAddr,
    listening: Listening,
    interposed: Option<Interposed>,
    /// Dropped once the gate stands as the link's state asks.
    opened: Option<mpsc::Sender<Infallible>>,
}

/// What passed over a link since the start.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LinkCounts {
    /// Connections joined to the node.
    pub connections: u64,
    /// Bytes delivered from who dials to who accepts.
    pub forward_bytes: u64,
    /// Bytes delivered back.
    pub backward_bytes: u64,
}

/// Why the proxy could not start. A sentence with the next step.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct ProxyError(pub String);

impl Proxy {
    /// Listens for every link; when this returns, all of them can be dialled. `seed` is where the
    /// links' own random delays are drawn from. Overlays can meet the frames of these kinds on
    /// links between nodes; where there are any, the ends of frames are counted from the start on.
    /// What of ours runs out later is noted in `shortages`.
    pub fn start(
        net: &RunNet,
        links: &[Link],
        seed: u64,
        kinds: &'static [FrameRow],
        shortages: &Shortages,
    ) -> Result<Proxy, ProxyError> {
        let (orders, ordered) = unbounded_channel();
        let mut controls = BTreeMap::new();
        for (number, &link) in links.iter().enumerate() {
            let control = Control::new(number as u64);
            for Door { listens, upstream } in net.doors(link) {
                let listening = Listening::on(listens).map_err(|error| {
                    ProxyError(format!(
                        "the proxy cannot listen on {listens}: {error}; free that port, or end the \
                         program that holds it (`ss -ltnp` names it)"
                    ))
                })?;
                control.add(listening.clone());
                let opening = Opening { link, upstream, listening, interposed: None, opened: None };
                orders.send(opening).expect("the other end is here");
            }
            controls.insert(link, control);
        }
        let shared = Arc::new(Shared::new(controls, kinds, orders));
        let thread_of =
            Thread { shared: shared.clone(), seed, kinds, shortages: shortages.clone() };
        let (end, ended) = oneshot::channel();
        let (ready, started) = mpsc::channel();
        let failed = |error: io::Error| {
            ProxyError(format!("the proxy's thread cannot start: {error}; end other programs"))
        };
        let thread = std::thread::Builder::new()
            .name("proxy".into())
            .spawn(move || run(&thread_of, ordered, ended, &ready))
            .map_err(failed)?;
        started.recv().expect("the thread says how its start went").map_err(failed)?;
        Ok(Proxy { shared, end: Some(end), thread: Some(thread) })
    }

    pub fn has(&self, link: Link) -> bool {
        self.shared.links.contains_key(&link)
    }

    /// Changes what a link does, for existing and new connections, at once.
    pub fn set(&self, link: Link, shape: LinkShape) {
        let control = &self.shared.links[&link];
        control.collect();
        let effects = &self.shared.effects;
        control.state.send_modify(|state| *state = Arc::new(effects.state(shape, state)));
    }

    /// What this overlay did to the links so far.
    pub fn effect(&self, overlay: OverlayId) -> Effect {
        self.shared.links.values().for_each(Control::collect);
        self.shared.effects.effect(overlay)
    }

    pub fn counts(&self, link: Link) -> LinkCounts {
        let passed = &self.shared.links[&link].passed;
        LinkCounts {
            connections: passed.connections.load(Relaxed),
            forward_bytes: passed.forward_bytes.load(Relaxed),
            backward_bytes: passed.backward_bytes.load(Relaxed),
        }
    }

    /// The links as nodes dial them that know nothing of links. `noted` is told what was seen.
    pub fn ports(&self, net: &RunNet, nodes: u8, noted: Noted) -> Ports {
        Ports::new(self.shared.clone(), net.plan(nodes), noted)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            // It ends at once: nothing on it waits for data. Its panic has been printed.
            let _ = thread.join();
        }
    }
}

/// What the proxy's thread knows.
struct Thread {
    shared: Arc<Shared>,
    seed: u64,
    kinds: &'static [FrameRow],
    shortages: Shortages,
}

fn run(
    thread: &Thread,
    mut ordered: UnboundedReceiver<Opening>,
    mut ended: oneshot::Receiver<()>,
    ready: &mpsc::Sender<io::Result<()>>,
) {
    let say = |started| ready.send(started).expect("whoever starts the thread waits for it");
    let mut builder = Builder::new_current_thread();
    match builder.enable_all().build_local(LocalOptions::default()) {
        Err(error) => say(Err(error)),
        Ok(runtime) => runtime.block_on(async {
            let mut readings = Readings::new(thread.kinds);
            let mut reached = BTreeMap::new();
            while let Ok(opening) = ordered.try_recv() {
                thread.open(opening, &mut readings, &mut reached);
            }
            say(Ok(()));
            loop {
                tokio::select! {
                    biased;
                    // The sender is dropped, never used.
                    _ = &mut ended => return,
                    Some(opening) = ordered.recv() => {
                        thread.open(opening, &mut readings, &mut reached);
                    }
                }
            }
        }),
    }
}

impl Thread {
    /// Serves a listener from now on.
    fn open(
        &self,
        opening: Opening,
        readings: &mut Readings,
        reached: &mut BTreeMap<SocketAddr, Arc<AtomicBool>>,
    ) {
        let Opening { link, upstream, listening, interposed, opened } = opening;
        let control = &self.shared.links[&link];
        // Ports of one link must not draw alike; the first of them draws as the only one would.
        let port = if interposed.is_some() { u64::from(upstream.port()) << 32 } else { 0 };
        let number = 2 * control.number + port;
        let carrier = Carrier {
            upstream,
            interposed,
            reached: reached.entry(upstream).or_default().clone(),
            state: control.state.subscribe(),
            passed: control.passed.clone(),
            random: [0, 1].map(|way| stream(self.seed, number + way).into()),
            reading: readings.of(link),
            shortages: self.shortages.clone(),
        };
        spawn_local(link::serve(Rc::new(carrier), listening, opened));
    }
}

/// Each direction of each link draws from a stream of its own, so that none shifts another.
fn stream(seed: u64, number: u64) -> ChaCha8Rng {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(number);
    random
}
