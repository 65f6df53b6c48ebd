//! Manual failover's own code in the one situation that matters: node 1 and nobody else, told
//! exactly what it needs.

use schism_protocol::disk::Hard;
use schism_protocol::failover::message::{Body, Message};
use schism_protocol::failover::{Failover, Fenced, HardState, Standing};
use schism_protocol::log::EntryId;
use schism_protocol::{
    Boot, Command, Epoch, Index, Input, LogEntry, Mark, NodeId, Output, Protocol, Record, Request,
    Role, Ticket, Time,
};

const N1: NodeId = NodeId(1);
const N2: NodeId = NodeId(2);
const N3: NodeId = NodeId(3);

struct Lone {
    node: Failover,
    said: Vec<Output<Message>>,
    mark: Mark,
}

fn noop(index: u64, birth: u64) -> LogEntry {
    LogEntry { index: Index(index), birth: Epoch(birth), command: Command::Noop }
}

/// Node 1 of three, which led epoch 1 until someone promised it epoch 2 for `candidate`.
fn deposed(candidate: NodeId, births: &[u64]) -> Lone {
    let hard = HardState { promised: Epoch(2), candidate, synced: Epoch(1), opened: Epoch(1) };
    let boot = Boot {
        id: N1,
        members: vec![N1, N2, N3],
        state: hard.encode(),
        log: births.iter().zip(1..).map(|(birth, index)| noop(index, *birth)).collect(),
        ..Boot::default()
    };
    started(boot)
}

fn started(boot: Boot) -> Lone {
    let mut said = Vec::new();
    let node = Failover::recover(boot, &Fenced, &mut said).expect("a sound disk");
    let mut lone = Lone { node, said, mark: Mark(0) };
    lone.note_mark();
    lone
}

impl Lone {
    fn note_mark(&mut self) {
        for output in &self.said {
            if let Output::Persist { mark, .. } = output {
                self.mark = *mark;
            }
        }
    }

    fn input(&mut self, input: Input<Message>) -> &mut Self {
        self.said.clear();
        self.node.step(Time(0), input, &mut self.said);
        self.note_mark();
        self
    }

    fn hears(&mut self, from: NodeId, epoch: u64, body: Body) -> &mut Self {
        self.input(Input::Receive { from, message: Message { epoch: Epoch(epoch), body } })
    }

    fn durable(&mut self) -> &mut Self {
        self.input(Input::Durable(self.mark))
    }

    /// The leader of epoch 2, n2, opened it with one entry and sends what follows it.
    fn follows(&mut self, prev: (u64, u64), births: &[u64]) -> &mut Self {
        let prev = EntryId { index: Index(prev.0), birth: Epoch(prev.1) };
        let entries = births.iter().zip(prev.index.0 + 1..).map(|(b, i)| noop(i, *b)).collect();
        let (commit, open) = (Index(0), Index(1));
        self.hears(N2, 2, Body::Append { prev, commit, open, round: 0, entries })
    }

    fn asks(&mut self, request: Request) -> &mut Self {
        self.input(Input::Request { ticket: Ticket(1), request })
    }

    fn sent(&self) -> Vec<&Body> {
        let sent = self.said.iter().filter_map(|output| match output {
            Output::Send { message, .. } => Some(&message.body),
            _ => None,
        });
        sent.collect()
    }
}

fn standing(synced: u64, last: u64) -> Body {
    Body::Promised { standing: Standing { synced: Epoch(synced), last: Index(last) } }
}

#[test]
fn what_a_log_held_beyond_the_opening_makes_it_no_longer_in_that_epoch() {
    // How n1's log stands in epoch 2 once it is whole there.
    let check = |births: &[u64], prev: (u64, u64), sent: &[u64], last: u64| {
        let mut n1 = deposed(N2, births);
        n1.follows(prev, sent).durable();
        n1.hears(N3, 3, Body::Fence).durable();
        assert_eq!(n1.sent(), [&standing(2, last)], "{births:?}, sent {sent:?} after {prev:?}");
    };
    check(&[1], (1, 1), &[], 1);
    // Entries 2 and 3 are its own of epoch 1, which n2 opened without.
    check(&[1, 1, 1], (1, 1), &[], 1);
    check(&[1, 1, 1], (1, 1), &[2], 2);
    // What it has of epoch 2 already stays, though the message shows less.
    check(&[1, 2, 2], (1, 1), &[], 3);
    check(&[1, 2, 2], (1, 1), &[2], 3);
}

#[test]
fn a_promoted_node_prefers_what_a_majority_may_have_to_what_it_had_before() {
    let mut n1 = deposed(N2, &[1, 1, 1]);
    n1.follows((1, 1), &[]).durable();
    n1.asks(Request::Promote).durable();
    // n3 has an entry of epoch 2, which n2 and n3 may have committed.
    n1.hears(N3, 3, standing(2, 2));
    assert!(matches!(n1.sent()[..], [Body::Pull { .. }]), "{:?}", n1.said);
    assert_eq!(n1.node.status().role, Role::Candidate);
}

#[test]
fn what_goes_goes_from_the_disk_before_the_log_is_said_to_be_whole() {
    let mut n1 = deposed(N2, &[1, 1, 1]);
    n1.follows((1, 1), &[]);
    let written: Vec<&str> = n1
        .said
        .iter()
        .filter_map(|output| match output {
            Output::Persist { record: Record::Truncate { from }, .. } if *from == Index(2) => {
                Some("truncate")
            }
            Output::Persist { record: Record::State(_), .. } => Some("state"),
            _ => None,
        })
        .collect();
    assert_eq!(written, ["truncate", "state"]);
}
