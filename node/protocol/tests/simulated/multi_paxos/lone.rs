//! One node and nobody else: it is told exactly what a situation needs, and its words are kept.

use bytes::Bytes;
use schism_protocol::common::disk::Hard;
use schism_protocol::multi_paxos::message::{Body, Message};
use schism_protocol::multi_paxos::{HardState, MultiPaxos, Paper};
use schism_protocol::paxos::ballot::Ballot;
use schism_protocol::{
    Boot, Command, Index, Input, LogEntry, Mark, NodeId, Output, Protocol, Record, Reply, Request,
    Role, Ticket, Time, TraceEvent,
};

pub const N1: NodeId = NodeId(1);
pub const N2: NodeId = NodeId(2);
pub const N3: NodeId = NodeId(3);

/// Without asking first: a timeout begins a ballot.
pub const PLAIN: &[(&str, &str)] = &[("pre-vote", "false")];

/// Node 1, its clock, and what it last said.
pub struct Lone {
    pub node: MultiPaxos,
    pub now: Time,
    pub said: Vec<Output<Message>>,
    pub mark: Mark,
}

pub fn ballot(round: u64, node: NodeId) -> Ballot {
    Ballot::new(round, node)
}

pub fn command(text: &'static str) -> Command {
    Command::Append { value: Bytes::from_static(text.as_bytes()), session: None, expect: None }
}

pub fn accepted(slot: u64, ballot: Ballot, text: &'static str) -> LogEntry {
    LogEntry { index: Index(slot), birth: ballot.epoch(), command: command(text) }
}

pub fn boot(members: u8, hard: HardState, log: &[LogEntry], options: &[(&str, &str)]) -> Boot {
    Boot {
        id: N1,
        members: (1..=members).map(NodeId).collect(),
        state: hard.encode(),
        log: log.to_vec(),
        options: options.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect(),
        ..Boot::default()
    }
}

/// Node 1 of three, which has promised `promised`.
pub fn lone(promised: Ballot, log: &[LogEntry], options: &[(&str, &str)]) -> Lone {
    let hard = HardState { promised, to: Some(promised.node()), ..HardState::default() };
    let mut said = Vec::new();
    let node = MultiPaxos::recover(boot(3, hard, log, options), &Paper, &mut said);
    Lone { node: node.expect("a sound disk"), now: Time(0), said, mark: Mark(0) }
}

impl Lone {
    pub fn input(&mut self, input: Input<Message>) -> &mut Self {
        self.said.clear();
        self.node.step(self.now, input, &mut self.said);
        for output in &self.said {
            if let Output::Persist { mark, .. } = output {
                self.mark = *mark;
            }
        }
        self
    }

    pub fn hears(&mut self, from: NodeId, ballot: Ballot, body: Body) -> &mut Self {
        self.input(Input::Receive { from, message: Message { ballot, body } })
    }

    /// An Accept of these values from `first` on.
    pub fn accept(
        &mut self,
        ballot: Ballot,
        first: u64,
        commit: u64,
        values: &[&'static str],
    ) -> &mut Self {
        let commands = values.iter().map(|text| command(text)).collect();
        let (first, commit) = (Index(first), Index(commit));
        self.hears(ballot.node(), ballot, Body::Accept { first, commit, round: 0, commands })
    }

    /// A promise in one piece.
    pub fn promised(&mut self, from: NodeId, ballot: Ballot, accepted: &[LogEntry]) -> &mut Self {
        let accepted = accepted.to_vec();
        self.hears(from, ballot, Body::Promise { piece: 0, pieces: 1, base: Index(0), accepted })
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

    /// Leads in round 1 of its own, as node 2 promised with nothing to report.
    pub fn leads(&mut self) -> &mut Self {
        self.waits(301).durable().promised(N2, ballot(1, N1), &[]);
        assert_eq!(self.node.status().role, Role::Leader);
        self
    }

    pub fn sent(&self) -> Vec<(NodeId, Ballot, Body)> {
        let sent = self.said.iter().filter_map(|output| match output {
            Output::Send { to, message } => Some((*to, message.ballot, message.body.clone())),
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

    /// What it proposed just now: slot and hash.
    pub fn proposed(&self) -> Vec<(u64, Command)> {
        let proposed = self.records().into_iter().filter_map(|record| match record {
            Record::Append(entry) => Some((entry.index.0, entry.command)),
            _ => None,
        });
        proposed.collect()
    }

    pub fn traced(&self) -> impl Iterator<Item = &TraceEvent> {
        self.said.iter().filter_map(|output| match output {
            Output::Trace(event) => Some(event),
            _ => None,
        })
    }
}
