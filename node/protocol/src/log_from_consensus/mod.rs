//! Total order broadcast from consensus: slot s of the log is an independent Paxos instance, with
//! ballots, promises and both phases of its own. Every node proposes the oldest thing it was asked
//! for in the first slot it does not know, and goes on when it knows that slot, whoever won it.
//!
//! In reading order: [`message`], `ask` (what clients want), `catch_up` (one who is behind).
//! What is decided where is [`crate::paxos::synod`]'s, and why that is safe its rules'.
//!
//! It never proposes anything again before it knows what the last slot it was proposed in became:
//! so nothing that was asked for once is in the log twice.

mod ask;
mod catch_up;
pub mod message;

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::common::disk::Hard;
use crate::common::node::Alarm;
use crate::common::options::after;
use crate::common::ordered::Ordered;
use crate::machine::{
    Boot, BootError, Command, Epoch, Index, Input, LogEntry, NodeId, OfLog, Outputs, Protocol,
    Record, Refusal, Reply, Role, Status, Time, build, reply_to,
};
use crate::paxos::acceptor::Acceptor;
use crate::paxos::ballot::Ballot;
use crate::paxos::catch_up::Behind;
use crate::paxos::message::Message as Single;
use crate::paxos::synod::{Disk, Journal, Synod};
use crate::paxos::{Options, Paper, Rules};
use crate::{Epochs, ProtocolRow, Reads, SystemRow, Traces};
use ask::Asked;
use message::{Body, Message};

type Out = Outputs<Message>;

/// Total order broadcast from consensus as a row of the table of protocols.
pub const ROW: ProtocolRow = ProtocolRow {
    facts: SystemRow {
        options: crate::paxos::OPTIONS,
        leaderless: true,
        traces: Traces::OF_ACCEPTORS,
        // Every node may answer, and somebody does. That each wins a slot in the end is not said:
        // who decided the last one is ahead of the others at the next.
        reads: Reads::Unknown,
        frames: message::Body::FRAMES,
        epochs: Epochs::OfEachDecision,
        ..SystemRow::new(
            "log-from-consensus",
            "one independent Paxos decision for each slot of the log; any node appends",
        )
    },
    build: |boot, out| build::<LogFromConsensus>(boot, &Paper, out),
    states: crate::paxos::STATES,
};

pub struct LogFromConsensus {
    id: NodeId,
    options: Options,
    synod: Synod<Index, HardState, Slots>,
    /// The decided prefix, and what applying it came to.
    ordered: Ordered,
    /// What clients asked for and is not yet in the log, in order.
    asked: VecDeque<Asked>,
    /// Names what is asked for here, for good: node, incarnation, counter.
    next_name: u64,
    /// What is known to be decided and lacking here.
    behind: Option<Behind>,
    /// When it asks somebody whether there is more.
    look_at: Time,
    looked: usize,
    now: Time,
    alarm: Alarm,
}

/// How often this node started: with it no two incarnations give the same name.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct HardState {
    incarnation: u64,
}

impl Hard for HardState {}

/// An acceptor's state is the record at its slot; a snapshot of the log sums it up.
struct Slots;

impl Journal<Index> for Slots {
    fn record(&mut self, slot: &Index, acceptor: &Acceptor) -> Record {
        let note = postcard::to_stdvec(acceptor).expect("plain data always encodes");
        let command = Command::Note(note.into());
        Record::Append(LogEntry { index: *slot, epoch: Epoch(0), command })
    }
}

/// A slot's value: who asked for it, and what.
fn encode(name: Epoch, command: &Command) -> Bytes {
    postcard::to_stdvec(&(name, command)).expect("plain data always encodes").into()
}

fn decode(value: &[u8]) -> Option<(Epoch, Command)> {
    postcard::from_bytes(value).ok()
}

impl Protocol for LogFromConsensus {
    type Message = Message;
    type Rules = dyn Rules;

    fn recover(
        mut boot: Boot,
        rules: &'static dyn Rules,
        out: &mut Out,
    ) -> Result<Self, BootError> {
        let options = Options::parse_as("log-from-consensus", &boot.options)?;
        let HardState { incarnation } = HardState::decode(&boot.state).map_err(BootError::Disk)?;
        let summed_up = boot.snapshot.as_ref().map_or(Index(0), |snapshot| snapshot.index);
        let (known, open) = divide(summed_up, &boot.log).map_err(BootError::Disk)?;
        boot.log = known;
        let mut ordered = Ordered::recover(&mut boot)?;
        ordered.trace_boot(&boot.members, Epoch(0), None, out);
        let hard = HardState { incarnation: incarnation + 1 };
        let mut disk: Disk<Index, HardState> = Disk::recovered(hard, Index(0));
        disk.persist_hard(hard, out);
        let (id, members, seed) = (boot.id, boot.members, boot.seed);
        let mut node = LogFromConsensus {
            id,
            options,
            synod: Synod::new(rules, id, members, options, seed, open, disk, Slots),
            ordered,
            asked: VecDeque::new(),
            // 2^17 incarnations and 2^28 requests in each: what JSON's numbers can name.
            next_name: (u64::from(id.0) << 17 | hard.incarnation) << 28,
            behind: None,
            look_at: after(boot.now, options.retry_ns),
            looked: 0,
            now: boot.now,
            alarm: Alarm::default(),
        };
        node.execute(out);
        node.alarm.set(node.due(), node.now, out);
        Ok(node)
    }

    fn step(&mut self, now: Time, input: Input<Message>, out: &mut Out) {
        self.now = self.now.max(now);
        match input {
            Input::Tick => {
                self.synod.on_tick(self.now, out);
                self.look_if_due(out);
            }
            Input::Receive { from, message } => self.on_message(from, message, out),
            Input::Request { ticket, request } => match request.of_log() {
                OfLog::Append(command) => self.on_append(ticket, command, out),
                OfLog::Read(want, level) => self.on_read(ticket, level, want, out),
                OfLog::Other(request) => {
                    reply_to(ticket, Reply::Fail(Refusal::not_served(&request)), out);
                }
            },
            Input::Durable(mark) => {
                if self.synod.on_durable(mark) {
                    self.synod.release(self.now, out);
                }
            }
        }
        self.take_decisions(out);
        self.propose(out);
        let (every, members) = (self.options.snapshot_every, self.synod.members().to_vec());
        self.ordered.take_snapshot_if_due(every, &members, &mut self.synod.disk, out);
        self.alarm.set(self.due(), self.now, out);
    }

    fn state(&self) -> &'static str {
        self.synod.state()
    }

    fn status(&self) -> Status {
        let proposes = self.synod.due().is_some();
        Status {
            role: if proposes { Role::Candidate } else { Role::Follower },
            epoch: Epoch(0),
            leader: None,
            delivered: self.ordered.replica.length(),
            chain: self.ordered.replica.chain,
            commit: self.ordered.commit,
            last: self.ordered.commit,
        }
    }
}

impl LogFromConsensus {
    fn on_message(&mut self, from: NodeId, message: Message, out: &mut Out) {
        if from == self.id || !self.synod.members().contains(&from) {
            return;
        }
        let Message { ballot, body } = message;
        match body {
            Body::CatchUp { catch_up } => self.on_catch_up(from, catch_up, out),
            // A slot that is in the log is decided: its acceptor is no more, and must not begin
            // again as if it had promised nothing.
            Body::Slot { slot, .. } if slot <= self.ordered.commit => self.tell(from, slot, out),
            Body::Slot { slot, says } => {
                let before = Index(slot.0 - 1);
                let message = Single { ballot, key: slot, body: says };
                self.synod.on_message(from, message, self.now, out);
                if before > self.ordered.commit {
                    self.fall_behind(from, before, out);
                }
            }
        }
    }

    /// Decisions enter the log in the order of their slots.
    fn take_decisions(&mut self, out: &mut Out) {
        while self.synod.take_news().is_some() {}
        let mut slot = self.ordered.commit.next();
        let first = slot;
        while let Some((name, command)) = self.synod.decided(&slot).and_then(|value| decode(value))
        {
            self.ordered.learn(name, command, out);
            slot = slot.next();
        }
        if slot > first {
            self.synod.forget_before(&slot);
            self.execute(out);
        }
    }

    /// Applies what is in the log, and answers whoever asked for it.
    fn execute(&mut self, out: &mut Out) {
        let ordered = &mut self.ordered;
        let last = ordered.log.last_index();
        let look_up = |sessions: &crate::common::session::Sessions, s| sessions.look_up(s);
        let done = ordered.commit_to(last, Epoch(0), false, look_up, out);
        for done in done {
            if self.asked.front().is_some_and(|asked| asked.name == done.epoch) {
                let asked = self.asked.pop_front().expect("it has a front");
                asked.done(done.reply, &self.ordered.replica, out);
            }
        }
    }

    /// Proposes the oldest thing asked for in the first slot that is not known here.
    fn propose(&mut self, out: &mut Out) {
        self.refuse_stale(out);
        let slot = self.ordered.commit.next();
        let Some(asked) = self.asked.front_mut().filter(|_| !self.synod.is_proposing(&slot)) else {
            return;
        };
        asked.proposed = true;
        self.synod.propose(slot, encode(asked.name, &asked.command), self.now, out);
    }

    /// When something is to be done if nothing comes.
    fn due(&self) -> Option<Time> {
        self.synod.due().into_iter().chain([self.look_at]).min()
    }
}

type Open = BTreeMap<Index, Acceptor>;

/// The records of the disk in two: the decided prefix as a log, and the acceptors after it.
fn divide(summed_up: Index, records: &[LogEntry]) -> Result<(Vec<LogEntry>, Open), String> {
    let mut open = Open::new();
    for record in records.iter().filter(|record| record.index > summed_up) {
        let slot = record.index;
        let Command::Note(note) = &record.command else {
            return Err(format!("slot {} is no note of an acceptor", slot.0));
        };
        let acceptor = postcard::from_bytes(note)
            .map_err(|e| format!("the acceptor of slot {} cannot be read: {e}", slot.0))?;
        open.insert(slot, acceptor);
    }
    let mut known: Vec<LogEntry> = Vec::new();
    let mut index = summed_up.next();
    while let Some(accepted) = open.get(&index).and_then(|acceptor| acceptor.accepted.as_ref()) {
        if accepted.ballot != Ballot::CHOSEN {
            break;
        }
        let value = decode(&accepted.value);
        let (epoch, command) = value.ok_or_else(|| format!("slot {} cannot be read", index.0))?;
        known.push(LogEntry { index, epoch, command });
        open.remove(&index);
        index = index.next();
    }
    Ok((known, open))
}
