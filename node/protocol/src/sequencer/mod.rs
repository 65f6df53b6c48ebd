//! A sequencer: one node orders everything for ever and broadcasts it first in, first out.
//! The order is a single point of failure: while the sequencer is down nothing is acknowledged,
//! and since its disk is the last good copy (f = 0), nothing acknowledged is ever lost.
//! Fixed sequencer broadcast: Défago, Schiper and Urbán 2004, 4.1.
//!
//! In reading order: [`rules`] (why it is safe), this file, [`message`].
//!
//! It never chooses another sequencer: who leads is n1, for ever.

pub mod message;
pub mod rules;
mod states;

use serde::{Deserialize, Serialize};

use crate::common::disk::{Disk, Hard};
use crate::common::options::{Given, after, option};
use crate::common::ordered::Ordered;
use crate::common::pending::{Limits, Pending, too_large};
use crate::common::progress::{Piece, ReplicationProgress};
use crate::common::reads::{Reader, answer};
use crate::machine::{
    Boot, BootError, Command, Epoch, Index, Input, LogEntry, Mark, NodeId, OfLog, Output, Outputs,
    Protocol, Refusal, Reply, Request, Role, Status, Ticket, Time, build, reply_to, send_to,
};
use crate::{CommitQuorum, Level, OptionRow, Progress, ProtocolRow, Traces};
use message::{Body, Message};

pub use rules::{FixedSequencer, Place, Rules};

type Out = Outputs<Message>;

/// The sequencer as a row of the table of protocols.
pub const ROW: ProtocolRow = ProtocolRow {
    options: OPTIONS,
    progress: Progress::FirstNode,
    // Nobody is elected: I1, I2, I4 and I10 of docs/internals/protocols.md have nothing to say.
    traces: Traces { without: &[1, 2, 4, 10], commit_quorum: CommitQuorum::Leader, ..Traces::ALL },
    frames: message::Body::FRAMES,
    states: states::STATES,
    ..ProtocolRow::new(
        "sequencer",
        "n1 orders everything for ever and broadcasts it first in, first out; f = 0",
        |boot, out| build::<Sequencer>(boot, &FixedSequencer, out),
    )
};

const OPTIONS: &[OptionRow] = &[
    option("heartbeat", "how often the sequencer makes itself heard", "50ms"),
    option("snapshot-every", "entries applied between two snapshots; 0: never", "50000"),
    option("window", "messages with entries under way to one receiver", "4"),
    option("pending-max", "entries not yet durable before it is overloaded", "20000"),
    option("uncommitted-bytes-max", "their bytes before it is overloaded", "33554432"),
];

/// One node.
pub struct Sequencer {
    rules: &'static dyn Rules,
    id: NodeId,
    members: Vec<NodeId>,
    heartbeat_ns: u64,
    snapshot_every: u64,
    window: usize,
    limits: Limits,
    ordered: Ordered,
    disk: Disk<HardState, Index>,
    /// The incarnation of the sequencer: entries that one numbered and never wrote are gone, so the
    /// next one's are told apart from them.
    epoch: Epoch,
    now: Time,
    wake_at: Option<Time>,
    /// What only the sequencer itself has.
    lead: Option<Lead>,
}

/// What survives beside the order.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct HardState {
    /// The latest incarnation of the sequencer.
    pub epoch: Epoch,
}

impl Hard for HardState {}

struct Lead {
    receivers: Vec<ReplicationProgress>,
    pending: Pending,
    heartbeat_at: Time,
}

impl Protocol for Sequencer {
    type Message = Message;
    type Rules = dyn Rules;

    fn recover(
        mut boot: Boot,
        rules: &'static dyn Rules,
        out: &mut Out,
    ) -> Result<Self, BootError> {
        let given = Given::new("sequencer", OPTIONS, &boot.options)?;
        let (heartbeat_ns, window) = (given.duration_ns("heartbeat")?, given.window()?);
        let (snapshot_every, limits) = (given.integer("snapshot-every")?, given.limits()?);
        let hard = HardState::decode(&boot.state).map_err(BootError::Disk)?;
        let kept = Ordered::recover(&mut boot)?;
        let leads = boot.members.first() == Some(&boot.id);
        let mut ordered = if leads { rules.resume(kept) } else { kept };
        ordered.trace_boot(&boot.members, hard.epoch, None, out);
        ordered.trace_role(Role::Follower, hard.epoch, out);
        let (last, now) = (ordered.log.last_index(), boot.now);
        let others = boot.members.iter().filter(|member| **member != boot.id);
        let lead = leads.then(|| Lead {
            receivers: others.map(|id| ReplicationProgress::new(*id, last.next(), now)).collect(),
            pending: Pending::default(),
            heartbeat_at: now,
        });
        let mut node = Sequencer {
            rules,
            id: boot.id,
            members: boot.members,
            heartbeat_ns,
            snapshot_every,
            window,
            limits,
            ordered,
            disk: Disk::recovered(hard, last),
            epoch: hard.epoch,
            now,
            wake_at: None,
            lead,
        };
        if node.lead.is_some() {
            node.enter(hard.epoch.next(), out);
            node.ordered.trace_role(Role::Leader, node.epoch, out);
        }
        // What the sequencer's disk holds is the order; what another's holds came from there.
        node.commit_to(last, out);
        node.set_alarm(out);
        Ok(node)
    }

    fn step(&mut self, now: Time, input: Input<Message>, out: &mut Out) {
        self.now = self.now.max(now);
        match input {
            Input::Tick => self.on_tick(out),
            Input::Receive { from, message } => self.on_message(from, message, out),
            Input::Request { ticket, request } => self.on_request(ticket, request, out),
            Input::Durable(mark) => self.on_durable(mark, out),
        }
        self.broadcast(out);
        let every = self.snapshot_every;
        self.ordered.take_snapshot_if_due(every, &self.members, &mut self.disk, out);
        self.set_alarm(out);
    }

    fn state(&self) -> &'static str {
        if self.lead.is_some() { states::SEQUENCER } else { states::RECEIVER }
    }

    fn status(&self) -> Status {
        Status {
            role: if self.lead.is_some() { Role::Leader } else { Role::Follower },
            epoch: self.epoch,
            leader: Some(self.sequencer()),
            delivered: self.ordered.replica.length(),
            chain: self.ordered.replica.chain,
            commit: self.ordered.commit,
            last: self.ordered.log.last_index(),
        }
    }
}

impl Sequencer {
    fn sequencer(&self) -> NodeId {
        *self.members.first().expect("a cluster has a node")
    }

    fn on_request(&mut self, ticket: Ticket, request: Request, out: &mut Out) {
        let (want, level) = match request.of_log() {
            OfLog::Append(command) => return self.append(ticket, command, out),
            OfLog::Read(want, level) => (want, level),
            OfLog::Other(Request::Promote) => {
                let refusal = Refusal::Refused("n1 orders for ever".into());
                return reply_to(ticket, Reply::Fail(refusal), out);
            }
            OfLog::Other(request) => {
                return reply_to(ticket, Reply::Fail(Refusal::not_served(&request)), out);
            }
        };
        if level == Level::Linearizable && !self.rules.may_read(self.lead.is_some()) {
            return reply_to(ticket, self.not_leader(), out);
        }
        let reader = Reader { ticket, want, at: self.now };
        answer(reader, level, &self.ordered.replica, out);
    }

    fn append(&mut self, ticket: Ticket, command: Command, out: &mut Out) {
        let uncommitted = self.ordered.log.last_index().0.saturating_sub(self.ordered.commit.0);
        let Some(lead) = &mut self.lead else {
            let refused = too_large(&command).map(Reply::Fail);
            return reply_to(ticket, refused.unwrap_or(self.not_leader()), out);
        };
        if let Some(refusal) = lead.pending.refusal(&command, uncommitted, self.limits) {
            return reply_to(ticket, Reply::Fail(refusal), out);
        }
        let index = self.ordered.log.last_index().next();
        let entry = LogEntry { index, birth: self.epoch, command };
        lead.pending.weigh(&entry);
        lead.pending.wait(index, ticket);
        self.ordered.put(entry, &mut self.disk, out);
    }

    fn not_leader(&self) -> Reply {
        Reply::Fail(Refusal::NotLeader(Some(self.sequencer())))
    }

    /// The sequencer's fsync makes an entry part of the order; a receiver's is acknowledged.
    fn on_durable(&mut self, mark: Mark, out: &mut Out) {
        if !self.disk.on_durable(mark) {
            return;
        }
        self.ordered.trace_persist(self.disk.upto(), self.disk.hard().epoch, None, out);
        if self.lead.is_some() {
            let upto = self.rules.may_leave(self.disk.upto(), self.ordered.log.last_index());
            self.commit_to(upto, out);
        }
        let mut acked = None;
        while let Some(upto) = self.disk.release() {
            acked = acked.max(Some(upto));
        }
        if let Some(upto) = acked {
            self.acknowledge_when_durable(upto, out);
        }
    }

    fn commit_to(&mut self, upto: Index, out: &mut Out) {
        let rules = self.rules;
        let leads = self.lead.is_some();
        let done = self.ordered.commit_to(
            upto,
            self.epoch,
            leads,
            |sessions, session| rules.deduplicate(sessions, session),
            out,
        );
        let Some(lead) = &mut self.lead else { return };
        for done in done {
            if let Some((ticket, reply)) = lead.pending.applied(done, true) {
                reply_to(ticket, reply, out);
            }
        }
    }

    fn on_tick(&mut self, out: &mut Out) {
        let Some(lead) = &mut self.lead else { return };
        if self.now < lead.heartbeat_at {
            return;
        }
        lead.heartbeat_at = after(self.now, self.heartbeat_ns);
        for receiver in &mut lead.receivers {
            receiver.on_heartbeat_due();
            let piece = receiver.heartbeat(&self.ordered);
            send_to(receiver.id, Message { epoch: self.epoch, body: body(piece) }, out);
        }
    }

    /// Sends every receiver what it lacks, as far as its window allows.
    fn broadcast(&mut self, out: &mut Out) {
        let upto = self.rules.may_leave(self.disk.upto(), self.ordered.log.last_index());
        let Some(lead) = &mut self.lead else { return };
        for receiver in &mut lead.receivers {
            while let Some(piece) = receiver.next(&self.ordered, upto, self.window) {
                send_to(receiver.id, Message { epoch: self.epoch, body: body(piece) }, out);
            }
        }
    }

    /// Takes note of an incarnation of the sequencer. Its entries come behind this on the disk.
    fn enter(&mut self, epoch: Epoch, out: &mut Out) {
        self.epoch = epoch;
        self.disk.persist_hard(HardState { epoch }, out);
    }

    fn on_message(&mut self, from: NodeId, message: Message, out: &mut Out) {
        if from == self.id || !self.members.contains(&from) {
            return;
        }
        if message.epoch > self.epoch {
            self.enter(message.epoch, out);
        }
        match message.body {
            Body::Run { before, entries } if self.lead.is_none() => {
                self.on_run(before, entries, out);
            }
            Body::Snapshot { snapshot, from: offset, values } if self.lead.is_none() => {
                let index = snapshot.index;
                if index <= self.ordered.commit {
                    return self.acknowledge_when_durable(index, out);
                }
                let staged = self.ordered.stage(&snapshot, offset, values);
                let Some(have) = staged else { return };
                if have < snapshot.length {
                    return self.tell(Body::Have { index, have }, out);
                }
                self.ordered.install(self.epoch, snapshot, &mut self.disk, out);
                self.acknowledge_when_durable(index, out);
            }
            Body::Ack { upto } => {
                let last = self.ordered.log.last_index();
                if let Some((receiver, _)) = self.receiver(from) {
                    receiver.on_matched(upto, last);
                }
            }
            Body::Nack { before, wanted } => {
                if let Some((receiver, ordered)) = self.receiver(from) {
                    receiver.on_mismatch(&ordered.log, before, None, wanted);
                }
            }
            Body::Have { index, have } => {
                let Some((receiver, ordered)) = self.receiver(from) else { return };
                if let Some(piece) = receiver.on_have(index, have, &ordered.replica) {
                    send_to(from, Message { epoch: self.epoch, body: body(piece) }, out);
                }
            }
            Body::Run { .. } | Body::Snapshot { .. } => {}
        }
    }

    fn receiver(&mut self, id: NodeId) -> Option<(&mut ReplicationProgress, &Ordered)> {
        let lead = self.lead.as_mut()?;
        let receiver = lead.receivers.iter_mut().find(|receiver| receiver.id == id)?;
        Some((receiver, &self.ordered))
    }

    /// The receiver's side: deliver what is next, ask again for what is missing.
    fn on_run(&mut self, before: Index, entries: Vec<LogEntry>, out: &mut Out) {
        let covered = Index(before.0 + entries.len() as u64);
        if before > self.ordered.log.last_index() && entries.is_empty() {
            return self.ask_again(before, out);
        }
        for entry in entries {
            let last = self.ordered.log.last_index();
            match self.rules.place(last, entry.index) {
                Place::Next => {
                    let entry = LogEntry { index: last.next(), ..entry };
                    self.ordered.put(entry, &mut self.disk, out);
                }
                Place::Known => {}
                Place::Gap => return self.ask_again(before, out),
            }
        }
        self.commit_to(self.ordered.log.last_index(), out);
        self.acknowledge_when_durable(covered, out);
    }

    fn ask_again(&mut self, before: Index, out: &mut Out) {
        let wanted = self.ordered.log.last_index().next();
        self.tell(Body::Nack { before, wanted }, out);
    }

    /// An acknowledgement speaks in the latest incarnation of the sequencer, so that has to be on
    /// the disk too, and not only the entries.
    fn acknowledge_when_durable(&mut self, upto: Index, out: &mut Out) {
        let upto = upto.min(self.ordered.log.last_index());
        if upto > self.disk.upto() || !self.disk.has(self.disk.hard_mark()) {
            return self.disk.hold(self.disk.last_mark(), upto);
        }
        self.ordered.trace_ack("run", upto, self.epoch, out);
        self.tell(Body::Ack { upto }, out);
    }

    fn tell(&self, body: Body, out: &mut Out) {
        send_to(self.sequencer(), Message { epoch: self.epoch, body }, out);
    }

    fn set_alarm(&mut self, out: &mut Out) {
        let Some(due) = self.lead.as_ref().map(|lead| lead.heartbeat_at) else { return };
        if self.wake_at.is_none_or(|at| due < at || at <= self.now) {
            self.wake_at = Some(due);
            out.push(Output::WakeAt(due));
        }
    }
}

fn body(piece: Piece) -> Body {
    match piece {
        Piece::Entries { prev, entries } => Body::Run { before: prev.index, entries },
        Piece::Values { snapshot, from, values } => Body::Snapshot { snapshot, from, values },
    }
}
