//! One node of Multi-Paxos and nobody else.

use bytes::Bytes;
use schism_protocol::common::disk::Hard;
use schism_protocol::multi_paxos::message::{Body, Message};
use schism_protocol::multi_paxos::{HardState, MultiPaxos, Paper};
use schism_protocol::paxos::ballot::Ballot;
use schism_protocol::{Boot, Command, Index, LogEntry, NodeId, Record, Role};

use crate::world::lone as world;
pub use crate::world::lone::{N1, N2, N3};

pub type Lone = world::Lone<MultiPaxos>;

/// Without asking first: a timeout begins a ballot.
pub const PLAIN: &[(&str, &str)] = &[("pre-vote", "false")];

pub fn ballot(round: u64, node: NodeId) -> Ballot {
    Ballot::new(round, node)
}

pub fn command(text: &'static str) -> Command {
    Command::Append { value: Bytes::from_static(text.as_bytes()), session: None, expect: None }
}

pub fn accepted(slot: u64, ballot: Ballot, text: &'static str) -> LogEntry {
    LogEntry { index: Index(slot), epoch: ballot.epoch(), command: command(text) }
}

pub fn boot(members: u8, hard: HardState, log: &[LogEntry], options: &[(&str, &str)]) -> Boot {
    world::boot(members, hard.encode(), log.to_vec(), options)
}

/// Node 1 of three, which has promised `promised`.
pub fn lone(promised: Ballot, log: &[LogEntry], options: &[(&str, &str)]) -> Lone {
    let hard = HardState { promised, to: Some(promised.node()), ..HardState::default() };
    Lone::start(boot(3, hard, log, options), &Paper, ())
}

impl Lone {
    pub fn hears(&mut self, from: NodeId, ballot: Ballot, body: Body) -> &mut Self {
        self.receives(from, Message { ballot, body })
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

    /// Leads in round 1 of its own, as node 2 promised with nothing to report.
    pub fn leads(&mut self) -> &mut Self {
        self.waits(301).durable().promised(N2, ballot(1, N1), &[]);
        assert_eq!(self.status().role, Role::Leader);
        self
    }

    pub fn sent(&self) -> Vec<(NodeId, Ballot, Body)> {
        self.messages().map(|(to, message)| (to, message.ballot, message.body.clone())).collect()
    }

    /// What it proposed just now: slot and hash.
    pub fn proposed(&self) -> Vec<(u64, Command)> {
        let proposed = self.records().into_iter().filter_map(|record| match record {
            Record::Append(entry) => Some((entry.index.0, entry.command)),
            _ => None,
        });
        proposed.collect()
    }
}
