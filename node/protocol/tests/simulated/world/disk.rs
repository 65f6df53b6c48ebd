//! A disk in memory: records are durable when it says so, and a crash keeps a prefix of the rest.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use schism_protocol::{Boot, LogEntry, Mark, Record, Snapshot};

#[derive(Clone, Default)]
pub struct Disk {
    state: Bytes,
    snapshot: Option<Snapshot>,
    /// The delivered entries' file: what of it is known to be durable is a matter of snapshots.
    kept: Vec<Bytes>,
    log: BTreeMap<u64, LogEntry>,
    queue: VecDeque<(Mark, Record)>,
    pub durable: Mark,
}

impl Disk {
    pub fn write(&mut self, mark: Mark, record: Record) {
        let newest = self.queue.back().map_or(self.durable, |(mark, _)| *mark);
        assert!(mark > newest, "marks grow");
        self.queue.push_back((mark, record));
    }

    pub fn idle(&self) -> bool {
        self.queue.is_empty()
    }

    /// Everything asked for so far becomes durable.
    pub fn flush(&mut self, delivered: &[Bytes]) -> Option<Mark> {
        let mark = self.queue.back()?.0;
        self.keep(self.queue.len(), delivered);
        self.durable = mark;
        Some(mark)
    }

    /// What was not yet durable may be on disk or not, but never with a hole.
    pub fn crash(&mut self, kept: usize, delivered: &[Bytes]) {
        self.keep(kept.min(self.queue.len()), delivered);
        self.queue.clear();
        self.durable = Mark(0);
    }

    pub fn queued(&self) -> usize {
        self.queue.len()
    }

    pub fn boot(&self) -> Boot {
        Boot {
            state: self.state.clone(),
            snapshot: self.snapshot.clone(),
            delivered: self.kept.clone(),
            log: self.log.values().cloned().collect(),
            ..Boot::default()
        }
    }

    fn keep(&mut self, count: usize, delivered: &[Bytes]) {
        for (_, record) in self.queue.drain(..count) {
            match record {
                Record::State(state) => self.state = state,
                Record::Append(entry) => {
                    self.log.insert(entry.index.0, entry);
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
