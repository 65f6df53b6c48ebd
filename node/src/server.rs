//! The one loop: wait, take everything that arrived, step the protocol with each, perform the
//! outputs. Evidence comes first, then the disk is told what to write, then messages and answers
//! leave: a protocol lets out only what may leave.
//!
//! It never blocks on a disk or a socket, and never reorders what a protocol asked for.

use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use schism_protocol::{
    Boot, BootError, Build, Input, Machine, Mark, NodeId, Output, Outputs, Reply, Ticket, Time,
};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, LocalOptions};

use crate::clients::Clients;
use crate::clock::now;
use crate::disk::Disk;
use crate::evidence::Evidence;
use crate::inbox::{Arrived, Inbox};
use crate::peers::Peers;
use crate::storage::files::{Folder, RealFolder};
use crate::storage::{Fault, Job, Store};
use crate::{Config, Failure, Leave};

/// Tasks between two looks at the sockets: more than there are clients in the largest benchmark,
/// so that one turn of the loop takes what all of them sent.
const TASKS_PER_POLL: u32 = 512;

/// Runs a node until `stop` says how to leave, or something fails.
pub fn serve(
    config: &Config,
    build: Build,
    stop: impl Future<Output = Leave>,
) -> Result<(), Failure> {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .event_interval(TASKS_PER_POLL)
        .build_local(LocalOptions::default())
        .map_err(|error| Failure::Start(format!("no event loop: {error}")))?;
    runtime.block_on(async {
        let peers = listen(config.listen).await?;
        let clients = listen(config.client).await?;
        let mut server = Server::start(config, build, peers, clients)?;
        server.run(stop).await
    })
}

async fn listen(address: std::net::SocketAddr) -> Result<TcpListener, Failure> {
    let bound = TcpListener::bind(address).await;
    bound.map_err(|error| Failure::Start(format!("cannot listen on {address}: {error}")))
}

struct Server {
    id: NodeId,
    incarnation: u64,
    machine: Box<dyn Machine>,
    inbox: Rc<Inbox>,
    peers: Rc<Peers>,
    clients: Rc<Clients>,
    disk: Disk,
    durable: Mark,
    evidence: Evidence,
    wake_at: Option<Time>,
    /// Outputs of one step, and what is left of those of one turn.
    outputs: Outputs<Bytes>,
    jobs: Vec<Job>,
    jobs_mark: Option<Mark>,
    leaving: Vec<Leaving>,
    /// Undecodable messages so far; the first is worth a line.
    refused_messages: u64,
}

enum Leaving {
    Message(NodeId, Bytes),
    Reply(Ticket, Reply),
}

impl Server {
    fn start(
        config: &Config,
        build: Build,
        peers: TcpListener,
        clients: TcpListener,
    ) -> Result<Self, Failure> {
        let folder: Box<dyn Folder> =
            Box::new(RealFolder::open(&config.data).map_err(|error| match error.kind() {
                std::io::ErrorKind::WouldBlock => {
                    Failure::Start(format!("another node uses {}", config.data.display()))
                }
                _ => Failure::Start(format!("cannot use {}: {error}", config.data.display())),
            })?);
        let (mut store, kept) = Store::open(folder, config.id)?;
        let (trace, delivered) = (config.trace.as_deref(), config.delivered.as_deref());
        let evidence = Evidence::open(trace, delivered, config.id, kept.incarnation)
            .map_err(|error| Failure::Start(format!("cannot write evidence: {error}")))?;

        let mut members: Vec<NodeId> = config.peers.keys().copied().collect();
        members.push(config.id);
        members.sort_unstable();
        let boot = Boot {
            id: config.id,
            members,
            seed: mix(config.seed ^ u64::from(config.id.0), kept.incarnation),
            now: now(),
            options: config.options.iter().cloned().collect(),
            state: kept.state,
            snapshot: kept.snapshot,
            delivered: kept.delivered,
            log: kept.log,
        };
        let mut outputs = Vec::new();
        let machine = build(boot, &mut outputs).map_err(|error| match error {
            BootError::Option(sentence) => Failure::Start(sentence),
            BootError::Disk(sentence) => Failure::Corrupt(sentence),
        })?;

        let inbox = Rc::new(Inbox::default());
        let bell = Arc::clone(inbox.bell());
        let disk = Disk::start(move |jobs| store.commit(jobs.drain(..)), move || bell.notify_one());
        let (id, incarnation) = (config.id, kept.incarnation);
        let mut server = Self {
            id,
            incarnation,
            machine,
            peers: Peers::start(id, incarnation, peers, &config.peers, Rc::clone(&inbox)),
            clients: Clients::start(clients, Rc::clone(&inbox)),
            inbox,
            disk,
            durable: Mark(0),
            evidence,
            wake_at: None,
            outputs,
            jobs: Vec::new(),
            jobs_mark: None,
            leaving: Vec::new(),
            refused_messages: 0,
        };
        server.sort(now());
        server.perform()?;
        Ok(server)
    }

    async fn run(&mut self, stop: impl Future<Output = Leave>) -> Result<(), Failure> {
        let bell = Arc::clone(self.inbox.bell());
        let timer = tokio::time::sleep(Duration::ZERO);
        tokio::pin!(stop, timer);
        let mut armed = None;
        let mut arrived = Vec::new();
        loop {
            if armed != self.wake_at {
                armed = self.wake_at;
                if let Some(at) = armed {
                    let wait = Duration::from_nanos(at.0.saturating_sub(now().0));
                    timer.as_mut().reset(tokio::time::Instant::now() + wait);
                }
            }
            tokio::select! {
                biased;
                leave = &mut stop => {
                    if leave == Leave::Gently {
                        self.clients.shut_down().await;
                    }
                    return Ok(());
                }
                () = bell.notified() => {}
                () = &mut timer, if armed.is_some() => {}
            }
            self.inbox.take(&mut arrived);
            self.turn(&mut arrived)?;
        }
    }

    /// Steps the protocol with everything there is, then performs what it wants.
    fn turn(&mut self, arrived: &mut Vec<Arrived>) -> Result<(), Failure> {
        if let Some(fault) = self.disk.fault() {
            return Err(fault.into());
        }
        let durable = self.disk.durable();
        if durable > self.durable {
            self.durable = durable;
            self.step(Input::Durable(durable));
        }
        for arrived in arrived.drain(..) {
            match arrived {
                Arrived::Message { from, message } => self.step(Input::Receive { from, message }),
                Arrived::Request { ticket, request } => {
                    self.step(Input::Request { ticket, request });
                }
                Arrived::Status(ticket) => {
                    let status = self.machine.status();
                    self.clients.status(ticket, self.id, self.incarnation, &status);
                }
            }
        }
        if self.wake_at.is_some_and(|at| at <= now()) {
            self.wake_at = None;
            self.step(Input::Tick);
        }
        self.perform()
    }

    fn step(&mut self, input: Input<Bytes>) {
        let now = now();
        if let Err(error) = self.machine.step(now, input, &mut self.outputs) {
            if self.refused_messages == 0 {
                eprintln!("schism node {}: a peer sent what is {error}; dropped", self.id);
            }
            self.refused_messages += 1;
        }
        self.sort(now);
    }

    /// Writes evidence down and puts every other output where it waits for its turn.
    fn sort(&mut self, at: Time) {
        for output in self.outputs.drain(..) {
            match output {
                Output::Trace(event) => self.evidence.trace(at, &event),
                Output::Deliver(delivery) => {
                    self.evidence.deliver(&delivery);
                    self.jobs.push(Job::Deliver(delivery.offset, delivery.value));
                }
                Output::Restored { length, chain } => self.evidence.restore(length, chain),
                Output::Persist { mark, record } => {
                    self.jobs.push(Job::Persist(record));
                    self.jobs_mark = Some(mark);
                }
                Output::Send { to, message } => self.leaving.push(Leaving::Message(to, message)),
                Output::Reply { ticket, reply } => {
                    self.leaving.push(Leaving::Reply(ticket, reply));
                }
                Output::WakeAt(at) => self.wake_at = Some(at),
            }
        }
    }

    /// Evidence, disk, network, in this order.
    fn perform(&mut self) -> Result<(), Failure> {
        self.evidence.flush().map_err(|error| {
            Failure::Refused(format!("the disk refused to write evidence: {error}"))
        })?;
        self.disk.submit(&mut self.jobs, self.jobs_mark.take());
        for leaving in self.leaving.drain(..) {
            match leaving {
                Leaving::Message(to, message) => self.peers.send(to, &message),
                Leaving::Reply(ticket, reply) => self.clients.reply(ticket, &reply),
            }
        }
        self.peers.flush();
        self.clients.flush();
        Ok(())
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Refused { .. } => Failure::Refused(fault.to_string()),
            Fault::Corrupt { .. } => Failure::Corrupt(fault.to_string()),
        }
    }
}

/// Every node and incarnation draws anew. The finaliser of SplitMix64 (Steele, Lea, Flood 2014)
/// spreads neighbouring numbers over all bits.
fn mix(seed: u64, incarnation: u64) -> u64 {
    let mut z = seed.wrapping_add(incarnation.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
