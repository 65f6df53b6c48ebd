//! The stage: nodes, links and disks, one queue of events in virtual time, all from one seed; and
//! the story as it is written down.
//! It never decides what happens next: the script does.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use bytes::Bytes;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use schism_protocol::{
    Boot, Input, Machine, Mark, NodeId, Output, ProtocolRow, Record, Reply, Request, Role, Status,
    Ticket, Time, TraceEvent, Walk,
};

use super::describe;
use super::disk::Disk;
use super::marks::Marks;
use crate::explain::states::Taken;
use crate::explain::steps::{self, Step};
use crate::explain::{Message, Note, Story, What};

pub const MS: u64 = 1_000_000;

/// A link takes 4 to 8 ms: slow enough to see order, fast against an election timeout of 150 ms.
const LINK_NS: (u64, u64) = (4 * MS, 4 * MS);
/// An fsync takes 1 to 2 ms.
const FLUSH_NS: (u64, u64) = (MS, MS);

enum Event {
    Arrives { message: usize, bytes: Bytes },
    Flush { node: usize, incarnation: u64 },
    Tick { node: usize, alarm: u64 },
}

struct Queued(Reverse<(u64, u64)>, Event);

impl PartialEq for Queued {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
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
        self.0.cmp(&other.0)
    }
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

/// See above.
pub struct Stage {
    pub now: u64,
    pub row: &'static ProtocolRow,
    pub replies: BTreeMap<Ticket, Reply>,
    actors: Vec<Actor>,
    queue: BinaryHeap<Queued>,
    queued: u64,
    rng: ChaCha8Rng,
    story: Story,
    /// Whether a message changed something where it was sent, or where it arrived.
    news: Vec<bool>,
    marks: Marks,
    tickets: u64,
}

impl Stage {
    pub fn new(row: &'static ProtocolRow, nodes: u8, seed: u64) -> Self {
        let (system, about) = (row.name.to_string(), row.about.to_string());
        let states = describe::states(&row.states);
        Stage {
            now: 0,
            row,
            replies: BTreeMap::new(),
            actors: (0..nodes).map(|_| Actor::default()).collect(),
            queue: BinaryHeap::new(),
            queued: 0,
            rng: ChaCha8Rng::seed_from_u64(seed),
            story: Story { system, about, nodes, seed, states, ..Story::default() },
            news: Vec::new(),
            marks: Marks::new(row.leaderless),
            tickets: 0,
        }
    }

    pub fn finish(mut self) -> Story {
        self.story.end_ns = self.now;
        let drawn = self.story.messages.into_iter().zip(self.news);
        let (drawn, undrawn): (Vec<_>, Vec<_>) = drawn.partition(|(_, news)| *news);
        self.story.messages = drawn.into_iter().map(|(message, _)| message).collect();
        for (message, _) in undrawn {
            *self.story.undrawn.entry(message.name).or_default() += 1;
        }
        self.story
    }

    pub fn chapter(&mut self, title: &str) {
        self.story.chapters.push((self.now, title.to_string()));
    }

    pub fn nodes(&self) -> usize {
        self.actors.len()
    }

    pub fn status(&self, node: usize) -> Option<Status> {
        self.actors[node].machine.as_ref().map(|machine| machine.status())
    }

    /// Who leads the highest epoch.
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
            match self.queue.peek() {
                Some(Queued(Reverse((at, _)), _)) if *at <= end => {}
                _ => break,
            }
            let Queued(Reverse((at, _)), event) = self.queue.pop().expect("it was just seen");
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
        self.note(at, What::Starts, Some(steps::INITIALISATION));
        let mut out = Vec::new();
        let machine = (self.row.build)(boot, &mut out).expect("a disk that kept its word");
        self.actors[at].machine = Some(machine);
        self.actors[at].walk = Some(Walk::new(self.row.states));
        self.follow(at, false, out);
    }

    pub fn crash(&mut self, at: usize) {
        self.note(at, What::Crashes, None);
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
        let step = self.marks.of_request(self.leader() == Some(at));
        self.note(at, What::Asked(describe::request(&request)), step);
        self.input(at, Input::Request { ticket, request });
        ticket
    }

    fn perform(&mut self, event: Event) {
        match event {
            Event::Arrives { message, bytes } => {
                let Message { from, to, .. } = self.story.messages[message];
                let at = to as usize - 1;
                if self.actors[at].machine.is_none() {
                    self.story.messages[message].arrives_ns = None;
                    return;
                }
                if self.input(at, Input::Receive { from: NodeId(from), message: bytes }) {
                    self.news[message] = true;
                }
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
        let noted = self.story.notes.len();
        let news = self.perform_outputs(at, out);
        // The protocols' own tests know every way through the picture; a story goes on without one.
        debug_assert!(arrow.is_ok(), "{arrow:?}");
        if let Ok(Some(arrow)) = arrow {
            // What it says of its role, or that it starts, is what tells the step.
            let (node, at_ns) = (at as u8 + 1, self.now);
            let own = self.story.notes[noted.saturating_sub(1)..].iter();
            let own = own.filter(|note| note.node == node && note.at_ns == at_ns);
            let is_move = |what: &What| matches!(what, What::Starts | What::Role(..));
            let step = own.filter(|note| is_move(&note.what)).find_map(|note| note.step);
            self.story.states.taken.push(Taken { arrow, node, at_ns, step });
        }
        news
    }

    fn perform_outputs(&mut self, at: usize, out: Vec<Output<Bytes>>) -> bool {
        let news = out.iter().any(|output| match output {
            Output::Reply { .. } | Output::Persist { .. } => true,
            Output::Trace(event) => describe::trace(event).is_some() || is_ack(event),
            _ => false,
        });
        for output in out {
            match output {
                Output::Send { to, message } => self.send(at, to, message, news),
                Output::Reply { ticket, reply } => {
                    self.note(at, What::Answers(describe::reply(&reply)), None);
                    self.replies.insert(ticket, reply);
                }
                Output::Persist { mark, record } => self.persist(at, mark, record),
                Output::Deliver(delivery) => self.actors[at].delivered.push(delivery.value),
                Output::Restored { .. } => {}
                Output::Trace(event) => self.trace(at, &event),
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

    fn trace(&mut self, at: usize, event: &TraceEvent) {
        let leads = self.leader() == Some(at);
        let step = self.marks.of_trace(at, event, leads);
        if let TraceEvent::Role { role, epoch, .. } = event {
            return self.note(at, What::Role(describe::role(*role), epoch.0), step);
        }
        let Some(words) = describe::trace(event) else { return };
        self.note(at, What::Does(words), step);
    }

    fn note(&mut self, at: usize, what: What, step: Option<Step>) {
        self.story.notes.push(Note { at_ns: self.now, node: at as u8 + 1, what, step });
    }

    fn send(&mut self, at: usize, to: NodeId, bytes: Bytes, news: bool) {
        let kind = bytes.first().copied().unwrap_or_default();
        let epoch = bytes.get(1..9).and_then(|b| b.try_into().ok()).map_or(0, u64::from_le_bytes);
        let row = self.row.frames.iter().find(|row| row.kind == kind);
        let (leader, to_at) = (self.leader(), to.0 as usize - 1);
        let answers = leader != Some(at) && leader == Some(to_at);
        let step = row.and_then(|row| self.marks.of_message(row.part, to_at, epoch, answers));
        let after = LINK_NS.0 + self.rng.next_u64() % LINK_NS.1;
        // A connection delivers in order.
        let mut before = self.story.messages.iter().rev();
        let before = before.find(|before| (before.from, before.to) == (at as u8 + 1, to.0));
        let free = before.and_then(|before| before.arrives_ns).map_or(0, |arrives| arrives + 1);
        let after = after.max(free.saturating_sub(self.now));
        let message = self.story.messages.len();
        self.story.messages.push(Message {
            from: at as u8 + 1,
            to: to.0,
            name: row.map_or_else(|| format!("kind {kind}"), |row| row.name.to_string()),
            epoch,
            sent_ns: self.now,
            arrives_ns: Some(self.now + after),
            step,
        });
        self.news.push(news);
        self.schedule(after, Event::Arrives { message, bytes });
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
        self.queue.push(Queued(Reverse((self.now + after, self.queued)), event));
    }
}

/// An acknowledgement is worth its message, though not a line of its own.
fn is_ack(event: &TraceEvent) -> bool {
    matches!(event, TraceEvent::AckSent { .. })
}
