//! A node that keeps a log: what it does alike in every protocol. It takes inputs in, keeps what
//! waits for its disk, for a commit or for a read round, applies what is committed, answers
//! clients, and asks to be woken.
//!
//! It never decides anything that safety rests on: a protocol's rules do.

use bytes::Bytes;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use super::asking::Asking;
use super::disk::{Disk, Hard};
use super::options::{Options, after, draw_timeout};
use super::ordered::Ordered;
use super::pending::{Pending, too_large};
use super::rounds::{Reader, Rounds, answer};
use super::session::{Lookup, Sessions};
use crate::machine::{
    Boot, BootError, Command, Doubt, Epoch, Index, Input, Level, LogEntry, Mark, NodeId, OfLog,
    Output, Outputs, Protocol, Refusal, Reply, Request, Role, Session, Status, Ticket, Time, Wire,
    reply_to, send_to,
};

/// Outputs of a protocol.
pub type Out<P> = Outputs<<P as LogProtocol>::Message>;

/// What a protocol adds to a node. The type itself is the part of it that no rule looks at.
pub trait LogProtocol: Sized {
    /// What its nodes tell each other.
    type Message: Wire;
    /// What a message says, beside the epoch it speaks in.
    type Body;
    /// Its safety decisions by name.
    type Rules: ?Sized + Sync + 'static;
    /// What must be on disk beside the log.
    type Hard: Hard + Copy;
    /// What else its rules look at.
    type Own;
    /// A promise that waits for the disk.
    type Held;

    /// Makes a node of what the disk kept.
    fn recover(
        boot: Boot,
        rules: &'static Self::Rules,
        out: &mut Out<Self>,
    ) -> Result<Node<Self>, BootError>;

    /// A message of another member arrived.
    fn on_message(node: &mut Node<Self>, from: NodeId, message: Self::Message, out: &mut Out<Self>);
    /// It may be time for something.
    fn on_tick(node: &mut Node<Self>, out: &mut Out<Self>);
    /// The disk holds more than it did.
    fn on_disk_progress(node: &mut Node<Self>, out: &mut Out<Self>);
    /// What this rests on is on disk.
    fn keep_promise(node: &mut Node<Self>, held: Self::Held, out: &mut Out<Self>);
    /// Whatever the input was: what is to be sent because of it.
    fn after_input(node: &mut Node<Self>, out: &mut Out<Self>);
    /// When something is to be done if nothing comes.
    fn due(node: &Node<Self>) -> Option<Time>;

    /// A message in the present epoch.
    fn message(node: &Node<Self>, body: Self::Body) -> Self::Message;
    /// The present epoch.
    fn epoch(node: &Node<Self>) -> Epoch;
    /// Whether it takes requests.
    fn leads(node: &Node<Self>) -> bool;
    /// Whom it believes to lead.
    fn leader(node: &Node<Self>) -> Option<NodeId>;
    /// What its rules say about a request's session.
    fn deduplicate(rules: &Self::Rules, sessions: &Sessions, session: Session) -> Lookup;

    /// What a client hears whose request waits for a commit when this node leads no longer.
    fn answer_pending(_node: &Node<Self>) -> Reply {
        Reply::Info(Doubt::LeadershipLost)
    }

    /// A command of a client, which is not too much and came to one who leads.
    fn append(node: &mut Node<Self>, ticket: Ticket, command: Command, out: &mut Out<Self>) {
        let index = node.put_own(command, out);
        node.pending.wait(index, ticket);
    }

    /// A read that is not answered at once.
    fn read(node: &mut Node<Self>, reader: Reader, out: &mut Out<Self>) {
        reply_to(reader.ticket, Self::not_leader(node), out);
    }

    /// Whether a linearizable read may be answered from what is here, at once.
    fn may_read_at_once(_node: &Node<Self>) -> bool {
        false
    }

    /// Something that logs as such do not serve.
    fn other(_node: &mut Node<Self>, ticket: Ticket, request: Request, out: &mut Out<Self>) {
        reply_to(ticket, Reply::Fail(Refusal::not_served(&request)), out);
    }

    /// What a client hears who asked for what only a leader does.
    fn not_leader(node: &Node<Self>) -> Reply {
        not_leader(Self::leader(node))
    }

    /// The last index that it holds anything at.
    fn last(node: &Node<Self>) -> Index {
        node.state.ordered.log.last_index()
    }

    /// Which box of its picture it is in.
    fn picture(node: &Node<Self>) -> &'static str {
        node.state.role.word()
    }
}

pub struct Node<P: LogProtocol> {
    pub(crate) rules: &'static P::Rules,
    pub(crate) state: State<P::Hard, P::Own>,
    pub(crate) disk: Disk<P::Hard, P::Held>,
    pub(crate) rng: ChaCha8Rng,
    /// The moment of the step under way.
    pub(crate) now: Time,
    alarm: Alarm,
    /// A leader's requests that wait for a commit.
    pub(crate) pending: Pending,
    /// A leader's linearizable reads.
    pub(crate) rounds: Rounds,
    /// Linearizable reads that wait for a leader elsewhere.
    pub(crate) asking: Asking,
    /// What its rules never look at.
    pub(crate) parts: P,
}

/// What the rules of a protocol look at: a node's state, persistent and volatile.
#[derive(Clone, Debug)]
pub struct State<H, S> {
    pub id: NodeId,
    /// All voting members, this one included, in ascending order.
    pub members: Vec<NodeId>,
    pub options: Options,
    /// What must be on disk before anything rests on it, as in memory; the disk may be a little
    /// behind.
    pub hard: H,
    /// The log, as in memory, and what applying it came to.
    pub ordered: Ordered,
    /// What this node does.
    pub role: Role,
    /// What only this protocol has.
    pub own: S,
}

/// When a node is to be woken.
#[derive(Clone, Copy, Debug, Default)]
pub struct Alarm(Option<Time>);

impl Alarm {
    /// Asks to be woken when the next thing is due. An alarm that is already early enough stays: a
    /// tick before its time is harmless, and an alarm a message would cost more.
    pub fn set<M>(&mut self, due: Option<Time>, now: Time, out: &mut Outputs<M>) {
        let Some(due) = due else { return };
        if self.0.is_none_or(|at| due < at || at <= now) {
            self.0 = Some(due);
            out.push(Output::WakeAt(due));
        }
    }
}

impl<P: LogProtocol> Protocol for Node<P> {
    type Message = P::Message;
    type Rules = P::Rules;

    fn recover(boot: Boot, rules: &'static P::Rules, out: &mut Out<P>) -> Result<Self, BootError> {
        let mut node = P::recover(boot, rules, out)?;
        node.set_alarm(out);
        Ok(node)
    }

    fn step(&mut self, now: Time, input: Input<P::Message>, out: &mut Out<P>) {
        self.now = self.now.max(now);
        match input {
            Input::Tick => P::on_tick(self, out),
            Input::Receive { from, message } => {
                if from != self.state.id && self.state.members.contains(&from) {
                    P::on_message(self, from, message, out);
                }
            }
            Input::Request { ticket, request } => self.on_request(ticket, request, out),
            Input::Durable(mark) => {
                if self.disk.on_durable(mark) {
                    P::on_disk_progress(self, out);
                }
            }
        }
        P::after_input(self, out);
        let State { ordered, members, options, .. } = &mut self.state;
        ordered.take_snapshot_if_due(options.snapshot_every, members, &mut self.disk, out);
        self.set_alarm(out);
    }

    fn state(&self) -> &'static str {
        P::picture(self)
    }

    fn status(&self) -> Status {
        let ordered = &self.state.ordered;
        Status {
            role: self.state.role,
            epoch: P::epoch(self),
            leader: P::leader(self),
            delivered: ordered.replica.length(),
            chain: ordered.replica.chain,
            commit: ordered.commit,
            last: P::last(self),
        }
    }
}

impl<P: LogProtocol> Node<P> {
    /// A node that has just started: a follower whose disk holds all of its log.
    pub(crate) fn new(
        boot: Boot,
        rules: &'static P::Rules,
        options: Options,
        hard: P::Hard,
        ordered: Ordered,
        own: P::Own,
        parts: P,
    ) -> Self {
        let Boot { id, members, seed, now, .. } = boot;
        Node {
            rules,
            disk: Disk::recovered(hard, ordered.log.last_index()),
            state: State { id, members, options, hard, ordered, role: Role::Follower, own },
            rng: ChaCha8Rng::seed_from_u64(seed),
            now,
            alarm: Alarm::default(),
            pending: Pending::default(),
            rounds: Rounds::default(),
            // Nanoseconds since the machine's start: never the same in two incarnations.
            asking: Asking::new(now.0),
            parts,
        }
    }

    /// The delivered values, by offset.
    #[must_use]
    pub fn values(&self) -> &[Bytes] {
        self.state.ordered.replica.values.list()
    }

    pub(crate) fn set_alarm(&mut self, out: &mut Out<P>) {
        self.alarm.set(P::due(self), self.now, out);
    }

    /// A time between T and 2T from now, or exactly T without jitter.
    pub(crate) fn draw_deadline(&mut self, t_ns: u64) -> Time {
        let fixed = self.state.options.fixed_timeout;
        after(self.now, draw_timeout(t_ns, fixed, &mut self.rng))
    }

    pub(crate) fn others(&self) -> impl Iterator<Item = NodeId> + use<P> {
        let id = self.state.id;
        self.state.members.clone().into_iter().filter(move |member| *member != id)
    }

    pub(crate) fn set_role(&mut self, role: Role, out: &mut Out<P>) {
        self.state.role = role;
        self.state.ordered.trace_role(role, P::epoch(self), out);
    }

    /// Sends in the present epoch.
    pub(crate) fn send(&self, to: NodeId, body: P::Body, out: &mut Out<P>) {
        send_to(to, P::message(self, body), out);
    }

    /// Sends to everyone else in the present epoch.
    pub(crate) fn send_all(&self, body: &P::Body, out: &mut Out<P>)
    where
        P::Body: Clone,
    {
        for to in self.others() {
            self.send(to, body.clone(), out);
        }
    }

    /// Makes a promise now if the disk has what it rests on, and else when it has.
    pub(crate) fn promise(&mut self, mark: Mark, held: P::Held, out: &mut Out<P>) {
        if self.disk.has(mark) {
            P::keep_promise(self, held, out);
        } else {
            self.disk.hold(mark, held);
        }
    }

    fn on_request(&mut self, ticket: Ticket, request: Request, out: &mut Out<P>) {
        match request.of_log() {
            OfLog::Append(command) => match self.refusal(&command) {
                Some(reply) => reply_to(ticket, reply, out),
                None => P::append(self, ticket, command, out),
            },
            OfLog::Read(want, level) => {
                let reader = Reader { ticket, want, at: self.now };
                if level == Level::Local || P::may_read_at_once(self) {
                    answer(reader, level, &self.state.ordered.replica, out);
                } else {
                    P::read(self, reader, out);
                }
            }
            OfLog::Other(request) => P::other(self, ticket, request, out),
        }
    }

    /// Why a command is not taken now.
    fn refusal(&self, command: &Command) -> Option<Reply> {
        if !P::leads(self) {
            return Some(too_large(command).map_or_else(|| P::not_leader(self), Reply::Fail));
        }
        if self.state.ordered.replica.values.is_full() {
            return Some(Reply::Fail(Refusal::Overloaded));
        }
        let uncommitted = P::last(self).0.saturating_sub(self.state.ordered.commit.0);
        self.pending.refusal(command, uncommitted, self.state.options.limits).map(Reply::Fail)
    }

    /// A leader puts a command at the end of its log.
    pub(crate) fn put_own(&mut self, command: Command, out: &mut Out<P>) -> Index {
        let index = self.state.ordered.log.last_index().next();
        let entry = LogEntry { index, epoch: P::epoch(self), command };
        self.pending.weigh(&entry);
        self.state.ordered.put(entry, &mut self.disk, out);
        index
    }

    /// Raises the commit index, by authority of `epoch`, applies what that commits, and answers
    /// whoever asked for it. It never goes back.
    pub(crate) fn commit_to(&mut self, to: Index, epoch: Epoch, out: &mut Out<P>) {
        let (rules, leads) = (self.rules, P::leads(self));
        let look_up = |sessions: &_, session| P::deduplicate(rules, sessions, session);
        for done in self.state.ordered.commit_to(to, epoch, leads, look_up, out) {
            if let Some((ticket, reply)) = self.pending.applied(done) {
                reply_to(ticket, reply, out);
            }
        }
    }
}

/// A definite no: somebody else may lead.
pub(crate) fn not_leader(leader: Option<NodeId>) -> Reply {
    Reply::Fail(Refusal::NotLeader(leader))
}
