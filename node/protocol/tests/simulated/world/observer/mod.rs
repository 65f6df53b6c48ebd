//! The invariants of docs/internals/protocols.md, checked at every step over the trace
//! events alone. It knows no protocol's code: which invariants apply is in the row.

use std::collections::BTreeMap;

use bytes::Bytes;
use schism_protocol::{
    Chain, ClientId, CommitQuorum, Delivery, Epoch, Index, Offset, Role, Time, TraceEvent, Traces,
    chain_value,
};

mod log;
mod node;
mod paxos;
#[cfg(test)]
mod tests;

use node::Watched;
use paxos::Paxos;

pub struct Observer {
    pub violation: Option<(&'static str, String)>,
    /// The one log that clients see, and the chain before each offset.
    pub canonical: Vec<Bytes>,
    chains: Vec<Chain>,
    traces: Traces,
    nodes: Vec<Watched>,
    leaders: BTreeMap<Epoch, (usize, u32)>,
    /// With what length each epoch opened, where its leader says so.
    openings: Vec<(Epoch, Offset)>,
    pub elections: usize,
    pub restores: usize,
    /// Of them, those over a log that parted from the snapshot and went as far, or farther.
    pub parted: usize,
    entries: BTreeMap<(Index, Epoch), Chain>,
    settled: BTreeMap<Index, Chain>,
    /// The lowest epoch of any commit of an index.
    committed: BTreeMap<Index, (Chain, Epoch)>,
    /// (time, greatest index committed by anyone by then).
    commits: Vec<(Time, Index)>,
    fresh: BTreeMap<(ClientId, u64), (Index, Option<Offset>)>,
    paxos: Paxos,
}

impl Observer {
    pub fn new(nodes: usize, traces: Traces) -> Self {
        Observer {
            violation: None,
            canonical: Vec::new(),
            chains: vec![Chain(0)],
            traces,
            nodes: (0..nodes).map(|_| Watched::default()).collect(),
            leaders: BTreeMap::new(),
            openings: Vec::new(),
            elections: 0,
            restores: 0,
            parted: 0,
            entries: BTreeMap::new(),
            settled: BTreeMap::new(),
            committed: BTreeMap::new(),
            commits: Vec::new(),
            fresh: BTreeMap::new(),
            paxos: Paxos::default(),
        }
    }

    pub fn fail(&mut self, name: &'static str, why: String) {
        self.violation.get_or_insert((name, why));
    }

    /// `number` is the invariant's in docs/internals/protocols.md. The row may say that it does not
    /// apply.
    fn check(&mut self, number: u8, holds: bool, name: &'static str, why: impl FnOnce() -> String) {
        if !holds && self.violation.is_none() && !self.traces.without.contains(&number) {
            self.violation = Some((name, format!("I{number}: {}", why())));
        }
    }

    pub fn delivers(&mut self, at: usize, delivery: &Delivery) {
        let offset = delivery.offset.0 as usize;
        if offset == self.canonical.len() {
            self.canonical.push(delivery.value.clone());
            let before = *self.chains.last().expect("it starts with one");
            self.chains.push(chain_value(before, &delivery.value));
        }
        if self.canonical.get(offset) != Some(&delivery.value) {
            self.fail("divergence", format!("n{} delivers {delivery:?}", at + 1));
        }
    }

    pub fn ships(&mut self, from: Offset, values: &[Bytes]) {
        for (k, value) in values.iter().enumerate() {
            if self.canonical.get(from.0 as usize + k) != Some(value) {
                self.fail("divergence", format!("a snapshot holds {value:?}"));
            }
        }
    }

    pub fn restored(&mut self, at: usize, length: Offset, chain: Chain) {
        if self.chains.get(length.0 as usize) != Some(&chain) {
            self.fail("divergence", format!("n{} restores {length:?} {chain}", at + 1));
        }
    }

    pub fn sees(&mut self, at: usize, now: Time, event: TraceEvent) {
        match event {
            TraceEvent::Boot { epoch, promise, first, last, chain } => {
                self.boots(at, (epoch, promise), first, last, chain);
            }
            TraceEvent::Config { .. } => {}
            TraceEvent::Promise { epoch, to } => self.promises(at, epoch, to),
            TraceEvent::Role { role, epoch, last, chain, length } => {
                self.epoch(at, epoch);
                self.nodes[at].leads = role == Role::Leader;
                if role == Role::Leader {
                    self.elects(at, epoch, last, chain);
                    self.openings.extend(length.map(|length| (epoch, length)));
                }
            }
            TraceEvent::Append { i, epoch, chain } => self.appends(at, i, epoch, chain),
            TraceEvent::Truncate { from, epoch } => self.truncates(at, from, epoch),
            TraceEvent::Persist { upto, chain, epoch, promise } => {
                self.persists(at, upto, chain, (epoch, promise));
            }
            TraceEvent::AckSent { i, chain, epoch, offset, .. } => {
                self.acknowledges(at, i, chain, epoch);
                self.tells(at, epoch, offset);
            }
            TraceEvent::Commit { i, chain, epoch, as_leader } => {
                if as_leader {
                    self.commit_quorum(at, i, chain);
                    self.own_epoch(at, i, epoch);
                }
                self.commits(at, now, i, chain, epoch);
            }
            TraceEvent::Apply { i, chain, client, seq, result, fresh } => {
                let next = self.nodes[at].applied.next();
                self.nodes[at].applied = i;
                self.settle(at, i, chain);
                self.check(8, i == next, "non-monotone", || format!("n{} applies {i:?}", at + 1));
                if let (Some(client), Some(seq), true) = (client, seq, fresh) {
                    self.executes(at, i, (client, seq), result);
                }
            }
            TraceEvent::Snap { i, chain } => self.settle(at, i, chain),
            TraceEvent::Restore { i, chain, .. } => self.restores(at, i, chain),
            TraceEvent::Recovered { epoch } => {
                self.epoch(at, epoch);
                self.nodes[at].former = None;
            }
            TraceEvent::Read { index, request_at } => {
                let before = self.commits.partition_point(|(at, _)| *at < request_at);
                let least = before.checked_sub(1).map_or(Index(0), |k| self.commits[k].1);
                self.check(11, index >= least, "read-index", || {
                    format!("n{} reads at {index:?}, {least:?} was committed before", at + 1)
                });
            }
            TraceEvent::Proposed { .. }
            | TraceEvent::Accepted { .. }
            | TraceEvent::Chosen { .. }
                if self.traces.commit_quorum != CommitQuorum::Acceptors =>
            {
                let why = format!("n{} says {event:?}, but its row has no acceptors", at + 1);
                self.fail("malformed", why);
            }
            TraceEvent::Proposed { slot, ballot, hash } => self.proposed(at, slot, ballot, hash),
            TraceEvent::Accepted { slot, ballot, hash } => self.accepted(at, slot, ballot, hash),
            TraceEvent::Chosen { slot, ballot, hash } => self.chosen(at, slot, ballot, hash),
        }
    }

    /// I5: one chain for each index, whoever speaks of it.
    fn settle(&mut self, at: usize, i: Index, chain: Chain) {
        let one = *self.settled.entry(i).or_insert(chain);
        self.check(5, one == chain, "state-machine-safety", || {
            format!("n{} has {chain} at {i:?}, another had {one}", at + 1)
        });
    }
}

/// More than half of so many.
fn majority(holders: usize, all: usize) -> bool {
    2 * holders > all
}
