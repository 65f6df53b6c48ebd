//! Viewstamped Replication Revisited (Liskov and Cowling 2012, "the paper"): replicas take turns as
//! primary, view by view; the primary of a view orders everything, what a majority holds stays, and
//! the next view begins with the greatest log a majority knows.
//!
//! In reading order: [`rules`] (why it is safe), `state` (what a replica is), `primary`, `backup`,
//! `view_change`, `transfer`, `branch`, `serve`, `recovery`; `durable` (what waits for what),
//! `patience` (and how long), `modes`, `options`, [`message`]; here, what a replica adds to a node
//! that keeps a log ([`crate::common::node`]).
//!
//! Three systems, by what survives a crash: `vsr` keeps view and log on disk and needs no recovery;
//! `vsr-memory` keeps only the view there; `vsr-paper` keeps nothing, as published.
//!
//! What the paper leaves open, and how it is here: view 0 is the empty beginning, led by nobody; a
//! suspicion alone moves nobody (`view_change`); messages carry the ends of logs, and whoever lacks
//! more asks for it and keeps what has come; waits grow while views come to nothing; a primary that
//! hears no majority gives its view up; reads ask a majority.

mod backup;
mod branch;
mod durable;
pub mod message;
mod modes;
mod options;
mod patience;
mod primary;
mod recovery;
pub mod rules;
mod serve;
mod state;
mod states;
mod transfer;
mod view_change;

use std::collections::BTreeMap;

use crate::common::disk::Hard;
use crate::common::node::{LogProtocol, Node};
use crate::common::ordered::Ordered;
use crate::common::reads::ReadRounds;
use crate::common::rounds::Reader;
use crate::common::session::{Lookup, Sessions};
use crate::machine::{
    Boot, BootError, Epoch, Index, Mark, NodeId, Outputs, Reply, Role, Session, Time,
};
use branch::Branch;
use message::{Body, Message};
use patience::Patience;
use primary::Lead;
use recovery::Recovery;
use transfer::Fetch;
use view_change::Change;

pub use durable::{Disk, Held};
pub use modes::{MEMORY_ROW, PAPER_ROW, ROW, start};
pub use rules::{Replaced, Rules, Sound};
pub use state::{HardState, Mode, Own, State, Status};

type Out = Outputs<Message>;

pub type Vsr = Node<Parts>;

/// What a replica has that its rules do not look at.
pub struct Parts {
    /// When the primary, or whatever is under way, is given up.
    timer_at: Time,
    /// How long that takes.
    patience: Patience,
    /// When what had no answer is said again.
    nudge_at: Time,
    /// The latest view this replica wants to be in.
    wants: Epoch,
    /// What the others wanted since the primary was last heard.
    wanted: BTreeMap<NodeId, Epoch>,
    /// Whether the present view is on disk, so that DoViewChange may leave.
    left: bool,
    /// DoViewChanges for the present view, at its primary.
    changes: BTreeMap<NodeId, Change>,
    /// A log that is being asked for.
    fetch: Option<Fetch>,
    /// What came of logs that were asked for before.
    kept: Branch,
    recovery: Option<Recovery>,
    /// What only a primary has.
    lead: Option<Lead>,
}

impl LogProtocol for Parts {
    type Message = Message;
    type Body = Body;
    type Rules = dyn Rules;
    type Hard = HardState;
    type Own = Own;
    type Held = Held;

    fn recover(boot: Boot, rules: &'static dyn Rules, out: &mut Out) -> Result<Vsr, BootError> {
        Vsr::boot(Mode::Durable, boot, rules, out)
    }

    fn on_message(replica: &mut Vsr, from: NodeId, message: Message, out: &mut Out) {
        let Message { view, body } = message;
        match body {
            Body::Recovery { nonce } => return replica.on_recovery(from, view, nonce, out),
            Body::RecoveryResponse { nonce, primary } => {
                return replica.on_recovery_response(from, view, nonce, primary, out);
            }
            _ if replica.rules.is_stale(&replica.state, view) => return,
            Body::NewState { commit, suffix, more } => {
                return replica.on_new_state(from, view, commit, suffix, more, out);
            }
            Body::NewSnapshot { snapshot, from: offset, values, more } => {
                return replica.on_new_snapshot(from, view, snapshot, offset, values, more, out);
            }
            _ if !replica.rules.takes_part(&replica.state) => return,
            _ => {}
        }
        match body {
            Body::Prepare { prev, commit, round, entries } => {
                replica.on_prepare(from, view, prev, commit, round, entries, out);
            }
            Body::PrepareOk { upto, round } => replica.on_prepare_ok(from, view, upto, round, out),
            Body::StartViewChange { wanted } => {
                replica.on_start_view_change(from, view, wanted, out);
            }
            Body::DoViewChange { normal, commit, suffix } => {
                replica.on_do_view_change(from, view, normal, commit, suffix, out);
            }
            Body::StartView { commit, suffix } => {
                replica.on_start_view(from, view, commit, suffix, out);
            }
            Body::GetState { after, ends, bytes, snapshot, have } => {
                replica.on_get_state(from, view, after, &ends, bytes, snapshot, have, out);
            }
            Body::ReadIndex { token } => replica.on_read_index(from, token, out),
            Body::ReadIndexReply { token, index } => {
                replica.on_read_index_reply(token, index, out);
                replica.learn_commit(view, index, out);
            }
            _ => {}
        }
    }

    fn on_tick(replica: &mut Vsr, out: &mut Out) {
        replica.on_timer(out);
        replica.give_up_on_old_reads(out);
    }

    fn on_disk_progress(replica: &mut Vsr, out: &mut Out) {
        replica.release_held(out);
        replica.advance_primary_commit(out);
    }

    fn keep_promise(replica: &mut Vsr, held: Held, out: &mut Out) {
        match held {
            Held::FirstBoot => replica.resume(out),
            Held::Left(view) => replica.on_left(view, out),
            Held::Ack { to, upto, round } => replica.send_ack(to, upto, round, out),
        }
    }

    fn after_input(replica: &mut Vsr, out: &mut Out) {
        replica.send_prepares(out);
        if replica.state.own.mode != Mode::Durable {
            // What is put into memory is held at once: no disk will say so.
            replica.advance_primary_commit(out);
        }
        replica.serve_reads(out);
    }

    fn due(replica: &Vsr) -> Option<Time> {
        let Parts { timer_at, nudge_at, lead, .. } = &replica.parts;
        let due = match lead {
            Some(lead) => lead.heartbeat_at,
            None if replica.awaits_answers() => *nudge_at.min(timer_at),
            None => *timer_at,
        };
        Some(replica.asking.due().map_or(due, |at| due.min(at)))
    }

    fn message(replica: &Vsr, body: Body) -> Message {
        Message { view: replica.state.hard.view, body }
    }

    fn epoch(replica: &Vsr) -> Epoch {
        replica.state.hard.view
    }

    fn leads(replica: &Vsr) -> bool {
        replica.parts.lead.is_some()
    }

    fn leader(replica: &Vsr) -> Option<NodeId> {
        replica.state.leader()
    }

    fn deduplicate(rules: &dyn Rules, sessions: &Sessions, session: Session) -> Lookup {
        rules.deduplicate(sessions, session)
    }

    fn answer_pending(replica: &Vsr) -> Reply {
        replica.rules.answer_pending(&replica.state)
    }

    fn read(replica: &mut Vsr, reader: Reader, out: &mut Out) {
        replica.wait_for_round(reader, out);
    }

    fn picture(replica: &Vsr) -> &'static str {
        states::of(replica.state.own.status)
    }
}

/// The paper leaves reads to leases (6.2); here a primary asks a majority, as Raft's does: it
/// answers when f + 1 replicas, itself included, were still in the view.
impl ReadRounds for Parts {
    fn may_start_round(replica: &Vsr) -> bool {
        replica.rules.may_start_read_round(&replica.state)
    }

    fn start_round(replica: &mut Vsr, out: &mut Out) {
        replica.send_heartbeat(out);
    }

    fn is_confirmed(replica: &Vsr, round: u64) -> bool {
        let backups = replica.parts.lead.iter().flat_map(|lead| &lead.backups);
        let quorum = replica.rules.commit_quorum(replica.state.members.len());
        let heard = replica.round_heard(backups.map(|backup| backup.round), quorum);
        replica.rules.round_covers(heard, round)
    }

    fn ask_index(replica: &Vsr, primary: NodeId, token: u64, out: &mut Out) {
        replica.send(primary, Body::ReadIndex { token }, out);
    }

    fn tell_index(replica: &mut Vsr, to: NodeId, token: u64, index: Option<Index>, out: &mut Out) {
        replica.send(to, Body::ReadIndexReply { token, index }, out);
    }
}

impl Vsr {
    /// What the disk kept, in one of the three systems.
    pub fn boot(
        mode: Mode,
        mut boot: Boot,
        rules: &'static dyn Rules,
        out: &mut Out,
    ) -> Result<Self, BootError> {
        let options = options::parse(mode, &boot.options)?;
        let first_start = boot.state.is_empty();
        let stored = HardState::decode(&boot.state).map_err(BootError::Disk)?;
        let hard = if mode == Mode::Paper { HardState::default() } else { stored };
        let ordered = Ordered::recover(&mut boot)?;
        let parts = Parts {
            timer_at: boot.now,
            patience: Patience::default(),
            nudge_at: boot.now,
            wants: hard.view,
            wanted: BTreeMap::new(),
            left: false,
            changes: BTreeMap::new(),
            fetch: None,
            kept: Branch::default(),
            recovery: None,
            lead: None,
        };
        let own = Own { mode, status: Status::Normal, heard: None, began: Index(0) };
        let mut replica = Node::new(boot, rules, options, hard, ordered, own, parts);
        if mode != Mode::Durable {
            replica.disk = replica.disk.without_log();
        }
        let promise = Some(replica.state.primary(hard.view));
        let State { members, ordered, .. } = &mut replica.state;
        ordered.trace_boot(members, hard.view, promise, out);
        replica.wake_up(first_start, out);
        replica.set_alarm(out);
        Ok(replica)
    }

    /// What a replica is when it starts: as it was, if its disk tells, and else recovering.
    fn wake_up(&mut self, first_start: bool, out: &mut Out) {
        self.reset_timer();
        if self.state.own.mode != Mode::Durable {
            self.state.own.status = Status::Recovering;
            self.tell_role(out);
            if first_start {
                // Whoever finds this on its disk has been here before, and may have forgotten.
                self.disk.persist_hard(self.state.hard, out);
                return self.promise(self.disk.hard_mark(), Held::FirstBoot, out);
            }
            return self.start_recovery(out);
        }
        self.resume(out);
    }

    fn resume(&mut self, out: &mut Out) {
        let HardState { view, normal } = self.state.hard;
        let next = self.rules.view_after_restart(&self.state);
        self.state.own.status = if view == normal { Status::Normal } else { Status::ViewChange };
        self.tell_role(out);
        if next > view {
            self.move_to(next, out);
        } else if view > normal {
            self.promise(Mark(0), Held::Left(view), out);
        }
    }

    fn on_timer(&mut self, out: &mut Out) {
        if let Some(lead) = &self.parts.lead {
            if self.now >= lead.heartbeat_at {
                self.on_heartbeat_due(out);
            }
        } else if self.now >= self.parts.timer_at {
            match (self.state.own.status, &self.parts.recovery) {
                (Status::Recovering, Some(_)) => self.start_recovery(out),
                (Status::Recovering, None) => self.reset_timer(),
                _ => {
                    self.stop_fetching();
                    self.suspect(out);
                }
            }
        } else if self.now >= self.parts.nudge_at && self.awaits_answers() {
            self.nudge(out);
        }
    }

    /// Says again what had no answer.
    fn nudge(&mut self, out: &mut Out) {
        self.set_nudge();
        if self.parts.fetch.is_some() {
            self.ask_again_for_state(out);
        } else if self.state.own.status == Status::Recovering {
            self.ask_for_recovery(out);
        } else {
            self.say_what_is_wanted(out);
            self.do_view_change(out);
        }
    }

    fn awaits_answers(&self) -> bool {
        let wants = self.parts.wants > self.state.hard.view;
        self.state.own.status != Status::Normal || self.parts.fetch.is_some() || wants
    }

    /// Whatever changed of view, status or leadership may change its role.
    fn tell_role(&mut self, out: &mut Out) {
        let is_primary = self.state.primary(self.state.hard.view) == self.state.id;
        let role = match self.state.own.status {
            Status::Recovering => Role::Recovering,
            Status::Normal if self.parts.lead.is_some() => Role::Leader,
            Status::ViewChange if is_primary => Role::Candidate,
            Status::Normal | Status::ViewChange => Role::Follower,
        };
        self.set_role(role, out);
    }
}
