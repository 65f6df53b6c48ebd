//! Viewstamped Replication Revisited (Liskov and Cowling 2012, "the paper"): replicas take turns as
//! primary, view by view; the primary of a view orders everything, what a majority holds stays, and
//! the next view begins with the greatest log a majority knows.
//!
//! In reading order: [`rules`] (why it is safe), `state` (what a replica is), `primary`, `backup`,
//! `reads`, `view_change`, `transfer`, `branch`, `serve`, `recovery`; `durable` (what waits for
//! what), `patience` (and how long), `modes`, `options`, [`message`].
//!
//! Three systems, by what survives a crash: `vsr` keeps view and log on disk and needs no recovery;
//! `vsr-memory` keeps only the view there; `vsr-paper` keeps nothing, as published.
//!
//! What the paper leaves open, and how it is here: view 0 is the empty beginning, led by nobody; a
//! suspicion alone moves nobody (`view_change`); messages carry the ends of logs, and whoever lacks
//! more asks for it and keeps what has come; waits grow while views come to nothing; a primary that
//! hears no majority gives its view up; reads ask a majority.
//!
//! It never does anything by itself: it takes an [`Input`] and says what should be done about it.

mod backup;
mod branch;
mod durable;
pub mod message;
mod modes;
mod options;
mod patience;
mod primary;
mod reads;
mod recovery;
pub mod rules;
mod serve;
mod state;
mod states;
mod transfer;
mod view_change;

use std::collections::BTreeMap;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::common::asking::Asking;
use crate::common::disk::Hard;
use crate::common::ordered::Ordered;
use crate::machine::{
    Boot, BootError, Epoch, Index, Input, Mark, NodeId, OfLog, Output, Outputs, Refusal, Reply,
    Request, Role, Status as Told, Ticket, Time, reply_to, send_to,
};
use branch::Branch;
use message::{Body, Message};
use patience::Patience;
use primary::Lead;
use recovery::Recovery;
use transfer::Fetch;
use view_change::Change;

pub use durable::{Disk, Held};
pub use modes::{MEMORY_ROW, PAPER_ROW, ROW, Replica, start};
pub use options::Options;
pub use rules::{Replaced, Rules, Sound};
pub use state::{HardState, Mode, State, Status};

type Out = Outputs<Message>;

/// One replica.
struct Vsr {
    rules: &'static dyn Rules,
    state: State,
    disk: Disk,
    rng: ChaCha8Rng,
    /// The moment of the step under way.
    now: Time,
    /// What the last `WakeAt` said.
    wake_at: Option<Time>,
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
    /// Linearizable reads that wait for a primary elsewhere.
    asking: Asking,
    /// What only a primary has.
    lead: Option<Lead>,
}

impl Vsr {
    fn boot(
        mode: Mode,
        mut boot: Boot,
        rules: &'static dyn Rules,
        out: &mut Out,
    ) -> Result<Self, BootError> {
        let options = Options::parse(mode, &boot.options)?;
        let first_start = boot.state.is_empty();
        let stored = HardState::decode(&boot.state).map_err(BootError::Disk)?;
        let hard = if mode == Mode::Paper { HardState::default() } else { stored };
        let ordered = Ordered::recover(&mut boot)?;
        let upto = ordered.log.last_index();
        let disk = Disk::recovered(hard, upto);
        let mut replica = Vsr {
            rules,
            disk: if mode == Mode::Durable { disk } else { disk.without_log() },
            state: State {
                id: boot.id,
                members: boot.members,
                mode,
                options,
                hard,
                ordered,
                status: Status::Normal,
                heard: None,
                began: Index(0),
            },
            rng: ChaCha8Rng::seed_from_u64(boot.seed),
            now: boot.now,
            wake_at: None,
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
            // Nanoseconds since the machine's start: never the same in two incarnations.
            asking: Asking::new(boot.now.0),
            lead: None,
        };
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
        if self.state.mode != Mode::Durable {
            self.state.status = Status::Recovering;
            self.tell_role(out);
            if first_start {
                // Whoever finds this on its disk has been here before, and may have forgotten.
                self.disk.persist_hard(self.state.hard, out);
                return self.promise(self.disk.hard_mark(), Held::Born, out);
            }
            return self.start_recovery(out);
        }
        self.resume(out);
    }

    fn resume(&mut self, out: &mut Out) {
        let HardState { view, normal } = self.state.hard;
        let next = self.rules.view_after_restart(&self.state);
        self.state.status = if view == normal { Status::Normal } else { Status::ViewChange };
        self.tell_role(out);
        if next > view {
            self.move_to(next, out);
        } else if view > normal {
            self.promise(Mark(0), Held::Left(view), out);
        }
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
        self.send_prepares(out);
        if self.state.mode != Mode::Durable {
            // What is put into memory is held at once: no disk will say so.
            self.advance_primary_commit(out);
        }
        self.start_read_round(out);
        self.ask_for_read_index(out);
        self.answer_granted_reads(out);
        let State { ordered, members, options, .. } = &mut self.state;
        ordered.take_snapshot_if_due(options.snapshot_every, members, &mut self.disk, out);
        self.set_alarm(out);
    }

    fn told(&self) -> Told {
        let ordered = &self.state.ordered;
        Told {
            role: self.role(),
            epoch: self.state.hard.view,
            leader: self.leader(),
            delivered: ordered.replica.length(),
            chain: ordered.replica.chain,
            commit: ordered.commit,
            last: ordered.log.last_index(),
        }
    }

    fn on_message(&mut self, from: NodeId, message: Message, out: &mut Out) {
        if from == self.state.id || !self.state.members.contains(&from) {
            return;
        }
        let Message { view, body } = message;
        match body {
            Body::Recovery { nonce } => return self.on_recovery(from, view, nonce, out),
            Body::RecoveryResponse { nonce, primary } => {
                return self.on_recovery_response(from, view, nonce, primary, out);
            }
            _ if self.rules.is_stale(&self.state, view) => return,
            Body::NewState { commit, suffix, more } => {
                return self.on_new_state(from, view, commit, suffix, more, out);
            }
            Body::NewSnapshot { snapshot, from: offset, values, more } => {
                return self.on_new_snapshot(from, view, snapshot, offset, values, more, out);
            }
            _ if !self.rules.takes_part(&self.state) => return,
            _ => {}
        }
        match body {
            Body::Prepare { prev, commit, round, entries } => {
                self.on_prepare(from, view, prev, commit, round, entries, out);
            }
            Body::PrepareOk { upto, round } => self.on_prepare_ok(from, view, upto, round, out),
            Body::StartViewChange { wanted } => self.on_start_view_change(from, view, wanted, out),
            Body::DoViewChange { normal, commit, suffix } => {
                self.on_do_view_change(from, view, normal, commit, suffix, out);
            }
            Body::StartView { commit, suffix } => {
                self.on_start_view(from, view, commit, suffix, out);
            }
            Body::GetState { after, ends, bytes, snapshot, have } => {
                self.on_get_state(from, view, after, &ends, bytes, snapshot, have, out);
            }
            Body::ReadIndex { token } => self.on_read_index(from, token, out),
            Body::ReadIndexReply { token, index } => {
                self.on_read_index_reply(view, token, index, out);
            }
            _ => {}
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

    fn on_tick(&mut self, out: &mut Out) {
        if let Some(lead) = &self.lead {
            if self.now >= lead.heartbeat_at {
                self.on_heartbeat_due(out);
            }
        } else if self.now >= self.timer_at {
            match (self.state.status, &self.recovery) {
                (Status::Recovering, Some(_)) => self.start_recovery(out),
                (Status::Recovering, None) => self.reset_timer(),
                _ => {
                    self.stop_fetching();
                    self.suspect(out);
                }
            }
        } else if self.now >= self.nudge_at && self.awaits_answers() {
            self.nudge(out);
        }
        self.give_up_on_old_reads(out);
    }

    /// Says again what had no answer.
    fn nudge(&mut self, out: &mut Out) {
        self.set_nudge();
        if self.fetch.is_some() {
            self.ask_again_for_state(out);
        } else if self.state.status == Status::Recovering {
            self.ask_for_recovery(out);
        } else {
            self.say_what_is_wanted(out);
            self.do_view_change(out);
        }
    }

    fn awaits_answers(&self) -> bool {
        let wants = self.wants > self.state.hard.view;
        self.state.status != Status::Normal || self.fetch.is_some() || wants
    }

    fn role(&self) -> Role {
        let view = self.state.hard.view;
        match self.state.status {
            Status::Recovering => Role::Recovering,
            Status::Normal if self.lead.is_some() => Role::Leader,
            Status::ViewChange if self.state.primary(view) == self.state.id => Role::Candidate,
            Status::Normal | Status::ViewChange => Role::Follower,
        }
    }

    fn tell_role(&mut self, out: &mut Out) {
        let role = self.role();
        self.state.ordered.trace_role(role, self.state.hard.view, out);
    }

    /// Whom this replica takes for the primary; nobody leads the first view.
    fn leader(&self) -> Option<NodeId> {
        let view = self.state.hard.view;
        let known = self.state.status == Status::Normal && view > Epoch(0);
        known.then(|| self.state.primary(view))
    }

    /// Sends at once, in this replica's view.
    fn send(&self, to: NodeId, body: Body, out: &mut Out) {
        send_to(to, Message { view: self.state.hard.view, body }, out);
    }

    fn send_all(&self, body: &Body, out: &mut Out) {
        for to in self.others() {
            self.send(to, body.clone(), out);
        }
    }

    fn others(&self) -> impl Iterator<Item = NodeId> + use<> {
        let id = self.state.id;
        self.state.members.clone().into_iter().filter(move |member| *member != id)
    }

    /// Asks to be woken when the next thing is due. An alarm that is already early enough stays.
    fn set_alarm(&mut self, out: &mut Out) {
        let due = match &self.lead {
            Some(lead) => lead.heartbeat_at,
            None if self.awaits_answers() => self.nudge_at.min(self.timer_at),
            None => self.timer_at,
        };
        let due = self.asking.due().map_or(due, |at| due.min(at));
        if self.wake_at.is_none_or(|at| due < at || at <= self.now) {
            self.wake_at = Some(due);
            out.push(Output::WakeAt(due));
        }
    }
}

fn not_leader(leader: Option<NodeId>) -> Reply {
    Reply::Fail(Refusal::NotLeader(leader))
}
