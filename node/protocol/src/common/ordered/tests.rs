//! What a disk is said to hold of the log is what it holds, whatever becomes of the log in memory:
//! entries come and go, snapshots are taken here or come from elsewhere, and the disk is behind.

use proptest::prelude::*;
use proptest::sample::Index as Share;
use serde::{Deserialize, Serialize};

use super::*;
use crate::machine::Mark;

#[derive(Clone, Debug)]
enum Step {
    /// An entry comes, in the present epoch or a later one.
    Put {
        later: bool,
    },
    /// Another leader's entry comes in the place of one that is not committed, and of all after it.
    Replace(Share),
    /// Some of what is not committed goes.
    Cut(Share),
    Commit(Share),
    /// What is committed is summed up.
    SumUp,
    /// A snapshot comes, so much beyond what is committed, of this log or of one that parts from
    /// it after a share of what is not committed.
    Install {
        ahead: u64,
        parts: Option<Share>,
    },
    /// The disk is done with some of what it was asked for.
    Durable(Share),
}

#[derive(Clone, Copy, Default, Serialize, Deserialize)]
struct Nothing;

impl Hard for Nothing {}

type Out = Outputs<()>;

/// A node's log, and what only the test knows: both whole logs, entry by entry.
#[derive(Default)]
struct Bench {
    ordered: Ordered,
    disk: Disk<Nothing, ()>,
    epoch: Epoch,
    memory: Vec<Position>,
    /// What the disk holds for certain, and behind it what it will hold after each record asked
    /// for. A crash leaves one of them.
    disks: Vec<(Mark, Vec<Position>)>,
}

fn follows(log: &[Position], epoch: Epoch) -> (LogEntry, Position) {
    let before = log.last().copied().unwrap_or_default();
    let entry = LogEntry { index: before.index.next(), epoch, command: Command::Noop };
    let position = Position { index: entry.index, epoch, chain: entry.chain(before.chain) };
    (entry, position)
}

impl Bench {
    fn new() -> Self {
        Bench { epoch: Epoch(1), disks: vec![(Mark(0), Vec::new())], ..Bench::default() }
    }

    fn step(&mut self, step: &Step) {
        let mut out = Out::new();
        let (commit, last) = (self.ordered.commit.0 as usize, self.memory.len());
        match step {
            Step::Put { later } => {
                self.epoch.0 += u64::from(*later);
                self.put(self.memory.len(), &mut out);
            }
            Step::Replace(share) if commit < last => {
                let from = Index((commit + share.index(last - commit)) as u64 + 1);
                self.epoch.0 += 1;
                self.cut(from, &mut out);
                self.put(from.0 as usize - 1, &mut out);
            }
            Step::Cut(share) if commit < last => {
                let from = Index((commit + share.index(last - commit)) as u64 + 1);
                self.cut(from, &mut out);
            }
            Step::Commit(share) if commit < last => {
                let to = Index((commit + share.index(last - commit)) as u64 + 1);
                self.ordered.commit_to(to, self.epoch, false, |_, _| Lookup::Fresh, &mut out);
            }
            Step::SumUp => self.ordered.take_snapshot_if_due(1, &[], &mut self.disk, &mut out),
            Step::Install { ahead, parts } => self.install(*ahead, *parts, &mut out),
            Step::Durable(share) => self.durable(*share, &mut out),
            Step::Replace(_) | Step::Cut(_) | Step::Commit(_) => {}
        }
        self.write(&out);
        self.judge(&out);
    }

    fn put(&mut self, length: usize, out: &mut Out) {
        self.memory.truncate(length);
        let (entry, position) = follows(&self.memory, self.epoch);
        self.memory.push(position);
        self.ordered.put(entry, &mut self.disk, out);
    }

    fn cut(&mut self, from: Index, out: &mut Out) {
        self.memory.truncate(from.0 as usize - 1);
        self.ordered.cut(from, self.epoch, true, &mut self.disk, out);
    }

    fn install(&mut self, ahead: u64, parts: Option<Share>, out: &mut Out) {
        let (commit, last) = (self.ordered.commit.0 as usize, self.memory.len());
        let index = commit + ahead as usize;
        let shared = parts.map_or(last, |share| commit + share.index(last - commit + 1));
        let mut log = self.memory[..shared.min(index)].to_vec();
        if log.len() < index {
            self.epoch.0 += 1;
        }
        while log.len() < index {
            log.push(follows(&log, self.epoch).1);
        }
        let Position { index, epoch, chain } = log[index - 1];
        if self.memory.get(log.len() - 1) == log.last() {
            // It is this log's: what follows stays.
            log.extend(&self.memory[log.len()..]);
        }
        self.memory = log;
        let snapshot = Snapshot { index, epoch, chain, ..Snapshot::default() };
        self.ordered.stage(&snapshot, Offset(0), Vec::new()).expect("it is whole");
        self.ordered.install(self.epoch, snapshot, &mut self.disk, out);
    }

    fn durable(&mut self, share: Share, out: &mut Out) {
        let done = share.index(self.disks.len());
        self.disks.drain(..done);
        if self.disk.on_durable(self.disks[0].0) {
            let upto = self.disk.upto();
            self.ordered.trace_persist(upto, Epoch(0), None, out);
        }
    }

    /// What the disk will hold after each of these records, by what a record means.
    fn write(&mut self, out: &Out) {
        for output in out {
            let Output::Persist { mark, record } = output else { continue };
            let mut log = self.disks.last().expect("there is always one").1.clone();
            match record {
                Record::Append(entry) => {
                    let place = entry.index.0 as usize - 1;
                    let position = follows(&log[..place], entry.epoch).1;
                    if place < log.len() { log[place] = position } else { log.push(position) }
                }
                Record::Truncate { from } => log.truncate(from.0 as usize - 1),
                Record::Snapshot { snapshot, .. } => {
                    let summed_up = snapshot.index.0 as usize;
                    let kept = log.split_off(summed_up.min(log.len()));
                    log = self.memory[..summed_up].to_vec();
                    log.extend(kept);
                }
                Record::State(_) => {}
            }
            self.disks.push((*mark, log));
        }
    }

    /// Up to where the disk vouches, memory and disk are one log; and what the trace says of the
    /// disk is so. Whatever of the rest a crash leaves.
    fn judge(&self, out: &Out) {
        let upto = self.disk.upto();
        let vouched = upto.0.checked_sub(1).map(|place| self.memory[place as usize]);
        let said = out.iter().filter_map(|output| match output {
            Output::Trace(TraceEvent::Persist { upto, chain, .. }) => Some((*upto, *chain)),
            _ => None,
        });
        let claims: Vec<(Index, Chain)> =
            vouched.map(|position| (upto, position.chain)).into_iter().chain(said).collect();
        for (mark, log) in &self.disks {
            for (index, chain) in &claims {
                let there = index.0.checked_sub(1).and_then(|place| log.get(place as usize));
                let there = there.map_or(Chain(0), |position| position.chain);
                assert_eq!(there, *chain, "entry {} after {mark:?}: {log:?}", index.0);
            }
        }
    }
}

fn step() -> impl Strategy<Value = Step> {
    let share = any::<Share>;
    prop_oneof![
        6 => any::<bool>().prop_map(|later| Step::Put { later }),
        1 => share().prop_map(Step::Replace),
        1 => share().prop_map(Step::Cut),
        2 => share().prop_map(Step::Commit),
        1 => Just(Step::SumUp),
        2 => (1..6u64, prop::option::of(share()))
            .prop_map(|(ahead, parts)| Step::Install { ahead, parts }),
        3 => share().prop_map(Step::Durable),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn a_disk_vouches_for_the_log_in_memory_and_for_no_other(
        steps in prop::collection::vec(step(), 1..24)
    ) {
        let mut bench = Bench::new();
        for step in &steps {
            bench.step(step);
        }
    }
}

/// Entries of epoch 1, all on disk, of which the first is committed; then a snapshot up to
/// entry 3 comes, of another log of which so much is shared.
fn installed(last: u64, shared: u64) -> Bench {
    let mut bench = Bench::new();
    for _ in 0..last {
        bench.step(&Step::Put { later: false });
    }
    let mut out = Out::new();
    bench.disk.on_durable(bench.disks.last().expect("there is one").0);
    bench.disks.drain(..last as usize);
    bench.ordered.commit_to(Index(1), Epoch(1), false, |_, _| Lookup::Fresh, &mut out);
    let mut log = bench.memory[..shared as usize].to_vec();
    while log.len() < 3 {
        log.push(follows(&log, Epoch(2)).1);
    }
    let Position { index, epoch, chain } = log[2];
    let snapshot = Snapshot { index, epoch, chain, ..Snapshot::default() };
    bench.ordered.stage(&snapshot, Offset(0), Vec::new()).expect("it is whole");
    bench.ordered.install(Epoch(2), snapshot, &mut bench.disk, &mut out);
    bench
}

#[test]
fn a_disk_vouches_for_no_log_that_a_snapshot_replaced() {
    let check = |last, shared, upto| {
        let bench = installed(last, shared);
        assert_eq!(bench.disk.upto(), Index(upto), "{last} entries, {shared} of them shared");
    };
    // What is committed is in every log. What else agrees, nobody can know but by its end.
    check(5, 1, 1);
    check(5, 2, 1);
    check(3, 1, 1);
    check(2, 1, 1);
    // The snapshot's last entry is here: so is all before it, and what follows stays.
    check(5, 3, 5);
    check(3, 3, 3);
    check(1, 1, 1);
}

#[test]
fn it_vouches_again_when_the_snapshot_is_on_it() {
    let mut bench = installed(5, 1);
    let mark = bench.disk.last_mark();
    assert!(bench.disk.on_durable(mark));
    assert_eq!(bench.disk.upto(), Index(3));
}
