//! The invariants of the design (protocols, section 1.8), checked at every step over the trace
//! events alone. It knows nothing of Raft's code.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use schism_protocol::{
    Chain, ClientId, Delivery, Epoch, Index, NodeId, Offset, Role, Time, TraceEvent, chain_value,
};

pub struct Observer {
    pub violation: Option<(&'static str, String)>,
    /// The one log that clients see, and the chain before each offset.
    pub canonical: Vec<Bytes>,
    chains: Vec<Chain>,
    nodes: Vec<Watched>,
    leaders: BTreeMap<Epoch, (usize, u32)>,
    pub elections: usize,
    pub restores: usize,
    entries: BTreeMap<(Index, Epoch), Chain>,
    settled: BTreeMap<Index, Chain>,
    /// The lowest epoch of any commit of an index.
    committed: BTreeMap<Index, (Chain, Epoch)>,
    /// (time, greatest index committed by anyone by then).
    commits: Vec<(Time, Index)>,
    fresh: BTreeMap<(ClientId, u64), (Index, Option<Offset>)>,
}

#[derive(Default)]
struct Watched {
    incarnation: u32,
    leads: bool,
    epoch: Epoch,
    /// The log in memory after `base`.
    base: (Index, Chain),
    log: Vec<(Epoch, Chain)>,
    /// Every entry this node ever had: what came before it.
    known: BTreeMap<(Index, Chain), (Epoch, Chain)>,
    bases: BTreeSet<(Index, Chain)>,
    persisted: Index,
    hard: (Epoch, Option<NodeId>),
    promises: BTreeMap<Epoch, NodeId>,
    acks: BTreeMap<Epoch, Index>,
    commit: Index,
    applied: Index,
    applied_fresh: BTreeSet<(ClientId, u64)>,
}

impl Watched {
    fn last(&self) -> Index {
        Index(self.base.0.0 + self.log.len() as u64)
    }

    fn chain(&self, i: Index) -> Option<Chain> {
        if i == self.base.0 {
            return Some(self.base.1);
        }
        let at = i.0.checked_sub(self.base.0.0 + 1)?;
        self.log.get(at as usize).map(|(_, chain)| *chain)
    }

    fn holds(&self, i: Index, chain: Chain) -> bool {
        i < self.base.0 || self.chain(i) == Some(chain)
    }
}

impl Observer {
    pub fn new(nodes: usize) -> Self {
        Observer {
            violation: None,
            canonical: Vec::new(),
            chains: vec![Chain(0)],
            nodes: (0..nodes).map(|_| Watched::default()).collect(),
            leaders: BTreeMap::new(),
            elections: 0,
            restores: 0,
            entries: BTreeMap::new(),
            settled: BTreeMap::new(),
            committed: BTreeMap::new(),
            commits: Vec::new(),
            fresh: BTreeMap::new(),
        }
    }

    pub fn fail(&mut self, name: &'static str, why: String) {
        self.violation.get_or_insert((name, why));
    }

    fn check(&mut self, holds: bool, name: &'static str, why: impl FnOnce() -> String) {
        if !holds && self.violation.is_none() {
            self.violation = Some((name, why()));
        }
    }

    pub fn starts(&mut self, at: usize, incarnation: u32) {
        let node = &mut self.nodes[at];
        node.incarnation = incarnation;
        node.leads = false;
        node.applied_fresh.clear();
        node.commit = Index(0);
    }

    pub fn delivers(&mut self, at: usize, delivery: &Delivery) {
        let offset = delivery.offset.0 as usize;
        if offset == self.canonical.len() {
            self.canonical.push(delivery.value.clone());
            let before = *self.chains.last().expect("it starts with one");
            self.chains.push(chain_value(before, &delivery.value));
        }
        let same = self.canonical.get(offset) == Some(&delivery.value);
        self.check(same, "divergence", || format!("n{} delivers {delivery:?}", at + 1));
    }

    pub fn ships(&mut self, from: Offset, values: &[Bytes]) {
        for (k, value) in values.iter().enumerate() {
            let same = self.canonical.get(from.0 as usize + k) == Some(value);
            self.check(same, "divergence", || format!("a snapshot holds {value:?}"));
        }
    }

    pub fn restored(&mut self, at: usize, length: Offset, chain: Chain) {
        let same = self.chains.get(length.0 as usize) == Some(&chain);
        self.check(same, "divergence", || format!("n{} restores {length:?} {chain}", at + 1));
    }

    /// I5: one chain for each index, whoever speaks of it.
    fn settle(&mut self, at: usize, i: Index, chain: Chain) {
        let one = *self.settled.entry(i).or_insert(chain);
        self.check(one == chain, "state-machine-safety", || {
            format!("I5: n{} has {chain} at {i:?}, another had {one}", at + 1)
        });
    }

    pub fn sees(&mut self, at: usize, now: Time, event: TraceEvent) {
        let n = at + 1;
        match event {
            TraceEvent::Boot { epoch, promise, first, last, chain } => {
                self.boots(at, (epoch, promise), first, last, chain);
            }
            TraceEvent::Config { .. } => {}
            TraceEvent::Promise { epoch, to } => {
                let node = &mut self.nodes[at];
                let one = *node.promises.entry(epoch).or_insert(to);
                let hard = node.hard;
                self.check(one == to, "election-safety", || {
                    format!("I6: n{n} promised {epoch:?} to {one} and to {to}")
                });
                self.check(hard == (epoch, Some(to)), "acked-durability", || {
                    format!("I6: n{n} promises {epoch:?} to {to}, its disk has {hard:?}")
                });
            }
            TraceEvent::Role { role, epoch, last, chain } => {
                self.epoch(at, epoch);
                self.nodes[at].leads = role == Role::Leader;
                if role == Role::Leader {
                    self.elects(at, epoch, last, chain);
                }
            }
            TraceEvent::Append { i, birth, chain } => self.appends(at, i, birth, chain),
            TraceEvent::Truncate { from, epoch } => {
                let node = &mut self.nodes[at];
                let keep = from.0.saturating_sub(node.base.0.0 + 1) as usize;
                node.log.truncate(keep);
                node.persisted = node.persisted.min(Index(from.0 - 1));
                let leads = node.leads;
                let broken = node.acks.range(epoch..).find(|(_, i)| **i >= from);
                let broken = broken.map(|(e, i)| (*e, *i));
                node.acks.values_mut().for_each(|i| *i = (*i).min(Index(from.0 - 1)));
                self.check(!leads, "leader-append-only", || format!("I2: n{n} truncates"));
                self.check(broken.is_none(), "acked-durability", || {
                    format!("I6: n{n} truncates from {from:?} in {epoch:?}, acked {broken:?}")
                });
            }
            TraceEvent::Persist { upto, chain, epoch, promise } => {
                let node = &mut self.nodes[at];
                let same = node.chain(upto) == Some(chain) || upto < node.base.0;
                node.persisted = node.persisted.max(upto);
                node.hard = (epoch, promise);
                self.epoch(at, epoch);
                self.check(same, "acked-durability", || {
                    format!("I6: n{n} persisted {upto:?} {chain}, which is not in its log")
                });
            }
            TraceEvent::AckSent { i, chain, epoch, .. } => {
                let node = &mut self.nodes[at];
                let held = node.persisted >= i && node.holds(i, chain) && node.hard.0 >= epoch;
                let ack = node.acks.entry(epoch).or_default();
                *ack = (*ack).max(i);
                self.check(held, "acked-durability", || {
                    format!("I6: n{n} acknowledges {i:?} in {epoch:?} before its disk has it")
                });
            }
            TraceEvent::Commit { i, chain, epoch, as_leader } => {
                self.commits(at, now, i, chain, epoch, as_leader);
            }
            TraceEvent::Apply { i, chain, client, seq, result, fresh } => {
                let next = self.nodes[at].applied.next();
                self.nodes[at].applied = i;
                self.settle(at, i, chain);
                self.check(i == next, "non-monotone", || format!("I8: n{n} applies {i:?}"));
                if let (Some(client), Some(seq), true) = (client, seq, fresh) {
                    self.executes(at, i, (client, seq), result);
                }
            }
            TraceEvent::Snap { i, chain } => self.settle(at, i, chain),
            TraceEvent::Restore { i, chain, .. } => {
                self.settle(at, i, chain);
                self.restores += 1;
                let node = &mut self.nodes[at];
                let suffix = if node.chain(i) == Some(chain) {
                    node.log.split_off((i.0 - node.base.0.0) as usize)
                } else {
                    Vec::new()
                };
                let newer = i > node.applied;
                node.log = suffix;
                node.base = (i, chain);
                node.bases.insert((i, chain));
                node.applied = i;
                node.commit = node.commit.max(i);
                self.check(newer, "non-monotone", || format!("I8: n{n} restores {i:?}"));
            }
            TraceEvent::Recovered { .. }
            | TraceEvent::Proposed { .. }
            | TraceEvent::Accepted { .. }
            | TraceEvent::Chosen { .. } => {
                self.fail("malformed", format!("n{n} says {event:?}, which is not Raft's"));
            }
            TraceEvent::Read { index, request_at } => {
                let before = self.commits.partition_point(|(at, _)| *at < request_at);
                let least = before.checked_sub(1).map_or(Index(0), |k| self.commits[k].1);
                self.check(index >= least, "read-index", || {
                    format!("I11: n{n} reads at {index:?}, {least:?} was committed before")
                });
            }
        }
    }

    /// I6 and I8 at a restart: nothing persisted is missing, and the log is one it had.
    fn boots(
        &mut self,
        at: usize,
        hard: (Epoch, Option<NodeId>),
        first: Index,
        last: Index,
        chain: Chain,
    ) {
        let n = at + 1;
        let node = &mut self.nodes[at];
        let (persisted, was) = (node.persisted, node.hard);
        let mut log = Vec::new();
        let mut link = (last, chain);
        while link.0 >= first && link.0 > Index(0) {
            let Some((birth, before)) = node.known.get(&link) else { break };
            log.push((*birth, link.1));
            link = (Index(link.0.0 - 1), *before);
        }
        let whole = link.0.next() == first;
        let based = link == (Index(0), Chain(0)) || self.settled.get(&link.0) == Some(&link.1);
        log.reverse();
        node.base = link;
        node.log = log;
        node.applied = link.0;
        let kept_vote = hard.0 > was.0 || hard.1 == was.1 || was.1.is_none();
        node.hard = hard;
        self.epoch(at, hard.0);
        self.check(last >= persisted && hard.0 >= was.0 && kept_vote, "acked-durability", || {
            format!("I6: n{n} persisted {persisted:?} {was:?}, boots with {last:?} {hard:?}")
        });
        self.check(whole && based, "log-matching", || {
            format!("I3: n{n} boots with a log it never had: {last:?} {chain}")
        });
    }

    fn epoch(&mut self, at: usize, epoch: Epoch) {
        let was = self.nodes[at].epoch;
        self.nodes[at].epoch = was.max(epoch);
        // A Persist speaks of the disk, which may be behind what the node has seen.
        let durable = self.nodes[at].hard.0;
        self.check(epoch >= was.min(durable), "non-monotone", || {
            format!("I8: n{} goes from {was:?} to {epoch:?}", at + 1)
        });
    }

    fn elects(&mut self, at: usize, epoch: Epoch, last: Index, chain: Chain) {
        let me = (at, self.nodes[at].incarnation);
        let one = *self.leaders.entry(epoch).or_insert(me);
        self.elections += 1;
        self.check(one == me, "election-safety", || {
            format!("I1: n{} and n{} lead {epoch:?}", one.0 + 1, at + 1)
        });
        let node = &self.nodes[at];
        let end = node.last() == last && node.chain(last) == Some(chain);
        let lacks = self
            .committed
            .iter()
            .find(|(i, (chain, lowest))| *lowest < epoch && !node.holds(**i, *chain));
        let lacks = lacks.map(|(i, _)| *i);
        self.check(end, "log-matching", || format!("n{} leads with another log", at + 1));
        self.check(lacks.is_none(), "leader-completeness", || {
            format!("I4: n{} leads {epoch:?} without {lacks:?}", at + 1)
        });
    }

    fn appends(&mut self, at: usize, i: Index, birth: Epoch, chain: Chain) {
        let one = *self.entries.entry((i, birth)).or_insert(chain);
        self.check(one == chain, "log-matching", || {
            format!("I3: n{} has {chain} at {i:?} of {birth:?}, another had {one}", at + 1)
        });
        let node = &mut self.nodes[at];
        let before = node.chain(Index(i.0 - 1)).unwrap_or_default();
        node.known.insert((i, chain), (birth, before));
        let place = (i.0 - node.base.0.0 - 1) as usize;
        // What stays behind a replaced entry has a chain that does not follow from it.
        let tail_stays = place + 1 < node.log.len();
        if place < node.log.len() {
            node.log[place] = (birth, chain);
        } else {
            node.log.push((birth, chain));
        }
        self.check(!tail_stays, "log-matching", || {
            format!("I3: n{} replaces {i:?} and keeps what followed it", at + 1)
        });
    }

    fn commits(
        &mut self,
        at: usize,
        now: Time,
        i: Index,
        chain: Chain,
        epoch: Epoch,
        as_leader: bool,
    ) {
        let n = at + 1;
        let was = self.nodes[at].commit;
        self.nodes[at].commit = i;
        self.settle(at, i, chain);
        self.check(i > was, "non-monotone", || format!("I8: n{n} commits {i:?} after {was:?}"));
        if as_leader {
            let held = |w: &&Watched| w.persisted >= i && w.holds(i, chain);
            let holders = self.nodes.iter().filter(held).count();
            let all = self.nodes.len();
            self.check(2 * holders > all, "commit-quorum", || {
                format!("I7: n{n} commits {i:?}, which {holders} of {all} disks hold")
            });
        }
        for k in was.0.max(self.nodes[at].base.0.0) + 1..=i.0 {
            let Some(chain) = self.nodes[at].chain(Index(k)) else { continue };
            let lowest = &mut self.committed.entry(Index(k)).or_insert((chain, epoch)).1;
            *lowest = (*lowest).min(epoch);
        }
        let greatest = self.commits.last().map_or(i, |(_, greatest)| i.max(*greatest));
        self.commits.push((now, greatest));
    }

    fn executes(&mut self, at: usize, i: Index, key: (ClientId, u64), result: Option<Offset>) {
        let first = self.nodes[at].applied_fresh.insert(key);
        let one = *self.fresh.entry(key).or_insert((i, result));
        self.check(first && one == (i, result), "session", || {
            format!("I9: n{} executes {key:?} at {i:?}; it was {one:?}", at + 1)
        });
    }
}
