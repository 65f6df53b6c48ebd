//! Raft: one leader at a time, elected for a term, orders everything; what a majority holds stays.
//! Ongaro and Ousterhout 2014 (the paper), Ongaro 2014 (the dissertation).
//!
//! In reading order: [`rules`] (why it is safe), `state` (what a node is), `election`,
//! `replication` (the leader's side), `follower` (the other side), `snapshot`; `disk` (what waits
//! for what), `options`, [`message`]; here, what Raft adds to a node that keeps a log
//! ([`crate::common::node`]).

mod disk;
mod election;
mod follower;
pub mod message;
mod options;
mod replication;
pub mod rules;
mod snapshot;
mod state;
mod states;

use std::collections::BTreeSet;

use crate::common::disk::Hard;
use crate::common::node::{LogProtocol, Node};
use crate::common::options::Options;
use crate::common::ordered::Ordered;
use crate::common::progress::ReplicationProgress;
use crate::common::reads::ReadRounds;
use crate::common::rounds::Reader;
use crate::common::session::{Lookup, Sessions};
use crate::machine::{
    Boot, BootError, Command, Epoch, Index, NodeId, Output, Outputs, Reply, Session, Ticket, Time,
    TraceEvent, build, reply_to, send_to,
};
use crate::{OptionIs, ProtocolRow, Reads, SystemRow, Traces};
use message::{Body, Message};

pub use disk::Disk;
pub use rules::{Paper, Rules};
pub use state::{HardState, Own, State};

use disk::Held;

type Out = Outputs<Message>;

/// Raft as a row of the table of protocols.
pub const ROW: ProtocolRow = ProtocolRow {
    facts: SystemRow {
        options: options::OPTIONS,
        leader_stays: &[
            OptionIs { option: "check-quorum", value: "false" },
            OptionIs { option: "pre-vote", value: "true" },
        ],
        traces: Traces::OF_COUNTED_COPIES,
        reads: Reads::EveryNode,
        frames: message::Body::FRAMES,
        ..SystemRow::new(
            "raft",
            "one elected leader orders everything; what a majority holds stays (Ongaro 2014)",
        )
    },
    build: |boot, out| build::<Raft>(boot, &Paper, out),
    states: states::STATES,
};

pub type Raft = Node<Parts>;

/// What a node has that its rules do not look at.
pub struct Parts {
    /// When a node that is not leading stands for election.
    election_at: Time,
    /// Who would vote, or voted, for this node in its candidacy under way.
    votes: BTreeSet<NodeId>,
    /// What only a leader has.
    lead: Option<Lead>,
}

/// What only a leader has (paper, figure 2: "volatile state on leaders").
struct Lead {
    peers: Vec<ReplicationProgress>,
    heartbeat_at: Time,
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
    ) -> Result<Raft, BootError> {
        let options = Options::parse("raft", options::OPTIONS, &boot.options)?;
        let stored = HardState::decode(&boot.state).map_err(BootError::Disk)?;
        let hard = rules.reload(stored);
        let mut ordered = Ordered::recover(&mut boot)?;
        ordered.trace_boot(&boot.members, hard.term, hard.vote, out);
        let parts = Parts { election_at: boot.now, votes: BTreeSet::new(), lead: None };
        let mut raft = Node::new(boot, rules, options, hard, ordered, Own::default(), parts);
        if raft.state.members.len() > 1 {
            raft.reset_election_timer();
        }
        Ok(raft)
    }

    fn on_message(raft: &mut Raft, from: NodeId, message: Message, out: &mut Out) {
        let term = message.term;
        match message.body {
            Body::PreVote { last } => raft.on_pre_vote(from, term, last, out),
            Body::PreVoteReply { granted } => raft.on_pre_vote_reply(from, term, granted, out),
            Body::Vote { last } => raft.on_vote(from, term, last, out),
            Body::VoteReply { granted } => raft.on_vote_reply(from, term, granted, out),
            Body::Append { prev, commit, round, entries } => {
                if raft.accept_leader(from, term, prev.index, round, out) {
                    raft.on_append(from, term, prev, commit, round, entries, out);
                }
            }
            Body::Snapshot { snapshot, round, from: offset, values } => {
                if raft.accept_leader(from, term, snapshot.index, round, out) {
                    raft.on_snapshot(from, term, snapshot, round, offset, values, out);
                }
            }
            Body::Matched { matched, round } => {
                if let Some(at) = raft.peer_answering(from, term, round, out) {
                    raft.on_matched(at, matched, out);
                }
            }
            Body::Mismatch { prev, conflict, first, round } => {
                if let Some(at) = raft.peer_answering(from, term, round, out) {
                    let Some(lead) = &mut raft.parts.lead else { return };
                    lead.peers[at].on_mismatch(&raft.state.ordered.log, prev, conflict, first);
                }
            }
            Body::SnapshotHave { index, have, round } => {
                if let Some(at) = raft.peer_answering(from, term, round, out) {
                    raft.on_snapshot_have(at, index, have, out);
                }
            }
            Body::ReadIndex { token } => raft.on_read_index(from, token, out),
            Body::ReadIndexReply { token, index } => {
                let granted = raft.on_read_index_reply(token, index, out);
                let own = term == raft.state.hard.term && raft.state.own.leader == Some(from);
                if let Some(index) = index.filter(|_| granted && own) {
                    // It also says how far the leader has committed: no need to wait for a
                    // heartbeat.
                    let commit = raft.rules.follower_commit(index, raft.state.own.verified);
                    raft.commit_to(commit, term, out);
                }
            }
        }
    }

    fn on_tick(raft: &mut Raft, out: &mut Out) {
        raft.on_timer(out);
        raft.give_up_on_old_reads(out);
    }

    /// Says how far the disk is, then releases what waited for it.
    fn on_disk_progress(raft: &mut Raft, out: &mut Out) {
        let upto = raft.disk.upto();
        let HardState { term, vote } = *raft.disk.hard();
        raft.state.ordered.trace_persist(upto, term, vote, out);
        raft.release_held(out);
        raft.advance_leader_commit(out);
    }

    fn keep_promise(raft: &mut Raft, held: Held, out: &mut Out) {
        match held {
            Held::OwnVote(term) => raft.on_own_vote(term, out),
            Held::Vote { to, term } => {
                out.push(Output::Trace(TraceEvent::Promise { epoch: term, to }));
                raft.send(to, Body::VoteReply { granted: true }, out);
            }
            Held::Ack { to, matched, round } => {
                let term = raft.state.hard.term;
                raft.state.ordered.trace_ack("append", matched, term, out);
                raft.send(to, Body::Matched { matched, round }, out);
            }
            Held::Other { to, message } => send_to(to, message, out),
        }
    }

    fn after_input(raft: &mut Raft, out: &mut Out) {
        raft.replicate_all(out);
        raft.serve_reads(out);
    }

    fn due(raft: &Raft) -> Option<Time> {
        Some(match &raft.parts.lead {
            Some(lead) => lead.heartbeat_at,
            None => raft.asking.due().into_iter().fold(raft.parts.election_at, Time::min),
        })
    }

    fn message(raft: &Raft, body: Body) -> Message {
        Message { term: raft.state.hard.term, body }
    }

    fn epoch(raft: &Raft) -> Epoch {
        raft.state.hard.term
    }

    fn leads(raft: &Raft) -> bool {
        raft.parts.lead.is_some()
    }

    fn leader(raft: &Raft) -> Option<NodeId> {
        raft.state.own.leader
    }

    fn deduplicate(rules: &dyn Rules, sessions: &Sessions, session: Session) -> Lookup {
        rules.deduplicate(sessions, session)
    }

    fn answer_pending(raft: &Raft) -> Reply {
        raft.rules.answer_pending(&raft.state)
    }

    fn append(raft: &mut Raft, ticket: Ticket, command: Command, out: &mut Out) {
        let index = raft.put_own(command, out);
        match raft.rules.answer_at_append(&raft.state, index) {
            Some(reply) => reply_to(ticket, reply, out),
            None => raft.pending.wait(index, ticket),
        }
    }

    fn may_read_at_once(raft: &Raft) -> bool {
        raft.rules.may_read_at_once(&raft.state)
    }

    fn read(raft: &mut Raft, reader: Reader, out: &mut Out) {
        raft.wait_for_round(reader, out);
    }
}

impl ReadRounds for Parts {
    fn may_start_round(raft: &Raft) -> bool {
        raft.rules.may_start_read_round(&raft.state)
    }

    fn start_round(raft: &mut Raft, out: &mut Out) {
        raft.broadcast_heartbeat(out);
    }

    fn is_confirmed(raft: &Raft, round: u64) -> bool {
        let peers = raft.parts.lead.iter().flat_map(|lead| &lead.peers);
        let quorum = raft.rules.vote_quorum(raft.state.members.len());
        raft.rules.round_covers(raft.round_heard(peers.map(|peer| peer.round), quorum), round)
    }

    fn ask_index(raft: &Raft, leader: NodeId, token: u64, out: &mut Out) {
        raft.send(leader, Body::ReadIndex { token }, out);
    }

    fn tell_index(raft: &mut Raft, to: NodeId, token: u64, index: Option<Index>, out: &mut Out) {
        raft.send(to, Body::ReadIndexReply { token, index }, out);
    }
}

impl Raft {
    fn release_held(&mut self, out: &mut Out) {
        let mut acks: Option<(NodeId, Index, u64)> = None;
        while let Some(held) = self.disk.release() {
            match held {
                // All are of one term, so to one leader: the greatest of each says it all.
                Held::Ack { to, matched, round } => {
                    let (_, index, latest) = acks.unwrap_or((to, matched, round));
                    acks = Some((to, index.max(matched), latest.max(round)));
                }
                other => Parts::keep_promise(self, other, out),
            }
        }
        if let Some((to, matched, round)) = acks {
            Parts::keep_promise(self, Held::Ack { to, matched, round }, out);
        }
    }
}

fn send_in(term: Epoch, to: NodeId, body: Body, out: &mut Out) {
    send_to(to, Message { term, body }, out);
}
