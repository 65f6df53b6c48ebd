//! Zab: a primary's order, kept through every change of primary. Junqueira, Reed, Serafini 2011
//! (the paper), and Zab1.0, ZooKeeper's own account of it.
//!
//! In reading order: [`rules`] (why it is safe), [`state`] (what a node is), [`message`];
//! `election` (phase 0), `discovery` (1), `sync` (2) and `broadcast` (3), the leader's side of
//! each; `lead` (what a leader has), `follower` (the other side), `reads`, `options`.
//!
//! A node looks for a leader, or follows one, or leads. A session is one attempt to follow: what
//! the leader says in it is numbered, and a follower that misses a number joins anew.
//!
//! It never does anything by itself: it takes an [`Input`] and says what should be done about it.

mod broadcast;
mod discovery;
mod election;
mod follower;
mod lead;
pub mod message;
mod options;
mod reads;
pub mod rules;
pub mod state;
mod states;
mod sync;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::ProtocolRow;
use crate::common::disk::Hard;
use crate::common::ordered::Ordered;
use crate::machine::{
    Boot, BootError, Epoch, Input, Mark, NodeId, OfLog, Output, Outputs, Protocol, Refusal, Reply,
    Request, Role, Status, Ticket, Time, build, reply_to,
};
use message::{Body, Message, Report};

pub use discovery::{Disk, Held};
pub use options::Options;
pub use rules::{Paper, Promise, Rules};
pub use state::{HardState, Standing, State, Zxid};

use election::Looking;
use follower::Following;
use lead::Lead;

type Out = Outputs<Message>;

/// Zab as a row of the table of protocols.
pub const ROW: ProtocolRow = ProtocolRow {
    options: options::OPTIONS,
    frames: message::Body::FRAMES,
    states: states::STATES,
    ..ProtocolRow::new(
        "zab",
        "a leader with the best history of a quorum brings it to all, then orders (Zab 1.0)",
        |boot, out| build::<Zab>(boot, &Paper, out),
    )
};

/// One node.
pub struct Zab {
    rules: &'static dyn Rules,
    state: State,
    disk: Disk,
    rng: ChaCha8Rng,
    /// The moment of the step under way.
    now: Time,
    /// What the last `WakeAt` said.
    wake_at: Option<Time>,
    part: Part,
    /// The number of the last session asked for.
    session: u64,
    /// The latest epoch that anybody who asked to follow had accepted.
    highest: Epoch,
}

/// What a node does.
enum Part {
    Looking(Looking),
    Following(Following),
    Leading(Box<Lead>),
}

impl Protocol for Zab {
    type Message = Message;
    type Rules = dyn Rules;

    fn recover(
        mut boot: Boot,
        rules: &'static dyn Rules,
        out: &mut Out,
    ) -> Result<Self, BootError> {
        let options = Options::parse(&boot.options)?;
        let hard = HardState::decode(&boot.state).map_err(BootError::Disk)?;
        let mut ordered = Ordered::recover(&mut boot)?;
        ordered.trace_boot(&boot.members, hard.accepted, hard.promised, out);
        let mut zab = Zab {
            rules,
            disk: Disk::recovered(hard, ordered.log.last_index()),
            state: State {
                id: boot.id,
                members: boot.members,
                options,
                hard,
                ordered,
                role: Role::Follower,
            },
            rng: ChaCha8Rng::seed_from_u64(boot.seed),
            now: boot.now,
            wake_at: None,
            part: Part::Looking(Looking::new(boot.now)),
            // Nanoseconds since the machine's start: greater than in any incarnation before.
            session: boot.now.0,
            highest: Epoch(0),
        };
        zab.set_alarm(out);
        Ok(zab)
    }

    fn step(&mut self, now: Time, input: Input<Message>, out: &mut Out) {
        self.now = self.now.max(now);
        match input {
            Input::Tick => self.on_tick(out),
            Input::Receive { from, message } => self.on_message(from, message, out),
            Input::Request { ticket, request } => self.on_request(ticket, request, out),
            Input::Durable(mark) => {
                if self.disk.on_durable(mark) {
                    self.on_disk_progress(out);
                }
            }
        }
        self.stream_all(out);
        self.start_read_round(out);
        self.ask_for_read_index(out);
        self.answer_granted_reads(out);
        self.take_snapshot_if_due(out);
        self.set_alarm(out);
    }

    fn state(&self) -> &'static str {
        states::of(&self.part)
    }

    fn status(&self) -> Status {
        Status {
            role: self.state.role,
            epoch: self.state.hard.accepted,
            leader: self.leader(),
            delivered: self.state.ordered.replica.length(),
            chain: self.state.ordered.replica.chain,
            commit: self.state.ordered.commit,
            last: self.state.ordered.log.last_index(),
        }
    }
}

impl Zab {
    fn on_tick(&mut self, out: &mut Out) {
        match &self.part {
            Part::Looking(looking) if self.now >= looking.note_at => self.on_note_due(out),
            Part::Leading(lead) if self.now >= lead.heartbeat_at => self.on_heartbeat_due(out),
            Part::Following(_) => self.on_follower_due(out),
            _ => {}
        }
    }

    fn on_message(&mut self, from: NodeId, message: Message, out: &mut Out) {
        if from == self.state.id || !self.state.members.contains(&from) {
            return;
        }
        let epoch = message.epoch;
        match message.body {
            Body::Note { note } => self.on_note(from, epoch, note, out),
            Body::FollowerInfo { session } => self.on_follower_info(from, epoch, session, out),
            Body::Order { at, order } => self.on_order(from, epoch, at, order, out),
            Body::Report { session, report } => {
                if let Some(at) = self.peer_reporting(from, epoch, session) {
                    self.on_report(at, report, out);
                }
            }
        }
    }

    /// A report counts in the session and the epoch it was made in, and in no other.
    fn peer_reporting(&mut self, from: NodeId, epoch: Epoch, session: u64) -> Option<usize> {
        let Part::Leading(lead) = &mut self.part else { return None };
        let at = lead.peers.iter().position(|peer| peer.id == from)?;
        let current = lead.peers[at].session.as_ref()?.id;
        if epoch != lead.epoch || session != current {
            return None;
        }
        lead.peers[at].heard = self.now;
        Some(at)
    }

    fn on_report(&mut self, at: usize, report: Report, out: &mut Out) {
        match report {
            Report::AckEpoch { standing, counted } => self.on_ack_epoch(at, standing, counted, out),
            Report::Last { about, last } => self.on_last(at, about, last, out),
            Report::SnapHave { index, have } => self.on_snap_have(at, index, have, out),
            Report::Ack { upto, synced, round } => self.on_ack(at, upto, synced, round, out),
            Report::Read { token } => self.on_read_report(at, token),
        }
    }

    fn on_request(&mut self, ticket: Ticket, request: Request, out: &mut Out) {
        match request.of_log() {
            OfLog::Append(command) => self.on_append_request(ticket, command, out),
            OfLog::Read(want, level) => self.on_read_request(ticket, level, want, out),
            OfLog::Other(request) => {
                reply_to(ticket, Reply::Fail(Refusal::not_served(&request)), out);
            }
        }
    }

    /// The disk holds more: say so, then release what waited for it.
    fn on_disk_progress(&mut self, out: &mut Out) {
        let upto = self.disk.upto();
        let HardState { accepted, promised, .. } = *self.disk.hard();
        self.state.ordered.trace_persist(upto, accepted, promised, out);
        while let Some(held) = self.disk.release() {
            self.keep_promise(held, out);
        }
        self.ack_progress(out);
        self.establish(out);
        self.advance_commit_as_leader(out);
    }

    /// Makes a promise now if the disk has what it rests on, and else when it has.
    fn promise(&mut self, mark: Mark, held: Held, out: &mut Out) {
        if self.disk.has(mark) {
            self.keep_promise(held, out);
        } else {
            self.disk.hold(mark, held);
        }
    }

    fn keep_promise(&mut self, held: Held, out: &mut Out) {
        match held {
            Held::OwnEpoch => self.on_own_epoch(out),
            Held::AckEpoch { standing, counted } => self.ack_epoch(standing, counted, out),
            Held::AckLeader => self.ack_leader(out),
        }
    }

    /// Whom this node believes to lead: itself only when established, another when it accepted it.
    fn leader(&self) -> Option<NodeId> {
        match &self.part {
            Part::Looking(_) => None,
            Part::Following(following) => {
                Some(following.leader).filter(|_| following.stage != follower::Stage::Joining)
            }
            Part::Leading(_) => Some(self.state.id).filter(|_| self.state.role == Role::Leader),
        }
    }

    fn set_hard(&mut self, hard: HardState, out: &mut Out) {
        let was = self.state.hard;
        assert!(hard.accepted >= was.accepted, "epochs never go back");
        assert!(hard.current <= hard.accepted, "what is synchronised was accepted before");
        if hard != was {
            self.state.hard = hard;
            self.disk.persist_hard(hard, out);
        }
    }

    fn set_role(&mut self, role: Role, out: &mut Out) {
        self.state.role = role;
        self.state.ordered.trace_role(role, self.state.hard.accepted, out);
    }

    /// Ends what this node did. Promises that have not left are void, as if lost on their way;
    /// clients that wait hear that it leads no longer, or cannot ask, and that `leader` may lead.
    fn leave(&mut self, next: Part, leader: Option<NodeId>, out: &mut Out) {
        self.disk.drop_held();
        if let Part::Looking(_) = next {
            self.state.ordered.drop_staging();
        }
        match std::mem::replace(&mut self.part, next) {
            Part::Looking(_) => {}
            Part::Following(following) => {
                for reader in following.asking.into_readers() {
                    reply_to(reader.ticket, not_leader(leader), out);
                }
            }
            Part::Leading(lead) => self.answer_all(*lead, leader, out),
        }
    }

    fn take_snapshot_if_due(&mut self, out: &mut Out) {
        let every = self.state.options.snapshot_every;
        let members = &self.state.members;
        self.state.ordered.take_snapshot_if_due(every, members, &mut self.disk, out);
    }

    fn others(&self) -> impl Iterator<Item = NodeId> + use<> {
        let id = self.state.id;
        self.state.members.clone().into_iter().filter(move |member| *member != id)
    }

    /// Asks to be woken when the next thing is due. An alarm that is already early enough stays:
    /// a tick before its time is harmless, and an alarm a message would cost more.
    fn set_alarm(&mut self, out: &mut Out) {
        let due = match &self.part {
            Part::Looking(looking) => looking.note_at,
            Part::Following(following) => following.due(),
            Part::Leading(lead) => lead.heartbeat_at,
        };
        if self.wake_at.is_none_or(|at| due < at || at <= self.now) {
            self.wake_at = Some(due);
            out.push(Output::WakeAt(due));
        }
    }
}

fn not_leader(leader: Option<NodeId>) -> Reply {
    Reply::Fail(Refusal::NotLeader(leader))
}
