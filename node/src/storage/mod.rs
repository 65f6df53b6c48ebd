//! What a node keeps on its disk: the log as checksummed records in files, the snapshot, and the
//! delivered values. Everything here is synchronous; one thread owns it (`disk`).
//!
//! It never overwrites a record, never serves what it could not make durable, and never guesses:
//! a folder that contradicts itself is refused with the file and the byte.
//!
//! | file | content |
//! |---|---|
//! | `log-NNNNNNNNNN` | records in order (`segment`); every incarnation begins a new file |
//! | `snapshot` | the sum of a prefix of the log (`snapshot`) |
//! | `entries` | the delivered values (`entries`) |
//! | `synced.json` | how much of the newest log file and of `entries` is durable (`synced`) |
//! | `lock` | held while the node runs |

pub mod entries;
pub mod files;
#[cfg(test)]
pub mod memory;
pub mod record;
mod recover;
pub mod segment;
pub mod snapshot;
pub mod synced;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::io;

use bytes::Bytes;
use schism_protocol::{Index, LogEntry, NodeId, Offset, Record, Snapshot};

use entries::Entries;
use files::{File, Folder};
use record::Item;
use segment::{Header, SEGMENT_BYTES};
use synced::Synced;

#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// An operation failed. It is never tried again: after a failed fsync the page may be gone.
    #[error("the disk refused to {what}: {error}")]
    Refused {
        what: String,
        /// What the operating system said.
        error: io::Error,
    },
    /// What it kept contradicts itself.
    #[error(
        "{file}, byte {at}: {what}; the node does not start, since it may have promised what is \
         lost: restore the folder from a copy, or replace the node"
    )]
    Corrupt { file: String, at: usize, what: String },
}

/// What the disk is asked to do, in order.
#[derive(Clone, Debug)]
pub enum Job {
    Persist(Record),
    /// Keep this delivered value; durable only when a snapshot relies on it.
    Deliver(Offset, Bytes),
}

/// What the disk gave back at the start.
#[derive(Debug, PartialEq)]
pub struct Kept {
    /// 1 at the first start, then one more each time.
    pub incarnation: u64,
    pub state: Bytes,
    pub snapshot: Option<Snapshot>,
    /// The values that the snapshot stands for.
    pub delivered: Vec<Bytes>,
    /// The entries of the log after the snapshot, in index order.
    pub log: Vec<LogEntry>,
}

pub struct Store {
    folder: Box<dyn Folder>,
    node: NodeId,
    incarnation: u64,
    /// The newest file of the log: its number, and where its durable part ends.
    log: Box<dyn File>,
    segment: u64,
    durable: u64,
    chain: u64,
    /// Records of the batch that is being built.
    batch: Vec<u8>,
    state: Bytes,
    /// The greatest index in each file of the log that is still there; the newest is the last.
    greatest: VecDeque<(u64, Index)>,
    entries: Entries,
    synced: Box<dyn File>,
    entries_synced: u64,
}

impl Store {
    /// Recovers what the folder keeps and begins a new incarnation, durably.
    pub fn open(folder: Box<dyn Folder>, node: NodeId) -> Result<(Self, Kept), Fault> {
        recover::open(folder, node)
    }

    /// Does these jobs. When it returns, everything asked for with `Persist` is durable: one
    /// fdatasync for all of it, unless a snapshot is among them.
    pub fn commit(&mut self, jobs: impl IntoIterator<Item = Job>) -> Result<(), Fault> {
        for job in jobs {
            match job {
                Job::Deliver(offset, value) => self.entries.put(offset, &value)?,
                Job::Persist(Record::Snapshot { snapshot, from, values }) => {
                    self.write_batch()?;
                    for (offset, value) in (from.0..).zip(&values) {
                        self.entries.put(Offset(offset), value)?;
                    }
                    self.take(snapshot)?;
                }
                Job::Persist(record) => self.add(record)?,
            }
        }
        self.write_batch()
    }

    fn add(&mut self, record: Record) -> Result<(), Fault> {
        if self.batch.is_empty() {
            if self.durable >= SEGMENT_BYTES {
                self.roll()?;
            }
            self.begin_batch();
        }
        match &record {
            Record::State(state) => self.state = state.clone(),
            Record::Append(entry) => {
                let (_, greatest) = self.greatest.back_mut().expect("the newest file is listed");
                *greatest = entry.index.max(*greatest);
            }
            _ => {}
        }
        record::encode(&Item::Kept(record), self.segment, &mut self.chain, &mut self.batch);
        Ok(())
    }

    fn begin_batch(&mut self) {
        let item = Item::Batch { segment: self.segment, durable: self.durable };
        record::encode(&item, self.segment, &mut self.chain, &mut self.batch);
    }

    fn write_batch(&mut self) -> Result<(), Fault> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let name = || segment::name(self.segment);
        self.log.write_at(self.durable, &self.batch).map_err(|e| refused("write", &name())(e))?;
        self.log.sync_data().map_err(|e| refused("sync", &name())(e))?;
        self.durable += self.batch.len() as u64;
        self.batch.clear();
        self.publish()
    }

    /// The order that every crash survives: values, then a new log file that repeats the hard
    /// state, then the snapshot, and only then is anything removed.
    fn take(&mut self, snapshot: Snapshot) -> Result<(), Fault> {
        self.entries.sync()?;
        self.entries_synced = self.entries.written();
        self.roll()?;
        let needed = |(_, greatest): &&(u64, Index)| *greatest > snapshot.index;
        let first_segment = self.greatest.iter().find(needed).map_or(self.segment, |(n, _)| *n);
        let kept = snapshot::Kept { node: self.node.0, first_segment, snapshot };
        snapshot::write(&*self.folder, &kept)?;
        while self.greatest.front().is_some_and(|(number, _)| *number < first_segment) {
            let (number, _) = self.greatest.pop_front().expect("there is a front");
            let name = segment::name(number);
            self.folder.remove(&name).map_err(refused("remove", &name))?;
        }
        self.publish()
    }

    /// Closes the newest file of the log at its durable end and begins the next one.
    fn roll(&mut self) -> Result<(), Fault> {
        assert!(self.batch.is_empty(), "a file is closed between batches");
        let name = segment::name(self.segment);
        self.log.set_len(self.durable).map_err(refused("cut", &name))?;
        self.log.sync_all().map_err(refused("sync", &name))?;
        let greatest = self.greatest.iter().map(|(_, index)| *index).max().unwrap_or_default();
        let header = Header {
            node: self.node,
            number: self.segment + 1,
            incarnation: self.incarnation,
            first: greatest.next(),
            chain: self.chain,
            created: 0,
        };
        self.segment += 1;
        (self.log, self.durable, self.chain) = begin_segment(&*self.folder, &header, &self.state)?;
        self.greatest.push_back((self.segment, Index(0)));
        self.publish()
    }

    fn publish(&mut self) -> Result<(), Fault> {
        let synced = Synced {
            segment: self.segment,
            log_bytes: self.durable,
            entries_bytes: self.entries_synced,
        };
        synced.write(&mut *self.synced)
    }
}

/// Creates a file of the log, durably, with the hard state as its first record: older files may
/// then go. Gives the file, where its durable part ends, and the chain there.
fn begin_segment(
    folder: &dyn Folder,
    header: &Header,
    state: &Bytes,
) -> Result<(Box<dyn File>, u64, u64), Fault> {
    let (number, mut chain) = (header.number, header.chain);
    let mut bytes = vec![0; segment::HEADER_BYTES];
    if !state.is_empty() {
        let nothing_yet = Item::Batch { segment: number, durable: 0 };
        record::encode(&nothing_yet, number, &mut chain, &mut bytes);
        let state = Item::Kept(Record::State(state.clone()));
        record::encode(&state, number, &mut chain, &mut bytes);
    }
    let created = bytes.len() as u64;
    bytes[..segment::HEADER_BYTES].copy_from_slice(&Header { created, ..header.clone() }.encode());
    let name = segment::name(number);
    let mut file = folder.open(&name).map_err(refused("create", &name))?;
    file.set_len(0).map_err(refused("cut", &name))?;
    file.write_at(0, &bytes).map_err(refused("write", &name))?;
    file.set_len(SEGMENT_BYTES).map_err(refused("extend", &name))?;
    file.sync_all().map_err(refused("sync", &name))?;
    folder.sync().map_err(refused("sync the folder of", &name))?;
    Ok((file, created, chain))
}

/// Turns what the operating system says into a sentence.
fn refused(what: &str, file: &str) -> impl FnOnce(io::Error) -> Fault {
    let what = format!("{what} {file}");
    move |error| Fault::Refused { what, error }
}
