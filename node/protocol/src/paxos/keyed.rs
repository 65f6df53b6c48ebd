//! The system `paxos`: any node that is asked proposes, and answers what is decided for the key.
//! Requests for one key share the node's proposer. Its disk keeps a journal of acceptors' states,
//! summed up by a snapshot of them all.
//!
//! It never answers what it did not learn from a quorum of one ballot.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::acceptor::Acceptor;
use super::message::{Body, Message};
use super::options::{OPTIONS, Options};
use super::rules::{Paper, Rules};
use super::synod::{Disk, Journal, Synod};
use crate::common::disk::Hard;
use crate::common::node::Alarm;
use crate::common::pending::VALUE_BYTES_MAX;
use crate::machine::{
    Answer, Boot, BootError, Chain, Command, Epoch, Index, Input, LogEntry, NodeId, Offset, Output,
    Outputs, Protocol, Record, Refusal, Reply, Request, Role, Snapshot, Status, Ticket, Time,
    TraceEvent, build, reply_to,
};
use crate::{Epochs, ProtocolRow, SystemRow, Traces};

type Out = Outputs<Message<Bytes>>;

/// Single-decree Paxos as a row of the table of protocols.
pub const ROW: ProtocolRow = ProtocolRow {
    facts: SystemRow {
        options: OPTIONS,
        models: &["consensus"],
        leaderless: true,
        traces: Traces::OF_ACCEPTORS,
        frames: Body::FRAMES,
        epochs: Epochs::OfEachDecision,
        ..SystemRow::new(
            "paxos",
            "single decisions, one for each key; any node proposes (Lamport 2001)",
        )
    },
    build: |boot, out| build::<Paxos>(boot, &Paper, out),
    states: super::STATES,
};

pub struct Paxos {
    synod: Synod<Bytes, Nothing, Notes>,
    id: NodeId,
    options: Options,
    /// Who waits for which key.
    waiting: BTreeMap<Bytes, Vec<Ticket>>,
    waiting_count: usize,
    /// The index that the last snapshot sums up.
    summed_up: Index,
    now: Time,
    alarm: Alarm,
}

/// Everything durable is in the journal.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Nothing;

impl Hard for Nothing {}

/// A journal: each state of an acceptor is a note at the next index; the last one of a key wins.
struct Notes {
    last: Index,
}

impl Journal<Bytes> for Notes {
    fn record(&mut self, key: &Bytes, acceptor: &Acceptor) -> Record {
        self.last = self.last.next();
        let note = postcard::to_stdvec(&(key, acceptor)).expect("plain data always encodes");
        let command = Command::Note(note.into());
        Record::Append(LogEntry { index: self.last, epoch: Epoch(0), command })
    }
}

impl Protocol for Paxos {
    type Message = Message<Bytes>;
    type Rules = dyn Rules;

    fn recover(boot: Boot, rules: &'static dyn Rules, out: &mut Out) -> Result<Self, BootError> {
        let options = Options::parse_as("paxos", &boot.options)?;
        let snapshot = boot.snapshot.unwrap_or_default();
        let decisions = fold(&snapshot, &boot.log).map_err(BootError::Disk)?;
        let last = boot.log.last().map_or(snapshot.index, |entry| entry.index);
        let (epoch, promise) = (Epoch(0), None);
        // Its notes are no log of anything: as a log it is empty.
        let (first, end) = (Index(1), Index(0));
        let chain = Chain(0);
        out.push(Output::Trace(TraceEvent::Boot { epoch, promise, first, last: end, chain }));
        let set = boot.members.clone();
        out.push(Output::Trace(TraceEvent::Config { i: Index(0), set }));
        let disk = Disk::recovered(Nothing, last);
        let (id, members, seed) = (boot.id, boot.members, boot.seed);
        let journal = Notes { last };
        Ok(Paxos {
            synod: Synod::new(rules, id, members, options, seed, decisions, disk, journal),
            id,
            options,
            waiting: BTreeMap::new(),
            waiting_count: 0,
            summed_up: snapshot.index,
            now: boot.now,
            alarm: Alarm::default(),
        })
    }

    fn step(&mut self, now: Time, input: Input<Message<Bytes>>, out: &mut Out) {
        self.now = self.now.max(now);
        match input {
            Input::Tick => self.synod.on_tick(self.now, out),
            Input::Receive { from, message } => {
                if from != self.id && self.synod.members().contains(&from) {
                    self.synod.on_message(from, message, self.now, out);
                }
            }
            Input::Request { ticket, request } => self.on_request(ticket, request, out),
            Input::Durable(mark) => {
                if self.synod.on_durable(mark) {
                    self.synod.release(self.now, out);
                }
            }
        }
        self.answer_waiting(out);
        self.take_snapshot_if_due(out);
        self.alarm.set(self.synod.due(), self.now, out);
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
            delivered: Offset(0),
            chain: Chain(0),
            commit: Index(0),
            last: Index(0),
        }
    }
}

impl Paxos {
    fn on_request(&mut self, ticket: Ticket, request: Request, out: &mut Out) {
        let Request::Propose { key, value } = request else {
            return reply_to(ticket, Reply::Fail(Refusal::not_served(&request)), out);
        };
        if let Some(value) = self.synod.decided(&key) {
            return reply_to(ticket, Reply::Ok(Answer::Decided(value.clone())), out);
        }
        let bytes = key.len() + value.len();
        if bytes > VALUE_BYTES_MAX {
            let why = format!("key and value may have {VALUE_BYTES_MAX} bytes, not {bytes}");
            return reply_to(ticket, Reply::Fail(Refusal::Refused(why)), out);
        }
        if self.waiting_count >= self.options.pending_max {
            return reply_to(ticket, Reply::Fail(Refusal::Overloaded), out);
        }
        self.waiting.entry(key.clone()).or_default().push(ticket);
        self.waiting_count += 1;
        self.synod.propose(key, value, self.now, out);
    }

    fn answer_waiting(&mut self, out: &mut Out) {
        while let Some(key) = self.synod.take_news() {
            let Some(value) = self.synod.decided(&key).cloned() else { continue };
            for ticket in self.waiting.remove(&key).unwrap_or_default() {
                self.waiting_count -= 1;
                reply_to(ticket, Reply::Ok(Answer::Decided(value.clone())), out);
            }
        }
    }

    /// Sums the journal up in the states it comes to.
    fn take_snapshot_if_due(&mut self, out: &mut Out) {
        let (every, index) = (self.options.snapshot_every, self.synod.journal.last);
        if every == 0 || index.0 < self.summed_up.0 + every {
            return;
        }
        self.summed_up = index;
        let state = postcard::to_stdvec(self.synod.decisions()).expect("plain data always encodes");
        let snapshot = Snapshot { index, state: state.into(), ..Snapshot::default() };
        let record = Record::Snapshot { snapshot, from: Offset(0), values: Vec::new() };
        self.synod.disk.persist(record, out);
    }
}

fn fold(snapshot: &Snapshot, log: &[LogEntry]) -> Result<BTreeMap<Bytes, Acceptor>, String> {
    let unreadable = |e| format!("the journal of acceptors cannot be read: {e}");
    let mut decisions: BTreeMap<Bytes, Acceptor> = if snapshot.state.is_empty() {
        BTreeMap::new()
    } else {
        postcard::from_bytes(&snapshot.state).map_err(unreadable)?
    };
    for entry in log {
        let Command::Note(note) = &entry.command else {
            return Err(format!("record {} is no note of an acceptor", entry.index.0));
        };
        let (key, acceptor) = postcard::from_bytes(note).map_err(unreadable)?;
        decisions.insert(key, acceptor);
    }
    Ok(decisions)
}
