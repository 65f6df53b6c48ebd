//! One link at work: callers come in at its gate, each is joined to the node behind it.

mod ending;
pub mod handed;
pub mod pump;
mod queue;
pub mod shape;
pub mod state;

use std::cell::RefCell;
use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::AsFd;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use socket2::SockRef;
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use crate::limits::Shortages;
use crate::proxy::frames::Cutter;
use crate::proxy::frames::overtaken::Overtaken;
use crate::proxy::frames::reading::Reading;
use crate::proxy::net::gate::{Gate, Listening};
use ending::{Ending, Fate, Way};
use handed::Handed;
use pump::{BUFFER, Pump};
use queue::Queue;
use shape::{Arrival, Passage};
use state::LinkState;

/// How long a node that nobody has reached yet is dialled again before its caller is reset: a
/// cluster whose nodes meet resets while they start goes astray.
const FIRST_DIAL_MAX: Duration = Duration::from_secs(3);
/// The same once it has been reached: longer than a restart of our own node's listener, shorter
/// than any client's patience, so that a killed node's callers learn soon.
const LATER_DIAL_MAX: Duration = Duration::from_millis(200);
/// Between dials of a node that refuses.
const DIAL_PAUSE: Duration = Duration::from_millis(10);
/// Out of file descriptors, most likely: others have to end first.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// What passed over a link, counted as it happens.
#[derive(Debug, Default)]
pub struct Passed {
    pub connections: AtomicU64,
    pub forward_bytes: AtomicU64,
    pub backward_bytes: AtomicU64,
}

/// All that the connections of a link share.
pub struct Carrier {
    pub upstream: SocketAddr,
    /// Of an interposed link: from where its node is dialled, and what was dialled already.
    pub interposed: Option<Interposed>,
    /// Whether the node behind was ever reached, over whichever link.
    pub reached: Arc<AtomicBool>,
    pub state: watch::Receiver<Arc<LinkState>>,
    pub passed: Arc<Passed>,
    /// The link's random streams, forwards and backwards.
    pub random: [RefCell<ChaCha8Rng>; 2],
    /// Where somebody may look at frames: who sends forwards and who backwards, and how far each
    /// has been seen to have moved.
    pub reading: Option<[Reading; 2]>,
    /// Where it is noted what of ours ran out.
    pub shortages: Shortages,
}

/// What a link has whose callers were interposed.
#[derive(Debug)]
pub struct Interposed {
    /// The dialler's own address.
    pub from: Ipv4Addr,
    /// Where the node may listen instead.
    pub parked: SocketAddr,
    /// What was dialled for callers before they came.
    pub handed: Arc<Handed>,
}

/// Serves a link until the proxy's thread ends. A link that can be served no more is noted.
/// `opened` is dropped once the gate stands as the link's state asks.
pub async fn serve(
    carrier: Rc<Carrier>,
    listening: Listening,
    opened: Option<mpsc::Sender<Infallible>>,
) {
    let Err(error) = serve_gate(&carrier, listening, opened).await;
    carrier.shortages.add(format!(
        "the link to {} could not be served any more: {error}; repeat the run",
        carrier.upstream
    ));
}

async fn serve_gate(
    carrier: &Rc<Carrier>,
    listening: Listening,
    mut opened: Option<mpsc::Sender<Infallible>>,
) -> io::Result<Infallible> {
    let mut gate = Gate::new(listening)?;
    let mut changes = carrier.state.clone();
    loop {
        let state = changes.borrow_and_update().clone();
        let arrival = state.shape.arrival();
        let done = match arrival {
            Arrival::Accept | Arrival::Swallow => gate.open(),
            Arrival::Hang => {
                carrier.admit_waiting(&mut gate);
                gate.hang()
            }
            Arrival::Refuse => {
                carrier.admit_waiting(&mut gate);
                gate.open()
            }
        };
        if let Err(error) = done {
            carrier.short_of(&error);
            // No descriptor for the filler, say: try again soon, under whatever state holds then.
            let _ = timeout(ACCEPT_PAUSE, changes.changed()).await;
            changes.mark_changed();
            continue;
        }
        drop(opened.take());
        loop {
            tokio::select! {
                biased;
                changed = changes.changed() => {
                    changed.expect("the proxy's control outlives its links");
                    break;
                }
                accepted = gate.accept(), if arrival != Arrival::Hang => match accepted {
                    Ok(caller) => {
                        // Not `state`: whoever came after a change meets the change.
                        let now = carrier.state.borrow().clone();
                        if now.shape.arrival() == Arrival::Refuse {
                            now.count_refused(1);
                            reset(&caller);
                            carrier.turn_away(&caller);
                        } else {
                            carrier.admit(caller);
                        }
                        // The first caller is let in and reset, so that somebody saw it come; the
                        // kernel refuses all others, where nobody can count them.
                        if arrival == Arrival::Refuse {
                            gate.refuse()?;
                        }
                    }
                    Err(error) => {
                        carrier.short_of(&error);
                        sleep(ACCEPT_PAUSE).await;
                    }
                },
            }
        }
    }
}

impl Carrier {
    /// Notes an error, if something of ours ran out.
    fn short_of(&self, error: &io::Error) {
        let what = format!("the proxy could not join a caller to {}", self.upstream);
        self.shortages.note(&what, error);
    }

    /// Takes in those who had connected before the gate changed.
    fn admit_waiting(self: &Rc<Self>, gate: &mut Gate) {
        loop {
            match gate.accept_now() {
                Ok(Some(caller)) => self.admit(caller),
                Ok(None) => return,
                Err(error) => return self.short_of(&error),
            }
        }
    }

    fn admit(self: &Rc<Self>, caller: TcpStream) {
        let carrier = self.clone();
        tokio::task::spawn_local(async move { carrier.carry(caller).await });
    }

    /// Forgets what was dialled for a caller.
    fn turn_away(&self, caller: &TcpStream) {
        if let (Some(interposed), Ok(name)) = (&self.interposed, caller.peer_addr()) {
            interposed.handed.drop_of(name);
        }
    }

    /// The node, for this caller: dialled before he came, or now.
    async fn reach(&self, caller: &TcpStream, resets: u64) -> Option<TcpStream> {
        if let Some(interposed) = &self.interposed
            && let Ok(name) = caller.peer_addr()
            && let Some(node) = interposed.handed.take(name).await
        {
            return Some(node);
        }
        self.dial(caller, resets).await
    }

    /// A connection from its first to its last moment.
    async fn carry(&self, mut caller: TcpStream) {
        let resets = self.state.borrow().resets;
        let Some(mut node) = self.reach(&caller, resets).await else {
            reset(&caller);
            return;
        };
        self.reached.store(true, Relaxed);
        self.passed.connections.fetch_add(1, Relaxed);
        // A proxy adds no waiting of its own; fails only for a socket that is gone.
        let _ = (caller.set_nodelay(true), node.set_nodelay(true));
        let ending = {
            let fate = Fate::default();
            let (from_caller, to_caller) = caller.split();
            let (from_node, to_node) = node.split();
            let pump = |way, source, sink, delivered| Pump {
                way,
                source,
                sink,
                fate: &fate,
                link: self.state.clone(),
                resets,
                delivered,
                random: &self.random[way as usize],
                reading: self.reading.as_ref().map(|ways| ways[way as usize].clone()),
                cutter: Cutter::default(),
                overtaken: Overtaken::default(),
                queue: Queue::default(),
            };
            let forward = pump(Way::Forward, from_caller, to_node, &self.passed.forward_bytes);
            let backward = pump(Way::Backward, from_node, to_caller, &self.passed.backward_bytes);
            tokio::select! {
                biased;
                ending = forward.run() => ending,
                ending = backward.run() => ending,
            }
        };
        if ending == Ending::Block {
            self.state.borrow().count_reset();
        }
        if ending != Ending::Closed {
            reset(&caller);
            reset(&node);
        }
    }

    /// Reaches the node for a caller, once the link lets a connection through; None if the caller
    /// is to be reset instead.
    async fn dial(&self, caller: &TcpStream, resets: u64) -> Option<TcpStream> {
        let mut state = self.state.clone();
        let mut swallowed = false;
        let mut counted = false;
        let mut refused_since = None;
        loop {
            let now = state.borrow_and_update().clone();
            if now.resets_since(resets) {
                now.count_reset();
                return None;
            }
            if !counted && matches!(now.shape.arrival(), Arrival::Hang | Arrival::Swallow) {
                counted = true;
                now.count_refused(1);
            }
            if now.forward.passage == Passage::Swallow {
                tokio::select! {
                    biased;
                    changed = state.changed() => changed.expect("control outlives connections"),
                    bytes = swallow(caller) => {
                        swallowed |= bytes > 0;
                        now.forward.count_dropped(bytes);
                    }
                }
                continue;
            }
            if swallowed {
                return None;
            }
            // The node's SYN-ACK has to come back.
            if now.forward.passage != Passage::Pass
                || !matches!(now.backward.passage, Passage::Pass | Passage::Swallow)
            {
                state.changed().await.expect("control outlives connections");
                continue;
            }
            // Once begun it is finished, unless all connections are reset: given up, it would
            // show the node a connection and its end while the link is blocked.
            let dialled = tokio::select! {
                biased;
                dialled = self.connect() => dialled,
                _ = state.wait_for(|now| now.resets_since(resets)) => continue,
            };
            match dialled {
                Ok(node) => return Some(node),
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
                // A node that resets at once, say: the caller is told the same.
                Err(error) => {
                    self.short_of(&error);
                    return None;
                }
            }
            // Its caller would have been refused, had he dialled the node himself.
            if self.interposed.is_some() {
                return None;
            }
            let since = *refused_since.get_or_insert_with(Instant::now);
            let patience = if self.reached.load(Relaxed) { LATER_DIAL_MAX } else { FIRST_DIAL_MAX };
            if since.elapsed() >= patience {
                return None;
            }
            sleep(DIAL_PAUSE).await;
        }
    }

    /// Connects to the node.
    async fn connect(&self) -> io::Result<TcpStream> {
        let Some(Interposed { from, parked, .. }) = &self.interposed else {
            return connect(self.upstream, None).await;
        };
        match connect(self.upstream, Some(*from)).await {
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                connect(*parked, Some(*from)).await
            }
            connected => connected,
        }
    }
}

/// Connects. Given up, it leaves an RST and not a FIN, which nobody has sent.
async fn connect(address: SocketAddr, from: Option<Ipv4Addr>) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.set_zero_linger()?;
    if let Some(from) = from {
        schism_interpose::come_from(socket.as_fd(), from)?;
    }
    let stream = socket.connect(address).await?;
    SockRef::from(&stream).set_linger(None)?;
    Ok(stream)
}

/// Reads what a caller sends to nobody: how much. Once the caller is done, waits for ever.
async fn swallow(caller: &TcpStream) -> usize {
    loop {
        if caller.readable().await.is_err() {
            return std::future::pending().await;
        }
        match BUFFER.with_borrow_mut(|buffer| caller.try_read(buffer)) {
            Ok(bytes) if bytes > 0 => return bytes,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Ok(_) | Err(_) => break,
        }
    }
    std::future::pending().await
}

/// Makes the close that follows an RST. Fails only for a socket that is gone.
fn reset(stream: &TcpStream) {
    let _ = stream.set_zero_linger();
}
