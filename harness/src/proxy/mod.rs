//! The proxy between all parties: one listener per link, on a thread and runtime of its own.
//! Control is a pointer swap and never waits for data, connections or nodes.
//!
//! * `net`: who listens where, and the listening sockets.
//! * `link`: what a link does, its connections, and the bytes through each of them.
//! * `frames`: frames in those bytes, and what overlays do to them.

mod delay;
mod frames;
mod link;
mod net;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::JoinHandle;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use schism_facts::FrameRow;
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::{oneshot, watch};
use tokio::task::spawn_local;

use frames::reading::Readings;
use link::state::{LinkState, Registry};
use link::{Carrier, Passed};
use net::gate::Listening;

use crate::action::{Effect, Link, OverlayId};
use crate::limits::Shortages;

pub use link::shape::{Arrival, FlowShape, LinkShape, Passage};
pub use net::{CLIENTS_MAX, NODES_MAX, NodeAddresses, RunNet, all_links};

/// A running proxy. Dropping it closes every connection and listener.
#[derive(Debug)]
pub struct Proxy {
    links: BTreeMap<Link, Control>,
    effects: Registry,
    /// Dropped, it ends the thread.
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// A link as seen from the controlling thread.
#[derive(Debug)]
struct Control {
    state: watch::Sender<Arc<LinkState>>,
    passed: Arc<Passed>,
    listening: Listening,
    /// `Listening::unanswered` when last asked.
    unanswered: Mutex<u32>,
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
        let effects = Registry::new(kinds);
        let mut readings = Readings::new(kinds);
        let mut controls = BTreeMap::new();
        let mut carriers = Vec::new();
        let mut reached: BTreeMap<_, Arc<AtomicBool>> = BTreeMap::new();
        for (number, &link) in links.iter().enumerate() {
            let address = net.link(link);
            let listening = Listening::on(address).map_err(|error| {
                ProxyError(format!(
                    "the proxy cannot listen on {address}: {error}; free that port, or end the \
                     program that holds it (`ss -ltnp` names it)"
                ))
            })?;
            let (state, watched) = watch::channel(Arc::default());
            let passed = Arc::<Passed>::default();
            let upstream = net.upstream(link);
            let carrier = Carrier {
                upstream,
                reached: reached.entry(upstream).or_default().clone(),
                state: watched,
                passed: passed.clone(),
                random: [0, 1].map(|way| stream(seed, 2 * number as u64 + way).into()),
                reading: readings.of(link),
                shortages: shortages.clone(),
            };
            carriers.push((carrier, listening.clone()));
            let unanswered = Mutex::new(listening.unanswered());
            controls.insert(link, Control { state, passed, listening, unanswered });
        }
        let (end, ended) = oneshot::channel();
        let (ready, started) = mpsc::channel();
        let failed = |error: io::Error| {
            ProxyError(format!("the proxy's thread cannot start: {error}; end other programs"))
        };
        let thread = std::thread::Builder::new()
            .name("proxy".into())
            .spawn(move || run(carriers, ended, &ready))
            .map_err(failed)?;
        started.recv().expect("the thread says how its start went").map_err(failed)?;
        Ok(Proxy { links: controls, effects, end: Some(end), thread: Some(thread) })
    }

    pub fn has(&self, link: Link) -> bool {
        self.links.contains_key(&link)
    }

    /// Changes what a link does, for existing and new connections, at once.
    pub fn set(&self, link: Link, shape: LinkShape) {
        let control = &self.links[&link];
        control.collect();
        control.state.send_modify(|state| *state = Arc::new(self.effects.state(shape, state)));
    }

    /// What this overlay did to the links so far.
    pub fn effect(&self, overlay: OverlayId) -> Effect {
        self.links.values().for_each(Control::collect);
        self.effects.effect(overlay)
    }

    pub fn counts(&self, link: Link) -> LinkCounts {
        let passed = &self.links[&link].passed;
        LinkCounts {
            connections: passed.connections.load(Relaxed),
            forward_bytes: passed.forward_bytes.load(Relaxed),
            backward_bytes: passed.backward_bytes.load(Relaxed),
        }
    }
}

impl Control {
    /// Gives the SYNs that the kernel left unanswered since last asked to the blocks there are.
    fn collect(&self) {
        let mut before = self.unanswered.lock().expect("no panic while counting");
        let now = self.listening.unanswered();
        let new = now.wrapping_sub(*before);
        *before = now;
        if new > 0 {
            self.state.borrow().count_refused(u64::from(new));
        }
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

fn run(
    links: Vec<(Carrier, Listening)>,
    ended: oneshot::Receiver<()>,
    ready: &mpsc::Sender<io::Result<()>>,
) {
    let say = |started| ready.send(started).expect("whoever starts the thread waits for it");
    let mut builder = Builder::new_current_thread();
    match builder.enable_all().build_local(LocalOptions::default()) {
        Err(error) => say(Err(error)),
        Ok(runtime) => runtime.block_on(async {
            for (carrier, listening) in links {
                spawn_local(link::serve(Rc::new(carrier), listening));
            }
            say(Ok(()));
            // The sender is dropped, never used.
            let _ = ended.await;
        }),
    }
}

/// Each direction of each link draws from a stream of its own, so that none shifts another.
fn stream(seed: u64, number: u64) -> ChaCha8Rng {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(number);
    random
}
