//! One receiver and nobody else: it is told exactly what a situation needs.

use bytes::Bytes;
use schism_protocol::sequencer::message::{Body, Message};
use schism_protocol::sequencer::{FixedSequencer, Sequencer};
use schism_protocol::{
    Boot, Command, Epoch, Index, Input, LogEntry, Mark, NodeId, Output, Protocol, Time,
};

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
