//! A disk of the stage: what is on it, and what was asked for since the last fsync.

use std::collections::BTreeMap;

use bytes::Bytes;
use schism_protocol::{LogEntry, Mark, Record, Snapshot};

/// A disk: what is on it, and what was asked for since the last fsync.
#[derive(Default)]
pub struct Disk {
    pub state: Bytes,
    pub snapshot: Option<Snapshot>,
    pub delivered: Vec<Bytes>,
    pub log: BTreeMap<u64, LogEntry>,
    pub queue: Vec<(Mark, Record)>,
}

impl Disk {
    /// All that was asked for is on the disk: up to this mark, if anything was.
    pub fn flush(&mut self, delivered: &[Bytes]) -> Option<Mark> {
        let mark = self.queue.last()?.0;
        for (_, record) in self.queue.drain(..) {
            match record {
                Record::State(state) => self.state = state,
                Record::Append(entry) => {
                    self.log.insert(entry.index.0, entry);
                }
                Record::Truncate { from } => {
                    self.log.split_off(&from.0);
                }
                Record::Snapshot { snapshot, .. } => {
                    self.delivered = delivered[..snapshot.length.0 as usize].to_vec();
                    self.log = self.log.split_off(&(snapshot.index.0 + 1));
                    self.snapshot = Some(snapshot);
                }
            }
        }
        Some(mark)
    }
}
