//! A disk in memory: records are durable when it says so, and a crash keeps a prefix of the rest.
//! While one group is written the next collects, as on the server's disk.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use schism_protocol::{Boot, Chain, Index, LogEntry, Mark, Record, Snapshot};

#[derive(Clone, Default)]
pub struct Disk {
    state: Bytes,
    snapshot: Option<Snapshot>,
    /// The delivered entries' file: what of it is known to be durable is a matter of snapshots.
    kept: Vec<Bytes>,
    /// Each entry with the chain up to it, where there is one before it.
    log: BTreeMap<u64, (LogEntry, Chain)>,
    queue: VecDeque<(Mark, Record)>,
    pub durable: Mark,
    /// What is being written ends here.
    under_way: Option<Mark>,
}

impl Disk {
    pub fn write(&mut self, mark: Mark, record: Record) {
        let newest = self.queue.back().map_or(self.durable, |(mark, _)| *mark);
        assert!(mark > newest, "marks grow");
        self.queue.push_back((mark, record));
    }

    /// Whether it begins now to write all that it was asked for so far.
    pub fn begins(&mut self) -> bool {
        let begins = self.under_way.is_none() && !self.queue.is_empty();
        if begins {
            self.under_way = self.queue.back().map(|(mark, _)| *mark);
        }
        begins
    }

    /// What was being written is durable.
    pub fn flush(&mut self, delivered: &[Bytes]) -> Mark {
        let mark = self.under_way.take().expect("something was being written");
        self.keep(self.queue.partition_point(|(asked, _)| *asked <= mark), delivered);
        self.durable = mark;
        mark
    }

    /// Whether the log that is durable holds an entry with this chain. What a snapshot sums up is
    /// there, whatever its chain.
    pub fn holds(&self, index: Index, chain: Chain) -> bool {
        let base = self.snapshot.as_ref().map_or(0, |snapshot| snapshot.index.0);
        index.0 < base || self.chain(index.0) == Some(chain)
    }

    fn chain(&self, index: u64) -> Option<Chain> {
        let (base, chain) = match &self.snapshot {
            Some(snapshot) => (snapshot.index.0, snapshot.chain),
            None => (0, Chain(0)),
        };
        if index == base { Some(chain) } else { self.log.get(&index).map(|(_, chain)| *chain) }
    }

    /// What was not yet durable may be on disk or not, but never with a hole.
    pub fn crash(&mut self, kept: usize, delivered: &[Bytes]) {
        self.keep(kept.min(self.queue.len()), delivered);
        self.queue.clear();
        self.durable = Mark(0);
        self.under_way = None;
    }

    pub fn queued(&self) -> usize {
        self.queue.len()
    }

    pub fn boot(&self) -> Boot {
        Boot {
            state: self.state.clone(),
            snapshot: self.snapshot.clone(),
            delivered: self.kept.clone(),
            log: self.log.values().map(|(entry, _)| entry.clone()).collect(),
            ..Boot::default()
        }
    }

    fn keep(&mut self, count: usize, delivered: &[Bytes]) {
        let records: Vec<_> = self.queue.drain(..count).collect();
        for (_, record) in records {
            match record {
                Record::State(state) => self.state = state,
                Record::Append(entry) => {
                    // A journal has holes, and nobody asks for its chains.
                    let chain = entry.chain(self.chain(entry.index.0 - 1).unwrap_or_default());
                    self.log.insert(entry.index.0, (entry, chain));
                }
                Record::Truncate { from } => {
                    self.log.split_off(&from.0);
                }
                Record::Snapshot { snapshot, .. } => {
                    self.kept = delivered[..snapshot.length.0 as usize].to_vec();
                    self.log = self.log.split_off(&(snapshot.index.0 + 1));
                    self.snapshot = Some(snapshot);
                }
            }
        }
    }
}
