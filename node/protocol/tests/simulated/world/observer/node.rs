//! What the observer knows of each node: its log in memory, what its disk must hold, what it
//! promised and acknowledged (I6), and what only grows (I8). It never asks the node.

use std::collections::{BTreeMap, BTreeSet};

use schism_protocol::{Chain, ClientId, CommitQuorum, Epoch, Index, NodeId, Offset};

use super::Observer;

/// Where a log begins, and its entries from there on.
type Log = ((Index, Chain), Vec<(Epoch, Chain)>);

#[derive(Default)]
pub struct Watched {
    pub incarnation: u32,
    pub leads: bool,
    pub epoch: Epoch,
    /// The log in memory after `base`.
    pub base: (Index, Chain),
    pub log: Vec<(Epoch, Chain)>,
    /// The log that the last crash wiped out, until the node says that it has recovered.
    pub former: Option<Log>,
    /// Every entry this node ever had: what came before it.
    pub known: BTreeMap<(Index, Chain), (Epoch, Chain)>,
    pub persisted: Index,
    pub hard: (Epoch, Option<NodeId>),
    pub promises: BTreeMap<Epoch, NodeId>,
    acks: BTreeMap<Epoch, Index>,
    /// The last epoch in which it told a client of an offset.
    pub told: BTreeMap<Offset, Epoch>,
    pub commit: Index,
    pub applied: Index,
    pub applied_fresh: BTreeSet<(ClientId, u64)>,
}

impl Watched {
    pub fn last(&self) -> Index {
        Index(self.base.0.0 + self.log.len() as u64)
    }

    pub fn chain(&self, i: Index) -> Option<Chain> {
        chain_in(self.base, &self.log, i)
    }

    /// The epoch of an entry behind the base.
    pub fn entry_epoch(&self, i: Index) -> Option<Epoch> {
        let at = i.0.checked_sub(self.base.0.0 + 1)?;
        self.log.get(at as usize).map(|(epoch, _)| *epoch)
    }

    pub fn holds(&self, i: Index, chain: Chain) -> bool {
        i < self.base.0 || self.chain(i) == Some(chain)
    }

    /// Whether it holds the entry in memory, or did when it crashed and takes no part since.
    pub fn held(&self, i: Index, chain: Chain) -> bool {
        let before = self.former.as_ref();
        let before =
            before.is_some_and(|(base, log)| i < base.0 || chain_in(*base, log, i) == Some(chain));
        before || self.holds(i, chain)
    }
}

fn chain_in(base: (Index, Chain), log: &[(Epoch, Chain)], i: Index) -> Option<Chain> {
    if i == base.0 {
        return Some(base.1);
    }
    let at = i.0.checked_sub(base.0.0 + 1)?;
    log.get(at as usize).map(|(_, chain)| *chain)
}

impl Observer {
    pub fn starts(&mut self, at: usize, incarnation: u32) {
        let outlives = self.traces.epoch_outlives_crashes;
        let memory = self.traces.commit_quorum == CommitQuorum::MajorityInMemory;
        let node = &mut self.nodes[at];
        node.incarnation = incarnation;
        node.leads = false;
        node.applied_fresh.clear();
        node.commit = Index(0);
        if !outlives {
            node.hard = (Epoch(0), None);
            node.promises.clear();
        }
        // What the node had seen and not written is forgotten rightly.
        node.epoch = node.hard.0;
        // A second crash before the recovery adds nothing: such a node had taken no part.
        if memory && incarnation > 1 && node.former.is_none() {
            node.former = Some((node.base, std::mem::take(&mut node.log)));
        }
    }

    /// I6 and I8 at a restart: nothing persisted is missing, and the log is one it had.
    pub fn boots(
        &mut self,
        at: usize,
        hard: (Epoch, Option<NodeId>),
        first: Index,
        last: Index,
        chain: Chain,
    ) {
        let n = at + 1;
        let acceptors = self.traces.commit_quorum == CommitQuorum::Acceptors;
        let node = &mut self.nodes[at];
        let (persisted, was) = (node.persisted, node.hard);
        let promised = node.promises.last_key_value().map(|(epoch, _)| *epoch);
        let mut log = Vec::new();
        let mut link = (last, chain);
        while link.0 >= first && link.0 > Index(0) {
            let Some((epoch, before)) = node.known.get(&link) else { break };
            log.push((*epoch, link.1));
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
        self.check(
            6,
            last >= persisted && hard.0 >= was.0 && kept_vote,
            "acked-durability",
            || format!("n{n} persisted {persisted:?} {was:?}, boots with {last:?} {hard:?}"),
        );
        self.check(6, !acceptors || Some(hard.0) >= promised, "acked-durability", || {
            format!("n{n} promised {promised:?}, boots with {:?}", hard.0)
        });
        self.epoch(at, hard.0);
        self.check(3, whole && based, "log-matching", || {
            format!("n{n} boots with a log it never had: {last:?} {chain}")
        });
    }

    /// I8: what a node says of its epoch only grows.
    pub fn epoch(&mut self, at: usize, epoch: Epoch) {
        let was = self.nodes[at].epoch;
        self.nodes[at].epoch = was.max(epoch);
        self.check(8, epoch >= was, "non-monotone", || {
            format!("n{} goes from {was:?} to {epoch:?}", at + 1)
        });
    }

    /// I6: one promise in an epoch, on disk before it is said. Acceptors say by their row which
    /// ballots they promise; their disks are asked at the next boot.
    pub fn promises(&mut self, at: usize, epoch: Epoch, to: NodeId) {
        let n = at + 1;
        let acceptors = self.traces.commit_quorum == CommitQuorum::Acceptors;
        let node = &mut self.nodes[at];
        let latest = node.promises.last_key_value().map(|(epoch, _)| *epoch);
        let one = *node.promises.entry(epoch).or_insert(to);
        let hard = node.hard;
        self.check(6, one == to, "election-safety", || {
            format!("n{n} promised {epoch:?} to {one} and to {to}")
        });
        self.check(6, acceptors || hard == (epoch, Some(to)), "acked-durability", || {
            format!("n{n} promises {epoch:?} to {to}, its disk has {hard:?}")
        });
        self.check(6, !acceptors || Some(epoch) >= latest, "acked-durability", || {
            format!("n{n} promises {epoch:?} after {latest:?}")
        });
    }

    pub fn persists(
        &mut self,
        at: usize,
        upto: Index,
        chain: Chain,
        hard: (Epoch, Option<NodeId>),
    ) {
        let n = at + 1;
        let node = &mut self.nodes[at];
        let same = node.chain(upto) == Some(chain) || upto < node.base.0;
        let was = node.hard.0;
        node.persisted = node.persisted.max(upto);
        node.hard = hard;
        node.epoch = node.epoch.max(hard.0);
        // It speaks of the disk, which may be behind what the node has seen.
        self.check(8, hard.0 >= was, "non-monotone", || {
            format!("n{n}'s disk goes from {was:?} to {:?}", hard.0)
        });
        self.check(6, same, "acked-durability", || {
            format!("n{n} persisted {upto:?} {chain}, which is not in its log")
        });
    }

    pub fn acknowledges(&mut self, at: usize, i: Index, chain: Chain, epoch: Epoch) {
        let node = &mut self.nodes[at];
        let held = node.persisted >= i && node.holds(i, chain) && node.hard.0 >= epoch;
        let ack = node.acks.entry(epoch).or_default();
        *ack = (*ack).max(i);
        self.check(6, held, "acked-durability", || {
            format!("n{} acknowledges {i:?} in {epoch:?} before its disk has it", at + 1)
        });
    }

    pub fn truncates(&mut self, at: usize, from: Index, epoch: Epoch) {
        let n = at + 1;
        let node = &mut self.nodes[at];
        let keep = from.0.saturating_sub(node.base.0.0 + 1) as usize;
        let upto = Index(from.0.saturating_sub(1));
        node.log.truncate(keep);
        node.persisted = node.persisted.min(upto);
        let leads = node.leads;
        let broken = node.acks.range(epoch..).find(|(_, i)| **i >= from);
        let broken = broken.map(|(e, i)| (*e, *i));
        node.acks.values_mut().for_each(|i| *i = (*i).min(upto));
        self.check(2, !leads, "leader-append-only", || format!("n{n} truncates"));
        self.check(6, broken.is_none(), "acked-durability", || {
            format!("n{n} truncates from {from:?} in {epoch:?}, acked {broken:?}")
        });
    }

    pub fn restores(&mut self, at: usize, i: Index, chain: Chain) {
        self.settle(at, i, chain);
        self.restores += 1;
        let node = &mut self.nodes[at];
        // What went beyond it was cut off just before.
        self.parted += usize::from(node.last() >= i && node.chain(i) != Some(chain));
        let suffix = if node.chain(i) == Some(chain) {
            node.log.split_off((i.0 - node.base.0.0) as usize)
        } else {
            // What its disk held is known to be of this log only as far as it was committed.
            node.persisted = node.persisted.min(node.commit.max(node.base.0));
            Vec::new()
        };
        let newer = i > node.applied;
        node.log = suffix;
        node.base = (i, chain);
        node.applied = i;
        node.commit = node.commit.max(i);
        self.check(8, newer, "non-monotone", || format!("n{} restores {i:?}", at + 1));
    }
}
