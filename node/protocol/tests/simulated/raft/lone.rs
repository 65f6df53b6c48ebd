//! One node of Raft and nobody else.

use schism_protocol::common::disk::Hard;
use schism_protocol::raft::message::{Body, Message};
use schism_protocol::raft::{HardState, Paper, Raft};
use schism_protocol::{Boot, EntryId, Epoch, Index, NodeId, Role};

use crate::world::lone as world;
use crate::world::lone::noops;
pub use crate::world::lone::{N2, N3, value};

pub type Lone = world::Lone<Raft>;

pub fn id(index: u64, epoch: u64) -> EntryId {
    EntryId { index: Index(index), epoch: Epoch(epoch) }
}

pub fn boot(members: u8, term: u64, epochs: &[u64], options: &[(&str, &str)]) -> Boot {
    let hard = HardState { term: Epoch(term), vote: None };
    world::boot(members, hard.encode(), noops(1, epochs), options)
}

pub fn lone(members: u8, term: u64, epochs: &[u64], options: &[(&str, &str)]) -> Lone {
    Lone::start(boot(members, term, epochs, options), &Paper, ())
}

impl Lone {
    pub fn hears(&mut self, from: NodeId, term: u64, body: Body) -> &mut Self {
        self.receives(from, Message { term: Epoch(term), body })
    }

    pub fn append(&mut self, term: u64, prev: EntryId, commit: u64, epochs: &[u64]) -> &mut Self {
        let entries = noops(prev.index.0 + 1, epochs);
        self.hears(N2, term, Body::Append { prev, commit: Index(commit), round: 0, entries })
    }

    /// Elected in the term after its own, without pre-votes; the no-op is durable here.
    pub fn elected(&mut self) -> &mut Self {
        self.waits(301).durable();
        let term = self.status().epoch.0;
        self.hears(N2, term, Body::VoteReply { granted: true });
        assert_eq!(self.status().role, Role::Leader);
        self.durable()
    }

    pub fn sent(&self) -> Vec<(NodeId, u64, Body)> {
        self.messages().map(|(to, message)| (to, message.term.0, message.body.clone())).collect()
    }

    pub fn matched(&self) -> Vec<u64> {
        let matched = self.sent().into_iter().filter_map(|(_, _, body)| match body {
            Body::Matched { matched, .. } => Some(matched.0),
            _ => None,
        });
        matched.collect()
    }
}

pub const PLAIN: &[(&str, &str)] = &[("pre-vote", "false")];

pub fn matched(index: u64) -> Body {
    Body::Matched { matched: Index(index), round: 0 }
}
