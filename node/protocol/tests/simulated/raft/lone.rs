//! One node and nobody else: it is told exactly what a situation needs, and its words are kept.

use bytes::Bytes;
use schism_protocol::common::disk::Hard;
use schism_protocol::raft::message::{Body, Message};
use schism_protocol::raft::{HardState, Paper, Raft};
use schism_protocol::{
    Boot, Command, EntryId, Epoch, Index, Input, LogEntry, Mark, NodeId, Output, Protocol, Record,
    Reply, Request, Role, Ticket, Time,
};

pub const N1: NodeId = NodeId(1);
pub const N2: NodeId = NodeId(2);
pub const N3: NodeId = NodeId(3);

/// Node 1, its clock, and what it last said.
pub struct Lone {
    pub raft: Raft,
    pub now: Time,
    pub said: Vec<Output<Message>>,
    pub mark: Mark,
}

pub fn noop(index: u64, birth: u64) -> LogEntry {
    LogEntry { index: Index(index), birth: Epoch(birth), command: Command::Noop }
}

pub fn id(index: u64, birth: u64) -> EntryId {
    EntryId { index: Index(index), birth: Epoch(birth) }
}

pub fn boot(members: u8, term: u64, births: &[u64], options: &[(&str, &str)]) -> Boot {
    Boot {
        id: N1,
        members: (1..=members).map(NodeId).collect(),
        state: HardState { term: Epoch(term), vote: None }.encode(),
        log: births.iter().zip(1..).map(|(birth, index)| noop(index, *birth)).collect(),
        options: options.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect(),
        ..Boot::default()
    }
}

pub fn lone(members: u8, term: u64, births: &[u64], options: &[(&str, &str)]) -> Lone {
    let mut said = Vec::new();
    let raft = Raft::recover(boot(members, term, births, options), &Paper, &mut said);
    let raft = raft.expect("a sound disk");
    Lone { raft, now: Time(0), said, mark: Mark(0) }
}

impl Lone {
    pub fn input(&mut self, input: Input<Message>) -> &mut Self {
        self.said.clear();
        self.raft.step(self.now, input, &mut self.said);
        for output in &self.said {
            if let Output::Persist { mark, .. } = output {
                self.mark = *mark;
            }
        }
        self
    }

    pub fn hears(&mut self, from: NodeId, term: u64, body: Body) -> &mut Self {
        self.input(Input::Receive { from, message: Message { term: Epoch(term), body } })
    }

    pub fn append(&mut self, term: u64, prev: EntryId, commit: u64, births: &[u64]) -> &mut Self {
        let entries = births.iter().zip(prev.index.0 + 1..).map(|(b, i)| noop(i, *b)).collect();
        self.hears(N2, term, Body::Append { prev, commit: Index(commit), round: 0, entries })
    }

    pub fn asks(&mut self, request: Request) -> &mut Self {
        self.input(Input::Request { ticket: Ticket(1), request })
    }

    pub fn durable(&mut self) -> &mut Self {
        self.input(Input::Durable(self.mark))
    }

    pub fn waits(&mut self, ms: u64) -> &mut Self {
        self.now.0 += ms * 1_000_000;
        self.input(Input::Tick)
    }

    /// Elected in the term after its own, without pre-votes; the no-op is durable here.
    pub fn elected(&mut self) -> &mut Self {
        self.waits(301).durable();
        let term = self.raft.status().epoch.0;
        self.hears(N2, term, Body::VoteReply { granted: true });
        assert_eq!(self.raft.status().role, Role::Leader);
        self.durable()
    }

    pub fn sent(&self) -> Vec<(NodeId, u64, Body)> {
        let sent = self.said.iter().filter_map(|output| match output {
            Output::Send { to, message } => Some((*to, message.term.0, message.body.clone())),
            _ => None,
        });
        sent.collect()
    }

    pub fn replies(&self) -> Vec<Reply> {
        let replies = self.said.iter().filter_map(|output| match output {
            Output::Reply { reply, .. } => Some(reply.clone()),
            _ => None,
        });
        replies.collect()
    }

    pub fn records(&self) -> Vec<Record> {
        let records = self.said.iter().filter_map(|output| match output {
            Output::Persist { record, .. } => Some(record.clone()),
            _ => None,
        });
        records.collect()
    }

    pub fn matched(&self) -> Vec<u64> {
        let matched = self.sent().into_iter().filter_map(|(_, _, body)| match body {
            Body::Matched { matched, .. } => Some(matched.0),
            _ => None,
        });
        matched.collect()
    }
}

pub const PLAIN: &[(&str, &str)] = &[("pre-vote", "false")];

pub fn matched(index: u64) -> Body {
    Body::Matched { matched: Index(index), round: 0 }
}

pub fn value(text: &'static str) -> Request {
    let value = Bytes::from_static(text.as_bytes());
    Request::Append { value, session: None, expect: None }
}
