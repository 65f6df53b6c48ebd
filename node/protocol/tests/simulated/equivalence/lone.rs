//! One node of a log from decisions and nobody else: two others of which one answers when it is
//! told to.

use bytes::Bytes;
use schism_protocol::log_from_consensus::LogFromConsensus;
use schism_protocol::log_from_consensus::message::{Body as Said, Message};
use schism_protocol::paxos::Paper;
use schism_protocol::paxos::message::{Body, Message as Single};
use schism_protocol::{
    Answer, Boot, Index, Input, Level, Mark, NodeId, Offset, Output, Protocol, Refusal, Reply,
    Request, Ticket, Time,
};

const N2: NodeId = NodeId(2);
/// T, and a millisecond, in nanoseconds.
const T: u64 = 150_000_000;
const MS: u64 = 1_000_000;

struct Lone {
    node: LogFromConsensus,
    now: Time,
    mark: Mark,
}

impl Lone {
    fn new() -> Self {
        let members = (1..=3).map(NodeId).collect();
        let boot = Boot { id: NodeId(1), members, ..Boot::default() };
        let mut said = Vec::new();
        let node = LogFromConsensus::recover(boot, &Paper, &mut said).expect("an empty disk");
        let mut lone = Lone { node, now: Time(0), mark: Mark(0) };
        lone.note(&said);
        lone
    }

    fn note(&mut self, said: &[Output<Message>]) {
        for output in said {
            if let Output::Persist { mark, .. } = output {
                self.mark = *mark;
            }
        }
    }

    /// Steps it and then tells it that its disk has everything; says what it answered, and sent
    /// to n2 about slots.
    fn input(&mut self, input: Input<Message>) -> (Vec<(u64, Reply)>, Vec<Single<Index>>) {
        let mut said = Vec::new();
        self.node.step(self.now, input, &mut said);
        self.note(&said);
        self.node.step(self.now, Input::Durable(self.mark), &mut said);
        self.note(&said);
        let (mut replies, mut sent) = (Vec::new(), Vec::new());
        for output in said {
            match output {
                Output::Reply { ticket, reply } => replies.push((ticket.0, reply)),
                Output::Send {
                    to: N2,
                    message: Message { ballot, body: Said::Slot { slot: key, says: body } },
                } => sent.push(Single { ballot, key, body }),
                _ => {}
            }
        }
        (replies, sent)
    }

    fn asks(&mut self, ticket: u64, request: Request) -> Vec<(u64, Reply)> {
        self.input(Input::Request { ticket: Ticket(ticket), request }).0
    }

    /// Lets so long pass, its clock ticking every 10 ms.
    fn waits(&mut self, ns: u64) -> (Vec<(u64, Reply)>, Vec<Single<Index>>) {
        let (mut replies, mut sent) = (Vec::new(), Vec::new());
        let until = self.now.0 + ns;
        while self.now.0 < until {
            self.now = Time(until.min(self.now.0 + 10 * MS));
            let (replied, said) = self.input(Input::Tick);
            replies.extend(replied);
            sent.extend(said);
        }
        (replies, sent)
    }
}

fn append(value: &'static [u8]) -> Request {
    Request::Append { value: Bytes::from_static(value), session: None, expect: None }
}

fn tail(level: Level) -> Request {
    Request::Tail { level }
}

const OVERLOADED: Reply = Reply::Fail(Refusal::Overloaded);

#[test]
fn what_waits_unproposed_for_four_timeouts_is_refused_and_nothing_else_is() {
    let lone = &mut Lone::new();
    assert_eq!(lone.asks(1, append(b"1")), [], "it is proposed, and nobody answers");
    lone.waits(T);
    assert_eq!(lone.asks(2, append(b"2")), [], "it waits behind the first");
    assert_eq!(lone.asks(3, tail(Level::Linearizable)), [], "and so does a read");
    let now = Reply::Ok(Answer::Tail(Offset(0)));
    assert_eq!(lone.asks(4, tail(Level::Local)), [(4, now)], "a local one asks nobody");
    assert_eq!(lone.waits(3 * T).0, [], "three timeouts are not too long");
    assert_eq!(lone.waits(2 * T).0, [(2, OVERLOADED), (3, OVERLOADED)], "nobody heard of them");

    // The first may be accepted somewhere: it waits for ever.
    let (replies, mut sent) = lone.waits(40 * T);
    assert_eq!(replies, []);
    // n2 comes back: slot 1 is decided, and its client is told.
    let mut replies = Vec::new();
    while replies.is_empty() {
        let Single { ballot, key, body } = sent.pop().expect("it goes on asking");
        let body = match body {
            Body::Prepare => Body::Promise { accepted: None },
            Body::Accept { .. } => Body::Accepted,
            other => panic!("{other:?} asks nothing"),
        };
        let message = Single { ballot, key, body }.into();
        (replies, sent) = lone.input(Input::Receive { from: N2, message });
    }
    let done = Answer::Appended { offset: Offset(0), duplicate: false };
    assert_eq!(replies, [(1, Reply::Ok(done))]);

    // Whoever asks now is next.
    let (replies, sent) = lone.input(Input::Request { ticket: Ticket(5), request: append(b"5") });
    assert_eq!(replies, []);
    let next = sent.iter().find(|message| message.key == Index(2)).expect("slot 2 is next");
    assert_eq!(next.body, Body::Prepare);
}
