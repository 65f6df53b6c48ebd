//! One node of Zab and nobody else.

use schism_protocol::common::disk::Hard;
use schism_protocol::zab::message::{Body, Message, Note, Order, Place, Report};
use schism_protocol::zab::{HardState, Paper, Standing, Zab, Zxid};
use schism_protocol::{Epoch, Index, NodeId, Role};

use crate::world::lone as world;
use crate::world::lone::noops;
pub use crate::world::lone::{N1, N2, N3, value};

pub type Lone = world::Lone<Zab, Session>;

/// The session it is in, as follower or leader.
#[derive(Default)]
pub struct Session {
    pub session: u64,
    pub number: u64,
}

pub fn zxid(epoch: u64, index: u64) -> Zxid {
    Zxid { epoch: Epoch(epoch), index: Index(index) }
}

pub fn standing(current: u64, epoch: u64, index: u64) -> Standing {
    Standing { current: Epoch(current), last: zxid(epoch, index) }
}

pub fn hard(accepted: u64, promised: Option<NodeId>, current: u64) -> HardState {
    HardState { accepted: Epoch(accepted), promised, current: Epoch(current) }
}

pub fn lone_with(members: u8, hard: HardState, epochs: &[u64], options: &[(&str, &str)]) -> Lone {
    let boot = world::boot(members, hard.encode(), noops(1, epochs), options);
    Lone::start(boot, &Paper, Session::default())
}

/// One of three, whose history has these epochs.
pub fn lone(hard: HardState, epochs: &[u64]) -> Lone {
    lone_with(3, hard, epochs, &[])
}

impl Lone {
    pub fn hears(&mut self, from: NodeId, epoch: u64, body: Body) -> &mut Self {
        self.receives(from, Message { epoch: Epoch(epoch), body })
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
        self.own.session = asked.expect("a session is asked for");
        self.own.number = 0;
        self
    }

    /// n3, the leader of `epoch`, says the next thing.
    pub fn told(&mut self, epoch: u64, order: Order) -> &mut Self {
        self.own.number += 1;
        let at = Place { session: self.own.session, number: self.own.number };
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
        assert_eq!(self.status().role, Role::Candidate);
        self.joined(N2, accepted, 1)
    }

    pub fn joined(&mut self, from: NodeId, accepted: u64, session: u64) -> &mut Self {
        self.own.session = session;
        self.hears(from, accepted, Body::FollowerInfo { session })
    }

    /// A follower of this leader answers.
    pub fn answered(&mut self, from: NodeId, report: Report) -> &mut Self {
        let epoch = self.status().epoch.0;
        self.hears(from, epoch, Body::Report { session: self.own.session, report })
    }

    /// Chosen, and established with n2, which had this history.
    pub fn established(&mut self, standing: Standing) -> &mut Self {
        self.chosen(0).durable();
        self.answered(N2, Report::AckEpoch { standing, counted: true }).durable();
        let upto = self.status().last;
        self.answered(N2, Report::Ack { upto, synced: true, round: 0 });
        assert_eq!(self.status().role, Role::Leader);
        self
    }

    pub fn sent(&self) -> Vec<(NodeId, u64, Body)> {
        self.messages().map(|(to, message)| (to, message.epoch.0, message.body.clone())).collect()
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
}

/// An acknowledgement of a follower that is synchronised.
pub fn acked(upto: u64, round: u64) -> Report {
    Report::Ack { upto: Index(upto), synced: true, round }
}

pub fn propose(commit: u64, epochs: &[u64]) -> Order {
    Order::Propose { commit: Index(commit), entries: noops(1, epochs) }
}
