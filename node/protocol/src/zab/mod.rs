//! Zab: a primary's order, kept through every change of primary. Junqueira, Reed, Serafini 2011
//! (the paper), and Zab1.0, ZooKeeper's own account of it.
//!
//! In reading order: [`rules`] (why it is safe), [`state`] (what a node is), [`message`];
//! `election` (phase 0), `discovery` (1), `sync` (2) and `broadcast` (3), the leader's side of
//! each; `lead` (what a leader has), `follower` (the other side), `disk`, `options`; here, what Zab
//! adds to a node that keeps a log ([`crate::common::node`]).
//!
//! A node looks for a leader, or follows one, or leads. A session is one attempt to follow: what
//! the leader says in it is numbered, and a follower that misses a number joins anew.

mod broadcast;
mod discovery;
mod disk;
mod election;
mod follower;
mod lead;
pub mod message;
mod options;
pub mod rules;
pub mod state;
mod states;
mod sync;

use crate::common::disk::Hard;
use crate::common::node::{LogProtocol, Node, not_leader};
use crate::common::options::Options;
use crate::common::ordered::Ordered;
use crate::common::reads::ReadRounds;
use crate::common::rounds::{Reader, refuse};
use crate::common::session::{Lookup, Sessions};
use crate::machine::{
    Boot, BootError, Epoch, Index, NodeId, Outputs, Reply, Role, Session, Time, build,
};
use crate::{ProtocolRow, Reads, SystemRow};
use message::{Body, Message, Order, Report};

pub use disk::{Disk, Held};
pub use rules::{Paper, Promise, Rules};
pub use state::{HardState, Standing, State, Zxid};

use election::Looking;
use follower::{Following, Stage};
use lead::{Lead, Phase};

type Out = Outputs<Message>;

/// Zab as a row of the table of protocols.
pub const ROW: ProtocolRow = ProtocolRow {
    facts: SystemRow {
        options: options::OPTIONS,
        reads: Reads::EveryNode,
        frames: message::Body::FRAMES,
        ..SystemRow::new(
            "zab",
            "a leader with the best history of a quorum brings it to all, then orders (Zab 1.0)",
        )
    },
    build: |boot, out| build::<Zab>(boot, &Paper, out),
    states: states::STATES,
};

pub type Zab = Node<Parts>;

/// What a node has that its rules do not look at.
pub struct Parts {
    part: Part,
    /// The number of the last session asked for.
    session: u64,
    /// The latest epoch that anybody who asked to follow had accepted.
    highest: Epoch,
}

/// What a node does.
enum Part {
    Looking(Looking),
    Following(Following),
    Leading(Box<Lead>),
}

impl LogProtocol for Parts {
    type Message = Message;
    type Body = Body;
    type Rules = dyn Rules;
    type Hard = HardState;
    type Own = ();
    type Held = Held;

    fn recover(mut boot: Boot, rules: &'static dyn Rules, out: &mut Out) -> Result<Zab, BootError> {
        let options = Options::parse("zab", options::OPTIONS, &boot.options)?;
        let hard = HardState::decode(&boot.state).map_err(BootError::Disk)?;
        let mut ordered = Ordered::recover(&mut boot)?;
        ordered.trace_boot(&boot.members, hard.accepted, hard.promised, out);
        let parts = Parts {
            part: Part::Looking(Looking::new(boot.now)),
            // Nanoseconds since the machine's start: greater than in any incarnation before.
            session: boot.now.0,
            highest: Epoch(0),
        };
        Ok(Node::new(boot, rules, options, hard, ordered, (), parts))
    }

    fn on_message(zab: &mut Zab, from: NodeId, message: Message, out: &mut Out) {
        let epoch = message.epoch;
        match message.body {
            Body::Note { note } => zab.on_note(from, epoch, note, out),
            Body::FollowerInfo { session } => zab.on_follower_info(from, epoch, session, out),
            Body::Order { at, order } => zab.on_order(from, epoch, at, order, out),
            Body::Report { session, report } => {
                if let Some(at) = zab.peer_reporting(from, epoch, session) {
                    zab.on_report(at, from, report, out);
                }
            }
        }
    }

    fn on_tick(zab: &mut Zab, out: &mut Out) {
        match &zab.parts.part {
            Part::Looking(looking) if zab.now >= looking.note_at => zab.on_note_due(out),
            Part::Leading(lead) if zab.now >= lead.heartbeat_at => zab.on_heartbeat_due(out),
            Part::Following(_) => zab.on_follower_due(out),
            _ => {}
        }
        zab.give_up_on_old_reads(out);
    }

    /// Says how far the disk is, then releases what waited for it.
    fn on_disk_progress(zab: &mut Zab, out: &mut Out) {
        let upto = zab.disk.upto();
        let HardState { accepted, promised, .. } = *zab.disk.hard();
        zab.state.ordered.trace_persist(upto, accepted, promised, out);
        while let Some(held) = zab.disk.release() {
            Self::keep_promise(zab, held, out);
        }
        zab.ack_progress(out);
        zab.establish(out);
        zab.advance_commit_as_leader(out);
    }

    fn keep_promise(zab: &mut Zab, held: Held, out: &mut Out) {
        match held {
            Held::OwnEpoch => zab.on_own_epoch(out),
            Held::AckEpoch { standing, counted } => zab.ack_epoch(standing, counted, out),
            Held::AckLeader => zab.ack_leader(out),
        }
    }

    fn after_input(zab: &mut Zab, out: &mut Out) {
        zab.stream_all(out);
        zab.serve_reads(out);
    }

    fn due(zab: &Zab) -> Option<Time> {
        Some(match &zab.parts.part {
            Part::Looking(looking) => looking.note_at,
            Part::Following(following) => {
                zab.asking.due().into_iter().fold(following.due(), Time::min)
            }
            Part::Leading(lead) => lead.heartbeat_at,
        })
    }

    fn message(zab: &Zab, body: Body) -> Message {
        Message { epoch: zab.state.hard.accepted, body }
    }

    fn epoch(zab: &Zab) -> Epoch {
        zab.state.hard.accepted
    }

    /// Once it is established.
    fn leads(zab: &Zab) -> bool {
        matches!(&zab.parts.part, Part::Leading(lead) if lead.phase == Phase::Broadcast)
    }

    /// Itself only when established, another when it accepted it.
    fn leader(zab: &Zab) -> Option<NodeId> {
        match &zab.parts.part {
            Part::Looking(_) => None,
            Part::Following(following) => {
                Some(following.leader).filter(|_| following.stage != Stage::Joining)
            }
            Part::Leading(_) => Some(zab.state.id).filter(|_| zab.state.role == Role::Leader),
        }
    }

    fn deduplicate(rules: &dyn Rules, sessions: &Sessions, session: Session) -> Lookup {
        rules.deduplicate(sessions, session)
    }

    fn answer_pending(zab: &Zab) -> Reply {
        zab.rules.answer_pending(&zab.state)
    }

    fn read(zab: &mut Zab, reader: Reader, out: &mut Out) {
        zab.wait_for_round(reader, out);
    }

    fn picture(zab: &Zab) -> &'static str {
        states::of(&zab.parts.part)
    }
}

/// A leader answers when a quorum that follows it has answered a ping of the round. A follower asks
/// within its session.
impl ReadRounds for Parts {
    fn may_start_round(zab: &Zab) -> bool {
        zab.rules.may_start_read_round(&zab.state)
    }

    fn start_round(zab: &mut Zab, out: &mut Out) {
        let round = zab.rounds.latest();
        let Part::Leading(lead) = &mut zab.parts.part else { return };
        for at in lead.following() {
            lead.tell(at, Order::Ping { round }, out);
        }
    }

    fn is_confirmed(zab: &Zab, round: u64) -> bool {
        let Part::Leading(lead) = &zab.parts.part else { return false };
        let quorum = zab.rules.quorum(zab.state.members.len());
        let heard = zab.round_heard(lead.followers().map(|session| session.round), quorum);
        zab.rules.round_covers(heard, round)
    }

    fn whom_to_ask(zab: &Zab) -> Option<NodeId> {
        match &zab.parts.part {
            Part::Following(following) if following.stage == Stage::Following => {
                Some(following.leader)
            }
            _ => None,
        }
    }

    /// Within a session nothing is lost, so an answer that is late still comes.
    fn asks_again_after(zab: &Zab) -> u64 {
        2 * zab.state.options.election_timeout_ns
    }

    fn ask_index(zab: &Zab, _leader: NodeId, token: u64, out: &mut Out) {
        zab.report(Report::Read { token }, out);
    }

    /// To one who does not follow any more, or does not yet: nothing.
    fn tell_index(zab: &mut Zab, to: NodeId, token: u64, index: Option<Index>, out: &mut Out) {
        let Part::Leading(lead) = &mut zab.parts.part else { return };
        let at = lead.following().into_iter().find(|at| lead.peers[*at].id == to);
        if let (Some(at), Some(index)) = (at, index) {
            lead.tell(at, Order::ReadAt { token, index }, out);
        }
    }
}

impl Zab {
    /// A report counts in the session and the epoch it was made in, and in no other.
    fn peer_reporting(&mut self, from: NodeId, epoch: Epoch, session: u64) -> Option<usize> {
        let Part::Leading(lead) = &mut self.parts.part else { return None };
        let at = lead.peers.iter().position(|peer| peer.id == from)?;
        let current = lead.peers[at].session.as_ref()?.id;
        if epoch != lead.epoch || session != current {
            return None;
        }
        lead.peers[at].heard = self.now;
        Some(at)
    }

    fn on_report(&mut self, at: usize, from: NodeId, report: Report, out: &mut Out) {
        match report {
            Report::AckEpoch { standing, counted } => self.on_ack_epoch(at, standing, counted, out),
            Report::Last { about, last } => self.on_last(at, about, last, out),
            Report::SnapHave { index, have } => self.on_snap_have(at, index, have, out),
            Report::Ack { upto, synced, round } => self.on_ack(at, upto, synced, round, out),
            Report::Read { token } => self.on_read_index(from, token, out),
        }
    }

    fn set_hard(&mut self, hard: HardState, out: &mut Out) {
        let was = self.state.hard;
        assert!(hard.accepted >= was.accepted, "epochs never go back");
        assert!(hard.current <= hard.accepted, "what is synchronised was accepted before");
        if hard != was {
            self.state.hard = hard;
            self.disk.persist_hard(hard, out);
        }
    }

    /// Ends what this node did. Promises that have not left are void, as if lost on their way;
    /// clients that wait hear that it leads no longer, or cannot ask, and that `leader` may lead.
    fn leave(&mut self, next: Part, leader: Option<NodeId>, out: &mut Out) {
        self.disk.drop_held();
        if let Part::Looking(_) = next {
            self.state.ordered.drop_staging();
        }
        self.parts.part = next;
        let refusal = not_leader(leader);
        refuse(self.asking.end(), &refusal, out);
        self.fail_clients(&refusal, out);
    }
}
