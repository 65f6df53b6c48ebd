//! The store against a plain model, cut at every operation and damaged at every bit.

use std::collections::BTreeMap;

use schism_protocol::{Chain, Command, Epoch, chain_value};

use super::memory::{Cut, MemoryFolder};
use super::*;

const NODE: NodeId = NodeId(2);
const CUTS: [Cut; 7] =
    [Cut::Kill, Cut::Power, Cut::Torn(1), Cut::Torn(3), Cut::Torn(5), Cut::Torn(7), Cut::Torn(8)];

fn append(index: u64, epoch: u64) -> Job {
    let command = Command::Append {
        value: Bytes::from(format!("\"value {index} of {epoch}\"")),
        session: None,
        expect: None,
    };
    Job::Persist(Record::Append(LogEntry { index: Index(index), epoch: Epoch(epoch), command }))
}

fn state(text: &'static str) -> Job {
    Job::Persist(Record::State(Bytes::from_static(text.as_bytes())))
}

fn truncate(from: u64) -> Job {
    Job::Persist(Record::Truncate { from: Index(from) })
}

fn value(offset: u64) -> Bytes {
    Bytes::from(format!("{}", offset * 7))
}

fn deliver(offset: u64) -> Job {
    Job::Deliver(Offset(offset), value(offset))
}

/// A snapshot at `index` that stands for `length` values, those from `from` on coming with it.
fn snapshot(index: u64, length: u64, from: u64) -> Job {
    let delivered_chain = (0..length).fold(Chain(0), |chain, o| chain_value(chain, &value(o)));
    let snapshot = Snapshot {
        index: Index(index),
        epoch: Epoch(1),
        chain: Chain(index),
        length: Offset(length),
        delivered_chain,
        state: Bytes::from_static(b"sessions"),
    };
    let values = (from..length).map(value).collect();
    Job::Persist(Record::Snapshot { snapshot, from: Offset(from), values })
}

/// A short life: elections, appends, a conflict, a snapshot of its own, an installed one.
fn script() -> Vec<Vec<Job>> {
    vec![
        vec![state("term 1"), append(1, 1), append(2, 1)],
        vec![append(3, 1), deliver(0), deliver(1)],
        vec![state("term 2"), truncate(3), append(3, 2), append(4, 2)],
        vec![deliver(2), snapshot(3, 3, 3), append(5, 2)],
        vec![append(6, 2), append(7, 2)],
        vec![truncate(5), snapshot(9, 6, 3), append(10, 3)],
        vec![append(11, 3), append(12, 3), state("term 3")],
    ]
}

/// What a disk should give back after these jobs; the record kinds' meanings, said again.
fn expected<'a>(jobs: impl Iterator<Item = &'a Job>) -> Kept {
    let mut kept = Kept {
        incarnation: 0,
        state: Bytes::new(),
        snapshot: None,
        delivered: Vec::new(),
        log: Vec::new(),
    };
    let mut log = BTreeMap::new();
    for job in jobs {
        match job {
            Job::Deliver(..) => {}
            Job::Persist(Record::State(state)) => kept.state = state.clone(),
            Job::Persist(Record::Append(entry)) => {
                log.insert(entry.index, entry.clone());
            }
            Job::Persist(Record::Truncate { from }) => log.retain(|index, _| index < from),
            Job::Persist(Record::Snapshot { snapshot, .. }) => {
                kept.delivered = (0..snapshot.length.0).map(value).collect();
                kept.snapshot = Some(snapshot.clone());
            }
        }
    }
    let summed_up = kept.snapshot.as_ref().map_or(Index(0), |snapshot| snapshot.index);
    kept.log = log.into_values().filter(|entry| entry.index > summed_up).collect();
    kept
}

fn open(folder: &MemoryFolder) -> Result<(Store, Kept), Fault> {
    Store::open(Box::new(folder.clone()), NODE)
}

/// Commits the script until the disk refuses; how many jobs were surely durable, and how many
/// more may be.
fn live(store: &mut Store) -> (usize, usize) {
    let mut sure = 0;
    for batch in script() {
        let attempted = sure + batch.len();
        if store.commit(batch).is_err() {
            return (sure, attempted);
        }
        sure = attempted;
    }
    (sure, sure)
}

/// Which prefixes of the script's jobs give exactly this.
fn prefixes(kept: &Kept) -> Vec<usize> {
    let jobs: Vec<Job> = script().into_iter().flatten().collect();
    (0..=jobs.len())
        .filter(|count| {
            Kept { incarnation: kept.incarnation, ..expected(jobs[..*count].iter()) } == *kept
        })
        .collect()
}

#[test]
fn a_crash_at_any_operation_keeps_every_promise() {
    let whole = MemoryFolder::default();
    let (mut store, _) = open(&whole).unwrap();
    let before = whole.done().len();
    live(&mut store);
    let operations = whole.done().len() - before;
    assert!(operations > 40, "the script has many places to crash at");

    for allowed in 0..=operations {
        let folder = MemoryFolder::default();
        let (mut store, _) = open(&folder).unwrap();
        folder.allow(allowed);
        let (sure, attempted) = live(&mut store);
        for cut in CUTS {
            let found = folder.after(cut);
            let (_, kept) = open(&found).unwrap_or_else(|fault| {
                panic!("after {allowed} operations and {cut:?}: {fault}");
            });
            assert_eq!(kept.incarnation, 2);
            assert!(
                prefixes(&kept).iter().any(|count| (sure..=attempted).contains(count)),
                "after {allowed} operations and {cut:?}: not a prefix of {sure} to {attempted}: \
                 {kept:?}"
            );
        }
    }
}

#[test]
fn a_crash_during_recovery_loses_nothing_more() {
    let folder = MemoryFolder::default();
    let (mut store, _) = open(&folder).unwrap();
    let (sure, _) = live(&mut store);
    let found = folder.after(Cut::Torn(3));
    for allowed in 0..12 {
        for cut in CUTS {
            let again = found.after(Cut::Kill);
            again.allow(allowed);
            let first = open(&again).map(|(_, kept)| kept.incarnation);
            let (_, kept) = open(&again.after(cut)).unwrap();
            assert_eq!(prefixes(&kept), [sure], "{allowed} operations, {cut:?}");
            if let Ok(incarnation) = first {
                assert!(kept.incarnation > incarnation, "an incarnation is never used twice");
            }
        }
    }
}

/// The folder after the script, without the published lengths, as after a real power cut; the
/// newest log file, and where its last batch starts and ends.
fn finished() -> (MemoryFolder, String, usize, usize) {
    let folder = MemoryFolder::default();
    let (mut store, _) = open(&folder).unwrap();
    let batches = script();
    let last = batches.len() - 1;
    let mut start = 0;
    for (number, batch) in batches.into_iter().enumerate() {
        if number == last {
            start = store.durable as usize;
        }
        store.commit(batch).unwrap();
    }
    let end = store.durable as usize;
    (folder, segment::name(store.segment), start, end)
}

#[test]
fn a_log_cut_off_anywhere_gives_a_prefix_or_is_refused() {
    let (folder, name, _, end) = finished();
    for length in 0..end + 100 {
        let published = folder.after(Cut::Kill);
        published.edit(&name, |bytes| bytes.truncate(length));
        let silent = published.after(Cut::Kill);
        silent.lose(synced::NAME);
        // With the published length nothing durable can vanish unseen.
        assert_eq!(open(&published).is_ok(), length >= end, "cut at {length}");
        // Without it a shorter file is also what an earlier crash would have left.
        if let Ok((_, kept)) = open(&silent) {
            assert!(!prefixes(&kept).is_empty(), "cut at {length}: {kept:?}");
        }
    }
}

#[test]
fn a_flipped_bit_is_refused_or_takes_the_last_batch_at_most() {
    let (folder, newest, start, end) = finished();
    let jobs: usize = script().iter().map(Vec::len).sum();
    let before_last = jobs - script().last().unwrap().len();
    let bits = |name: &str, length: usize| {
        let used = if name == newest { end * 8 } else { length * 8 };
        // Every bit that is used; of the empty rest one in 64 bytes.
        (0..used).chain((used..length * 8).step_by(509)).collect::<Vec<_>>()
    };
    for name in folder.list().unwrap() {
        let length = folder.read(&name).unwrap().unwrap().len();
        for bit in bits(&name, length) {
            let published = folder.after(Cut::Kill);
            published.edit(&name, |bytes| bytes[bit / 8] ^= 1 << (bit % 8));
            let silent = published.after(Cut::Kill);
            silent.lose(synced::NAME);
            let (published, silent) = (open(&published), open(&silent));
            let place = format!("{name} byte {} bit {}", bit / 8, bit % 8);
            for found in [&published, &silent].into_iter().flatten() {
                let prefixes = prefixes(&found.1);
                assert!(
                    prefixes.iter().any(|count| *count >= before_last),
                    "{place}: {:?}",
                    found.1
                );
            }
            let inside = name.starts_with("log-") && (name != newest || bit / 8 < end);
            assert_eq!(published.is_err(), inside || name == snapshot::NAME || relied(&name, bit));
            // The last batch may look torn: it cannot be told without the published length.
            let last_batch = name == newest && (start..end).contains(&(bit / 8));
            if inside && !last_batch {
                assert!(silent.is_err(), "{place}: damage in the middle was not seen");
            }
        }
    }
}

/// Whether a bit of the delivered values' file is one that the snapshot relies on.
fn relied(name: &str, bit: usize) -> bool {
    let bytes: usize = (0..6).map(|offset| 8 + value(offset).len()).sum();
    name == entries::NAME && bit / 8 < bytes
}

#[test]
fn what_is_missing_or_not_ours_is_refused_by_name() {
    let (folder, newest, ..) = finished();
    let check = |damage: &dyn Fn(&MemoryFolder), sentence: &str| {
        let copy = folder.after(Cut::Kill);
        damage(&copy);
        let fault = open(&copy).map(|_| ()).unwrap_err().to_string();
        assert!(fault.contains(sentence), "{fault}");
    };
    check(&|folder| folder.lose(&newest), &newest);
    check(&|folder| folder.lose(snapshot::NAME), "log-0000000001, byte 0: the file is missing");
    check(&|folder| folder.lose(entries::NAME), "offset 0 is damaged or missing");
    check(&|folder| folder.edit(&newest, |b| b[70] ^= 1), &format!("{newest}, byte 64: a record"));
    let other = Store::open(Box::new(folder.after(Cut::Kill)), NodeId(3)).map(|_| ()).unwrap_err();
    assert!(other.to_string().contains("of n2, not of n3"), "{other}");
}

#[test]
fn one_sync_covers_everything_queued() {
    let folder = MemoryFolder::default();
    let (mut store, _) = open(&folder).unwrap();
    let before = folder.done().len();
    store.commit((1..100).map(|index| append(index, 1))).unwrap();
    assert_eq!(
        folder.done()[before..],
        ["write log-0000000001", "sync log-0000000001", "write synced.json"]
    );
}

#[test]
fn a_refused_sync_is_said_and_never_tried_again() {
    let folder = MemoryFolder::default();
    let (mut store, _) = open(&folder).unwrap();
    folder.allow(1);
    let before = folder.done().len();
    let fault = store.commit([append(1, 1)]).unwrap_err();
    assert_eq!(fault.to_string(), "the disk refused to sync log-0000000001: no more");
    assert_eq!(folder.done()[before..], ["write log-0000000001"]);
}

#[test]
fn older_files_go_with_a_snapshot_and_the_hard_state_stays() {
    let (folder, newest, ..) = finished();
    let names = folder.list().unwrap();
    let logs: Vec<&String> = names.iter().filter(|name| name.starts_with("log-")).collect();
    assert_eq!(logs, [&newest], "only the newest is still needed");
}

#[test]
fn a_file_that_is_full_is_followed_by_another() {
    let folder = MemoryFolder::default();
    let (mut store, _) = open(&folder).unwrap();
    let big = Bytes::from(vec![b'1'; SEGMENT_BYTES as usize / 2]);
    let jobs: Vec<Job> = (1..6)
        .map(|index| {
            let command = Command::Append { value: big.clone(), session: None, expect: None };
            let entry = LogEntry { index: Index(index), epoch: Epoch(1), command };
            Job::Persist(Record::Append(entry))
        })
        .collect();
    store.commit([state("term 1")]).unwrap();
    for job in &jobs {
        store.commit([job.clone()]).unwrap();
    }
    assert_eq!(store.segment, 3);
    let (_, kept) = open(&folder.after(Cut::Power)).unwrap();
    assert_eq!(kept.log, expected(jobs.iter()).log);
    assert_eq!(kept.state, "term 1");
}

#[test]
fn values_that_a_broken_protocol_delivers_anew_replace_the_old() {
    let folder = MemoryFolder::default();
    let (mut store, _) = open(&folder).unwrap();
    store.commit([deliver(0), deliver(1), deliver(2)]).unwrap();
    store.commit([Job::Deliver(Offset(1), Bytes::from_static(b"\"other\""))]).unwrap();
    assert_eq!(store.entries.len(), 2);
    store.commit([Job::Deliver(Offset(1), value(1)), deliver(2), snapshot(1, 3, 3)]).unwrap();
    let (_, kept) = open(&folder.after(Cut::Power)).unwrap();
    assert_eq!(kept.delivered, [value(0), value(1), value(2)]);
}
