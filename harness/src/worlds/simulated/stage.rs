//! The stage: nodes, links and disks, one queue of events in virtual time, all from one seed; and
//! what happens on it, written down.
//! It never decides what happens next: the script does.

use std::collections::BTreeMap;

use bytes::Bytes;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use schism_protocol::{
    Boot, Input, Machine, Mark, NodeId, Output, ProtocolRow, Record, Reply, Request, Role, Status,
    Ticket, Time, TraceEvent, Walk,
};

use super::disk::Disk;
use super::{Happened, Play, Scene, Sent};

pub const MS: u64 = 1_000_000;

/// A link takes 4 to 8 ms: slow enough to see order, fast against an election timeout of 150 ms.
const LINK_NS: (u64, u64) = (4 * MS, 4 * MS);
/// An fsync takes 1 to 2 ms.
const FLUSH_NS: (u64, u64) = (MS, MS);

enum Event {
    /// `scene`: its place among the scenes.
    Arrives {
        scene: usize,
        bytes: Bytes,
    },
    Flush {
        node: usize,
        incarnation: u64,
    },
    Tick {
        node: usize,
        alarm: u64,
    },
}

#[derive(Default)]
struct Actor {
    machine: Option<Box<dyn Machine>>,
    incarnation: u64,
    disk: Disk,
    delivered: Vec<Bytes>,
    flushing: bool,
    alarm: u64,
    /// Where it is in the picture of its states; None: it is down.
    walk: Option<Walk>,
}

pub struct Stage {
    pub now: u64,
    pub row: &'static ProtocolRow,
    pub replies: BTreeMap<Ticket, Reply>,
    actors: Vec<Actor>,
    /// By time, then in the order in which it was scheduled.
    queue: BTreeMap<(u64, u64), Event>,
    queued: u64,
    rng: ChaCha8Rng,
    chapters: Vec<(u64, String)>,
    scenes: Vec<Scene>,
    tickets: u64,
}

impl Stage {
    pub fn new(row: &'static ProtocolRow, nodes: u8, seed: u64) -> Self {
        Stage {
            now: 0,
            row,
            replies: BTreeMap::new(),
            actors: (0..nodes).map(|_| Actor::default()).collect(),
            queue: BTreeMap::new(),
            queued: 0,
            rng: ChaCha8Rng::seed_from_u64(seed),
            chapters: Vec::new(),
            scenes: Vec::new(),
            tickets: 0,
        }
    }

    pub fn finish(self) -> Play {
        let Stage { row, chapters, scenes, now, .. } = self;
        Play { row, chapters, scenes, end_ns: now }
    }

    pub fn chapter(&mut self, title: &str) {
        self.chapters.push((self.now, title.to_string()));
    }

    pub fn nodes(&self) -> usize {
        self.actors.len()
    }

    pub fn status(&self, node: usize) -> Option<Status> {
        self.actors[node].machine.as_ref().map(|machine| machine.status())
    }

    pub fn leader(&self) -> Option<usize> {
        let leads = |node: &usize| {
            self.status(*node).filter(|s| s.role == Role::Leader).map(|status| status.epoch)
        };
        (0..self.nodes()).filter(|node| leads(node).is_some()).max_by_key(leads)
    }

    /// Runs until `done` holds or so many ms have passed; says whether it holds.
    pub fn run_until(&mut self, ms_max: u64, done: impl Fn(&Stage) -> bool) -> bool {
        let end = self.now + ms_max * MS;
        loop {
            if done(self) {
                return true;
            }
            let Some(next) = self.queue.first_entry().filter(|next| next.key().0 <= end) else {
                break;
            };
            let ((at, _), event) = next.remove_entry();
            self.now = at;
            self.perform(event);
        }
        self.now = end;
        false
    }

    pub fn boot(&mut self, at: usize) {
        let seed = self.rng.next_u64();
        let members = (1..=self.nodes() as u8).map(NodeId).collect();
        let actor = &mut self.actors[at];
        actor.incarnation += 1;
        actor.delivered.clone_from(&actor.disk.delivered);
        let boot = Boot {
            id: NodeId(at as u8 + 1),
            members,
            seed,
            // Some protocols tell incarnations apart by the time of their start.
            now: Time(self.now + 1),
            options: BTreeMap::new(),
            state: actor.disk.state.clone(),
            snapshot: actor.disk.snapshot.clone(),
            delivered: actor.disk.delivered.clone(),
            log: actor.disk.log.values().cloned().collect(),
        };
        self.note(at, Happened::Starts);
        let mut out = Vec::new();
        let machine = (self.row.build)(boot, &mut out).expect("a disk that kept its word");
        self.actors[at].machine = Some(machine);
        self.actors[at].walk = Some(Walk::new(self.row.states));
        self.follow(at, false, out);
    }

    pub fn crash(&mut self, at: usize) {
        self.note(at, Happened::Crashes);
        let actor = &mut self.actors[at];
        (actor.machine, actor.walk) = (None, None);
        actor.disk.queue.clear();
        actor.flushing = false;
        actor.alarm += 1;
    }

    /// A client asks a node; the reply will be in `replies`.
    pub fn ask(&mut self, at: usize, request: Request) -> Ticket {
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        self.note(at, Happened::Asked(request.clone()));
        self.input(at, Input::Request { ticket, request });
        ticket
    }

    fn perform(&mut self, event: Event) {
        match event {
            Event::Arrives { scene, bytes } => {
                let from = NodeId(self.scenes[scene].node);
                let at = usize::from(self.sent(scene).to) - 1;
                if self.actors[at].machine.is_none() {
                    self.sent(scene).arrives_ns = None;
                    return;
                }
                let news = self.input(at, Input::Receive { from, message: bytes });
                self.sent(scene).news |= news;
            }
            Event::Flush { node, incarnation } => {
                if self.actors[node].incarnation == incarnation && self.actors[node].flushing {
                    self.flush(node);
                }
            }
            Event::Tick { node, alarm } => {
                if self.actors[node].alarm == alarm {
                    self.input(node, Input::Tick);
                }
            }
        }
    }

    /// Steps a node; says whether anything came of it that is worth a line.
    fn input(&mut self, at: usize, input: Input<Bytes>) -> bool {
        let Some(machine) = self.actors[at].machine.as_mut() else { return false };
        let (timeout, mut out) = (matches!(input, Input::Tick), Vec::new());
        machine
            .step(Time(self.now + 1), input, &mut out)
            .expect("our own nodes speak one language");
        self.follow(at, timeout, out)
    }

    /// Performs what a node said, and follows it on its way through its states.
    fn follow(&mut self, at: usize, timeout: bool, out: Vec<Output<Bytes>>) -> bool {
        let actor = &mut self.actors[at];
        let (machine, walk) = (actor.machine.as_ref(), actor.walk.as_mut());
        let (machine, walk) = machine.zip(walk).expect("who says something is up");
        let arrow = walk.step(&**machine, timeout, &out);
        // The protocols' own tests know every way through the picture; a play goes on without one.
        debug_assert!(arrow.is_ok(), "{arrow:?}");
        if let Ok(Some(arrow)) = arrow {
            self.note(at, Happened::Goes(arrow));
        }
        self.perform_outputs(at, out)
    }

    fn perform_outputs(&mut self, at: usize, out: Vec<Output<Bytes>>) -> bool {
        let news = out.iter().any(is_news);
        for output in out {
            match output {
                Output::Send { to, message } => self.send(at, to, message, news),
                Output::Reply { ticket, reply } => {
                    self.note(at, Happened::Replies(reply.clone()));
                    self.replies.insert(ticket, reply);
                }
                Output::Persist { mark, record } => self.persist(at, mark, record),
                Output::Deliver(delivery) => self.actors[at].delivered.push(delivery.value),
                Output::Restored { .. } => {}
                Output::Trace(event) => self.note(at, Happened::Says(event)),
                Output::WakeAt(time) => {
                    self.actors[at].alarm += 1;
                    let alarm = self.actors[at].alarm;
                    let after = time.0.saturating_sub(self.now).max(1);
                    self.schedule(after, Event::Tick { node: at, alarm });
                }
            }
        }
        news
    }

    fn note(&mut self, at: usize, what: Happened) {
        let leads = self.leader() == Some(at);
        self.scenes.push(Scene { at_ns: self.now, node: at as u8 + 1, leads, what });
    }

    fn sent(&mut self, scene: usize) -> &mut Sent {
        match &mut self.scenes[scene].what {
            Happened::Sends(sent) => sent,
            _ => unreachable!("only what was sent arrives"),
        }
    }

    fn send(&mut self, at: usize, to: NodeId, bytes: Bytes, news: bool) {
        let kind = bytes.first().copied().unwrap_or_default();
        let epoch = bytes.get(1..9).and_then(|b| b.try_into().ok()).map_or(0, u64::from_le_bytes);
        let leader = self.leader();
        let to_leader = leader != Some(at) && leader == Some(usize::from(to.0) - 1);
        let after = LINK_NS.0 + self.rng.next_u64() % LINK_NS.1;
        // A connection delivers in order.
        let before = self.scenes.iter().rev().find_map(|scene| match &scene.what {
            Happened::Sends(sent) if (scene.node, sent.to) == (at as u8 + 1, to.0) => Some(sent),
            _ => None,
        });
        let free = before.and_then(|before| before.arrives_ns).map_or(0, |arrives| arrives + 1);
        let after = after.max(free.saturating_sub(self.now));
        let (to, arrives_ns) = (to.0, Some(self.now + after));
        let scene = self.scenes.len();
        self.note(at, Happened::Sends(Sent { to, kind, epoch, arrives_ns, to_leader, news }));
        self.schedule(after, Event::Arrives { scene, bytes });
    }

    fn persist(&mut self, at: usize, mark: Mark, record: Record) {
        if let Record::Snapshot { from, values, .. } = &record {
            self.actors[at].delivered.truncate(from.0 as usize);
            self.actors[at].delivered.extend(values.iter().cloned());
        }
        self.actors[at].disk.queue.push((mark, record));
        if !self.actors[at].flushing {
            self.actors[at].flushing = true;
            let after = FLUSH_NS.0 + self.rng.next_u64() % FLUSH_NS.1;
            let incarnation = self.actors[at].incarnation;
            self.schedule(after, Event::Flush { node: at, incarnation });
        }
    }

    fn flush(&mut self, at: usize) {
        let actor = &mut self.actors[at];
        actor.flushing = false;
        if let Some(mark) = actor.disk.flush(&actor.delivered) {
            self.input(at, Input::Durable(mark));
        }
    }

    fn schedule(&mut self, after: u64, event: Event) {
        self.queued += 1;
        self.queue.insert((self.now + after, self.queued), event);
    }
}

/// Whether it shows that something came of a message, and not only that it was read.
fn is_news(output: &Output<Bytes>) -> bool {
    use TraceEvent::{Apply, Boot, Config, Persist, Read, Snap};
    match output {
        Output::Reply { .. } | Output::Persist { .. } => true,
        Output::Trace(Apply { result, .. }) => result.is_some(),
        Output::Trace(event) => !matches!(
            event,
            Boot { .. } | Config { .. } | Persist { .. } | Read { .. } | Snap { .. }
        ),
        _ => false,
    }
}
