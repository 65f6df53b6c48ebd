//! The cluster: nodes, a network that drops, delays, reorders and repeats, disks, clients, and a
//! nemesis; one queue of events in virtual time, everything drawn from one seed.

use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use bytes::Bytes;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use schism_protocol::{
    Boot, Build, CommitQuorum, Input, Machine, Mark, NodeId, Output, Record, Reply, Request, Role,
    States, Status, Ticket, Time, TraceEvent,
};

use super::adversary::Holds;
use super::clients::{self, Clients};
use super::disk::Disk;
use super::drawn::{self, drawn};
use super::network::Network;
use super::observer::Observer;
use super::profile::Profile;
use super::trial::Subject;

pub const MS: u64 = 1_000_000;

pub enum Event {
    Message { from: usize, to: usize, bytes: Bytes },
    Flush { node: usize, incarnation: u32 },
    Tick { node: usize, alarm: u64 },
    Client { client: usize, alarm: u64 },
    Strike,
    Heal(u64),
    Operator,
}

pub struct Node {
    pub incarnation: u32,
    pub machine: Option<Box<dyn Machine>>,
    disk: Disk,
    pub delivered: Vec<Bytes>,
    pub paused: bool,
    pub inbox: Vec<Input<Bytes>>,
    alarm: u64,
}

pub struct Cluster {
    pub now: u64,
    pub nodes: Vec<Node>,
    pub observer: Observer,
    pub clients: Clients,
    pub profile: Profile,
    pub holds: Holds,
    pub loud: bool,
    build: Build,
    states: States,
    /// Whether nodes keep the log that they trace on their disks.
    log_on_disk: bool,
    rng: ChaCha8Rng,
    queue: BinaryHeap<Queued>,
    queued: u64,
    pub network: Network,
    pub cuts: BTreeMap<u64, BTreeSet<(usize, usize)>>,
    pub stopped: BTreeMap<u64, (usize, bool)>,
    pub strikes: u64,
    client_alarms: Vec<u64>,
    pub calm: bool,
}

struct Queued(u64, u64, Event);

impl PartialEq for Queued {
    fn eq(&self, other: &Self) -> bool {
        (self.0, self.1) == (other.0, other.1)
    }
}
impl Eq for Queued {}
impl PartialOrd for Queued {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Queued {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (other.0, other.1).cmp(&(self.0, self.1))
    }
}

impl Cluster {
    pub fn start(subject: &Subject, seed: u64, loud: bool) -> Self {
        let (row, profile) = (subject.row, subject.profile.clone());
        let n = profile.nodes as usize;
        let node = |_| Node {
            incarnation: 0,
            machine: None,
            disk: Disk::default(),
            delivered: Vec::new(),
            paused: false,
            inbox: Vec::new(),
            alarm: 0,
        };
        let mut cluster = Cluster {
            now: 1_000 * MS,
            nodes: (0..n).map(node).collect(),
            observer: Observer::new(n, row.facts.traces),
            clients: Clients::new(row, n, &profile),
            holds: Holds::new(row.facts.frames, n),
            loud,
            build: subject.build,
            states: drawn::states(subject),
            log_on_disk: row.facts.traces.commit_quorum != CommitQuorum::Acceptors
                && !row.facts.traces.without.contains(&6),
            rng: ChaCha8Rng::seed_from_u64(seed),
            queue: BinaryHeap::new(),
            queued: 0,
            network: Network::new(seed),
            cuts: BTreeMap::new(),
            stopped: BTreeMap::new(),
            strikes: 0,
            client_alarms: vec![0; profile.clients],
            calm: profile.strike_ms == 0,
            profile,
        };
        for node in 0..n {
            cluster.boot(node);
        }
        for client in 0..cluster.profile.clients {
            cluster.wake_client(client, 10 * MS + client as u64);
        }
        if !cluster.calm {
            cluster.schedule(400 * MS, Event::Strike);
        }
        if row.facts.progress.is_by_hand() {
            cluster.schedule(30 * MS, Event::Operator);
        }
        cluster
    }

    /// Runs until the time, or the first violation.
    pub fn run_until(&mut self, until: u64) {
        while self.violation().is_none() {
            match self.queue.peek() {
                Some(Queued(at, ..)) if *at <= until => {}
                _ => break,
            }
            let Queued(at, _, event) = self.queue.pop().expect("it was just seen");
            self.now = at;
            self.perform(event);
        }
        self.now = self.now.max(until);
    }

    pub fn violation(&self) -> Option<&(&'static str, String)> {
        self.observer.violation.as_ref().or(self.clients.violation())
    }

    /// Ends every fault; the network becomes timely.
    pub fn heal(&mut self) {
        self.calm = true;
        let strikes: BTreeSet<u64> = self.cuts.keys().chain(self.stopped.keys()).copied().collect();
        for strike in strikes {
            self.end_strike(strike);
        }
        (self.profile.drop, self.profile.repeat, self.profile.late) = (0, 0, 0);
        self.profile.lost_answers = 0;
        self.profile.filter = self.profile.lasting;
        self.let_go(None);
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.rng.next_u64() % bound.max(1)
    }

    pub fn statuses(&self) -> Vec<Option<Status>> {
        self.nodes.iter().map(|node| node.machine.as_ref().map(|m| m.status())).collect()
    }

    pub fn leader(&self) -> Option<usize> {
        let leads =
            |s: &Option<Status>| s.as_ref().filter(|s| s.role == Role::Leader).map(|s| s.epoch);
        let statuses = self.statuses();
        (0..statuses.len())
            .filter(|n| leads(&statuses[*n]).is_some())
            .max_by_key(|n| leads(&statuses[*n]))
    }

    pub fn is_up(&self, node: usize) -> bool {
        self.nodes[node].machine.is_some()
    }

    pub fn request(&mut self, node: usize, ticket: Ticket, request: Request) {
        self.input(node, Input::Request { ticket, request });
    }

    /// Replaces the client's alarm.
    pub fn wake_client(&mut self, client: usize, after: u64) {
        self.client_alarms[client] += 1;
        let alarm = self.client_alarms[client];
        self.schedule(after, Event::Client { client, alarm });
    }

    pub fn schedule(&mut self, after: u64, event: Event) {
        self.queued += 1;
        self.queue.push(Queued(self.now + after, self.queued, event));
    }

    fn perform(&mut self, event: Event) {
        match event {
            Event::Message { from, to, bytes } => {
                if !self.is_cut(from, to) {
                    let from = NodeId(from as u8 + 1);
                    self.input(to, Input::Receive { from, message: bytes });
                }
            }
            Event::Flush { node, incarnation } => {
                if self.nodes[node].incarnation == incarnation && self.is_up(node) {
                    self.flush(node);
                }
            }
            Event::Tick { node, alarm } => {
                if self.nodes[node].alarm == alarm {
                    self.input(node, Input::Tick);
                }
            }
            Event::Client { client, alarm } => {
                if self.client_alarms[client] == alarm {
                    Clients::act(self, client);
                }
            }
            Event::Strike => self.strike(),
            Event::Heal(strike) => self.end_strike(strike),
            Event::Operator => self.operate(),
        }
    }

    pub fn boot(&mut self, at: usize) {
        let (seed, now) = (self.rng.next_u64(), Time(self.now));
        let options =
            self.profile.options.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
        let members = (1..=self.profile.nodes).map(NodeId).collect();
        let node = &mut self.nodes[at];
        node.incarnation += 1;
        let id = NodeId(at as u8 + 1);
        let boot = Boot { id, members, seed, now, options, ..node.disk.boot() };
        node.delivered.clone_from(&boot.delivered);
        let mut out = Vec::new();
        let machine = (self.build)(boot, &mut out).expect("a disk that kept its word");
        node.machine = Some(drawn(machine, self.states));
        if self.loud {
            println!("{} n{} starts, incarnation {}", self.now, at + 1, node.incarnation);
        }
        let incarnation = self.nodes[at].incarnation;
        self.observer.starts(at, incarnation);
        self.perform_outputs(at, out);
    }

    pub fn crash(&mut self, at: usize) {
        let kept = self.below(self.nodes[at].disk.queued() as u64 + 1) as usize;
        let node = &mut self.nodes[at];
        node.machine = None;
        node.disk.crash(kept, &node.delivered);
        node.inbox.clear();
        node.paused = false;
        node.alarm += 1;
    }

    fn flush(&mut self, at: usize) {
        let node = &mut self.nodes[at];
        let mark = node.disk.flush(&node.delivered);
        self.write(at);
        self.input(at, Input::Durable(mark));
    }

    pub fn input(&mut self, at: usize, input: Input<Bytes>) {
        let node = &mut self.nodes[at];
        if node.paused {
            node.inbox.push(input);
            return;
        }
        let Some(machine) = node.machine.as_mut() else { return };
        let mut out = Vec::new();
        machine.step(Time(self.now), input, &mut out).expect("our own nodes speak our language");
        self.perform_outputs(at, out);
    }

    fn perform_outputs(&mut self, at: usize, out: Vec<Output<Bytes>>) {
        for output in out {
            match output {
                Output::Persist { mark, record } => self.persist(at, mark, record),
                Output::Send { to, message } => self.send(at, to, message),
                Output::Reply { ticket, reply } => self.reply(ticket, reply),
                Output::Deliver(delivery) => {
                    let delivered = &mut self.nodes[at].delivered;
                    if delivery.offset.0 != delivered.len() as u64 {
                        self.observer.fail("gap", format!("n{} delivers {delivery:?}", at + 1));
                    }
                    delivered.push(delivery.value.clone());
                    self.observer.delivers(at, &delivery);
                    self.clients.delivered(&delivery);
                }
                Output::Restored { length, chain } => {
                    if length.0 as usize != self.nodes[at].delivered.len() {
                        self.observer.fail("gap", format!("n{} restores {length:?}", at + 1));
                    }
                    self.observer.restored(at, length, chain);
                }
                Output::Trace(event) => {
                    if self.loud {
                        println!("{} n{} {event:?}", self.now, at + 1);
                    }
                    self.believes(at, &event);
                    self.observer.sees(at, Time(self.now), event);
                }
                Output::WakeAt(time) => {
                    let node = &mut self.nodes[at];
                    node.alarm += 1;
                    let alarm = node.alarm;
                    self.schedule(time.0.saturating_sub(self.now), Event::Tick { node: at, alarm });
                }
            }
        }
        self.write(at);
    }

    fn persist(&mut self, at: usize, mark: Mark, record: Record) {
        if let Record::Snapshot { from, values, .. } = &record {
            self.nodes[at].delivered.truncate(from.0 as usize);
            self.nodes[at].delivered.extend(values.iter().cloned());
            self.observer.ships(*from, values);
        }
        self.nodes[at].disk.write(mark, record);
    }

    /// The disk writes what it was asked for, unless it is writing.
    fn write(&mut self, at: usize) {
        if self.nodes[at].disk.begins() {
            let after = 50_000 + self.below(self.profile.flush_us * 1_000);
            let incarnation = self.nodes[at].incarnation;
            self.schedule(after, Event::Flush { node: at, incarnation });
        }
    }

    /// I6, where a node's log is on its disk: what it says of the disk is so, by the disk itself.
    fn believes(&mut self, at: usize, event: &TraceEvent) {
        let (index, chain) = match event {
            TraceEvent::Persist { upto, chain, .. } => (*upto, *chain),
            TraceEvent::AckSent { i, chain, .. } => (*i, *chain),
            _ => return,
        };
        let disk = &self.nodes[at].disk;
        if self.log_on_disk && !disk.holds(index, chain) {
            let why = format!("n{}: {event:?}, which its disk does not hold", at + 1);
            self.observer.fail("acked-durability", why);
        }
    }

    fn reply(&mut self, ticket: Ticket, reply: Reply) {
        if ticket == clients::OPERATOR {
            if self.loud {
                println!("{} the operator hears {reply:?}", self.now);
            }
        } else if self.below(1_000) >= self.profile.lost_answers {
            Clients::answered(self, ticket, reply);
        }
    }
}
