//! One receiver and nobody else: it is told exactly what a situation needs.

use bytes::Bytes;
use schism_protocol::sequencer::message::{Body, Message};
use schism_protocol::sequencer::{FixedSequencer, Sequencer};
use schism_protocol::{
    Boot, Command, Epoch, Index, Input, LogEntry, Mark, NodeId, Offset, Output, Protocol, Record,
    Refusal, Reply, Role, Snapshot, Time,
};

use crate::world::lone::{Lone, sum_of, value};

const N1: NodeId = NodeId(1);

fn entry(index: u64, epoch: u64) -> LogEntry {
    let value = Bytes::from_static(b"1");
    let command = Command::Append { value, session: None, expect: None };
    LogEntry { index: Index(index), epoch: Epoch(epoch), command }
}

/// Steps n2 and says which acknowledgements left it.
fn acks(node: &mut Sequencer, input: Input<Message>) -> Vec<(Epoch, Index)> {
    let mut said = Vec::new();
    node.step(Time(0), input, &mut said);
    let acks = said.into_iter().filter_map(|output| match output {
        Output::Send { message: Message { epoch, body: Body::Ack { upto } }, .. } => {
            Some((epoch, upto))
        }
        _ => None,
    });
    acks.collect()
}

fn run(epoch: u64, before: u64, entries: Vec<LogEntry>) -> Input<Message> {
    let body = Body::Run { before: Index(before), entries };
    Input::Receive { from: N1, message: Message { epoch: Epoch(epoch), body } }
}

#[test]
fn nothing_is_acknowledged_before_its_incarnation_is_on_the_disk() {
    let members = (1..=2).map(NodeId).collect();
    let boot = Boot { id: NodeId(2), members, ..Boot::default() };
    let node =
        &mut Sequencer::recover(boot, &FixedSequencer, &mut Vec::new()).expect("an empty disk");
    let none: [(Epoch, Index); 0] = [];
    // Mark 1: incarnation 1. Mark 2: its entry.
    assert_eq!(acks(node, run(1, 0, vec![entry(1, 1)])), none);
    assert_eq!(acks(node, Input::Durable(Mark(1))), none);
    assert_eq!(acks(node, Input::Durable(Mark(2))), [(Epoch(1), Index(1))]);
    // The next incarnation says what the disk holds already; mark 3 says that it was heard of.
    assert_eq!(acks(node, run(2, 1, Vec::new())), none);
    assert_eq!(acks(node, Input::Durable(Mark(3))), [(Epoch(2), Index(1))]);
    // Mark 4: an entry of it. Mark 5: the one after; what waits for 4 then speaks in its name.
    assert_eq!(acks(node, run(2, 1, vec![entry(2, 2)])), none);
    assert_eq!(acks(node, run(3, 2, Vec::new())), none);
    assert_eq!(acks(node, Input::Durable(Mark(4))), none);
    assert_eq!(acks(node, Input::Durable(Mark(5))), [(Epoch(3), Index(2))]);
}

#[test]
fn a_snapshot_is_acknowledged_when_it_is_on_the_disk() {
    let members = (1..=2).map(NodeId).collect();
    let boot = Boot { id: NodeId(2), members, ..Boot::default() };
    let node =
        &mut Sequencer::recover(boot, &FixedSequencer, &mut Vec::new()).expect("an empty disk");
    let none: [(Epoch, Index); 0] = [];
    // Mark 1: incarnation 1. Marks 2 and 3: its entries. Mark 4: the snapshot of five.
    assert_eq!(acks(node, run(1, 0, vec![entry(1, 1), entry(2, 1)])), none);
    assert_eq!(acks(node, Input::Durable(Mark(3))), [(Epoch(1), Index(2))]);
    let summed_up = || {
        let values = vec![Bytes::from_static(b"1"); 3];
        let snapshot = Snapshot { length: Offset(5), ..sum_of(5, 1) };
        let body = Body::Snapshot { snapshot, from: Offset(2), values };
        Input::Receive { from: N1, message: Message { epoch: Epoch(1), body } }
    };
    assert_eq!(acks(node, summed_up()), none);
    assert_eq!(acks(node, summed_up()), none, "once more");
    assert_eq!(acks(node, run(1, 5, Vec::new())), none, "a heartbeat");
    assert_eq!(acks(node, run(1, 1, vec![entry(2, 1), entry(3, 1)])), none, "what it sums up");
    assert_eq!(acks(node, Input::Durable(Mark(4))), [(Epoch(1), Index(5))]);
}

#[test]
fn nothing_is_numbered_before_the_incarnation_is_on_the_disk() {
    let members = (1..=2).map(NodeId).collect();
    let boot = Boot { id: N1, members, ..Boot::default() };
    let mut n1 = Lone::<Sequencer>::start(boot, &FixedSequencer, ());
    n1.asks(value("1"));
    assert_eq!(n1.replies(), [Reply::Fail(Refusal::NotLeader(None))]);
    assert_eq!((n1.records(), n1.status().role), (vec![], Role::Follower));
    n1.durable();
    assert_eq!((n1.status().epoch, n1.status().role), (Epoch(1), Role::Leader));
    n1.asks(value("1"));
    assert_eq!(n1.records(), [Record::Append(entry(1, 1))]);
    assert_eq!(n1.durable().replies().len(), 1, "{:?}", n1.said);
}
