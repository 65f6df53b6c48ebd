//! The vocabulary between a protocol and the world round it: inputs, outputs, records, traces.
//! It never performs anything: effects are values, and the one who performs them decides when.

use std::collections::BTreeMap;
use std::fmt;

use bytes::Bytes;

mod ids;
mod records;
mod requests;
mod trace;

pub use ids::*;
pub use records::*;
pub use requests::*;
pub use trace::*;

/// What a node starts from: its identity, its options, and what its disk kept.
#[derive(Clone, Debug, Default)]
pub struct Boot {
    pub id: NodeId,
    /// All voting members, this one included, in ascending order.
    pub members: Vec<NodeId>,
    /// Seed of everything random in this incarnation.
    pub seed: u64,
    /// The moment of start.
    pub now: Time,
    /// Options by name, as text: `election-timeout` -> `150ms`.
    pub options: BTreeMap<String, String>,
    /// The payload of the last durable [`Record::State`]; empty on the first start.
    pub state: Bytes,
    /// The last durable snapshot.
    pub snapshot: Option<Snapshot>,
    /// The values of offsets `0 .. snapshot.length`, as kept in the delivered entries' own file.
    pub delivered: Vec<Bytes>,
    /// The records of the log after the snapshot, as the disk replayed them, in index order.
    pub log: Vec<LogEntry>,
}

/// What a protocol is told. `M` is its message type; bytes at the erased boundary.
#[derive(Clone, Debug)]
pub enum Input<M> {
    /// The time asked for with [`Output::WakeAt`] has come (or any other moment: ticks are hints).
    Tick,
    /// A message arrived. Messages of one link arrive in order or not at all, but may be delayed
    /// for any time, and a protocol must stay safe if they are reordered or repeated.
    Receive {
        /// Who sent it.
        from: NodeId,
        /// What it says.
        message: M,
    },
    /// A client asks for something.
    Request {
        /// Comes back in the one [`Output::Reply`] to it.
        ticket: Ticket,
        /// What is asked.
        request: Request,
    },
    /// Every record with a mark up to this one is on disk.
    Durable(Mark),
}

/// What a protocol wants done. Outputs of one step are performed in order.
#[derive(Clone, Debug)]
pub enum Output<M> {
    /// Write this record; say `Durable(mark)` once it and all before it are on disk.
    Persist {
        /// Greater than every mark before it.
        mark: Mark,
        /// What to write.
        record: Record,
    },
    /// Send, whatever the disk holds by now. What must wait for the disk is kept as a promise
    /// ([`crate::common::disk`]), so that its evidence comes after the disk's.
    Send { to: NodeId, message: M },
    /// Answer a client, at once too.
    Reply {
        /// The request's ticket.
        ticket: Ticket,
        reply: Reply,
    },
    /// The next entry of the one log: once, gapless, in order.
    Deliver(Delivery),
    /// Deliveries go on from here: at a boot from a snapshot, and after installing one.
    Restored {
        /// The number of entries the snapshot stands for.
        length: Offset,
        /// The chain over them ([`chain_value`]).
        chain: Chain,
    },
    /// Evidence. Written before the effects that come after it are released.
    Trace(TraceEvent),
    /// Ask for a [`Input::Tick`] at this time. The last one said holds.
    WakeAt(Time),
}

/// Where a step puts its outputs.
pub type Outputs<M> = Vec<Output<M>>;

/// What a node says of itself to anyone who asks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Status {
    pub role: Role,
    pub epoch: Epoch,
    /// Whom it believes to lead.
    pub leader: Option<NodeId>,
    /// How many entries it has delivered.
    pub delivered: Offset,
    /// The chain over them.
    pub chain: Chain,
    /// The last index known to be committed.
    pub commit: Index,
    /// The last index in its log.
    pub last: Index,
}

/// A message that can travel.
pub trait Wire: Sized {
    /// The whole frame body, header included.
    fn encode(&self) -> Bytes;
    /// The reverse; any bytes may be offered, so it never panics.
    fn decode(bytes: Bytes) -> Result<Self, WireError>;
}

/// Bytes that are no message of this protocol.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WireError(pub String);

/// A protocol: a state machine generic over nothing but its own message and rules.
pub trait Protocol: Sized {
    /// What its nodes tell each other.
    type Message: Wire;
    /// Its safety decisions by name; a planted bug overrides exactly one.
    type Rules: ?Sized + Sync + 'static;

    /// Starts from what the disk kept; says Boot and Config in its trace, and when to wake it.
    fn recover(
        boot: Boot,
        rules: &'static Self::Rules,
        out: &mut Outputs<Self::Message>,
    ) -> Result<Self, BootError>;
    /// Takes one input. Deterministic: same boot, same inputs, same times give the same outputs.
    fn step(&mut self, now: Time, input: Input<Self::Message>, out: &mut Outputs<Self::Message>);
    /// What it says of itself.
    fn status(&self) -> Status;
    /// Which box of its picture it is in ([`crate::States`]).
    fn state(&self) -> &'static str {
        self.status().role.word()
    }
}

/// A protocol whose messages are bytes: what the server and the simulated cluster hold.
pub trait Machine: Send {
    /// See [`Protocol::step`]. A message that cannot be decoded is an error and changes nothing.
    fn step(
        &mut self,
        now: Time,
        input: Input<Bytes>,
        out: &mut Outputs<Bytes>,
    ) -> Result<(), WireError>;
    /// See [`Protocol::status`].
    fn status(&self) -> Status;
    /// See [`Protocol::state`].
    fn state(&self) -> &'static str {
        self.status().role.word()
    }
}

/// Answers a client.
pub fn reply_to<M>(ticket: Ticket, reply: Reply, out: &mut Outputs<M>) {
    out.push(Output::Reply { ticket, reply });
}

/// Sends a message.
pub fn send_to<M>(to: NodeId, message: M, out: &mut Outputs<M>) {
    out.push(Output::Send { to, message });
}

/// Starts a protocol from what its disk kept.
pub type Build = fn(Boot, &mut Outputs<Bytes>) -> Result<Box<dyn Machine>, BootError>;

/// Why a node cannot start from what it was given.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum BootError {
    /// An option is unknown or its value is not usable; the sentence says which and why.
    Option(String),
    /// The durable state contradicts itself; the sentence says how.
    Disk(String),
}

struct Erased<P: Protocol> {
    protocol: P,
    out: Outputs<P::Message>,
}

/// Starts protocol `P` with these rules and hides its message type.
pub fn build<P>(
    boot: Boot,
    rules: &'static P::Rules,
    out: &mut Outputs<Bytes>,
) -> Result<Box<dyn Machine>, BootError>
where
    P: Protocol + Send + 'static,
    P::Message: Send,
{
    let mut said = Vec::new();
    let protocol = P::recover(boot, rules, &mut said)?;
    Ok(erase(protocol, said, out))
}

/// Hides the message type of a protocol that has just started, and of what it said.
pub fn erase<P>(
    protocol: P,
    mut said: Outputs<P::Message>,
    out: &mut Outputs<Bytes>,
) -> Box<dyn Machine>
where
    P: Protocol + Send + 'static,
    P::Message: Send,
{
    out.extend(said.drain(..).map(encode));
    Box::new(Erased { protocol, out: said })
}

impl<P> Machine for Erased<P>
where
    P: Protocol + Send,
    P::Message: Send,
{
    fn step(
        &mut self,
        now: Time,
        input: Input<Bytes>,
        out: &mut Outputs<Bytes>,
    ) -> Result<(), WireError> {
        let input = match input {
            Input::Receive { from, message } => {
                Input::Receive { from, message: P::Message::decode(message)? }
            }
            Input::Tick => Input::Tick,
            Input::Request { ticket, request } => Input::Request { ticket, request },
            Input::Durable(mark) => Input::Durable(mark),
        };
        self.protocol.step(now, input, &mut self.out);
        out.extend(self.out.drain(..).map(encode));
        Ok(())
    }

    fn status(&self) -> Status {
        self.protocol.status()
    }

    fn state(&self) -> &'static str {
        self.protocol.state()
    }
}

fn encode<M: Wire>(output: Output<M>) -> Output<Bytes> {
    match output {
        Output::Send { to, message } => Output::Send { to, message: message.encode() },
        Output::Persist { mark, record } => Output::Persist { mark, record },
        Output::Reply { ticket, reply } => Output::Reply { ticket, reply },
        Output::Deliver(delivery) => Output::Deliver(delivery),
        Output::Restored { length, chain } => Output::Restored { length, chain },
        Output::Trace(event) => Output::Trace(event),
        Output::WakeAt(time) => Output::WakeAt(time),
    }
}

impl fmt::Display for BootError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BootError::Option(sentence) | BootError::Disk(sentence) => f.write_str(sentence),
        }
    }
}

impl std::error::Error for BootError {}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a message of this protocol: {}", self.0)
    }
}

impl std::error::Error for WireError {}
