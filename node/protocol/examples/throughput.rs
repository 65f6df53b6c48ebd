//! What Raft's code alone costs: three nodes in one thread, no network, disks that are instant.
//! `cargo run --release -p schism-protocol --example throughput`
//!
//! It measures no disk and no socket; it is a ceiling, not a forecast.

#![allow(clippy::print_stdout, clippy::disallowed_types)] // a benchmark reads a clock and prints

use std::collections::VecDeque;
use std::time::Instant;

use bytes::Bytes;
use schism_protocol::{
    Boot, Input, Machine, Mark, NodeId, Output, Reply, Request, Role, Ticket, Time, raft,
};

const NODES: u8 = 3;
const APPENDS: u64 = 300_000;

struct Cluster {
    nodes: Vec<Box<dyn Machine>>,
    frames: VecDeque<(usize, Input<Bytes>)>,
    marks: Vec<Mark>,
    answered: u64,
    frames_sent: u64,
}

impl Cluster {
    fn perform(&mut self, at: usize, out: Vec<Output<Bytes>>) {
        for output in out {
            match output {
                Output::Send { to, message, .. } => {
                    self.frames_sent += 1;
                    let from = NodeId(at as u8 + 1);
                    let to = usize::from(to.0) - 1;
                    self.frames.push_back((to, Input::Receive { from, message }));
                }
                Output::Persist { mark, .. } => self.marks[at] = mark,
                Output::Reply { reply: Reply::Ok(_), .. } => self.answered += 1,
                Output::Reply { reply, .. } => panic!("{reply:?}"),
                _ => {}
            }
        }
    }

    fn input(&mut self, at: usize, input: Input<Bytes>) {
        let mut out = Vec::new();
        self.nodes[at].step(Time(1), input, &mut out).expect("our own language");
        self.perform(at, out);
    }

    /// Disks write what they were given, frames arrive, until nothing moves.
    fn settle(&mut self) {
        loop {
            for at in 0..self.nodes.len() {
                let mark = std::mem::take(&mut self.marks[at]);
                if mark > Mark(0) {
                    self.input(at, Input::Durable(mark));
                }
            }
            if self.frames.is_empty() {
                return;
            }
            for _ in 0..self.frames.len() {
                let (to, input) = self.frames.pop_front().expect("it was counted");
                self.input(to, input);
            }
        }
    }
}

fn main() {
    for clients in [1, 16, 64, 256, 1_024] {
        let mut cluster = Cluster {
            nodes: Vec::new(),
            frames: VecDeque::new(),
            marks: vec![Mark(0); usize::from(NODES)],
            answered: 0,
            frames_sent: 0,
        };
        for id in 1..=NODES {
            let members = (1..=NODES).map(NodeId).collect();
            // Node 1 wakes first and stands at once; the clock never moves after that.
            let options = [("pre-vote".to_owned(), "false".to_owned())].into();
            let boot = Boot { id: NodeId(id), members, options, ..Boot::default() };
            let machine = (raft::ROW.build)(boot, &mut Vec::new()).expect("default options");
            cluster.nodes.push(machine);
        }
        let mut out = Vec::new();
        cluster.nodes[0].step(Time(1_000_000_000), Input::Tick, &mut out).expect("a tick");
        cluster.perform(0, out);
        cluster.settle();
        assert_eq!(cluster.nodes[0].status().role, Role::Leader, "node 1 leads");

        let value = Bytes::from(vec![b'7'; 100]);
        let start = Instant::now();
        let mut asked = 0;
        cluster.frames_sent = 0;
        while asked < APPENDS {
            for _ in 0..clients {
                asked += 1;
                let request = Request::Append { value: value.clone(), session: None, expect: None };
                cluster.input(0, Input::Request { ticket: Ticket(asked), request });
            }
            cluster.settle();
        }
        let took = start.elapsed();
        assert_eq!(cluster.answered, asked, "every append is answered");
        println!(
            "{clients:>5} clients: {:>9.0} appends/s, {:.2} us each on all three nodes, {:.2} frames each",
            asked as f64 / took.as_secs_f64(),
            took.as_secs_f64() * 1e6 / asked as f64,
            cluster.frames_sent as f64 / asked as f64,
        );
    }
}
