//! Raft: one leader at a time, elected for a term, orders everything; what a majority holds stays.
//! Ongaro and Ousterhout 2014 (the paper), Ongaro 2014 (the dissertation).
//!
//! In reading order: [`rules`] (why it is safe), `state` (what a node is), `election`,
//! `replication` (the leader's side), `follower` (the other side), `apply`, `reads`, `snapshot`;
//! `disk` (what waits for what), `options`, [`message`].
//!
//! It never does anything by itself: it takes an [`Input`] and says what should be done about it.

mod apply;
mod disk;
mod election;
mod follower;
pub mod message;
mod options;
mod reads;
mod replication;
pub mod rules;
mod snapshot;
mod state;
mod states;

use std::collections::BTreeSet;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::ProtocolRow;
use crate::common::asking::{Asking, Waiter};
use crate::common::disk::Hard;
use crate::common::ordered::Ordered;
use crate::common::pending::Pending;
use crate::common::progress::ReplicationProgress;
use crate::common::reads::Rounds;
use crate::machine::{
    Boot, BootError, Epoch, Index, Input, Mark, NodeId, OfLog, Output, Outputs, Protocol, Refusal,
    Reply, Request, Role, Status, Ticket, Time, TraceEvent, build, reply_to, send_to,
};
use message::{Body, Message};

pub use disk::Disk;
pub use options::Options;
pub use rules::{Paper, Rules};
pub use state::{HardState, State};

use disk::Held;

type Out = Outputs<Message>;

/// Raft as a row of the table of protocols.
pub const ROW: ProtocolRow = ProtocolRow {
    options: options::OPTIONS,
    frames: message::Body::FRAMES,
    states: states::STATES,
    ..ProtocolRow::new(
        "raft",
        "one elected leader orders everything; what a majority holds stays (Ongaro 2014)",
        |boot, out| build::<Raft>(boot, &Paper, out),
    )
};

/// One node.
pub struct Raft {
    rules: &'static dyn Rules,
    state: State,
    disk: Disk,
    rng: ChaCha8Rng,
    /// The moment of the step under way.
    now: Time,
    /// What the last `WakeAt` said.
    wake_at: Option<Time>,
    /// When a node that is not leading stands for election.
    election_at: Time,
    /// Who would vote, or voted, for this node in its candidacy under way.
    votes: BTreeSet<NodeId>,
    /// What only a leader has.
    lead: Option<Lead>,
    /// Linearizable reads that wait for a leader elsewhere.
    asking: Asking,
}

/// What only a leader has (paper, figure 2: "volatile state on leaders").
struct Lead {
    peers: Vec<ReplicationProgress>,
    heartbeat_at: Time,
    pending: Pending,
    rounds: Rounds<Waiter>,
}

impl Protocol for Raft {
    type Message = Message;
    type Rules = dyn Rules;

    fn recover(
        mut boot: Boot,
        rules: &'static dyn Rules,
        out: &mut Out,
    ) -> Result<Self, BootError> {
        let options = options::parse(&boot.options)?;
        let stored = HardState::decode(&boot.state).map_err(BootError::Disk)?;
        let hard = rules.reload(stored);
        let mut ordered = Ordered::recover(&mut boot)?;
        ordered.trace_boot(&boot.members, hard.term, hard.vote, out);
        let mut raft = Raft {
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
                heard: None,
                verified: Index(0),
            },
            rng: ChaCha8Rng::seed_from_u64(boot.seed),
            now: boot.now,
            wake_at: None,
            election_at: boot.now,
            votes: BTreeSet::new(),
            lead: None,
            asking: Asking::new(boot.now.0),
        };
        if raft.state.members.len() > 1 {
            raft.reset_election_timer();
        }
        raft.set_alarm(out);
        Ok(raft)
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
        self.ask_for_read_index(out);
        self.answer_granted_reads(out);
        self.take_snapshot_if_due(out);
        self.set_alarm(out);
    }

    fn status(&self) -> Status {
        Status {
            role: self.state.role,
            epoch: self.state.hard.term,
            leader: self.state.leader,
            delivered: self.state.ordered.replica.length(),
            chain: self.state.ordered.replica.chain,
            commit: self.state.ordered.commit,
            last: self.state.ordered.log.last_index(),
        }
    }
}

impl Raft {
    /// The delivered values, by offset.
    #[must_use]
    pub fn values(&self) -> &[bytes::Bytes] {
        &self.state.ordered.replica.values
    }

    fn on_message(&mut self, from: NodeId, message: Message, out: &mut Out) {
        if from == self.state.id || !self.state.members.contains(&from) {
            return;
        }
        let term = message.term;
        match message.body {
            Body::PreVote { last } => self.on_pre_vote(from, term, last, out),
            Body::PreVoteReply { granted } => self.on_pre_vote_reply(from, term, granted, out),
            Body::Vote { last } => self.on_vote(from, term, last, out),
            Body::VoteReply { granted } => self.on_vote_reply(from, term, granted, out),
            Body::Append { prev, commit, round, entries } => {
                if self.accept_leader(from, term, prev.index, round, out) {
                    self.on_append(from, term, prev, commit, round, entries, out);
                }
            }
            Body::Snapshot { snapshot, round, from: offset, values } => {
                if self.accept_leader(from, term, snapshot.index, round, out) {
                    self.on_snapshot(from, term, snapshot, round, offset, values, out);
                }
            }
            Body::Matched { matched, round } => {
                if let Some(at) = self.peer_answering(from, term, round, out) {
                    self.on_matched(at, matched, out);
                }
            }
            Body::Mismatch { prev, conflict, first, round } => {
                if let Some(at) = self.peer_answering(from, term, round, out) {
                    let Some(lead) = &mut self.lead else { return };
                    lead.peers[at].on_mismatch(&self.state.ordered.log, prev, conflict, first);
                }
            }
            Body::SnapshotHave { index, have, round } => {
                if let Some(at) = self.peer_answering(from, term, round, out) {
                    self.on_snapshot_have(at, index, have, out);
                }
            }
            Body::ReadIndex { token } => self.on_read_index(from, token, out),
            Body::ReadIndexReply { token, index } => {
                self.on_read_index_reply(from, term, token, index, out);
            }
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
        let HardState { term, vote } = *self.disk.hard();
        self.state.ordered.trace_persist(upto, term, vote, out);
        self.release_held(out);
        self.advance_leader_commit(out);
    }

    fn release_held(&mut self, out: &mut Out) {
        let mut acks: Option<(NodeId, Index, u64)> = None;
        while let Some(held) = self.disk.release() {
            match held {
                // All are of one term, so to one leader: the greatest of each says it all.
                Held::Ack { to, matched, round } => {
                    let (_, index, latest) = acks.unwrap_or((to, matched, round));
                    acks = Some((to, index.max(matched), latest.max(round)));
                }
                other => self.keep_promise(other, out),
            }
        }
        if let Some((to, matched, round)) = acks {
            self.keep_promise(Held::Ack { to, matched, round }, out);
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
            Held::OwnVote(term) => self.on_own_vote(term, out),
            Held::Vote { to, term } => {
                out.push(Output::Trace(TraceEvent::Promise { epoch: term, to }));
                self.send(to, Body::VoteReply { granted: true }, out);
            }
            Held::Ack { to, matched, round } => {
                let term = self.state.hard.term;
                self.state.ordered.trace_ack("append", matched, term, out);
                self.send(to, Body::Matched { matched, round }, out);
            }
            Held::Other { to, message } => {
                send_to(to, message, out);
            }
        }
    }

    /// Sends at once, in this node's term.
    fn send(&self, to: NodeId, body: Body, out: &mut Out) {
        send_in(self.state.hard.term, to, body, out);
    }

    fn others(&self) -> impl Iterator<Item = NodeId> + use<> {
        let id = self.state.id;
        self.state.members.clone().into_iter().filter(move |member| *member != id)
    }

    /// Asks to be woken when the next thing is due. An alarm that is already early enough stays:
    /// a tick before its time is harmless, and an alarm a message would cost more.
    fn set_alarm(&mut self, out: &mut Out) {
        let due = match &self.lead {
            Some(lead) => lead.heartbeat_at,
            None => self.asking.due().map_or(self.election_at, |due| due.min(self.election_at)),
        };
        if self.wake_at.is_none_or(|at| due < at || at <= self.now) {
            self.wake_at = Some(due);
            out.push(Output::WakeAt(due));
        }
    }
}

fn send_in(term: Epoch, to: NodeId, body: Body, out: &mut Out) {
    send_to(to, Message { term, body }, out);
}

fn not_leader(leader: Option<NodeId>) -> Reply {
    Reply::Fail(Refusal::NotLeader(leader))
}
