//! Multi-Paxos: a leader prepares one ballot for all slots at once; what a quorum of acceptors
//! accepts in a slot is chosen for good, and the slots in order are the log.
//!
//! In reading order: [`rules`] (why it is safe), `state` (what a node is), `prepare` (phase 1),
//! `propose` (phase 2, the leader's side), `accept` (the acceptor's), `learn` (executing in order,
//! catching up); `disk` (what waits for what), `options`, [`message`]; here, what Multi-Paxos adds
//! to a node that keeps a log ([`crate::common::node`]).

mod accept;
mod disk;
mod learn;
pub mod message;
mod options;
mod prepare;
mod propose;
pub mod rules;
mod state;
mod states;

use std::collections::VecDeque;

use crate::common::disk::{Disk as CommonDisk, Hard};
use crate::common::node::{LogProtocol, Node};
use crate::common::options::Options;
use crate::common::ordered::Ordered;
use crate::common::reads::ReadRounds;
use crate::common::rounds::Reader;
use crate::common::session::{Lookup, Sessions};
use crate::machine::{
    Boot, BootError, Command, Epoch, Index, NodeId, Output, Outputs, Reply, Session, Ticket, Time,
    TraceEvent, build, send_to,
};
use crate::paxos::ballot::Ballot;
use crate::paxos::catch_up::Behind;
use crate::{OptionIs, ProtocolRow, Reads, SystemRow, Traces};
use message::{Body, Message};

pub use disk::Disk;
pub use rules::{Learned, Paper, Rules};
pub use state::{HardState, Own, State};

use accept::trace_accepted;
use disk::Held;
use prepare::{Asked, Candidacy};
use propose::{Peer, Proposal};

type Out = Outputs<Message>;

/// Multi-Paxos as a row of the table of protocols.
pub const ROW: ProtocolRow = ProtocolRow {
    facts: SystemRow {
        options: options::OPTIONS,
        leader_stays: &[
            OptionIs { option: "check-quorum", value: "false" },
            OptionIs { option: "pre-vote", value: "true" },
        ],
        traces: Traces::OF_ACCEPTORS,
        reads: Reads::EveryNode,
        frames: message::Body::FRAMES,
        ..SystemRow::new(
            "multi-paxos",
            "a leader prepares all slots at once; what a quorum accepts is chosen (Lamport 1998)",
        )
    },
    build: |boot, out| build::<MultiPaxos>(boot, &Paper, out),
    states: states::STATES,
};

/// One node: acceptor, learner, and at times the proposer.
pub type MultiPaxos = Node<Parts>;

/// What a node has that its rules do not look at.
pub struct Parts {
    /// The hard state that the trace spoke of last.
    told: HardState,
    /// When a node that is not leading proposes to lead.
    election_at: Time,
    /// The highest ballot heard of.
    seen: Ballot,
    /// Who would promise, before anything is prepared.
    asked: Option<Asked>,
    /// Phase 1 under way.
    candidacy: Option<Candidacy>,
    /// What only a leader has.
    lead: Option<Lead>,
    /// The chosen prefix that the disk was told of last.
    noted: Index,
    /// What is known to be chosen and lacking here.
    behind: Option<Behind>,
}

/// What only a leader has.
struct Lead {
    /// Its open slots in order, from `first` on.
    proposals: VecDeque<Proposal>,
    first: Index,
    /// Every slot up to here had to be proposed again.
    barrier: Index,
    peers: Vec<Peer>,
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
    ) -> Result<MultiPaxos, BootError> {
        let options = Options::parse("multi-paxos", options::OPTIONS, &boot.options)?;
        let mut hard = HardState::decode(&boot.state).map_err(BootError::Disk)?;
        let summed_up = boot.snapshot.as_ref().map_or(Index(0), |snapshot| snapshot.index);
        let (chosen, open) = state::divide(&hard, summed_up, std::mem::take(&mut boot.log))?;
        boot.log = chosen;
        let mut ordered = Ordered::recover(&mut boot)?;
        ordered.trace_boot(&boot.members, hard.promised.epoch(), hard.to, out);
        let end = ordered.log.last();
        (hard.decided, hard.chain) = (end.index, end.chain);
        let parts = Parts {
            told: hard,
            election_at: boot.now,
            seen: hard.promised,
            asked: None,
            candidacy: None,
            lead: None,
            noted: hard.decided,
            behind: None,
        };
        let own = Own { open, leader: None, heard: None };
        let mut node = Node::new(boot, rules, options, hard, ordered, own, parts);
        // What of the log is on disk is the acceptor's affair, slot by slot.
        node.disk = CommonDisk::recovered(hard, Index(0));
        if node.state.members.len() > 1 {
            node.reset_election_timer();
        }
        node.execute(out);
        Ok(node)
    }

    fn on_message(node: &mut MultiPaxos, from: NodeId, message: Message, out: &mut Out) {
        let ballot = message.ballot;
        node.parts.seen = node.parts.seen.max(ballot);
        match message.body {
            Body::Ask => node.on_ask(from, ballot, out),
            Body::AskReply { granted } => node.on_ask_reply(from, ballot, granted, out),
            Body::Prepare { from: slot } => node.on_prepare(from, ballot, slot, out),
            Body::Promise { piece, pieces, base, accepted } => {
                node.on_promise(from, ballot, (piece, pieces), base, accepted, out);
            }
            Body::Nack => node.on_nack(ballot, out),
            Body::Accept { first, commit, round, commands } => {
                node.on_accept(from, ballot, first, commit, round, commands, out);
            }
            Body::Accepted { first, count } => node.on_accepted(from, ballot, first, count, out),
            Body::Heard { round } => node.on_heard(from, ballot, round, out),
            Body::ReadIndex { token } => node.on_read_index(from, token, out),
            Body::ReadIndexReply { token, index } => {
                let granted = node.on_read_index_reply(token, index, out);
                let own = ballot == node.state.hard.promised;
                let own = own && node.state.own.leader == Some(from);
                if let Some(index) = index.filter(|_| granted && own) {
                    // It also says what is chosen: a heartbeat need not be waited for.
                    node.learn_from_leader(from, ballot, index, out);
                }
            }
            Body::CatchUp { catch_up } => node.on_catch_up(from, catch_up, out),
        }
    }

    fn on_tick(node: &mut MultiPaxos, out: &mut Out) {
        node.on_timer(out);
        node.give_up_on_old_reads(out);
        node.ask_again_if_due(out);
    }

    /// Says how far the disk is, then releases what waited for it.
    fn on_disk_progress(node: &mut MultiPaxos, out: &mut Out) {
        let hard = *node.disk.hard();
        if node.parts.told != hard {
            node.parts.told = hard;
            let HardState { promised, to: promise, decided: upto, chain } = hard;
            let epoch = promised.epoch();
            out.push(Output::Trace(TraceEvent::Persist { upto, chain, epoch, promise }));
        }
        node.release_held(out);
    }

    fn keep_promise(node: &mut MultiPaxos, held: Held, out: &mut Out) {
        match held {
            Held::OwnPromise(ballot) => node.on_own_promise(ballot, out),
            Held::Promise { to, ballot, from } => node.send_promise(to, ballot, from, out),
            Held::Accepted { to, ballot, first, hashes } => {
                trace_accepted(ballot, first, &hashes, out);
                node.acknowledge((to, ballot, first, hashes.len() as u64), out);
            }
        }
    }

    fn after_input(node: &mut MultiPaxos, out: &mut Out) {
        node.propose_to_all(out);
        node.serve_reads(out);
    }

    fn due(node: &MultiPaxos) -> Option<Time> {
        let Parts { lead, behind, election_at, .. } = &node.parts;
        Some(if let Some(lead) = lead {
            lead.heartbeat_at
        } else {
            let asks = [behind.map(|behind| behind.again_at), node.asking.due()];
            asks.into_iter().flatten().fold(*election_at, Time::min)
        })
    }

    fn message(node: &MultiPaxos, body: Body) -> Message {
        Message { ballot: node.state.hard.promised, body }
    }

    fn epoch(node: &MultiPaxos) -> Epoch {
        node.state.hard.promised.epoch()
    }

    fn leads(node: &MultiPaxos) -> bool {
        node.parts.lead.is_some()
    }

    fn leader(node: &MultiPaxos) -> Option<NodeId> {
        node.state.own.leader
    }

    fn last(node: &MultiPaxos) -> Index {
        node.state.last()
    }

    fn deduplicate(rules: &dyn Rules, sessions: &Sessions, session: Session) -> Lookup {
        rules.deduplicate(sessions, session)
    }

    fn answer_pending(node: &MultiPaxos) -> Reply {
        node.rules.answer_pending(&node.state)
    }

    fn append(node: &mut MultiPaxos, ticket: Ticket, command: Command, out: &mut Out) {
        let slot = node.propose(command, out);
        node.pending.wait(slot, ticket);
    }

    fn read(node: &mut MultiPaxos, reader: Reader, out: &mut Out) {
        node.wait_for_round(reader, out);
    }
}

/// Whoever answers a round still obeys the leader's ballot, so no other leader had begun when it
/// did: what the leader had executed when the round started is all that was acknowledged anywhere.
impl ReadRounds for Parts {
    fn may_start_round(node: &MultiPaxos) -> bool {
        let lead = node.parts.lead.as_ref();
        lead.is_some_and(|lead| node.rules.may_start_read_round(&node.state, lead.barrier))
    }

    fn start_round(node: &mut MultiPaxos, out: &mut Out) {
        node.broadcast_heartbeat(out);
    }

    fn is_confirmed(node: &MultiPaxos, round: u64) -> bool {
        let peers = node.parts.lead.iter().flat_map(|lead| &lead.peers);
        let quorum = node.rules.promise_quorum(node.state.members.len());
        node.rules.round_covers(node.round_heard(peers.map(|peer| peer.round), quorum), round)
    }

    fn ask_index(node: &MultiPaxos, leader: NodeId, token: u64, out: &mut Out) {
        node.send(leader, Body::ReadIndex { token }, out);
    }

    fn tell_index(
        node: &mut MultiPaxos,
        to: NodeId,
        token: u64,
        index: Option<Index>,
        out: &mut Out,
    ) {
        node.send(to, Body::ReadIndexReply { token, index }, out);
    }
}

impl MultiPaxos {
    /// Acceptances in one ballot that follow each other are one message.
    fn release_held(&mut self, out: &mut Out) {
        let mut run: Option<(NodeId, Ballot, Index, u64)> = None;
        while let Some(held) = self.disk.release() {
            let Held::Accepted { to, ballot, first, hashes } = held else {
                Parts::keep_promise(self, held, out);
                continue;
            };
            trace_accepted(ballot, first, &hashes, out);
            let count = hashes.len() as u64;
            match &mut run {
                Some(run) if run.0 == to && run.1 == ballot && run.2.0 + run.3 == first.0 => {
                    run.3 += count;
                }
                _ => {
                    if let Some(done) = run.replace((to, ballot, first, count)) {
                        self.acknowledge(done, out);
                    }
                }
            }
        }
        if let Some(done) = run {
            self.acknowledge(done, out);
        }
    }

    fn set_leader(&mut self, leader: Option<NodeId>, out: &mut Out) {
        if self.state.own.leader != leader {
            self.state.own.leader = leader;
            self.forget_asked_reads(out);
        }
    }

    fn reset_election_timer(&mut self) {
        self.parts.election_at = self.draw_deadline(self.state.options.election_timeout_ns);
    }
}

/// Sends in any ballot.
fn send(to: NodeId, ballot: Ballot, body: Body, out: &mut Out) {
    send_to(to, Message { ballot, body }, out);
}
