//! Manual failover: a leader that an operator chose orders everything; when it is gone nothing is
//! acknowledged until the operator promotes another one. Epochs fence whoever led before.
//!
//! In reading order: [`rules`] (why it is safe), `state` (what a node is), `promotion` (the
//! operator's word: promise, choose, pull, open), `replication` (the leader's side), `follower`
//! (the other side), `ahead` (what asynchronous mode answers from); `options`, [`message`].
//!
//! It never promotes anyone by itself, but for a restarted leader that nobody deposed.

mod ahead;
mod follower;
pub mod message;
mod options;
mod promotion;
mod replication;
pub mod rules;
mod state;
mod states;

use crate::common::disk::Hard;
use crate::common::ordered::Ordered;
use crate::common::reads::{Reader, answer};
use crate::machine::{
    Boot, BootError, Doubt, Epoch, Index, Input, Level, Mark, NodeId, OfLog, Output, Outputs,
    Protocol, Refusal, Reply, Request, Role, Status, Ticket, Time, TraceEvent, build, reply_to,
    send_to,
};
use crate::{Acks, Progress, ProtocolRow};
use ahead::Ahead;
use message::{Body, Message};
use promotion::Promotion;
use replication::Lead;

pub use message::Standing;
pub use options::{Mode, Options};
pub use rules::{Fenced, Rules};
pub use state::{Disk, HardState, Held, State};

type Out = Outputs<Message>;

/// Manual failover as a row of the table of protocols.
pub const ROW: ProtocolRow = ProtocolRow {
    options: options::OPTIONS,
    progress: Progress::Promoted { majority: true },
    acks: Acks::UntilFailover { option: "mode", value: "async" },
    frames: message::Body::FRAMES,
    states: states::STATES,
    ..ProtocolRow::new(
        "manual-failover",
        "an operator's leader orders everything; `schism promote` makes another one, fenced",
        |boot, out| build::<Failover>(boot, &Fenced, out),
    )
};

/// One node.
pub struct Failover {
    rules: &'static dyn Rules,
    state: State,
    disk: Disk,
    /// The moment of the step under way.
    now: Time,
    /// What the last `WakeAt` said.
    wake_at: Option<Time>,
    /// The greatest epoch heard of, promised here or not.
    seen: Epoch,
    /// The operator's word, while it is being carried out.
    promotion: Option<Promotion>,
    /// What only a leader has, and a candidate that installs its log.
    lead: Option<Lead>,
}

impl Protocol for Failover {
    type Message = Message;
    type Rules = dyn Rules;

    fn recover(
        mut boot: Boot,
        rules: &'static dyn Rules,
        out: &mut Out,
    ) -> Result<Self, BootError> {
        let options = Options::parse(&boot.options)?;
        let first = *boot.members.first().expect("a cluster has a node");
        let stored = if boot.state.is_empty() {
            HardState::initial(first)
        } else {
            HardState::decode(&boot.state).map_err(BootError::Disk)?
        };
        let hard = rules.reload(stored);
        let mut ordered = Ordered::recover(&mut boot)?;
        ordered.trace_boot(&boot.members, hard.promised, Some(hard.candidate), out);
        ordered.trace_role(Role::Follower, hard.promised, out);
        let mut node = Failover {
            rules,
            disk: Disk::recovered(hard, ordered.log.last_index()),
            state: State {
                id: boot.id,
                members: boot.members,
                options,
                hard,
                ordered,
                role: Role::Follower,
                leader: None,
                following: Epoch(0),
                verified: Index(0),
            },
            now: boot.now,
            wake_at: None,
            seen: hard.promised,
            promotion: None,
            lead: None,
        };
        node.resume(out);
        node.set_alarm(out);
        Ok(node)
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
        self.replicate_all(out);
        self.start_read_round(out);
        let every = self.state.options.snapshot_every;
        let members = &self.state.members;
        self.state.ordered.take_snapshot_if_due(every, members, &mut self.disk, out);
        self.set_alarm(out);
    }

    fn status(&self) -> Status {
        Status {
            role: self.state.role,
            epoch: self.state.hard.promised,
            leader: self.state.leader,
            delivered: self.state.ordered.replica.length(),
            chain: self.state.ordered.replica.chain,
            commit: self.state.ordered.commit,
            last: self.state.ordered.log.last_index(),
        }
    }
}

impl Failover {
    fn on_tick(&mut self, out: &mut Out) {
        self.on_promotion_tick(out);
        if self.lead.as_ref().is_some_and(|lead| self.now >= lead.heartbeat_at) {
            self.on_heartbeat_due(out);
        }
    }

    fn on_message(&mut self, from: NodeId, message: Message, out: &mut Out) {
        if from == self.state.id || !self.state.members.contains(&from) {
            return;
        }
        let epoch = message.epoch;
        self.seen = self.seen.max(epoch);
        match message.body {
            Body::Fence => self.on_fence(from, epoch, out),
            Body::Promised { standing } => self.on_promised(from, epoch, standing, out),
            Body::Refused => self.on_refused(epoch, out),
            Body::Pull { prev, have } => self.on_pull(from, epoch, prev, have, out),
            Body::Pulled { prev, entries, end } => {
                self.on_pulled(from, epoch, prev, entries, end, out);
            }
            Body::PulledValues { snapshot, from: offset, values } => {
                self.on_pulled_values(from, epoch, snapshot, offset, values, out);
            }
            Body::Append { prev, commit, open, round, entries } => {
                if self.accept_leader(from, epoch, out) {
                    let sent = follower::Sent { epoch, open, round };
                    self.on_append(from, sent, prev, commit, entries, out);
                }
            }
            Body::Values { snapshot, open, round, from: offset, values } => {
                if self.accept_leader(from, epoch, out) {
                    let sent = follower::Sent { epoch, open, round };
                    self.on_values(from, sent, snapshot, offset, values, out);
                }
            }
            Body::Matched { matched, whole, round } => {
                self.on_matched(from, epoch, matched, whole, round, out);
            }
            Body::Mismatch { prev, conflict, first } => {
                if !self.on_pull_mismatch(from, epoch, prev, conflict, first, out) {
                    self.on_mismatch(from, epoch, prev, conflict, first);
                }
            }
            Body::Have { index, have } => self.on_have(from, epoch, index, have, out),
        }
    }

    fn on_request(&mut self, ticket: Ticket, request: Request, out: &mut Out) {
        let (want, level) = match request.of_log() {
            OfLog::Append(command) => return self.on_append_request(ticket, command, out),
            OfLog::Read(want, level) => (want, level),
            OfLog::Other(Request::Promote) => return self.promote(Some(ticket), out),
            OfLog::Other(request) => {
                return reply_to(ticket, Reply::Fail(Refusal::not_served(&request)), out);
            }
        };
        let reader = Reader { ticket, want, at: self.now };
        if level == Level::Local {
            return answer(reader, level, &self.state.ordered.replica, out);
        }
        match self.lead.as_mut().filter(|lead| lead.is_open) {
            Some(lead) => lead.rounds.wait(reader),
            None => reply_to(ticket, self.not_leader(), out),
        }
    }

    fn on_disk_progress(&mut self, out: &mut Out) {
        let HardState { promised, candidate, .. } = *self.disk.hard();
        self.state.ordered.trace_persist(self.disk.upto(), promised, Some(candidate), out);
        while let Some(held) = self.disk.release() {
            self.keep_promise(held, out);
        }
        self.answer_ahead(out);
        self.advance_leader_commit(out);
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
        let epoch = self.state.hard.promised;
        match held {
            Held::OwnPromise => self.on_own_promise(out),
            Held::Promise { to } => {
                out.push(Output::Trace(TraceEvent::Promise { epoch, to }));
                let standing = self.standing();
                send_in(to, epoch, Body::Promised { standing }, out);
            }
            Held::Ack { to, epoch, matched, round } => {
                self.state.ordered.trace_ack("append", matched, epoch, out);
                let whole = self.disk.hard().synced >= epoch;
                send_in(to, epoch, Body::Matched { matched, whole, round }, out);
            }
            Held::OwnWhole => self.on_whole(self.state.id, out),
            Held::Open => self.open(out),
            Held::Other { to, message } => send_to(to, message, out),
        }
    }

    fn set_hard(&mut self, hard: HardState, out: &mut Out) {
        assert!(hard.promised >= self.state.hard.promised, "epochs never go back");
        if hard.promised > self.state.hard.promised {
            // Promises of the old epoch that have not left are void, as if lost on their way.
            self.disk.drop_held();
        }
        self.seen = self.seen.max(hard.promised);
        self.state.hard = hard;
        self.disk.persist_hard(hard, out);
    }

    fn set_role(&mut self, role: Role, out: &mut Out) {
        self.state.role = role;
        let ahead = self.lead.as_ref().and_then(|lead| lead.ahead.as_ref());
        let length = ahead.filter(|_| role == Role::Leader).map(Ahead::length);
        self.state.ordered.trace_role_at(role, self.state.hard.promised, length, out);
    }

    /// How this node's log stands.
    fn standing(&self) -> Standing {
        let last = self.state.ordered.log.last_index();
        Standing { synced: self.state.hard.synced, last }
    }

    /// A newer epoch is known: whoever acts here for an older one stops.
    fn give_way(&mut self, out: &mut Out) {
        let known = HardState { promised: self.seen, ..self.state.hard };
        if self.promotion.as_ref().is_some_and(|p| p.epoch < self.seen) {
            self.end_promotion(Reply::Fail(Refusal::Fenced(self.seen)), out);
        }
        let fenced =
            self.lead.as_ref().is_some_and(|lead| self.rules.is_fenced(&known, lead.epoch));
        if fenced {
            self.step_down(out);
        }
    }

    fn step_down(&mut self, out: &mut Out) {
        let Some(lead) = self.lead.take() else { return };
        self.state.leader = None;
        self.set_role(Role::Follower, out);
        let waiting = lead.ahead.into_iter().flat_map(Ahead::into_tickets);
        for ticket in lead.pending.into_tickets().chain(waiting) {
            reply_to(ticket, Reply::Info(Doubt::LeadershipLost), out);
        }
        for reader in lead.rounds.into_waiters() {
            reply_to(reader.ticket, self.not_leader(), out);
        }
    }

    /// Who leads, or, where this node did and nobody else is known, that it is fenced.
    fn not_leader(&self) -> Reply {
        let deposed = self.state.hard.opened > Epoch(0) && self.seen > self.state.hard.opened;
        Reply::Fail(match self.state.leader {
            None if deposed => Refusal::Fenced(self.seen),
            leader => Refusal::NotLeader(leader.filter(|leader| *leader != self.state.id)),
        })
    }

    fn others(&self) -> Vec<NodeId> {
        self.state.members.iter().copied().filter(|member| *member != self.state.id).collect()
    }

    fn set_alarm(&mut self, out: &mut Out) {
        let heartbeat = self.lead.as_ref().map(|lead| lead.heartbeat_at);
        let promotion = self.promotion.as_ref().map(Promotion::due);
        let Some(due) = heartbeat.into_iter().chain(promotion).min() else { return };
        if self.wake_at.is_none_or(|at| due < at || at <= self.now) {
            self.wake_at = Some(due);
            out.push(Output::WakeAt(due));
        }
    }
}

fn send_in(to: NodeId, epoch: Epoch, body: Body, out: &mut Out) {
    send_to(to, Message { epoch, body }, out);
}
