//! Multi-Paxos: a leader prepares one ballot for all slots at once; what a quorum of acceptors
//! accepts in a slot is chosen for good, and the slots in order are the log.
//!
//! In reading order: [`rules`] (why it is safe), `state` (what a node is), `prepare` (phase 1),
//! `propose` (phase 2, the leader's side), `accept` (the acceptor's), `learn` (executing in order,
//! catching up), `reads`; `disk` (what waits for what), `options`, [`message`].
//!
//! It never does anything by itself: it takes an [`Input`] and says what should be done about it.

mod accept;
mod disk;
mod learn;
pub mod message;
mod options;
mod prepare;
mod propose;
mod reads;
pub mod rules;
mod state;
mod states;

use std::collections::VecDeque;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::common::asking::{Asking, Waiter};
use crate::common::disk::Hard;
use crate::common::options::{after, draw_timeout};
use crate::common::ordered::Ordered;
use crate::common::pending::Pending;
use crate::common::reads::Rounds;
use crate::machine::{
    Boot, BootError, Index, Input, Mark, NodeId, OfLog, Output, Outputs, Protocol, Refusal, Reply,
    Request, Role, Status, Ticket, Time, TraceEvent, build, reply_to, send_to,
};
use crate::paxos::ballot::Ballot;
use crate::paxos::catch_up::Behind;
use crate::{ProtocolRow, Traces};
use message::{Body, Message};

pub use disk::Disk;
pub use rules::{Learned, Paper, Rules};
pub use state::{HardState, State};

use accept::trace_accepted;
use disk::Held;
use prepare::{Asked, Candidacy};
use propose::{Peer, Proposal};

type Out = Outputs<Message>;

/// Multi-Paxos as a row of the table of protocols.
pub const ROW: ProtocolRow = ProtocolRow {
    options: options::OPTIONS,
    traces: Traces::OF_ACCEPTORS,
    frames: message::Body::FRAMES,
    states: states::STATES,
    ..ProtocolRow::new(
        "multi-paxos",
        "a leader prepares all slots at once; what a quorum accepts is chosen (Lamport 1998)",
        |boot, out| build::<MultiPaxos>(boot, &Paper, out),
    )
};

/// One node: acceptor, learner, and at times the proposer.
pub struct MultiPaxos {
    rules: &'static dyn Rules,
    state: State,
    disk: Disk,
    /// The hard state that the trace spoke of last.
    told: HardState,
    rng: ChaCha8Rng,
    /// The moment of the step under way.
    now: Time,
    /// What the last `WakeAt` said.
    wake_at: Option<Time>,
    /// When a node that is not leading proposes to lead.
    election_at: Time,
    /// The highest ballot heard of.
    seen: Ballot,
    /// Who would promise, before anything is prepared.
    asked: Option<Asked>,
    /// Phase 1 under way.
    candidacy: Option<Candidacy>,
    /// What only a leader has.
    lead: Option<Lead>,
    /// Linearizable reads that wait for a leader elsewhere.
    asking: Asking,
    /// The chosen prefix that the disk was told of last.
    noted: Index,
    /// What is known to be chosen and lacking here.
    behind: Option<Behind>,
}

/// What only a leader has.
struct Lead {
    /// Its open slots in order, from `first` on.
    proposals: VecDeque<Proposal>,
    first: Index,
    /// Every slot up to here had to be proposed again.
    barrier: Index,
    peers: Vec<Peer>,
    heartbeat_at: Time,
    pending: Pending,
    rounds: Rounds<Waiter>,
}

impl Protocol for MultiPaxos {
    type Message = Message;
    type Rules = dyn Rules;

    fn recover(
        mut boot: Boot,
        rules: &'static dyn Rules,
        out: &mut Out,
    ) -> Result<Self, BootError> {
        let options = options::parse(&boot.options)?;
        let mut hard = HardState::decode(&boot.state).map_err(BootError::Disk)?;
        let summed_up = boot.snapshot.as_ref().map_or(Index(0), |snapshot| snapshot.index);
        let (chosen, open) = state::divide(&hard, summed_up, std::mem::take(&mut boot.log))?;
        boot.log = chosen;
        let mut ordered = Ordered::recover(&mut boot)?;
        ordered.trace_boot(&boot.members, hard.promised.epoch(), hard.to, out);
        let end = ordered.log.last();
        (hard.decided, hard.chain) = (end.index, end.chain);
        let role = Role::Follower;
        let (id, members) = (boot.id, boot.members);
        let state =
            State { id, members, options, hard, open, ordered, role, leader: None, heard: None };
        let mut node = MultiPaxos {
            rules,
            state,
            disk: Disk::recovered(hard, Index(0)),
            told: hard,
            rng: ChaCha8Rng::seed_from_u64(boot.seed),
            now: boot.now,
            wake_at: None,
            election_at: boot.now,
            seen: hard.promised,
            asked: None,
            candidacy: None,
            lead: None,
            asking: Asking::new(boot.now.0),
            noted: hard.decided,
            behind: None,
        };
        if node.state.members.len() > 1 {
            node.reset_election_timer();
        }
        node.execute(out);
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
        self.propose_to_all(out);
        self.start_read_round(out);
        self.ask_for_read_index(out);
        self.answer_granted_reads(out);
        self.take_snapshot_if_due(out);
        self.set_alarm(out);
    }

    fn status(&self) -> Status {
        Status {
            role: self.state.role,
            epoch: self.state.hard.promised.epoch(),
            leader: self.state.leader,
            delivered: self.state.ordered.replica.length(),
            chain: self.state.ordered.replica.chain,
            commit: self.state.ordered.commit,
            last: self.state.last(),
        }
    }
}

impl MultiPaxos {
    fn on_message(&mut self, from: NodeId, message: Message, out: &mut Out) {
        if from == self.state.id || !self.state.members.contains(&from) {
            return;
        }
        let ballot = message.ballot;
        self.seen = self.seen.max(ballot);
        match message.body {
            Body::Ask => self.on_ask(from, ballot, out),
            Body::AskReply { granted } => self.on_ask_reply(from, ballot, granted, out),
            Body::Prepare { from: slot } => self.on_prepare(from, ballot, slot, out),
            Body::Promise { piece, pieces, base, accepted } => {
                self.on_promise(from, ballot, (piece, pieces), base, accepted, out);
            }
            Body::Nack => self.on_nack(ballot, out),
            Body::Accept { first, commit, round, commands } => {
                self.on_accept(from, ballot, first, commit, round, commands, out);
            }
            Body::Accepted { first, count } => self.on_accepted(from, ballot, first, count, out),
            Body::Heard { round } => self.on_heard(from, ballot, round, out),
            Body::ReadIndex { token } => self.on_read_index(from, token, out),
            Body::ReadIndexReply { token, index } => {
                self.on_read_index_reply(from, ballot, token, index, out);
            }
            Body::CatchUp { catch_up } => self.on_catch_up(from, catch_up, out),
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
        if let Some(lead) = &mut self.lead {
            if self.now >= lead.heartbeat_at {
                lead.heartbeat_at = after(self.now, self.state.options.heartbeat_ns);
                self.on_heartbeat_due(out);
            }
        } else if self.now >= self.election_at {
            self.stand(out);
        }
        self.give_up_on_old_reads(out);
        self.ask_again_if_due(out);
    }

    /// The disk holds more: say so, then release what waited for it.
    fn on_disk_progress(&mut self, out: &mut Out) {
        let hard = *self.disk.hard();
        if self.told != hard {
            self.told = hard;
            let HardState { promised, to: promise, decided: upto, chain } = hard;
            let epoch = promised.epoch();
            out.push(Output::Trace(TraceEvent::Persist { upto, chain, epoch, promise }));
        }
        // Acceptances in one ballot that follow each other are one message.
        let mut run: Option<(NodeId, Ballot, Index, u64)> = None;
        while let Some(held) = self.disk.release() {
            let Held::Accepted { to, ballot, first, hashes } = held else {
                self.keep_promise(held, out);
                continue;
            };
            trace_accepted(ballot, first, &hashes, out);
            let count = hashes.len() as u64;
            match &mut run {
                Some(run) if run.0 == to && run.1 == ballot && run.2.0 + run.3 == first.0 => {
                    run.3 += count;
                }
                _ => {
                    if let Some(done) = run.replace((to, ballot, first, count)) {
                        self.acknowledge(done, out);
                    }
                }
            }
        }
        if let Some(done) = run {
            self.acknowledge(done, out);
        }
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
            Held::OwnPromise(ballot) => self.on_own_promise(ballot, out),
            Held::Promise { to, ballot, from } => self.send_promise(to, ballot, from, out),
            Held::Accepted { to, ballot, first, hashes } => {
                trace_accepted(ballot, first, &hashes, out);
                self.acknowledge((to, ballot, first, hashes.len() as u64), out);
            }
        }
    }

    fn others(&self) -> impl Iterator<Item = NodeId> + use<> {
        let id = self.state.id;
        self.state.members.clone().into_iter().filter(move |member| *member != id)
    }

    fn set_leader(&mut self, leader: Option<NodeId>, out: &mut Out) {
        if self.state.leader != leader {
            self.state.leader = leader;
            self.forget_asked_reads(out);
        }
    }

    fn set_role(&mut self, role: Role, out: &mut Out) {
        self.state.role = role;
        self.state.ordered.trace_role(role, self.state.hard.promised.epoch(), out);
    }

    fn reset_election_timer(&mut self) {
        let options::Options { election_timeout_ns, fixed_timeout, .. } = self.state.options;
        let timeout = draw_timeout(election_timeout_ns, fixed_timeout, &mut self.rng);
        self.election_at = after(self.now, timeout);
    }

    /// Asks to be woken when the next thing is due. An alarm that is already early enough stays:
    /// a tick before its time is harmless, and an alarm a message would cost more.
    fn set_alarm(&mut self, out: &mut Out) {
        let due = if let Some(lead) = &self.lead {
            lead.heartbeat_at
        } else {
            let asks = [self.behind.map(|behind| behind.again_at), self.asking.due()];
            asks.into_iter().flatten().fold(self.election_at, Time::min)
        };
        if self.wake_at.is_none_or(|at| due < at || at <= self.now) {
            self.wake_at = Some(due);
            out.push(Output::WakeAt(due));
        }
    }
}

fn send(to: NodeId, ballot: Ballot, body: Body, out: &mut Out) {
    send_to(to, Message { ballot, body }, out);
}

fn not_leader(leader: Option<NodeId>) -> Reply {
    Reply::Fail(Refusal::NotLeader(leader))
}
