//! How a node gets back what its disk kept: snapshot, log, delivered values; a torn end is cut
//! off, durably, before anything is served. It never repairs: what was durable and is damaged is
//! refused.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use schism_protocol::{Index, LogEntry, NodeId, Record};

use super::entries::Entries;
use super::files::Folder;
use super::segment::{self, Content, Header};
use super::synced::{self, Synced};
use super::{Fault, Kept, Store, begin_segment, refused, snapshot};

pub fn open(folder: Box<dyn Folder>, node: NodeId) -> Result<(Store, Kept), Fault> {
    let kept_snapshot = snapshot::read(&*folder, node)?;
    let first = kept_snapshot.as_ref().map_or(1, |kept| kept.first_segment);
    let numbers = present(&*folder, first, kept_snapshot.is_some())?;
    let contents = read_all(&*folder, node, &numbers)?;
    compare(contents.last(), Synced::read(&*folder)?)?;
    if contents.is_empty() && kept_snapshot.is_some() {
        return Err(missing(first));
    }
    let snapshot = kept_snapshot.map(|kept| kept.snapshot);
    let (entries, delivered) = Entries::open(&*folder, snapshot.as_ref())?;
    let entries_synced = entries.written();

    let last = contents.last();
    let incarnation = last.map_or(0, |content| content.header.incarnation) + 1;
    let chain = last.map_or(0, |content| content.chain);
    let segment = last.map_or(1, |content| content.header.number + 1);
    if let Some(content) = last {
        seal(&*folder, content)?;
    }
    let mut greatest: VecDeque<(u64, Index)> =
        contents.iter().map(|content| (content.header.number, greatest(&content.items))).collect();
    let (state, log) = replay(contents, snapshot.as_ref().map_or(Index(0), |s| s.index));

    let first = greatest.iter().map(|(_, index)| *index).max().unwrap_or_default().next();
    let header = Header { node, number: segment, incarnation, first, chain, created: 0 };
    let (log_file, durable, chain) = begin_segment(&*folder, &header, &state)?;
    greatest.push_back((segment, Index(0)));
    let mut store = Store {
        synced: folder.open(synced::NAME).map_err(refused("open", synced::NAME))?,
        folder,
        node,
        incarnation,
        log: log_file,
        segment,
        durable,
        chain,
        batch: Vec::new(),
        state: state.clone(),
        greatest,
        entries,
        entries_synced,
    };
    store.publish()?;
    Ok((store, Kept { incarnation, state, snapshot, delivered, log }))
}

/// The numbers of the log's files from `first` on, without a gap; what is left over from before is
/// removed.
fn present(folder: &dyn Folder, first: u64, must_exist: bool) -> Result<Vec<u64>, Fault> {
    let names = folder.list().map_err(refused("list", "the folder"))?;
    let mut numbers = Vec::new();
    for name in &names {
        match segment::number(name) {
            Some(number) if number >= first => numbers.push(number),
            Some(_) => folder.remove(name).map_err(refused("remove", name))?,
            None if name == snapshot::NAME_UNFINISHED => {
                folder.remove(name).map_err(refused("remove", name))?;
            }
            None => {}
        }
    }
    numbers.sort_unstable();
    let expected = (first..).take(numbers.len());
    if let Some((_, gap)) = numbers.iter().zip(expected).find(|(found, wanted)| **found != *wanted)
    {
        return Err(missing(gap));
    }
    if must_exist && numbers.is_empty() {
        return Err(missing(first));
    }
    Ok(numbers)
}

fn missing(number: u64) -> Fault {
    let what = "the file is missing, and a later file or the snapshot relies on it".to_owned();
    Fault::Corrupt { file: segment::name(number), at: 0, what }
}

fn read_all(folder: &dyn Folder, node: NodeId, numbers: &[u64]) -> Result<Vec<Content>, Fault> {
    let mut contents: Vec<Content> = Vec::with_capacity(numbers.len());
    for &number in numbers {
        let name = segment::name(number);
        let sealed = Some(&number) != numbers.last();
        let bytes = folder.read(&name).map_err(refused("read", &name))?.unwrap_or_default();
        let Some(content) = segment::read(number, &bytes, sealed)? else {
            // It was being created when the node crashed: nobody was ever told of it.
            folder.remove(&name).map_err(refused("remove", &name))?;
            folder.sync().map_err(refused("sync the folder of", &name))?;
            continue;
        };
        let corrupt = |what: String| Fault::Corrupt { file: name.clone(), at: 0, what };
        if content.header.node != node {
            let owner = content.header.node;
            return Err(corrupt(format!("this is the log of {owner}, not of {node}")));
        }
        if contents.last().is_some_and(|before| before.chain != content.header.chain) {
            return Err(corrupt("it does not go on where the file before it ends".to_owned()));
        }
        contents.push(content);
    }
    Ok(contents)
}

/// What was once published as durable must be there.
fn compare(last: Option<&Content>, synced: Option<Synced>) -> Result<(), Fault> {
    let Some(Synced { segment, log_bytes, .. }) = synced else { return Ok(()) };
    let (number, end) = last.map_or((0, 0), |content| (content.header.number, content.end));
    if (segment, log_bytes) <= (number, end) {
        return Ok(());
    }
    let at = if segment == number { end as usize } else { 0 };
    let what = format!("a record is damaged or missing, and {} says it was durable", synced::NAME);
    Err(Fault::Corrupt { file: segment::name(segment), at, what })
}

/// Cuts the torn end off and makes all that is left durable: it may have been read from memory
/// that no disk had seen.
fn seal(folder: &dyn Folder, content: &Content) -> Result<(), Fault> {
    let name = segment::name(content.header.number);
    let mut file = folder.open(&name).map_err(refused("open", &name))?;
    file.set_len(content.end).map_err(refused("cut", &name))?;
    file.sync_all().map_err(refused("sync", &name))
}

fn greatest(items: &[Record]) -> Index {
    let indexes = items.iter().map(|item| match item {
        Record::Append(entry) => entry.index,
        _ => Index(0),
    });
    indexes.max().unwrap_or_default()
}

/// What the records say, each kind by its exact meaning.
fn replay(contents: Vec<Content>, summed_up: Index) -> (Bytes, Vec<LogEntry>) {
    let (mut state, mut log) = (Bytes::new(), BTreeMap::new());
    for record in contents.into_iter().flat_map(|content| content.items) {
        match record {
            Record::State(last) => state = last,
            Record::Append(entry) => {
                log.insert(entry.index, entry);
            }
            Record::Truncate { from } => {
                log.split_off(&from);
            }
            Record::Snapshot { .. } => unreachable!("a snapshot has a file of its own"),
        }
    }
    (state, log.split_off(&summed_up.next()).into_values().collect())
}
