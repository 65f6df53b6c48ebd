//! Manual failover: a leader that an operator chose orders everything; when it is gone nothing is
//! acknowledged until the operator promotes another one. Epochs fence whoever led before.
//!
//! In reading order: [`rules`] (why it is safe), `state` (what a node is), `promotion` (the
//! operator's word: promise, choose, pull, open), `replication` (the leader's side), `follower`
//! (the other side), `ahead` (what asynchronous mode answers from); `options`, [`message`]; here,
//! what it adds to a node that keeps a log ([`crate::common::node`]).
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
use crate::common::node::{LogProtocol, Node};
use crate::common::options::{Given, Options};
use crate::common::ordered::Ordered;
use crate::common::reads::ReadRounds;
use crate::common::rounds::Reader;
use crate::common::session::{Lookup, Sessions};
use crate::machine::{
    Boot, BootError, Command, Doubt, Epoch, Index, NodeId, Output, Outputs, Refusal, Reply,
    Request, Role, Session, Ticket, Time, TraceEvent, build, reply_to, send_to,
};
use crate::{OptionIs, Progress, ProtocolRow, Reads, SystemRow};
use ahead::Ahead;
use message::{Body, Message};
use options::Promotes;
use promotion::Promotion;
use replication::Lead;

pub use message::Standing;
pub use options::Mode;
pub use rules::{Fenced, Rules};
pub use state::{Disk, HardState, Held, Own, State};

type Out = Outputs<Message>;

/// Manual failover as a row of the table of protocols.
pub const ROW: ProtocolRow = ProtocolRow {
    facts: SystemRow {
        options: options::OPTIONS,
        progress: Progress::Promoted { majority: true },
        may_lose: Some(OptionIs { option: "mode", value: "async" }),
        reads: Reads::Leader,
        frames: message::Body::FRAMES,
        ..SystemRow::new(
            "manual-failover",
            "an operator's leader orders everything; `schism promote` makes another one, fenced",
        )
    },
    build: |boot, out| build::<Failover>(boot, &Fenced, out),
    states: states::STATES,
};

pub type Failover = Node<Parts>;

/// What a node has that its rules do not look at.
pub struct Parts {
    /// The greatest epoch heard of, promised here or not.
    seen: Epoch,
    /// The operator's word, while it is being carried out.
    promotion: Option<Promotion>,
    /// What only a leader has, and a candidate that installs its log.
    lead: Option<Lead>,
}

impl Parts {
    /// Once the epoch is open.
    fn leading(&self) -> Option<&Lead> {
        self.lead.as_ref().filter(|lead| lead.is_open)
    }
}

impl LogProtocol for Parts {
    type Message = Message;
    type Body = Body;
    type Rules = dyn Rules;
    type Hard = HardState;
    type Own = Own;
    type Held = Held;

    fn recover(
        mut boot: Boot,
        rules: &'static dyn Rules,
        out: &mut Out,
    ) -> Result<Failover, BootError> {
        let given = Given::new("manual-failover", options::OPTIONS, &boot.options)?;
        let (options, promotes) = (Options::read(&given)?, Promotes::read(&given)?);
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
        let own = Own { promotes, leader: None, following: Epoch(0), verified: Index(0) };
        let parts = Parts { seen: hard.promised, promotion: None, lead: None };
        let mut node = Node::new(boot, rules, options, hard, ordered, own, parts);
        node.resume(out);
        Ok(node)
    }

    fn on_message(node: &mut Failover, from: NodeId, message: Message, out: &mut Out) {
        let epoch = message.epoch;
        node.parts.seen = node.parts.seen.max(epoch);
        match message.body {
            Body::Fence => node.on_fence(from, epoch, out),
            Body::Promised { standing } => node.on_promised(from, epoch, standing, out),
            Body::Refused => node.on_refused(epoch, out),
            Body::Pull { prev, have } => node.on_pull(from, epoch, prev, have, out),
            Body::Pulled { prev, entries, end } => {
                node.on_pulled(from, epoch, prev, entries, end, out);
            }
            Body::PulledValues { snapshot, from: offset, values } => {
                node.on_pulled_values(from, epoch, snapshot, offset, values, out);
            }
            Body::Append { prev, commit, open, round, entries } => {
                if node.accept_leader(from, epoch, out) {
                    let sent = follower::Sent { epoch, open, round };
                    node.on_append(from, sent, prev, commit, entries, out);
                }
            }
            Body::Values { snapshot, open, round, from: offset, values } => {
                if node.accept_leader(from, epoch, out) {
                    let sent = follower::Sent { epoch, open, round };
                    node.on_values(from, sent, snapshot, offset, values, out);
                }
            }
            Body::Matched { matched, whole, round } => {
                node.on_matched(from, epoch, matched, whole, round, out);
            }
            Body::Mismatch { prev, conflict, first } => {
                if !node.on_pull_mismatch(from, epoch, prev, conflict, first, out) {
                    node.on_mismatch(from, epoch, prev, conflict, first);
                }
            }
            Body::Have { index, have } => node.on_have(from, epoch, index, have, out),
        }
    }

    fn on_tick(node: &mut Failover, out: &mut Out) {
        node.on_promotion_tick(out);
        if node.parts.lead.as_ref().is_some_and(|lead| node.now >= lead.heartbeat_at) {
            node.on_heartbeat_due(out);
        }
    }

    /// Says how far the disk is, then releases what waited for it.
    fn on_disk_progress(node: &mut Failover, out: &mut Out) {
        let HardState { promised, candidate, .. } = *node.disk.hard();
        node.state.ordered.trace_persist(node.disk.upto(), promised, Some(candidate), out);
        while let Some(held) = node.disk.release() {
            Self::keep_promise(node, held, out);
        }
        node.answer_ahead(out);
        node.advance_leader_commit(out);
    }

    fn keep_promise(node: &mut Failover, held: Held, out: &mut Out) {
        let epoch = node.state.hard.promised;
        match held {
            Held::OwnPromise => node.on_own_promise(out),
            Held::Promise { to } => {
                out.push(Output::Trace(TraceEvent::Promise { epoch, to }));
                let standing = node.standing();
                send_in(to, epoch, Body::Promised { standing }, out);
            }
            Held::Ack { to, epoch, matched, round } => {
                node.state.ordered.trace_ack("append", matched, epoch, out);
                let whole = node.disk.hard().synced >= epoch;
                send_in(to, epoch, Body::Matched { matched, whole, round }, out);
            }
            Held::OwnWhole => node.on_whole(node.state.id, out),
            Held::Open => node.open(out),
            Held::Other { to, message } => send_to(to, message, out),
        }
    }

    fn after_input(node: &mut Failover, out: &mut Out) {
        node.replicate_all(out);
        node.serve_reads(out);
    }

    fn due(node: &Failover) -> Option<Time> {
        let heartbeat = node.parts.lead.as_ref().map(|lead| lead.heartbeat_at);
        let promotion = node.parts.promotion.as_ref().map(Promotion::due);
        heartbeat.into_iter().chain(promotion).min()
    }

    fn message(node: &Failover, body: Body) -> Message {
        Message { epoch: node.state.hard.promised, body }
    }

    fn epoch(node: &Failover) -> Epoch {
        node.state.hard.promised
    }

    fn leads(node: &Failover) -> bool {
        node.parts.leading().is_some()
    }

    fn leader(node: &Failover) -> Option<NodeId> {
        node.state.own.leader
    }

    fn deduplicate(rules: &dyn Rules, sessions: &Sessions, session: Session) -> Lookup {
        rules.deduplicate(sessions, session)
    }

    fn append(node: &mut Failover, ticket: Ticket, command: Command, out: &mut Out) {
        node.append(ticket, command, out);
    }

    fn read(node: &mut Failover, reader: Reader, out: &mut Out) {
        node.wait_for_round(reader, out);
    }

    fn other(node: &mut Failover, ticket: Ticket, request: Request, out: &mut Out) {
        if let Request::Promote = request {
            return node.promote(Some(ticket), out);
        }
        reply_to(ticket, Reply::Fail(Refusal::not_served(&request)), out);
    }

    /// Who leads, or, where this node did and nobody else is known, that it is fenced.
    fn not_leader(node: &Failover) -> Reply {
        let (opened, seen) = (node.state.hard.opened, node.parts.seen);
        Reply::Fail(match node.state.own.leader {
            None if opened > Epoch(0) && seen > opened => Refusal::Fenced(seen),
            leader => Refusal::NotLeader(leader.filter(|leader| *leader != node.state.id)),
        })
    }
}

/// Only the leader answers linearizable reads: nobody asks it for an index.
impl ReadRounds for Parts {
    fn may_start_round(node: &Failover) -> bool {
        node.parts.leading().is_some_and(|lead| node.state.ordered.commit >= lead.open)
    }

    fn start_round(node: &mut Failover, out: &mut Out) {
        node.broadcast_heartbeat(out);
    }

    fn is_confirmed(node: &Failover, round: u64) -> bool {
        let peers = node.parts.lead.iter().flat_map(Lead::peers);
        let quorum = node.rules.quorum(node.state.members.len());
        node.rules.round_covers(node.round_heard(peers.map(|peer| peer.round), quorum), round)
    }

    fn whom_to_ask(_node: &Failover) -> Option<NodeId> {
        None
    }
}

impl Failover {
    fn set_hard(&mut self, hard: HardState, out: &mut Out) {
        assert!(hard.promised >= self.state.hard.promised, "epochs never go back");
        if hard.promised > self.state.hard.promised {
            // Promises of the old epoch that have not left are void, as if lost on their way.
            self.disk.drop_held();
        }
        self.parts.seen = self.parts.seen.max(hard.promised);
        self.state.hard = hard;
        self.disk.persist_hard(hard, out);
    }

    fn take_role(&mut self, role: Role, out: &mut Out) {
        self.state.role = role;
        let ahead = self.parts.lead.as_ref().and_then(|lead| lead.ahead.as_ref());
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
        let known = HardState { promised: self.parts.seen, ..self.state.hard };
        if self.parts.promotion.as_ref().is_some_and(|p| p.epoch < self.parts.seen) {
            self.end_promotion(Reply::Fail(Refusal::Fenced(self.parts.seen)), out);
        }
        let fenced =
            self.parts.lead.as_ref().is_some_and(|lead| self.rules.is_fenced(&known, lead.epoch));
        if fenced {
            self.step_down(out);
        }
    }

    fn step_down(&mut self, out: &mut Out) {
        let Some(lead) = self.parts.lead.take() else { return };
        self.state.own.leader = None;
        self.take_role(Role::Follower, out);
        for ticket in lead.ahead.into_iter().flat_map(Ahead::into_tickets) {
            reply_to(ticket, Reply::Info(Doubt::LeadershipLost), out);
        }
        self.fail_clients(&Parts::not_leader(self), out);
    }
}

fn send_in(to: NodeId, epoch: Epoch, body: Body, out: &mut Out) {
    send_to(to, Message { epoch, body }, out);
}
