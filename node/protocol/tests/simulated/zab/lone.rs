//! One node and nobody else: it is told exactly what a situation needs, and its words are kept.

use bytes::Bytes;
use schism_protocol::common::disk::Hard;
use schism_protocol::zab::message::{Body, Message, Note, Order, Place, Report};
use schism_protocol::zab::{HardState, Paper, Standing, Zab, Zxid};
use schism_protocol::{
    Boot, Command, Epoch, Index, Input, LogEntry, Mark, NodeId, Output, Protocol, Record, Reply,
    Request, Role, Ticket, Time, TraceEvent,
};

pub const N1: NodeId = NodeId(1);
pub const N2: NodeId = NodeId(2);
pub const N3: NodeId = NodeId(3);

/// Node 1, its clock, what it last said, and the session it is in, as follower or leader.
pub struct Lone {
    pub zab: Zab,
    pub now: Time,
    pub said: Vec<Output<Message>>,
    pub mark: Mark,
    pub session: u64,
    pub number: u64,
}

pub fn zxid(birth: u64, index: u64) -> Zxid {
    Zxid { birth: Epoch(birth), index: Index(index) }
}

pub fn standing(current: u64, birth: u64, index: u64) -> Standing {
    Standing { current: Epoch(current), last: zxid(birth, index) }
}

pub fn hard(accepted: u64, promised: Option<NodeId>, current: u64) -> HardState {
    HardState { accepted: Epoch(accepted), promised, current: Epoch(current) }
}

/// Entries of these births, from 1 on.
pub fn entries(births: &[u64]) -> Vec<LogEntry> {
    let entry = |(birth, index): (&u64, u64)| LogEntry {
        index: Index(index),
        birth: Epoch(*birth),
        command: Command::Noop,
    };
    births.iter().zip(1..).map(entry).collect()
}

pub fn lone_with(members: u8, hard: HardState, births: &[u64], options: &[(&str, &str)]) -> Lone {
    let boot = Boot {
        id: N1,
        members: (1..=members).map(NodeId).collect(),
        state: hard.encode(),
        log: entries(births),
        options: options.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect(),
        ..Boot::default()
    };
    let mut said = Vec::new();
    let zab = Zab::recover(boot, &Paper, &mut said).expect("a sound disk");
    Lone { zab, now: Time(0), said, mark: Mark(0), session: 0, number: 0 }
}

/// One of three, whose history has these births.
pub fn lone(hard: HardState, births: &[u64]) -> Lone {
    lone_with(3, hard, births, &[])
}

impl Lone {
    pub fn input(&mut self, input: Input<Message>) -> &mut Self {
        self.said.clear();
        self.zab.step(self.now, input, &mut self.said);
        for output in &self.said {
            if let Output::Persist { mark, .. } = output {
                self.mark = *mark;
            }
        }
        self
    }

    pub fn hears(&mut self, from: NodeId, epoch: u64, body: Body) -> &mut Self {
        self.input(Input::Receive { from, message: Message { epoch: Epoch(epoch), body } })
    }

    pub fn asks(&mut self, request: Request) -> &mut Self {
        self.input(Input::Request { ticket: Ticket(1), request })
    }

    pub fn durable(&mut self) -> &mut Self {
        self.input(Input::Durable(self.mark))
    }

    pub fn waits(&mut self, ms: u64) -> &mut Self {
        self.now.0 += ms * 1_000_000;
        self.input(Input::Tick)
    }

    /// It looks, and follows n3, which leads.
    pub fn follows(&mut self) -> &mut Self {
        self.waits(0);
        let standing = standing(99, 99, 99);
        let vote = Some(N3);
        let note = Note { leading: true, eligible: true, vote, standing, hears: Vec::new() };
        self.hears(N3, 0, Body::Note { note });
        self.in_its_session()
    }

    /// What n3 says from now on, it says in the session that was asked for.
    pub fn in_its_session(&mut self) -> &mut Self {
        let asked = self.sent().into_iter().find_map(|(_, _, body)| match body {
            Body::FollowerInfo { session } => Some(session),
            _ => None,
        });
        self.session = asked.expect("a session is asked for");
        self.number = 0;
        self
    }

    /// n3, the leader of `epoch`, says the next thing.
    pub fn told(&mut self, epoch: u64, order: Order) -> &mut Self {
        self.number += 1;
        let at = Place { session: self.session, number: self.number };
        self.hears(N3, epoch, Body::Order { at, order })
    }

    /// n2 looks for a leader too, hears this node, votes for it, and asks it for a session.
    pub fn chosen(&mut self, accepted: u64) -> &mut Self {
        self.waits(0);
        let standing = standing(0, 0, 0);
        for _ in 0..2 {
            let (vote, hears) = (Some(N1), vec![N1]);
            let note = Note { leading: false, eligible: false, vote, standing, hears };
            self.hears(N2, 0, Body::Note { note });
        }
        assert_eq!(self.zab.status().role, Role::Candidate);
        self.joined(N2, accepted, 1)
    }

    pub fn joined(&mut self, from: NodeId, accepted: u64, session: u64) -> &mut Self {
        self.session = session;
        self.hears(from, accepted, Body::FollowerInfo { session })
    }

    /// A follower of this leader answers.
    pub fn answered(&mut self, from: NodeId, report: Report) -> &mut Self {
        let epoch = self.zab.status().epoch.0;
        self.hears(from, epoch, Body::Report { session: self.session, report })
    }

    /// Chosen, and established with n2, which had this history.
    pub fn established(&mut self, standing: Standing) -> &mut Self {
        self.chosen(0).durable();
        self.answered(N2, Report::AckEpoch { standing, counted: true }).durable();
        let upto = self.zab.status().last;
        self.answered(N2, Report::Ack { upto, synced: true, round: 0 });
        assert_eq!(self.zab.status().role, Role::Leader);
        self
    }

    pub fn sent(&self) -> Vec<(NodeId, u64, Body)> {
        let sent = self.said.iter().filter_map(|output| match output {
            Output::Send { to, message } => Some((*to, message.epoch.0, message.body.clone())),
            _ => None,
        });
        sent.collect()
    }

    pub fn orders(&self, node: NodeId) -> Vec<Order> {
        let orders = self.sent().into_iter().filter_map(|(to, _, body)| match body {
            Body::Order { order, .. } if to == node => Some(order),
            _ => None,
        });
        orders.collect()
    }

    pub fn reports(&self) -> Vec<Report> {
        let reports = self.sent().into_iter().filter_map(|(_, _, body)| match body {
            Body::Report { report, .. } => Some(report),
            _ => None,
        });
        reports.collect()
    }

    pub fn replies(&self) -> Vec<Reply> {
        let replies = self.said.iter().filter_map(|output| match output {
            Output::Reply { reply, .. } => Some(reply.clone()),
            _ => None,
        });
        replies.collect()
    }

    pub fn records(&self) -> Vec<Record> {
        let records = self.said.iter().filter_map(|output| match output {
            Output::Persist { record, .. } => Some(record.clone()),
            _ => None,
        });
        records.collect()
    }

    pub fn traced(&self) -> Vec<TraceEvent> {
        let traced = self.said.iter().filter_map(|output| match output {
            Output::Trace(event) => Some(event.clone()),
            _ => None,
        });
        traced.collect()
    }
}

pub fn value(text: &'static str) -> Request {
    let value = Bytes::from_static(text.as_bytes());
    Request::Append { value, session: None, expect: None }
}

/// An acknowledgement of a follower that is synchronised.
pub fn acked(upto: u64, round: u64) -> Report {
    Report::Ack { upto: Index(upto), synced: true, round }
}

pub fn propose(commit: u64, births: &[u64]) -> Order {
    Order::Propose { commit: Index(commit), entries: entries(births) }
}
