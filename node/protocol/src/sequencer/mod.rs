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

use crate::common::disk::Hard;
use crate::common::node::{LogProtocol, Node, not_leader};
use crate::common::options::{Options, after, option};
use crate::common::ordered::Ordered;
use crate::common::progress::{Piece, ReplicationProgress};
use crate::common::session::{Lookup, Sessions};
use crate::machine::{
    Boot, BootError, Epoch, Index, LogEntry, NodeId, Outputs, Refusal, Reply, Request, Role,
    Session, Ticket, Time, build, reply_to, send_to,
};
use crate::{CommitQuorum, OptionRow, Progress, ProtocolRow, Reads, SystemRow, Traces};
use message::{Body, Message};

pub use rules::{FixedSequencer, Place, Rules};

type Out = Outputs<Message>;

/// The sequencer as a row of the table of protocols.
pub const ROW: ProtocolRow = ProtocolRow {
    facts: SystemRow {
        options: OPTIONS,
        progress: Progress::FirstNode,
        // Nobody is elected: I1, I2, I4 and I10 of docs/internals/protocols.md have nothing
        // to say.
        traces: Traces {
            without: &[1, 2, 4, 10],
            commit_quorum: CommitQuorum::Leader,
            ..Traces::ALL
        },
        reads: Reads::Leader,
        frames: message::Body::FRAMES,
        ..SystemRow::new(
            "sequencer",
            "n1 orders everything for ever and broadcasts it first in, first out; f = 0",
        )
    },
    build: |boot, out| build::<Sequencer>(boot, &FixedSequencer, out),
    states: states::STATES,
};

const OPTIONS: &[OptionRow] = &[
    option("heartbeat", "how often the sequencer makes itself heard", "50ms"),
    option("snapshot-every", "entries applied between two snapshots; 0: never", "50000"),
    option("window", "messages with entries under way to one receiver", "4"),
    option("pending-max", "entries not yet durable before it is overloaded", "20000"),
    option("uncommitted-bytes-max", "their bytes before it is overloaded", "33554432"),
];

pub type Sequencer = Node<Parts>;

/// What survives beside the order.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct HardState {
    /// The latest incarnation of the sequencer: entries that one numbered and never wrote are gone,
    /// so the next one's are told apart from them.
    pub epoch: Epoch,
}

impl Hard for HardState {}

/// The disk as seen from a node.
pub type Disk = crate::common::disk::Disk<HardState, Index>;

/// What only the sequencer itself has, from when it numbers entries on.
pub struct Parts(Option<Lead>);

struct Lead {
    receivers: Vec<ReplicationProgress>,
    heartbeat_at: Time,
}

impl LogProtocol for Parts {
    type Message = Message;
    type Body = Body;
    type Rules = dyn Rules;
    type Hard = HardState;
    type Own = ();
    /// An acknowledgement of everything up to here.
    type Held = Index;

    fn recover(
        mut boot: Boot,
        rules: &'static dyn Rules,
        out: &mut Out,
    ) -> Result<Sequencer, BootError> {
        let options = Options::parse("sequencer", OPTIONS, &boot.options)?;
        let hard = HardState::decode(&boot.state).map_err(BootError::Disk)?;
        let kept = Ordered::recover(&mut boot)?;
        let leads = boot.members.first() == Some(&boot.id);
        let mut ordered = if leads { rules.resume(kept) } else { kept };
        ordered.trace_boot(&boot.members, hard.epoch, None, out);
        ordered.trace_role(Role::Follower, hard.epoch, out);
        let mut node = Node::new(boot, rules, options, hard, ordered, (), Parts(None));
        let last = node.state.ordered.log.last_index();
        if leads {
            node.enter(hard.epoch.next(), out);
        }
        // What the sequencer's disk holds is the order; what another's holds came from there.
        node.commit(last, out);
        Ok(node)
    }

    fn on_message(node: &mut Sequencer, from: NodeId, message: Message, out: &mut Out) {
        if message.epoch > node.state.hard.epoch {
            node.enter(message.epoch, out);
        }
        match message.body {
            Body::Run { before, entries } if !node.is_sequencer() => {
                node.on_run(before, entries, out);
            }
            Body::Snapshot { snapshot, from: offset, values } if !node.is_sequencer() => {
                let index = snapshot.index;
                if index <= node.state.ordered.commit {
                    return node.acknowledge_when_durable(index, out);
                }
                let staged = node.state.ordered.stage(&snapshot, offset, values);
                let Some(have) = staged else { return };
                if have < snapshot.length {
                    return node.tell(Body::Have { index, have }, out);
                }
                let epoch = node.state.hard.epoch;
                node.state.ordered.install(epoch, snapshot, &mut node.disk, out);
                node.acknowledge_when_durable(index, out);
            }
            Body::Ack { upto } => {
                let last = node.state.ordered.log.last_index();
                if let Some((receiver, _)) = node.receiver(from) {
                    receiver.on_matched(upto, last);
                }
            }
            Body::Nack { before, wanted } => {
                if let Some((receiver, ordered)) = node.receiver(from) {
                    receiver.on_mismatch(&ordered.log, before, None, wanted);
                }
            }
            Body::Have { index, have } => {
                let Some((receiver, ordered)) = node.receiver(from) else { return };
                if let Some(piece) = receiver.on_have(index, have, &ordered.replica) {
                    node.send(from, body(piece), out);
                }
            }
            Body::Run { .. } | Body::Snapshot { .. } => {}
        }
    }

    fn on_tick(node: &mut Sequencer, out: &mut Out) {
        let (now, epoch) = (node.now, node.state.hard.epoch);
        let Some(lead) = node.parts.0.as_mut().filter(|lead| now >= lead.heartbeat_at) else {
            return;
        };
        lead.heartbeat_at = after(now, node.state.options.heartbeat_ns);
        for receiver in &mut lead.receivers {
            receiver.on_heartbeat_due();
            let body = body(receiver.heartbeat(&node.state.ordered));
            send_to(receiver.id, Message { epoch, body }, out);
        }
    }

    /// The sequencer's fsync makes an entry part of the order, and begins an incarnation; a
    /// receiver's is acknowledged.
    fn on_disk_progress(node: &mut Sequencer, out: &mut Out) {
        let (upto, HardState { epoch }) = (node.disk.upto(), *node.disk.hard());
        node.state.ordered.trace_persist(upto, epoch, None, out);
        if node.parts.0.is_some() {
            node.commit(node.may_leave(), out);
        } else if node.is_sequencer() && node.disk.has(node.rules.before_numbering(&node.disk)) {
            node.begin(out);
        }
        let released = std::iter::from_fn(|| node.disk.release());
        if let Some(upto) = released.max() {
            Self::keep_promise(node, upto, out);
        }
    }

    fn keep_promise(node: &mut Sequencer, upto: Index, out: &mut Out) {
        node.acknowledge_when_durable(upto, out);
    }

    /// Sends every receiver what it lacks, as far as its window allows.
    fn after_input(node: &mut Sequencer, out: &mut Out) {
        let (upto, window) = (node.may_leave(), node.state.options.window);
        let epoch = node.state.hard.epoch;
        let Some(lead) = &mut node.parts.0 else { return };
        for receiver in &mut lead.receivers {
            while let Some(piece) = receiver.next(&node.state.ordered, upto, window) {
                send_to(receiver.id, Message { epoch, body: body(piece) }, out);
            }
        }
    }

    fn due(node: &Sequencer) -> Option<Time> {
        node.parts.0.as_ref().map(|lead| lead.heartbeat_at)
    }

    fn message(node: &Sequencer, body: Body) -> Message {
        Message { epoch: node.state.hard.epoch, body }
    }

    fn epoch(node: &Sequencer) -> Epoch {
        node.state.hard.epoch
    }

    fn leads(node: &Sequencer) -> bool {
        node.parts.0.is_some()
    }

    fn leader(node: &Sequencer) -> Option<NodeId> {
        node.state.members.first().copied()
    }

    fn deduplicate(rules: &dyn Rules, sessions: &Sessions, session: Session) -> Lookup {
        rules.deduplicate(sessions, session)
    }

    fn may_read_at_once(node: &Sequencer) -> bool {
        node.rules.may_read(node.parts.0.is_some())
    }

    fn other(_node: &mut Sequencer, ticket: Ticket, request: Request, out: &mut Out) {
        let refusal = match request {
            Request::Promote => Refusal::Refused("n1 orders for ever".into()),
            _ => Refusal::not_served(&request),
        };
        reply_to(ticket, Reply::Fail(refusal), out);
    }

    /// Who is asked before it has begun knows nobody else.
    fn not_leader(node: &Sequencer) -> Reply {
        not_leader(Self::leader(node).filter(|leader| *leader != node.state.id))
    }

    fn picture(node: &Sequencer) -> &'static str {
        if node.is_sequencer() { states::SEQUENCER } else { states::RECEIVER }
    }
}

impl Sequencer {
    fn is_sequencer(&self) -> bool {
        Parts::leader(self) == Some(self.state.id)
    }

    /// From now on it numbers what it is asked for.
    fn begin(&mut self, out: &mut Out) {
        let next = self.state.ordered.log.last_index().next();
        let receiver = |id| ReplicationProgress::new(id, next, self.now);
        let receivers = self.others().map(receiver).collect();
        self.parts = Parts(Some(Lead { receivers, heartbeat_at: self.now }));
        self.set_role(Role::Leader, out);
    }

    fn may_leave(&self) -> Index {
        self.rules.may_leave(self.disk.upto(), self.state.ordered.log.last_index())
    }

    fn commit(&mut self, upto: Index, out: &mut Out) {
        self.commit_to(upto, self.state.hard.epoch, out);
    }

    /// Takes note of an incarnation of the sequencer. Its entries come behind this on the disk.
    fn enter(&mut self, epoch: Epoch, out: &mut Out) {
        self.state.hard = HardState { epoch };
        self.disk.persist_hard(self.state.hard, out);
    }

    fn receiver(&mut self, id: NodeId) -> Option<(&mut ReplicationProgress, &Ordered)> {
        let lead = self.parts.0.as_mut()?;
        let receiver = lead.receivers.iter_mut().find(|receiver| receiver.id == id)?;
        Some((receiver, &self.state.ordered))
    }

    /// The receiver's side: deliver what is next, ask again for what is missing.
    fn on_run(&mut self, before: Index, entries: Vec<LogEntry>, out: &mut Out) {
        let covered = Index(before.0 + entries.len() as u64);
        if before > self.state.ordered.log.last_index() && entries.is_empty() {
            return self.ask_again(before, out);
        }
        for entry in entries {
            let last = self.state.ordered.log.last_index();
            match self.rules.place(last, entry.index) {
                Place::Next => {
                    let entry = LogEntry { index: last.next(), ..entry };
                    self.state.ordered.put(entry, &mut self.disk, out);
                }
                Place::Known => {}
                Place::Gap => return self.ask_again(before, out),
            }
        }
        self.commit(self.state.ordered.log.last_index(), out);
        self.acknowledge_when_durable(covered, out);
    }

    fn ask_again(&mut self, before: Index, out: &mut Out) {
        let wanted = self.state.ordered.log.last_index().next();
        self.tell(Body::Nack { before, wanted }, out);
    }

    /// An acknowledgement speaks in the latest incarnation of the sequencer, so that has to be on
    /// the disk too, and not only the entries.
    fn acknowledge_when_durable(&mut self, upto: Index, out: &mut Out) {
        let upto = upto.min(self.state.ordered.log.last_index());
        if upto > self.disk.upto() || !self.disk.has(self.disk.hard_mark()) {
            return self.disk.hold(self.disk.last_mark(), upto);
        }
        self.state.ordered.trace_ack("run", upto, self.state.hard.epoch, out);
        self.tell(Body::Ack { upto }, out);
    }

    fn tell(&self, body: Body, out: &mut Out) {
        if let Some(sequencer) = Parts::leader(self) {
            self.send(sequencer, body, out);
        }
    }
}

fn body(piece: Piece) -> Body {
    match piece {
        Piece::Entries { prev, entries } => Body::Run { before: prev.index, entries },
        Piece::Values { snapshot, from, values } => Body::Snapshot { snapshot, from, values },
    }
}
